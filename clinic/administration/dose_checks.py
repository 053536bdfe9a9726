"""The dose at the bedside: weight, window, DMSO, endotoxin, interval (rules 42, 51, 52, 53, 61)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from clinic import clock
from clinic.access import Role
from clinic.administration.models import dmso_grams, dose_in
from clinic.fields import plain
from clinic.protocols.catalogues import DOSE_MEASURES, ROUTES, within

if TYPE_CHECKING:
    from clinic.administration.models import Administration
    from clinic.administration.verdict import Bedside, Verdict
    from clinic.patients.models import Weight
    from clinic.products.models import Product

CHILD_WEIGHT_DAYS = 7
DMSO_LIMIT = Decimal(1)
"""Gram per kg of body weight in 24 hours (rule 53)."""
DAY = timedelta(hours=24)
USUAL_LOW, USUAL_HIGH = Decimal("0.9"), Decimal("1.1")
WEIGHT_CHANGE = Decimal("0.1")
WEIGHS = (Role.NURSE, Role.PHYSICIAN)


@dataclass(frozen=True, kw_only=True)
class Portion:
    """How much of which container would be given now, mL, to a body of which weight."""

    product: Product
    volume: Decimal
    body: Weight | None
    at: datetime

    @property
    def kg(self) -> Decimal | None:
        """Body weight."""
        return self.body.kg if self.body is not None and self.body.kg else None


def _used(administration: Administration) -> Decimal:
    """Return what was given, mL; while the end is not recorded, what was issued."""
    given = administration.volume_given
    return given if given is not None else administration.volume_issued or Decimal(0)


def dose(verdict: Verdict, bedside: Bedside, product: Product, at: datetime) -> None:
    """Judge all that follows from how much is given to how heavy a patient."""
    volume = bedside.volume if bedside.volume is not None else product.left
    body = weight(verdict, bedside, product, at)
    portion = Portion(product=product, volume=volume, body=body, at=at)
    window(verdict, bedside, portion)
    dmso(verdict, bedside, portion)
    endotoxin(verdict, bedside, portion)
    interval(verdict, bedside, at)


def weight(verdict: Verdict, bedside: Bedside, product: Product, at: datetime) -> Weight | None:
    """Return the weight to count with; missing or too old refuses where anything is counted per kg (rule 51)."""
    course = bedside.course
    dosing = course.says.dose
    needed = dosing.per_kg or bool(product.dmso_percent)
    days = min(dosing.weight_valid_days, CHILD_WEIGHT_DAYS) if _is_child(bedside, at) else dosing.weight_valid_days
    found = course.weight_at(at)
    fix = {
        "who": WEIGHS,
        "fix": ("pathway.patient", {"patient_id": course.patient_id}),
        "fix_label": "Record the weight",
    }
    if found is None or not found.kg or found.performed_at is None:
        if needed:
            verdict.fault("Weight", 51, "The patient's weight is not known.", "missing", f"within {days} days", **fix)
        return None
    age = at - found.performed_at
    said = f"{plain(found.kg)} kg, {_days(age.days)} old"
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


def window(verdict: Verdict, bedside: Bedside, portion: Portion) -> None:
    """Judge the dose, per kg or in all, by the protocol's window, with the last 24 h counted in (rule 52, H17)."""
    dosing, product, volume, at = bedside.course.says.dose, portion.product, portion.volume, portion.at
    measure = DOSE_MEASURES[dosing.measure]
    unit = measure.unit_per_kg if dosing.per_kg else measure.unit
    allowed = f"{dosing.window} {unit}"
    who = {
        "who": (Role.TECHNOLOGIST, Role.QUALITY),
        "fix": ("products.show", {"product_id": product.id}),
        "fix_label": "Open the product",
    }
    if product.amount is None or not product.volume:
        verdict.fault("Dose", 52, "The number of cells in the container is not recorded.", "missing", allowed, **who)
        return
    if product.measure != dosing.measure:
        known = DOSE_MEASURES.get(product.measure or "")
        counted = known.label if known else "nothing"
        because = (
            f"The container counts {counted.lower()}; the protocol doses {within(measure.label)} in {measure.unit}."
        )
        verdict.fault("Dose", 52, because, counted, measure.label, **who)
        return
    if dosing.per_kg and portion.kg is None:
        return  # rule 51 has refused already
    kilos = portion.kg if dosing.per_kg and portion.kg else Decimal(1)
    if volume > product.left:
        because = f"{plain(volume)} mL is more than the container has: {plain(product.left)} mL."
        verdict.fault("Volume", 52, because, f"{plain(volume)} mL", f"{plain(product.left)} mL", **who)
        return
    this = dose_in(product, volume) / kilos
    same_day = [a for a in bedside.earlier if a.performed_at and at - a.performed_at < DAY]
    before = (
        sum(
            (dose_in(a.product, _used(a)) for a in same_day if a.product.measure == dosing.measure),
            Decimal(0),
        )
        / kilos
    )
    rest = (
        sum((p.amount for p in bedside.ready if p.amount and p.measure == dosing.measure), Decimal(0)) / kilos
        if dosing.doses == 1
        else Decimal(0)
    )
    total = before + this
    said = f"{_short(total)} {unit}" + (f", {_short(before)} of it in the last 24 h" if before else "")
    if dosing.window.low is not None and total < dosing.window.low <= total + rest:
        said += f", {_short(rest)} more in the course's other containers"
    high, low = dosing.window.high, dosing.window.low
    if total not in dosing.window and not (low is not None and total < low <= total + rest):
        side = "above" if high is not None and total >= high else "below"
        verdict.fault(
            "Dose",
            52,
            f"The dose is {_short(total)} {unit}, {side} the protocol's {allowed}.",
            said,
            allowed,
            who=(Role.PHYSICIAN,),
            fix=("protocols.show", {"protocol_id": bedside.course.protocol_version.protocol_id}),
            fix_label="Open the protocol",
        )
        return
    verdict.fine("Dose", 52, said, allowed)
    if not rest and not USUAL_LOW * dosing.usual <= total <= USUAL_HIGH * dosing.usual:
        verdict.warn("Dose differs from the usual dose", 52, said, f"usually {plain(dosing.usual)} {unit}")


def dmso(verdict: Verdict, bedside: Bedside, portion: Portion) -> None:
    """DMSO per kg over all bags in 24 hours (rule 53)."""
    product, at = portion.product, portion.at
    recent = [a for a in bedside.earlier if a.performed_at and at - a.performed_at < DAY]
    grams = dmso_grams(portion.volume, product.dmso_percent)
    grams += sum(
        (dmso_grams(_used(a), a.product.dmso_percent) for a in recent),
        Decimal(0),
    )
    if product.cryo_medium and product.dmso_percent is None:
        because = "The DMSO content of the freezing medium is not recorded, so the DMSO dose cannot be judged."
        fix = ("products.show", {"product_id": product.id})
        verdict.fault("DMSO", 53, because, product.cryo_medium, "% v/v recorded", who=(Role.TECHNOLOGIST,), fix=fix)
        return
    if not grams or portion.kg is None:
        return
    per_kg = grams / portion.kg
    said = f"{_short(per_kg)} g/kg in 24 h"
    verdict.judge(
        "DMSO",
        53,
        per_kg <= DMSO_LIMIT,
        f"DMSO comes to {_short(per_kg)} g/kg in 24 hours; 1 g/kg is the limit. Wait, or wash the cells.",
        said,
        "1 g/kg at most",
        who=(Role.PHYSICIAN,),
    )


def endotoxin(verdict: Verdict, bedside: Bedside, portion: Portion) -> None:
    """Endotoxin in EU/kg for this volume and weight against the route's limit (rule 42)."""
    readings = [r for r in bedside.results if r.test == "endotoxin" and r.value is not None and not r.pending]
    route = ROUTES.get(bedside.route or bedside.course.route or "")
    if not readings or route is None:
        return
    reading = readings[-1]
    measured = reading.value or Decimal(0)
    limit = f"{plain(route.endotoxin_limit)} EU/kg at most"
    volume, kg = portion.volume, portion.kg
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
    per_kg = measured * volume / kg
    said = f"{plain(measured)} EU/mL × {plain(volume)} mL ÷ {plain(kg)} kg = {_short(per_kg)} EU/kg"
    unbounded = reading.comparator in {">", "≥"}
    verdict.judge(
        "Endotoxin",
        42,
        per_kg <= route.endotoxin_limit and not unbounded,
        f"Endotoxin comes to {_short(per_kg)} EU/kg; this route allows {plain(route.endotoxin_limit)}.",
        said,
        limit,
        who=(Role.QUALITY,),
    )


def interval(verdict: Verdict, bedside: Bedside, at: datetime) -> None:
    """Days since the patient's last cells in any course, and how many doses the protocol has (rule 61)."""
    dosing, zone = bedside.course.says.dose, bedside.records.zone
    before = [a for a in bedside.earlier if a.performed_at and at - a.performed_at >= DAY]
    last = max((clock.day(a.performed_at, zone) for a in before if a.performed_at), default=None)
    if dosing.days_between and last is not None:
        days = (clock.day(at, zone) - last).days
        said = (f"{days} days", f"{dosing.days_between} days by protocol")
        if days < dosing.days_between:
            verdict.warn("Days since the last cells", 61, *said)
        else:
            verdict.fine("Days since the last cells", 61, *said)
    mine = {clock.day(a.performed_at, zone) for a in before if a.performed_at and a.treatment_id == bedside.course.id}
    if len(mine) >= dosing.doses:
        verdict.warn("Doses", 61, f"{len(mine)} given already", f"{dosing.doses} by protocol")


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"


def _is_child(bedside: Bedside, at: datetime) -> bool:
    years = bedside.course.patient.age_on(clock.day(at, bedside.records.zone))
    return years < 18 if years is not None else bedside.course.is_child


def _short(value: Decimal) -> str:
    """Four significant figures, without an exponent."""
    return "0" if value == 0 else plain(value.quantize(Decimal(1).scaleb(value.adjusted() - 3)).normalize())
