"""The dose at the bedside: weight, window, DMSO, endotoxin, interval (rules 42, 51, 52, 53, 61)."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from clinic import clock
from clinic.access import Role
from clinic.administration.amounts import dmso_grams, doses
from clinic.administration.dose_change import whole_dose
from clinic.administration.dose_window import Portion, short, window
from clinic.administration.sums import DAY, dmso_at_most, given_within, used
from clinic.fields import plain
from clinic.patients.doubted import figures, starts
from clinic.patients.models import Weight, weight_of
from clinic.patients.weighing import WEIGHT_CHANGE, author, doubted
from clinic.patients.whole_person import youngest_on
from clinic.products.graph import ancestry
from clinic.protocols.catalogues import ROUTES
from clinic.release.dmso import dmso_content
from clinic.release.results import QCResult

if TYPE_CHECKING:
    from clinic.administration.models import Administration
    from clinic.administration.verdict import Bedside, Verdict
    from clinic.course_records import CourseRecords
    from clinic.products.models import Product

CHILD_WEIGHT_DAYS = 7
DMSO_LIMIT = Decimal(1)
"""Gram per kg of body weight in 24 hours (rule 53)."""
HOUR = timedelta(hours=1)
UNBOUNDED = frozenset({">", "≥"})
WEIGHS = (Role.NURSE, Role.PHYSICIAN)


def dose(verdict: Verdict, bedside: Bedside, product: Product, at: datetime) -> None:
    """Judge all that follows from how much is given to how heavy a patient."""
    volume = bedside.volume if bedside.volume is not None else product.left
    body = weight(verdict, bedside, product, at)
    portion = Portion(product=product, volume=volume, body=body, at=at)
    if volume < product.left:
        verdict.fine("Part of the container", 52, f"{plain(volume)} mL", f"of {plain(product.left)} mL")
    window(verdict, bedside, portion)
    dmso(verdict, bedside, portion)
    endotoxin(verdict, bedside, portion)
    interval(verdict, bedside, at)


def weight(verdict: Verdict, bedside: Bedside, product: Product, at: datetime) -> Weight | None:
    """Return the weight to count with; missing or too old refuses where anything is counted per kg (rule 51)."""
    course = bedside.course
    dosing = course.says.dose
    needed = dosing.per_kg or bool(dmso_content(bedside.records, product))
    days = min(dosing.weight_valid_days, CHILD_WEIGHT_DAYS) if _is_child(bedside, at) else dosing.weight_valid_days
    found = weight_of(bedside.records.people, at)
    fix = {
        "who": WEIGHS,
        "fix": ("pathway.patient", {"patient_id": course.patient_id}),
        "fix_label": "Record the weight",
    }
    if found is None or not found.kg or found.performed_at is None:
        if needed:
            verdict.fault("Weight", 51, "The patient's weight is not known.", "missing", f"within {days} days", **fix)
        return None
    waits, age = doubted_weight(bedside.records, at), at - found.performed_at
    zone = bedside.records.zone
    today = clock.day(found.performed_at, zone) == clock.day(at, zone)
    said = f"{plain(found.kg)} kg, {'weighed today' if today else f'{_days(max(age.days, 1))} old'}"
    if needed and waits is not None:
        verdict.fault(
            "Weight", 51, unconfirmed_weight(bedside.records, waits), said, "confirmed", who=WEIGHS,
            fix=("patients.weight", {"weight_id": waits.id}), fix_label="Confirm the weight",
        )  # fmt: skip
        return found
    if needed and age > timedelta(days=days):
        verdict.fault(
            "Weight",
            51,
            f"The weight is {_days(age.days)} old; at most {days} days are allowed.",
            said,
            f"within {days} days",
            **fix,
        )
        return found
    verdict.fine("Weight", 51, said, f"within {days} days")
    before = course.weight_kg
    if before and abs(found.kg - before) > before * WEIGHT_CHANGE:
        verdict.warn("Weight changed by more than 10 %", 51, f"{plain(before)} kg", f"{plain(found.kg)} kg")
    return found


def doubted_weight(records: CourseRecords, at: datetime) -> Weight | None:
    """Return a weight of the last days that changes the dose and that no second person has confirmed.

    A correction, or the last weighing where it is far from those before.
    """
    days = timedelta(days=records.course.says.dose.weight_valid_days)
    recent = [one for one in records.of(Weight) if one.recorded_at <= at]
    waits = [one for one in recent if one.unconfirmed is not None and _was_within(one, at - days, at)]
    if waits:
        return waits[-1]
    last = max((one for one in recent if one.performed_at and one.performed_at <= at), key=_weighed, default=None)
    return last if last is not None and last in doubted(recent) and _was_within(last, at - days, at) else None


def _weighed(weight: Weight) -> tuple[datetime, datetime]:
    return weight.performed_at or weight.recorded_at, weight.recorded_at


def _was_within(weight: Weight, start: datetime, end: datetime) -> bool:
    """Whether a weight was measured in a span, by what it says now or said before."""
    return any(start <= moment <= end for moment in starts(weight))


def unconfirmed_weight(records: CourseRecords, weight: Weight) -> str:
    """Return in words that a weight waits for a second person, with the old and the new value."""
    correction, ask = weight.unconfirmed, "A second person compares it with the scale and signs the weight first."
    if correction is None:
        last, now = weight_of(records.people, weight.recorded_at), plain(weight.kg) if weight.kg else ""
        before = f", after {plain(last.kg)} kg" if last is not None and last.kg else ""
        return f"{author(weight).printed_name} recorded a weight of {now} kg{before}. {ask}"
    old = correction.changes.get("kg", [None])[0]
    what = f"from {plain(Decimal(old))} to {plain(weight.kg)} kg" if old and weight.kg else "to another time"
    return f"{correction.amended_by.printed_name} corrected the weight {what}. {ask}"


def dmso(verdict: Verdict, bedside: Bedside, portion: Portion) -> None:
    """DMSO per kg over all bags in 24 hours, of all courses of the patient (rule 53)."""
    product, at, records = portion.product, portion.at, bedside.records
    recent = [a for a in bedside.earlier if given_within(a, at, DAY)]
    contents = [(product, portion.volume, dmso_content(records, product))]
    contents += [(a.product, used(a), dmso_at_most(records, a.product)) for a in recent]
    unknown = next((bag for bag, _volume, percent in contents if percent is None), None)
    if unknown is not None:
        which = "The container" if unknown is product else f"{unknown.name} {unknown.division or ''}, given today,"
        because = (
            f"{which} was cryopreserved and its DMSO content is not recorded, so the DMSO dose cannot be judged. "
            "Record its DMSO in % v/v; 0 for a medium without DMSO."
        )
        fix = ("products.show", {"product_id": unknown.id})
        said = unknown.cryo_medium or "not recorded"
        verdict.fault("DMSO", 53, because, said, "% v/v recorded", who=(Role.TECHNOLOGIST,), fix=fix)
        return
    grams = sum((dmso_grams(volume, percent) for _bag, volume, percent in contents), Decimal(0))
    if not grams:
        return
    if portion.kg is None:
        because = "DMSO per kg cannot be calculated without a weight."
        fix = ("pathway.patient", {"patient_id": bedside.course.patient_id})
        verdict.fault("DMSO", 53, because, "no weight", "1 g/kg at most", who=WEIGHS, fix=fix)
        return
    per_kg = grams / portion.kg
    said = f"{short(per_kg)} g/kg in 24 h"
    verdict.judge(
        "DMSO",
        53,
        per_kg <= DMSO_LIMIT,
        f"DMSO comes to {short(per_kg)} g/kg in 24 hours; 1 g/kg is the limit. Wait, or wash the cells.",
        said,
        "1 g/kg at most",
        who=(Role.PHYSICIAN,),
    )


def endotoxin_results(records: CourseRecords, product: Product) -> list[QCResult]:
    """Return a product's endotoxin results; where it has none of its own, those of what it was made of."""
    line = [product, *(one for one in ancestry(records, product) if one.id != product.id)]
    found = [[r for r in records.on(one, QCResult) if r.test == "endotoxin"] for one in line]
    return found[0] or [result for results in found for result in results]


def _reading(results: list[QCResult]) -> QCResult | None:
    final = [r for r in results if r.test == "endotoxin" and r.value is not None and not r.pending]
    return final[-1] if final else None


def endotoxin(verdict: Verdict, bedside: Bedside, portion: Portion) -> None:
    """Endotoxin in EU/kg over all that is given within an hour, against the route's limit (rule 42)."""
    reading, kg, volume = _reading(bedside.results), portion.kg, portion.volume
    route = ROUTES.get(bedside.route or bedside.course.route or "")
    if reading is None or route is None:
        return
    measured = reading.value or Decimal(0)
    limit = f"{plain(route.endotoxin_limit)} EU/kg at most"
    if kg is None:
        if route.systemic or route.own_release:
            verdict.fault(
                "Endotoxin",
                42,
                "Endotoxin per kg cannot be calculated without a weight.",
                "no weight",
                limit,
                who=WEIGHS,
            )
        return
    before = [_reading_of(bedside.records, a) for a in bedside.earlier if _within_hour(a, portion.at)]
    earlier = sum((units for units, _open in before), Decimal(0))
    per_kg = (measured * volume + earlier) / kg
    more = f" + {short(earlier)} EU in the last hour" if earlier else ""
    said = f"({plain(measured)} EU/mL × {plain(volume)} mL{more}) ÷ {plain(kg)} kg = {short(per_kg)} EU/kg"
    if not more:
        said = f"{plain(measured)} EU/mL × {plain(volume)} mL ÷ {plain(kg)} kg = {short(per_kg)} EU/kg"
    unbounded = reading.comparator in UNBOUNDED or any(open_ for _units, open_ in before)
    verdict.judge(
        "Endotoxin",
        42,
        per_kg <= route.endotoxin_limit and not unbounded,
        f"Endotoxin comes to {short(per_kg)} EU/kg; this route allows {plain(route.endotoxin_limit)}.",
        said,
        limit,
        who=(Role.QUALITY,),
    )


def _within_hour(given: Administration, at: datetime) -> bool:
    """Whether cells were still being given within the hour before a moment."""
    ends = starts(given, "ended_at") or starts(given)
    return any(at - end < HOUR for end in ends)


def _reading_of(records: CourseRecords, given: Administration) -> tuple[Decimal, bool]:
    """Return the endotoxin that was given with a container, EU, and whether it may be any amount more."""
    reading = _reading(endotoxin_results(records, given.product))
    if reading is None or reading.value is None:
        return Decimal(0), False
    return max(figures(reading, "value")) * used(given), reading.comparator in UNBOUNDED


def interval(verdict: Verdict, bedside: Bedside, at: datetime) -> None:
    """Days since the patient's last cells in any course, and how many doses the protocol has (rule 61)."""
    dosing, zone, course = bedside.course.says.dose, bedside.records.zone, bedside.course
    before = [
        a
        for a in bedside.earlier
        if a.performed_at and (at - a.performed_at >= DAY or a.treatment_id != course.id)  # a day's bags are one dose
    ]
    whole = before + _whole_dose(bedside, before)
    counted = whole if dosing.days_between else before
    last = max((clock.day(moment, zone) for a in counted for moment in starts(a) if moment <= at), default=None)
    if last is not None:
        days = (clock.day(at, zone) - last).days
        said = (_days(days), f"{dosing.days_between} days by protocol" if dosing.days_between else "another course")
        if days < (dosing.days_between or 1):
            verdict.warn("Days since the last cells", 61, *said)
        elif dosing.days_between:
            verdict.fine("Days since the last cells", 61, *said)
    mine = doses(
        [a for a in whole if a.performed_at and a.treatment_id == course.id], dosing, zone, whole_dose(bedside.records)
    )
    if mine >= dosing.doses:
        verdict.warn("Doses", 61, f"{mine} given already", f"{dosing.doses} by protocol")


def _whole_dose(bedside: Bedside, before: list[Administration]) -> list[Administration]:
    """Return what this course gave within a day where it came to a whole dose, so that more is the next dose.

    Bags of one dose are given one after the other: until they come to the usual dose, or to what a physician approved
    at least, the next bag belongs to the same dose (rule 61).
    """
    dosing = bedside.course.says.dose
    today = [a for a in bedside.earlier if a.performed_at and a not in before]
    parts = [a.dose_per_kg if dosing.per_kg else a.dose for a in today]
    same = [part if a.measure == dosing.measure else None for a, part in zip(today, parts, strict=True)]
    given = sum((dosing.usual if part is None else part for part in same), Decimal(0))
    return today if given >= whole_dose(bedside.records) else []


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"


def _is_child(bedside: Bedside, at: datetime) -> bool:
    years = youngest_on(bedside.records.people, clock.day(at, bedside.records.zone))
    return years < 18 if years is not None else bedside.course.is_child
