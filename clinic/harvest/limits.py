"""What a collection may be: hard stops and what is asked about, general limits and the protocol's own.

``harvest`` is a `clinic.harvest.models.Harvest`, which asks here about itself.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect, select
from sqlalchemy.orm import object_session

from clinic.errors import Problem, Question
from clinic.fields import plain
from clinic.patients.donors import Donor
from clinic.patients.doubted import figures
from clinic.patients.weighing import implausible
from clinic.products.donation_numbers import year_apart
from clinic.protocols.catalogues import ANESTHESIA, BODY_SITES, METHODS, SOURCES, within
from clinic.wording import day, moment, time_of_day

if TYPE_CHECKING:
    from clinic.fields import Range

MARROW_ML_PER_KG = Decimal(20)
MARROW_ML_PER_PASS = Decimal(10)
LEAST_KG = Decimal(3)
"""Below this much per kg no patient of unknown weight can be over a limit."""
LARGE_LIPOASPIRATE_ML = Decimal(5000)
LIDOCAINE_USUAL, LIDOCAINE_MOST, LIDOCAINE_NO_SUCTION, LIDOCAINE_PLAIN = (
    Decimal(35),
    Decimal(55),
    Decimal(28),
    Decimal(7),
)
"""mg of lidocaine per kg: tumescent (Klein), at most (ASDS), without liposuction (Klein), not tumescent (label)."""


def planned_sources(course: Any) -> tuple[str, ...]:
    """Return the sources from which a course collects: the ordered one; where cells are combined, all of the protocol.

    The ordered one comes first.
    """
    others = course.says.sources if course.says.cell_type == "combination" else ()
    return tuple(dict.fromkeys((course.source, *others)))


def site(harvest: Any) -> list[str]:
    """Return what is wrong with source, method and place of a collection that was made in the clinic (rule 26)."""
    found = []
    source, method = SOURCES.get(harvest.source or ""), METHODS.get(harvest.method or "")
    if source and method and method.harvest != source.harvest:
        found.append(Problem(f"Method does not fit: it does not collect {within(source.label)}.", "method"))
    place = BODY_SITES.get(harvest.body_site or "")
    if source and place and place.key not in source.sites:
        found.append(Problem(f"Body site does not fit: {within(source.label)} is not collected there.", "body_site"))
    if place and place.sided and harvest.side not in {"left", "right"}:
        found.append(Problem("Side: required. Two sides are two harvests.", "side", rule=26))
    if harvest.treatment is not None and harvest.source and harvest.source not in planned_sources(harvest.treatment):
        found.append(Problem("The order specifies another source. Amend the order first.", "source", rule=26))
    return found


def time_out_said(harvest: Any, problem: str) -> str:
    """Return a problem of a harvest as it is said; that the time-out came after the start names both times."""
    held, start, zone = harvest.time_out_at, harvest.performed_at, harvest.zone
    if getattr(problem, "field", "") != "time_out_at" or held is None or start is None or held <= start:
        return problem
    say = time_of_day if harvest.local_day(held) == harvest.local_day(start) else moment
    said = f"The time-out ({say(held, zone)}) must come before the start ({say(start, zone)})"
    return Problem(said, "time_out_at", rule=69)


def safety(harvest: Any) -> list[str]:
    """Return what is missing before the incision, and too much lidocaine (rules 27, 29)."""
    found = []
    source = SOURCES.get(harvest.source or "")
    if source and source.harvest in {"aspiration", "liposuction"} and harvest.time_out_at is None:
        found.append(Problem("Time-out at: required; it comes before the incision.", "time_out_at", rule=27))
    anaesthesia = ANESTHESIA.get(harvest.anaesthesia or "")
    if anaesthesia and anaesthesia.fasting and harvest.fasting != "confirmed":
        found.append(Problem("Fasting must be confirmed where sedation or more is planned.", "fasting", rule=27))
    dose = lidocaine_per_kg(harvest) if harvest.lidocaine_mg is not None else None
    if harvest.lidocaine_mg and dose is None:
        said = "Body weight: required with lidocaine, whose maximum is set per kg. Weigh the patient or donor first."
        found.append(Problem(said, "weight_kg", rule=29))
    if dose is not None and dose > (most := _lidocaine_most(harvest)):
        said = f"Lidocaine {plain(dose)} mg/kg is more than {plain(most)} mg/kg, the maximum for this technique."
        found.append(Problem(said, "lidocaine_mg", rule=29))
    return found


def papers(harvest: Any) -> list[str]:
    """Return what is missing of lots, counts and checks (rules 12, 31, 32, 33, 35)."""
    found = []
    if harvest.anticoagulant not in {None, "none"}:
        if not harvest.anticoagulant_lot:
            said = "Anticoagulant lot: required; scan or type it."
            found.append(Problem(said, "anticoagulant_lot", rule=31))
        wanted = harvest.treatment.says.harvest.anticoagulant_ratio if harvest.treatment is not None else None
        if wanted is not None and not harvest.anticoagulant_volume:
            said = "Anticoagulant volume: required; the ratio is judged by it."
            found.append(Problem(said, "anticoagulant_volume", rule=32))
        ends, begun = harvest.anticoagulant_expires_on, harvest.performed_at
        if ends is None:
            said = "Anticoagulant lot expires on: required. It is printed on the bag."
            found.append(Problem(said, "anticoagulant_expires_on", rule=35))
        if ends is not None and begun is not None and ends < harvest.local_day(begun):
            said = f"Anticoagulant lot {harvest.anticoagulant_lot or ''} expired on {day(ends)}: it cannot be used."
            found.append(Problem(said, "anticoagulant_expires_on", rule=35))
    reprogrammed = harvest.treatment is not None and harvest.treatment.says.cell_type == "ipsc"
    if harvest.source == "peripheral_blood" and harvest.cd34_before is None and not reprogrammed:
        found.append(Problem("CD34 count before collection: required", "cd34_before", rule=33))
    if harvest.label_checked_by_id is not None and harvest.label_checked_by_id == harvest.performed_by_id:
        said = "Label checked by a second person: choose somebody other than the collector."
        found.append(Problem(said, "label_checked_by_id", rule=12))
    return found


def summed(harvest: Any, of_the_day: list[Any], name: str) -> Decimal:
    """Return a quantity of all harvests of a day; of another one the most, until a second person signs a correction."""
    own: Decimal = getattr(harvest, name) or Decimal(0)
    others = [max(figures(one, name), default=Decimal(0)) for one in of_the_day if one is not harvest]
    return sum(others, own)


def one_person(donor: Any, donor_id: str) -> list[str]:
    """Return the ids under which a donor gives: a patient under each record of the person (hazard H27)."""
    patient = donor.patient if donor is not None else None
    session = object_session(patient) if patient is not None else None
    if session is None or patient is None or patient.person_id is None:
        return [donor_id]
    same = select(Donor.id).where(Donor.patient_id.in_([one.id for one in patient.person]))
    return [donor_id, *session.scalars(same)]


def lighter(harvest: Any, known: list[Decimal]) -> Decimal:
    """Return the weight that is recorded with a harvest; the patient's where that is far from it and lighter."""
    own: Decimal = harvest.weight_kg
    return min([own, *(kg for kg in known if implausible(own, kg, timedelta()))])


def lidocaine_per_kg(harvest: Any) -> Decimal | None:
    """Return lidocaine of one day per body weight, mg/kg, to one decimal; None where the weight is not known."""
    if not harvest.body_weight:
        return None
    total = summed(harvest, harvest.of_the_day(), "lidocaine_mg")
    return (total / harvest.body_weight).quantize(Decimal("0.1"))


def _lidocaine_most(harvest: Any) -> Decimal:
    if harvest.anaesthesia != "tumescent":
        return LIDOCAINE_PLAIN
    suction = harvest.method in {"manual_lipoaspiration", "powered_liposuction", "water_jet"}
    return LIDOCAINE_MOST if suction else LIDOCAINE_NO_SUCTION


def donation(harvest: Any) -> list[Question]:
    """Return that a donation number is of another year than the collection (rule 7).

    It is asked at the number, and at the end of the collection where a correction of it brings them apart.
    """
    if harvest.ended_at is None:
        return []
    collected_on = harvest.local_day(harvest.ended_at)
    if not year_apart(harvest.din, collected_on):
        return []
    said = (
        f"This donation number is of the year {harvest.din[5:7]}, but the cells were collected in {collected_on.year}."
    )
    typed = inspect(harvest).attrs.din.history.has_changes() or harvest.confirmed.get("din")
    explain = "A donation number contains the year of collection."
    return [Question("din" if typed else "ended_at", f"{said} Is this right?", explain, rule=7)]


def most_per_kg(course: Any, source: str | None) -> Decimal | None:
    """Return how much may be collected unasked, mL/kg: by the protocol, of marrow in general; None: no limit."""
    own = course.says.harvest.ml_per_kg if course is not None else None
    return own or (MARROW_ML_PER_KG if source == "bone_marrow" else None)


def volumes(harvest: Any) -> list[Question]:
    """Return unusual volumes: by weight, by the protocol, for each puncture (rules 28, 30)."""
    found = []
    volume, own = harvest.volume, harvest.treatment.says.harvest if harvest.treatment else None
    if volume is None:
        return []
    marrow = harvest.source == "bone_marrow"
    limit = most_per_kg(harvest.treatment, harvest.source)
    weight = harvest.body_weight if limit else None
    same = [one for one in harvest.of_the_day() if one.source == harvest.source] if weight else []
    all_of_it = summed(harvest, same, "volume")
    per_kg = (all_of_it / weight).quantize(Decimal("0.1")) if weight else None
    if limit and per_kg is not None and per_kg > limit:
        sum_ = f"{plain(all_of_it)} mL ÷ {plain(weight)} kg = {plain(per_kg)} mL/kg"
        found.append(
            Question(
                "volume",
                f"{sum_} is more than {plain(limit)} mL/kg. Is this right?",
                "The body weight sets this limit.",
                rule=28,
            )
        )
    elif harvest.source == "adipose_tissue" and volume > LARGE_LIPOASPIRATE_ML:
        found.append(
            Question(
                "volume", "More than 5 L is a large-volume liposuction. Is this right?", "It is possible.", rule=30
            )
        )
    elif limit and not weight and volume > limit * LEAST_KG:
        said = (
            f"{plain(volume)} mL is recorded without a body weight, so that {plain(limit)} mL/kg cannot be judged. "
            "Is this right?"
        )
        found.append(Question("volume", said, "Enter the body weight: it sets the limit.", rule=28))
    elif own and own.volume is not None and volume not in own.volume:
        found.append(
            Question(
                "volume",
                f"{plain(volume)} mL is outside the protocol's range, {own.volume} mL. Is this right?",
                "The protocol sets this range.",
                rule=28,
            )
        )
    each = (own.ml_per_pass if own else None) or (MARROW_ML_PER_PASS if marrow else None)
    if each and harvest.passes and volume / harvest.passes > each:
        amount = (volume / harvest.passes).quantize(Decimal("0.1"))
        said = f"{plain(amount)} mL from each puncture is more than {plain(each)} mL. Is this right?"
        found.append(Question("passes", said, "Above that, blood dilutes the marrow.", rule=28))
    return found


def times(harvest: Any) -> list[Question]:
    """Return that a collection ended in the minute in which it began."""
    in_part = harvest.precision_of("ended_at") or harvest.precision_of("performed_at")
    if harvest.ended_at is None or harvest.ended_at != harvest.performed_at or in_part:
        return []
    return [
        Question("ended_at", "The end is the same as the start. Is this right?", "A collection takes some minutes.")
    ]


def _one_to(ratio: Decimal) -> str:
    """Return a ratio as it is said at the bedside, 1 : 8.3."""
    return f"1 : {plain((1 / ratio).quantize(Decimal('0.1')))}".removesuffix(".0")


def ratios(wanted: Range) -> str:
    """Return the ratios that a protocol accepts, the least anticoagulant last."""
    most, least = (_one_to(end) if end else "" for end in (wanted.high, wanted.low))
    if most and least:
        return f"{most} to {least}"
    return f"{most} at most" if most else f"{least} at least"


def additives(harvest: Any) -> list[Question]:
    """Return unusual doses of lidocaine and anticoagulant (rules 29, 32)."""
    found = []
    dose = lidocaine_per_kg(harvest) if harvest.lidocaine_mg is not None else None
    if dose is not None and LIDOCAINE_USUAL < dose <= _lidocaine_most(harvest):
        found.append(
            Question(
                "lidocaine_mg",
                f"Lidocaine {plain(dose)} mg/kg is more than 35 mg/kg. Is this right?",
                "It is below the maximum.",
                rule=29,
            )
        )
    wanted = harvest.treatment.says.harvest.anticoagulant_ratio if harvest.treatment else None
    if wanted is not None and harvest.anticoagulant_volume and harvest.volume:
        ratio = harvest.anticoagulant_volume / harvest.volume
        if ratio not in wanted:
            said = (
                f"Anticoagulant to blood is {_one_to(ratio)}; the protocol's ratio is {ratios(wanted)}. Is this right?"
            )
            found.append(Question("anticoagulant_volume", said, "The protocol sets this ratio.", rule=32))
    return found
