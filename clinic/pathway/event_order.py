"""The order of events, checked at every write of either event (rule 69), and each act's permission at its own time.

One list of pairs says what cannot come before what. It is asked of all records that share cells with what was
written, so that an amendment of a harvest is refused where a run of last week would then be before it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from clinic import clock, wording
from clinic.administration.models import Administration
from clinic.clock import is_later, later
from clinic.errors import Problem, RuleBroken
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.models import FollowUpVisit
from clinic.harvest.models import Harvest
from clinic.pathway.order import current
from clinic.patients.models import has_died
from clinic.processing.models import ProcessingRun
from clinic.products.models import Movement, Product, RunInput
from clinic.records import Origin, Record
from clinic.release.models import Release, standing_decision
from clinic.release.product_state import held_because, stopped_by
from clinic.release.results import QCResult
from clinic.steps import nothing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from clinic.course_records import CourseRecords
    from clinic.ledger.listener import Written
    from clinic.steps import Step


class Event(NamedTuple):
    """One moment of one record, with its name in words; ``fact`` is the moment's name in the record."""

    name: str
    at: datetime | None
    record: Record
    fact: str = "performed_at"

    @property
    def known(self) -> str:
        """How much of its moment is known; "": all."""
        return self.record.precision_of(self.fact)


AT_ONCE = timedelta(hours=1)
"""What a person writes is judged within this; only invented histories are written at once with what came later."""
OUTWARD = frozenset({"issued", "handed_over", "shipped"})


def pairs(records: CourseRecords) -> Iterator[tuple[Event, Event]]:
    """Yield each pair of events of which the first never comes after the second."""
    for run in records.every(ProcessingRun):
        start = Event("the start of the processing", run.performed_at, run)
        for part in (*run.manipulations, *run.counts):
            yield start, Event(part.headline().lower(), part.performed_at, part)
    for product in records.every(Product):
        yield from _of_product(records, product)
        if records.on(product, Movement):
            yield from _of_custody(records, product)
        if records.on(product, Administration):
            yield from _of_giving(records, product)


def _begun(records: CourseRecords, product: Product) -> list[Event]:
    """Return from when on a product can be there: the end of its collection, and the start of the run that made it."""
    harvest, run = records.get(product.harvest_id), records.get(product.run_id)
    found = [Event("the end of the collection", product.collected_at, product, "collected_at")]
    if isinstance(harvest, Harvest):
        found.append(Event("the end of the collection", harvest.ended_at, harvest, "ended_at"))
    if isinstance(run, ProcessingRun):
        found.append(Event("the start of the processing", run.performed_at, run))
    return found


def _of_product(records: CourseRecords, product: Product) -> Iterator[tuple[Event, Event]]:
    """Yield what comes before the runs that took of a product, before its tests and before the decisions on it."""
    begun, run = _begun(records, product), records.get(product.run_id)
    done = [Event("the end of the processing", run.ended_at, run, "ended_at")] if isinstance(run, ProcessingRun) else []
    frozen = Event("the freezing", product.frozen_at, product, "frozen_at")
    for use in product.uses:
        taker = records.get(use.run_id)
        if isinstance(taker, ProcessingRun):
            start = Event("the start of the processing", taker.performed_at, taker)
            yield from ((one, start) for one in (*begun, *_received(records, product, taker)))
            yield frozen, Event("the thaw", taker.thawed_at, taker, "thawed_at")
    for result in records.on(product, QCResult):
        reading = Event(f"the reading of {result.headline()}", result.performed_at, result)
        yield from ((one, reading) for one in (*begun, *done))
        sample = Event("the sample of the test", result.sampled_at, result, "sampled_at")
        yield from ((one, sample) for one in begun)
    for one in records.on(product, Release):
        decision = Event("the decision on the release", one.performed_at, one)
        yield from ((first, decision) for first in (*begun, *done))


def _received(records: CourseRecords, product: Product, run: ProcessingRun) -> list[Event]:
    """Return the receipt before a run: the first one; what left in between was received again afterwards."""
    moves = records.on(product, Movement)
    first = next((move for move in moves if move.kind == "received"), None)
    left = [move for move in moves if move.kind in OUTWARD and first is not None and _before(move, first)]
    return [] if first is None or left or run is None else [_moved_at(first)]


def _before(one: Movement, other: Movement) -> bool:
    return one.performed_at is not None and other.performed_at is not None and one.performed_at < other.performed_at


def _moved_at(move: Movement) -> Event:
    return Event(move.headline().lower(), move.performed_at, move)


def _of_custody(records: CourseRecords, product: Product) -> Iterator[tuple[Event, Event]]:
    """Yield the order of movements: none before the cells are there, nothing leaves before its release."""
    begun, harvest = _begun(records, product), records.get(product.harvest_id)
    moves = sorted(records.on(product, Movement), key=lambda move: (move.recorded_at, move.id))
    frozen, released = Event("the freezing", product.frozen_at, product, "frozen_at"), _accepted(records, product)
    for number, move in enumerate(moves):
        event = _moved_at(move)
        yield from ((one, event) for one in begun)
        if move.kind == "received" and isinstance(harvest, Harvest):
            yield Event("the hand-over after the collection", harvest.handed_over_at, harvest, "handed_over_at"), event
        if move.kind == "thawed":
            yield frozen, event
        if move.kind in {"issued", "handed_over"}:
            yield from ((one, event) for one in released)
        if move.kind == "returned":
            yield from ((_moved_at(one), event) for one in moves[:number] if one.kind in OUTWARD)
        if move.kind == "discarded":
            yield from ((_moved_at(one), event) for one in moves[:number])


def _accepted(records: CourseRecords, product: Product) -> list[Event]:
    """Return when a product was first released: decided, and signed by all who must."""
    found = [(one.complete_since(records), one) for one in records.on(product, Release)]
    complete = [Event("the release", since, one) for since, one in found if since is not None]
    return sorted(complete, key=lambda event: event.at or clock.now())[:1]


def _of_giving(records: CourseRecords, product: Product) -> Iterator[tuple[Event, Event]]:
    """Yield what comes before the cells are given: there, released, issued, thawed, checked at the bedside.

    What was given on paper before the release was given: it is marked instead, see `clinic.downtime.given`.
    """
    moves, released = records.on(product, Movement), _accepted(records, product)
    before = _begun(records, product)
    before += [Event("the thaw", move.performed_at, move) for move in moves if move.kind == "thawed"]
    before += [_moved_at(move) for move in moves if move.kind == "issued"][:1]
    for given in records.on(product, Administration):
        start = Event("the start of the administration", given.performed_at, given)
        yield from ((one, start) for one in (*before, *(released if given.paper is None else ())))
        check = given.bedside_check
        if check is not None:
            yield Event("the bedside check", check.performed_at, check), start


def disorder(records: CourseRecords, changed: Mapping[str, Written]) -> list[str]:
    """Return a sentence for each pair in the wrong order of which one end was written now.

    An import may lack times, or know them to the day only.
    """
    found = []
    for first, then in pairs(records):
        if first.at is None or then.at is None or not _touched(first, changed) | _touched(then, changed):
            continue
        if later(first.at.replace(second=0, microsecond=0), then.at, records.zone, (first.known, then.known)):
            said = [wording.moment(one.at, records.zone, one.known) for one in (then, first)]
            found.append(f"{_begin(then.name)} ({said[0]}) is before {first.name} ({said[1]}).")
    return list(dict.fromkeys(found))


def _begin(name: str) -> str:
    return name[:1].upper() + name[1:]


def _touched(event: Event, changed: Mapping[str, Written]) -> bool:
    written = changed.get(event.record.id)
    return written is not None and written.touches_time


def forbidden(records: CourseRecords, changed: Mapping[str, Written]) -> list[str]:
    """Return why an act that was written now was not permitted at the moment when it happened (rules 14 to 23)."""
    if records.course is None:
        return []
    found = []
    moved: set[str] | None = None
    for step in current():
        for act in (one for kind in step.records for one in records.of(kind)):
            if act.performed_at is None or act.origin is not Origin.CLINIC or not act.needs_permission:
                continue
            if act.paper is not None:  # it happened: what would have been refused is marked, see `clinic.downtime`
                continue
            written = changed.get(act.id)  # what has begun is ended whatever happened since (hazard H29)
            if written is not None and (written.columns is None or "performed_at" in written.columns):
                found += [reason.because for reason in step.forbidden(records, act.performed_at)]
            if moved is None:  # an import writes thousands of rows, none of which comes so far
                moved = {key for key, one in changed.items() if one.columns is not None and one.touches_time}
            found += [said for one in step.earlier if moved for said in _rested_on_later(records, one, act, moved)]
    return list(dict.fromkeys(found))


def _rested_on_later(records: CourseRecords, earlier: Step, act: Record, moved: set[str]) -> list[str]:
    """Return that a permission was moved to after an act that rests on it, where none is left before the act.

    ``moved``: the ids of the records that were there before and were given another time now.
    """
    if earlier.permission is nothing:
        return []
    given = [one for kind in earlier.records for one in records.of(kind) if one.origin is Origin.CLINIC]
    if not any(one.id in moved for one in given) or act.performed_at is None:
        return []
    if any(one.performed_at is not None and one.performed_at <= act.performed_at for one in given):
        return []
    return [f"{earlier.title} would lie after {act.headline()}, which rests on it."]


def alive_after_death(records: CourseRecords, changed: Mapping[str, Written]) -> list[str]:
    """Return what shows that a patient lived after a day of death that was written now: one of the days is wrong.

    Cells that were given, a visit that was made, the onset or the end of an adverse event.
    """
    written = [one for one in records.people if one.died_on is not None and one.id in changed]
    dead = [one for one in written if "died_on" in (changed[one.id].columns or {"died_on"})]
    visits = [one for one in records.of(FollowUpVisit) if one.made == "made" and one.alive is not False]
    seen: list[tuple[str, str, Record]] = [
        *(("cells were given", "performed_at", one) for one in records.of(Administration) if one.counts),
        *(("a visit was made", "performed_at", one) for one in visits),
        *(("an adverse event began", "performed_at", one) for one in records.of(AdverseEvent)),
        *(("an adverse event ended", "ended_at", one) for one in records.of(AdverseEvent)),
    ]
    found = [
        f"The day of death ({wording.day(person.died_on, person.precision_of('died_on'))}) is before {what} on "
        f"{wording.moment(getattr(one, name), records.zone, one.precision_of(name) or 'day')}. "
        "Correct the day that is wrong."
        for person in sorted(dead, key=lambda one: str(one.died_on))
        for what, name, one in seen
        if is_later(one, name, person, "died_on", records.zone)
    ]
    return list(dict.fromkeys(found))


def held_inputs(records: CourseRecords, changed: Mapping[str, Written], at: datetime) -> list[Problem]:
    """Return why containers that went into a run now should not have (rules 34, 50).

    Damaged, contaminated, or rejected by quality. What quality holds may be processed, so that fresh cells are not
    lost while it is found out: what is made of them is on hold until quality decides on it.
    """
    found = []
    for use in records.every(RunInput):
        product = records.get(use.product_id)
        written = changed.get(use.id)
        run = records.get(use.run_id)
        copied = changed.get(use.run_id)
        if isinstance(run, ProcessingRun) and run.paper is not None and copied is not None and copied.columns is None:
            continue  # the paper names it: it is marked instead; what is added to the copy later is added here
        if at - use.recorded_at > AT_ONCE:  # an invented history: what was found later held nothing then
            continue
        if written is not None and written.columns is None and use.origin is Origin.CLINIC and product is not None:
            last = standing_decision(records, product)
            if last is not None and last.decision == "reject":
                found.append(Problem(stopped_by(records, product, at), "inputs", rule=50))
            held = [f"{product.name} is on hold. {reason}" for reason in held_because(records, product, at)]
            found += [Problem(said, "inputs", rule=34) for said in held]
    return list(dict.fromkeys(found))


def refuse_disorder(
    records: CourseRecords, changed: Mapping[str, Written], at: datetime, *, read_anew: bool = True
) -> None:
    """Raise `RuleBroken` where what was written now breaks the order of events or lacked permission at its time.

    Courses that were read together share their cells: from the second on, not ``read_anew``, the permission is asked.
    """
    found = list(disorder(records, changed)) if read_anew else []
    found += [Problem(said, "performed_at", rule=69) for said in forbidden(records, changed)]
    if has_died(records.people):
        found += alive_after_death(records, changed)
    if found:
        raise RuleBroken(*found, rule=69)
    asked = read_anew and any(one.model is RunInput for one in changed.values())
    held = held_inputs(records, changed, at) if asked else []
    if held:
        raise RuleBroken(*held)
