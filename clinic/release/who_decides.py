"""Who may not decide on a container: who made or tested it, and who spoke against it or its kin before (rule 45)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinic.access import Role
from clinic.errors import Problem, RuleBroken
from clinic.processing.models import ProcessingRun
from clinic.products.graph import ancestry
from clinic.release.evidence import shared_against
from clinic.release.kin import said_of_kin
from clinic.release.results import QCResult

if TYPE_CHECKING:
    from clinic.accounts.models import User
    from clinic.course_records import CourseRecords
    from clinic.products.models import Product
    from clinic.records import Record

TESTER = "People who processed, tested or corrected a product may not release it. Ask another member of quality staff."

OVERTURN = "People who rejected it, or held or rejected its source, may not release it. Two other people decide."

OF_KIN = (
    "People who rejected or held a container that shares these cells, or wrote or corrected a result against it, may "
    "not release this one. Ask another member of quality staff to decide."
)


def not_by(records: CourseRecords, product: Product, by: User) -> None:
    """Refuse a decision by who processed, tested or corrected the container."""
    if by.is_among(hands_on(records, product)):
        raise RuleBroken(TESTER, rule=45)


def answered(held: Any, reason: str | None) -> None:
    """Refuse to end a hold by who treats or makes the cells without a word of what became of it (rule 50)."""
    if held is None or reason or held.decision != "hold" or held.recorded_by.role is Role.QUALITY:
        return
    said = f"Reason: required. {held.done_by} put it on hold: “{held.reason}”. Say what became of it"
    raise RuleBroken(Problem(said, "reason", rule=50))


def not_again(records: CourseRecords, product: Product, by: User, against: Record | None) -> None:
    """Refuse a release by who said “no” before: ``against``, the “no” that it overturns, or one to what is its kin."""
    if against is not None and by.is_among({against.performed_by_id, against.recorded_by_id}):
        raise RuleBroken(OVERTURN, rule=45)
    if by.is_among(against_kin(records, product)):
        raise RuleBroken(OF_KIN, rule=45)


def hands_on(records: CourseRecords, product: Product) -> set[str]:
    """Return the ids of all who processed, tested or corrected a product or its ancestors (rule 45).

    Who only verified a run had no hand in it: the second person reads the record, and a run refuses its own people as
    verifiers (hazard H25). So quality staff who verified may release, which a small clinic with one technologist needs.
    """
    people: set[str | None] = set()
    for one in ancestry(records, product):
        run, harvest = records.get(one.run_id), records.get(one.harvest_id)
        people |= run.hands if isinstance(run, ProcessingRun) else set()
        parts = (run, *run.manipulations, *run.counts) if isinstance(run, ProcessingRun) else ()
        people |= {_wrote(record) for record in parts}
        for record in (one, *parts, *([harvest] if harvest is not None else ())):
            people |= {amendment.amended_by_id for amendment in record.amendments}
        for result in records.on(one, QCResult):
            people |= {result.performed_by_id, result.recorded_by_id, _wrote(result)}
            people |= {amendment.amended_by_id for amendment in result.amendments}
    return {person for person in people if person}


def against_kin(records: CourseRecords, product: Product) -> set[str]:
    """Return the ids of all who spoke against what shares the cells of a container, or changed what was found (50).

    Who rejected or held another bag, or wrote or corrected the result against it, judges it already; the release of
    this one is for a second pair of eyes.
    """
    spoke = [*(record for record, _said in said_of_kin(records, product)), *shared_against(records, product)]
    people = {person for one in spoke for person in (one.performed_by_id, one.recorded_by_id)}
    people |= {amendment.amended_by_id for one in spoke for amendment in one.amendments}
    return {person for person in people if person}


def _wrote(record: Record) -> str | None:
    """Return the id of who wrote the paper that a record was copied from; None where it was not."""
    return (record.paper or {}).get("written_by_id") or None
