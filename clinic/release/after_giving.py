"""What came to light about cells after a patient got them, for the band on every page about the patient (K7).

Germs and the like were found in them (rule 43), or what they contained was corrected, so that the patient got another
dose than the record of the giving says (rules 38, 40, 52).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import String, and_, case, func, literal_column, or_, select

from clinic import clock, wording
from clinic.access import Role
from clinic.patients.models import Patient
from clinic.products.models import Movement, Product, family
from clinic.protocols.catalogues import QC_TESTS
from clinic.records import Amendment, Meaning
from clinic.release.corrections import changed
from clinic.release.evidence import out_of_limit
from clinic.release.germ_words import names_something
from clinic.release.results import QCResult
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.orm import Session

    from clinic.records import Record, Signature

BAD = or_(
    *(
        and_(QCResult.test == key, QCResult.outcome != test.usual)
        for key, test in QC_TESTS.items()
        if test.shared and test.outcomes is not None and test.usual is not None
    )
)
"""A result with another outcome than the good one, of a test that is true of all cells that it shares."""
NAMING = and_(
    QCResult.test.in_([key for key, test in QC_TESTS.items() if test.nothing_found is not None]),
    QCResult.finding.is_not(None), func.trim(QCResult.finding) != "",
)  # fmt: skip
"""A result with a finding, which names germs unless `names_something` reads that it is plainly “nothing”."""
ROW, PART = "\x1e", "\x1f"
"""What stands between the results, and between the id of one and its finding, where the query returns all at once."""

OF_ONE = [key for key, test in QC_TESTS.items() if not test.shared]
"""The tests that tell of one container alone, such as its count and its viability."""
CONTENT, FOUND = ("amount", "measure", "volume", "dmso_percent"), ("value", "outcome", "comparator")
"""Facts of a container and of a result from which dose and quality of what was given follow."""
DIFFERS = Decimal("0.05")
"""By how much of itself a figure differs, before a correction of it changes what was given (rule 38)."""


def courses_of(patient_id: Any, person_id: Any) -> Any:
    """Return the select of the ids of the courses of a patient's whole person; of its numbers or of parameters."""
    courses = select(Treatment.id).join(Patient, Patient.id == Treatment.patient_id)
    return courses.where(
        or_(
            Patient.id == patient_id,
            and_(Patient.person_id.is_not(None), Patient.person_id == person_id),
            Patient.id == person_id,
        )
    )


def bad_in_given(patient_id: Any, person_id: Any, dialect: str) -> Any:
    """Return, as part of a query, the bad results in what a patient got or what shares cells with it, by id.

    And those that have a finding, with it: a finding is read in Python, so that no other statement is needed for one
    that says that there is nothing.
    """
    got = family_of_given(patient_id, person_id, dialect)
    told = case((BAD, ""), else_=QCResult.finding)
    joined, row = (func.group_concat, "char(30)") if dialect == "sqlite" else (func.string_agg, "chr(30)")
    return (
        select(joined(QCResult.id + PART + told, literal_column(row), type_=String))
        .where(QCResult.product_id.in_(got), or_(BAD, NAMING))
        .scalar_subquery()
    )


@lru_cache(maxsize=8)
def family_of_given(patient_id: Any, person_id: Any, dialect: str) -> Any:
    """Return the select of the ids of what a patient got and of what shares cells with it, one for the whole query."""
    given = select(Movement.product_id).where(Movement.product_id == Product.id, Movement.kind == "given").exists()
    return family(Product.treatment_id.in_(courses_of(patient_id, person_id)) & given, dialect)


def in_words(session: Session, results: str, zone: str) -> str:
    """Say what was found first after cells were given, and what is done: “Growth found in cells that …”."""
    told = dict(one.split(PART, 1) for one in results.split(ROW))
    bad = [one for one, finding in told.items() if not finding or names_something(finding)]
    if not bad:
        return ""
    chosen = select(QCResult).where(QCResult.id.in_(bad)).order_by(QCResult.recorded_at, QCResult.id)
    found = next((one for one in session.scalars(chosen) if not one.nothing_found or one.names_germs), None)
    if found is None:
        return ""
    day = wording.day(clock.day(found.recorded_at, zone))
    finding = f": {found.finding}" if found.finding and not found.names_germs else ""
    what = f"{found.headline()}{finding}"
    return (
        f"{what}, recorded {day}, in cells that this patient received or that share their origin. A physician assesses "
        "it and informs the patient (rule 43)."
    )


@dataclass(frozen=True, kw_only=True)
class Since:
    """One thing that was corrected, or found in one container alone, after the container was given.

    ``record``: the container or the result. ``at``: when it was written last. ``words``: what was and what is.
    """

    product: Product
    record: Record
    at: datetime
    words: str

    @property
    def seen(self) -> Signature | None:
        """The signature by which a physician acknowledged it."""
        signed = [one for one in self.record.signatures if one.signed_at >= self.at]
        return next((one for one in signed if one.role == Role.PHYSICIAN and one.meaning is Meaning.REVIEW), None)

    @property
    def sentence(self) -> str:
        """“MSC A, given to this patient: amount corrected (3 → 30 ×10⁶) after it was given. …”."""
        done = f"Acknowledged by {self.seen.printed_name}." if self.seen is not None else "A physician acknowledges it."
        name = f"{self.product.name} {self.product.division or ''}".strip()
        return f"{name}, given to this patient: {self.words} {done}"


def since_given(product: Product, results: Iterable[QCResult]) -> list[Since]:
    """Return what was corrected or found in one container alone since it was given; empty: nothing that matters.

    ``results``: those of the container. A change of less than `DIFFERS` is none, nor is an awaited result that is well.
    """
    given = [move for move in product.movements if move.kind == "given"] if product.given else []
    if not given:
        return []
    begun = given[-1].recorded_at
    found = [_corrected(product, product, CONTENT, begun)]
    for result in results:
        late = result.recorded_at > begun or _completed(result, begun)
        if late and result.test in OF_ONE and out_of_limit(result, product):
            last = max([result.recorded_at, *(one.amended_at for one in result.amendments)])
            words = f"{result.headline()} was found after it was given (rule 40)."
            found.append(Since(product=product, record=result, at=last, words=words))
        elif not late and not _is_judged_by(result):
            found.append(_corrected(product, result, FOUND, begun))
    return [one for one in found if one is not None]


def _is_judged_by(result: QCResult) -> bool:
    """Whether it is of those that `BAD` finds by themselves, for which a physician is asked already (rule 43)."""
    test = QC_TESTS.get(result.test or "")
    return test is not None and test.shared and test.outcomes is not None and test.usual is not None


def _completed(result: QCResult, begun: datetime) -> bool:
    """Whether the result was awaited when the container was given, and is there since."""
    return any("pending" in one.changes and one.amended_at >= begun for one in result.amendments)


def _corrected(product: Product, record: Any, names: Sequence[str], begun: datetime) -> Since | None:
    """Return what a record said at the giving and says otherwise now; None where it is the same, or nearly."""
    after = [one for one in record.amendments if one.amended_at >= begun]
    then = {name: one.changes[name][0] for one in reversed(after) for name in names if name in one.changes}
    now = {name: getattr(record, name) for name in then}
    told = [changed(record, name, old, now[name]) for name, old in then.items() if _differs(old, now[name])]
    if not told:
        return None
    test = QC_TESTS[record.test or ""].label if isinstance(record, QCResult) else ""
    said = ", ".join(f"{word} corrected ({old} → {new})".strip() for word, old, new, _unit in told)
    dose = _times(record, then) if isinstance(record, Product) else ""
    words = f"{test} {said} after it was given{dose} (rule {40 if test else 52}).".strip()
    return Since(product=product, record=record, at=after[-1].amended_at, words=words)


def _differs(old: Any, now: Any) -> bool:
    if not isinstance(now, Decimal) or old in {None, ""}:
        return str(old or "") != str(now or "")
    before = Decimal(str(old))
    return abs(now - before) > DIFFERS * max(abs(now), abs(before))


def _times(product: Product, then: dict[str, Any]) -> str:
    """Return how many times the recorded dose the patient got, as far as it can be said."""
    amount, volume = (Decimal(str(then.get(name) or getattr(product, name) or 0)) for name in ("amount", "volume"))
    if not (amount and volume and product.amount and product.volume) or "measure" in then:
        return ""
    times = (product.amount / product.volume) / (amount / volume)
    said = times.quantize(Decimal(1).scaleb(times.adjusted() - 2)).normalize()
    return f": the dose given is {said:f} times the recorded"


def corrected_in_given(patient_id: Any, person_id: Any, _dialect: str) -> Any:
    """Return, as part of a query, the id of the first given container about which something was written since."""
    of_result, own = select(QCResult.id).where(QCResult.product_id == Product.id), Amendment.record_id
    amended = select(Amendment.id).where(Amendment.amended_at >= Movement.recorded_at)
    since = or_(
        amended.where(own == Product.id).exists(),
        of_result.where(QCResult.test.in_(OF_ONE), QCResult.recorded_at > Movement.recorded_at).exists(),
        of_result.join(Amendment, own == QCResult.id).where(Amendment.amended_at >= Movement.recorded_at).exists(),
    )
    chosen = select(Product.id).join(Movement, and_(Movement.product_id == Product.id, Movement.kind == "given"))
    chosen = chosen.where(Product.treatment_id.in_(courses_of(patient_id, person_id)), since)
    return chosen.order_by(Product.id).limit(1).scalar_subquery()


def corrected_in_words(session: Session, product_id: str, _zone: str) -> str:
    """Say what of the cells that a patient got was corrected since; empty: nothing that matters."""
    found = []
    for product in given_beside(session, product_id):
        results = session.scalars(select(QCResult).where(QCResult.product_id == product.id).order_by(QCResult.id))
        found += [one.sentence for one in since_given(product, results)]
    return " ".join(found)


def given_beside(session: Session, product_id: str) -> Sequence[Product]:
    """Return all containers that the person got who got one, in the order of their ids."""
    first = session.get(Product, product_id)
    if first is None or first.treatment is None:
        return []
    given = select(Movement.product_id).where(Movement.product_id == Product.id, Movement.kind == "given").exists()
    patient = first.treatment.patient
    mine = courses_of(patient.id, patient.person_id or patient.id)
    chosen = select(Product).where(Product.treatment_id.in_(mine), given)
    return session.scalars(chosen.order_by(Product.id)).all()
