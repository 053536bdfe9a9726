"""What is shown of an administration while it runs and afterwards: clocks, interruptions, and what no longer agrees."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clinic.administration.amounts import dose_in
from clinic.administration.dose_change import dose_limits, dose_unit
from clinic.administration.dose_window import counts_with
from clinic.administration.events import interrupted
from clinic.administration.models import Administration
from clinic.administration.monitoring import monitoring
from clinic.administration.placing import misplaced
from clinic.administration.sums import DAY
from clinic.protocols.catalogues import DOSE_MEASURES
from clinic.records import Origin
from clinic.wording import figure, kilograms

if TYPE_CHECKING:
    from clinic.course_records import CourseRecords

VITALS = "Vital signs"


def running(given: Administration, at: datetime) -> dict[str, Any] | None:
    """Return the clocks of an administration that runs, None of one that is over.

    ``clocks``: label, the moment it runs to or from, minutes, and whether that is over. ``rate``: the last one.
    ``urgent``: the act that is most due, ``end`` or ``vitals``; past the time from thaw nothing comes before the end.
    """
    if not given.running or given.performed_at is None:
        return None
    clocks: list[dict[str, Any]] = [
        {
            "label": "Running for",
            "minutes": _minutes(at - given.performed_at),
            "due": None,
            "note": "since the start",
            "over": False,
        }
    ]
    limit, thawed = given.treatment.says.expiry.thaw_minutes, given.product.thawed_at
    if limit is not None and thawed is not None:
        end = thawed + timedelta(minutes=limit)
        clocks.append(_to(end, at, "Left after thaw", "end before"))
    elif given.product.end is not None and not given.product.end_known:
        clocks.append(_to(given.product.end, at, "Use before", "end before"))
    signs = next((due for due in monitoring(given, at) if due.at is not None and due.state in {"due", "planned"}), None)
    if signs is not None and signs.at is not None:
        shown = _to(signs.at, at, VITALS, f"{signs.label[:1].lower()}{signs.label[1:]},")
        clocks.append(shown | {"over": signs.state == "due"})
    over = [one["label"] for one in clocks if one["over"]]
    rates = [one for one in given.events if one.kind in {"rate", "resumed"} and one.rate is not None]
    return {
        "clocks": clocks,
        "urgent": "vitals" if over == [VITALS] else "end",
        "interrupted": interrupted(given, at),
        "rate": rates[-1].rate if rates else None,
        "reaction": any(one.kind == "reaction" for one in given.events),
    }


def _to(end: datetime, at: datetime, label: str, note: str) -> dict[str, Any]:
    return {"label": label, "minutes": _minutes(end - at), "due": end, "note": note, "over": end <= at}


def _minutes(span: timedelta) -> int:
    return max(0, int(span.total_seconds() // 60))


def disagreements(given: Administration) -> list[str]:
    """Return in a sentence each what an administration rests on and is another now: weight, count, ordered place."""
    if given.origin is not Origin.CLINIC or given.voided or given.performed_at is None:
        return []
    found = []
    weight = given.treatment.patient.weight_at(given.performed_at)
    if given.weight_kg is not None and weight is not None and weight.kg != given.weight_kg:
        found.append(
            f"The dose was computed with {kilograms(given.weight_kg)}; the weight is now {kilograms(weight.kg)}. "
            f"With it the dose is {_again(given, weight.kg)}."
        )
    product, volume = given.product, given.volume_given
    if given.dose is not None and volume and product.amount is not None and product.measure == given.measure:
        now = dose_in(product, volume)
        if abs(now - given.dose) > abs(now) * Decimal("0.001"):
            unit = DOSE_MEASURES[given.measure or ""].unit
            found.append(
                f"The dose was computed as {figure(given.dose, unit)}; by the container's count it is now "
                f"{figure(now, unit)}."
            )
    fault = misplaced(given.treatment, given.route, given.body_site, given.side)
    if fault is not None:
        found.append(f"The order was changed after the start: it says {fault.wanted}, the cells went to {fault.where}.")
    return found


def _again(given: Administration, kg: Decimal | None) -> str:
    measure = DOSE_MEASURES.get(given.measure or "")
    if measure is None or given.dose is None or not kg:
        return "not known"
    return figure(given.dose / kg, measure.unit_per_kg)


def whole_dose(records: CourseRecords, given: Administration) -> dict[str, str] | None:
    """Return the sum of the bags of 24 hours against the window, if there are several; else None (rule 52).

    Which bags count together is the bedside's own question, `dose_window.counts_with`.
    """
    dosing, course = given.treatment.says.dose, given.treatment
    if given.performed_at is None or given.voided or given.measure != dosing.measure:
        return None
    here = (given.route or course.route, given.body_site or course.body_site, given.side or course.side)
    bags = [
        one
        for one in records.of(Administration)
        if one.counts
        and one.performed_at
        and abs(one.performed_at - given.performed_at) < DAY
        and counts_with(here, one)
    ]
    parts = [one.dose_per_kg if dosing.per_kg else one.dose for one in bags if one.measure == dosing.measure]
    if len(parts) < 2 or None in parts:
        return None
    total = sum((part for part in parts if part is not None), Decimal(0))
    window, unit = dose_limits(records)[0], dose_unit(course)
    sums = " + ".join(figure(part, unit) for part in parts if part is not None)
    return {
        "sum": f"{sums} = {figure(total, unit)}",
        "window": f"{window} {unit}",
        "state": "within" if total in window else "outside",
    }
