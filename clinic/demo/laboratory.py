"""Builds what the laboratory does with cells, of a course or of the bank: runs, containers, tests, releases.

The second half of `clinic.demo.builder`, with the same verbs and past the same gates.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clinic.processing.models import InProcessCount, Manipulation, ProcessingRun
from clinic.processing.step import PROCESSING
from clinic.protocols.catalogues import COUNTS, DOSE_MEASURES, QC_TESTS, class_name
from clinic.records import Meaning
from clinic.release.arithmetic import of_amount
from clinic.release.models import Release, decide
from clinic.release.results import QCResult
from clinic.release.step import RELEASE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clinic.demo.team import Team
    from clinic.products.models import Product
    from clinic.protocols.content import QCSpec
    from clinic.protocols.models import ProtocolVersion
    from clinic.treatments.models import Treatment

D = Decimal
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
METHODS = {
    "viability": "7-AAD, flow cytometry", "endotoxin": "LAL, kinetic chromogenic", "mycoplasma": "PCR",
    "sterility": "Automated culture, 14 days", "gram_stain": "Microscopy", "karyotype": "G-banding, 20 metaphases",
    "cd34_dose": "ISHAGE, single platform",
}  # fmt: skip


def receive(team: Team, product: Product, at: datetime) -> None:
    """Take a container into the laboratory."""
    by = team.act(team.technologist)
    asked = product.storage_range(at)
    degrees = D("19.5") if asked is None or D("19.5") in asked else D("5.0")
    product.move(kind="received", place="Laboratory, reception", by=by, at=at, temperature=degrees, intact=True)


def process(team: Team, course: Treatment, products: Sequence[Product], at: datetime, **facts: Any) -> ProcessingRun:
    """Begin to process the cells of a course where the gate is open; ``facts`` as for `begin_run`."""
    team.admit(PROCESSING, course, team.technologist, at)
    run = begin_run(team, course.protocol_version, at, treatment=course, **facts)
    for product in products:
        run.take(product, by=team.technologist, at=at)
    return team.add(run)


def begin_run(
    team: Team,
    version: ProtocolVersion,
    at: datetime,
    *,
    until: datetime | None,
    kinds: Sequence[str] = (),
    **facts: Any,
) -> ProcessingRun:
    """Start a run, of a course or of the bank. ``kinds``: its manipulations, one after the other to its end.

    A run without an end goes on: its first three manipulations are begun.
    """
    by, says = team.technologist, version.says
    said = {"preparation": says.preparation, "vehicle": says.vehicle or None, **facts}
    run = team.log(ProcessingRun, by, at, written=until or at + HOUR, ended_at=until, **said)
    length = ((until or at + 3 * HOUR) - at) / max(len(kinds), 1)
    for number, kind in enumerate(kinds if until else kinds[:3]):
        begun = at + number * length
        ended = begun + length if until else None
        part = team.new(
            Manipulation, by, begun, written=ended, run_id=run.id, kind=kind, ended_at=ended,
            equipment=f"EQ-{10 + number:03}", lot=f"L{team.next('lot', 2201)}",
            lot_expires_on=(at + 400 * DAY).date(),
        )  # fmt: skip
        run.enter(part)
    return team.add(run)


SHELF_LIFE = 5 * 365 * DAY
"""Until when invented cells may be used where their protocol sets no time."""


def fill(  # noqa: PLR0913 - facts of several containers
    team: Team,
    run: ProcessingRun,
    at: datetime,
    *,
    volume: Decimal,
    amounts: Sequence[Decimal],
    counted: bool = False,
    **facts: Any,
) -> list[Product]:
    """Fill a container with ``volume`` mL for each amount, and record what was added and wasted.

    Amounts are in the protocol's measure of the dose; ``counted``: the first one was counted in the run.
    """
    by, says = team.act(team.technologist), run.follows.says  # type: ignore[union-attr]
    measure = DOSE_MEASURES[says.dose.measure]
    if counted and measure.count:
        each = measure.each / COUNTS[measure.count].each
        count = team.new(
            InProcessCount, by, at, run_id=run.id, counted=measure.count, stage="Final container", volume=volume,
            viability=D(team.pick(*range(90, 98))), concentration=figures(amounts[0] * each / volume, 6),
        )  # fmt: skip
        run.enter(count)
    spare = volume * len(amounts) - run.input_volume
    run.added_volume, run.waste_volume = (spare + 1, D(1)) if spare >= 0 else (None, -spare)
    said = {
        "name": class_name(says.cell_type, run.inputs[0].product.source or "") or says.title.split(" for ")[0],
        "cell_type": says.cell_type, "measure": measure.key, "source_note": team.note,
        "container": "mould" if measure.key == "constructs" else "bag" if volume >= 20 else "vial", **facts,
    }  # fmt: skip
    made = [run.make(by=by, at=at, volume=volume, amount=amount, **said) for amount in amounts]
    for product in made:
        if product.without_end and "expires_at" not in facts:
            product.expires_at = at + SHELF_LIFE
    return [team.add(product) for product in made]


def close_run(team: Team, run: ProcessingRun, at: datetime, *, verified: bool = True) -> None:
    """Sign a run, and have a second technologist verify it; steps that it left out have a reason."""
    if run.steps_left:
        run.confirmed = {**run.confirmed, "ended_at": "Recorded on the batch sheet"}
    team.sign(run, team.technologist, at)
    if verified:
        team.sign(run, team.technologist2, at + 20 * MINUTE, meaning=Meaning.VERIFICATION)


def figures(value: Decimal, count: int = 4) -> Decimal:
    """Round to significant figures and write it without an exponent."""
    rounded = value.quantize(D(1).scaleb(value.adjusted() - count + 1))
    return D(format(rounded.normalize(), "f"))


KEPT_AT = {D(-178): "Tank 2", D("5.0"): "Refrigerator 1", D("21.0"): "Transport cabinet 1"}
"""Where containers are kept, by the temperature there, °C."""


def store(team: Team, products: Sequence[Product], at: datetime) -> None:
    """Put what is frozen into the tank, and the rest where it is as cold as its protocol wants."""
    by = team.act(team.technologist)
    for product in products:
        shelf, position = divmod(team.next("position"), 10)
        asked = product.storage_range(at)
        degrees = next(c for c in KEPT_AT if (asked is None or c in asked) and (c < 0) == product.lies_frozen)
        place = f"{KEPT_AT[degrees]}, rack {1 + shelf // 6}, box {1 + shelf % 6}, position {1 + position}"
        product.move(kind="stored", place=place, by=by, at=at, temperature=degrees, intact=True)


def result(
    team: Team, product: Product, version: ProtocolVersion, spec: QCSpec, at: datetime, **facts: Any
) -> QCResult:
    """Record the result of one test, judged by the limits of a protocol version; ``by``: who read it."""
    found = team.new(QCResult, facts.pop("by"), at, product=product, test=spec.test, **facts)
    found.weigh(version)
    return team.add(found)


def examine(  # noqa: PLR0913 - facts of one kind of record
    team: Team,
    product: Product,
    version: ProtocolVersion,
    at: datetime,
    *,
    until: datetime,
    reading: Callable[[QCSpec], dict[str, Any]],
    skip: frozenset[str] = frozenset(),
) -> None:
    """Record what is known at the moment ``until`` of the tests of a sample; a younger culture is pending."""
    sampled = max(product.performed_at or at, at)
    for number, spec in enumerate(version.says.qc):
        if spec.test in skip:
            continue
        days, by = QC_TESTS[spec.test].final_after_days, team.pick(team.technologist2, team.quality2)
        known = at + days * DAY + (10 + 4 * number) * MINUTE
        said = {"by": by, "sampled_at": sampled, "method": METHODS.get(spec.test)}
        if known <= until:
            weighed = product.treatment.patient.weight_at(known) if product.treatment is not None else None
            kg = weighed.kg if weighed is not None else product.treatment.weight_kg if product.treatment else None
            stated = of_amount(product, spec.test, kg)  # what counts the container's own amount agrees with it
            found = {**reading(spec), "value": figures(stated)} if stated else reading(spec)
            result(team, product, version, spec, known, **said, **found)
        elif days:
            result(team, product, version, spec, at + 20 * MINUTE, pending=True, **said)


def release(
    team: Team, course: Treatment, product: Product, at: datetime, decision: str = "conforms", **facts: Any
) -> Release:
    """Decide as quality and sign; an exception is signed by the medical director as well."""
    by, version = team.act(team.quality), course.protocol_version
    team.admit(RELEASE, course, by, at)
    if decision == "conditional":
        told = {"reason": "14-day culture pending; Gram stain without organisms"}
        facts = told | {"physician_told": team.physician.printed_name} | facts
    found = team.add(decide(product, version, by=by, at=at, decision=decision, source_note=team.note, **facts))
    team.sign(found, by, at + 4 * MINUTE, meaning=Meaning.RELEASE)
    if decision == "exceptional":
        team.sign(found, team.physician, at + 20 * MINUTE, meaning=Meaning.APPROVAL)
        team.sign(found, team.director, at + 30 * MINUTE, meaning=Meaning.APPROVAL)
    elif found.told is not None and not found.acknowledged:
        team.sign(found, team.physician, at + 10 * MINUTE, meaning=Meaning.REVIEW)
    return found
