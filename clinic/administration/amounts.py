"""How much of what is in a volume out of a container (rules 52, 53)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clinic import clock
from clinic.fields import Range, plain
from clinic.products.doses_begun import ONE_DOSE
from clinic.products.limits import asked_of
from clinic.protocols.catalogues import DOSE_MEASURES
from clinic.wording import figure, kilograms, quantity

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from clinic.errors import Question
    from clinic.products.models import Product
    from clinic.protocols.content import DoseWindow


def dose_in(product: Product, volume: Decimal) -> Decimal:
    """Return what a volume out of a container holds, in the unit of its dose measure; 0 where nothing was counted."""
    if product.amount is None or not product.volume:
        return Decimal(0)
    return product.amount * volume / product.volume


def dmso_grams(volume: Decimal, percent: Decimal | None) -> Decimal:
    """Return the DMSO in a volume: mL × % v/v ÷ 100 × 1.1 g/mL (rule 53)."""
    return volume * (percent or Decimal(0)) / 100 * Decimal("1.1")


def worked_out(product: Product, volume: Decimal | None, kg: Decimal | None) -> dict[str, Any]:
    """Return measure, dose, dose per kg and working for a volume, mL; nothing where nobody counted the cells."""
    if product.amount is None or product.measure is None or not product.volume or volume is None:
        return {}
    measure = DOSE_MEASURES[product.measure]
    dose = figures(dose_in(product, volume))
    text = (
        f"{quantity(product.amount.normalize(), measure.unit)} × {plain(volume)} mL ÷ {plain(product.volume)} mL"
        f" = {figure(dose, measure.unit)}"
    )
    found = {"measure": product.measure, "dose": dose}
    if kg:
        per_kg = figures(dose_in(product, volume) / kg)
        found["dose_per_kg"] = per_kg
        text += f"; ÷ {kilograms(kg)} = {figure(per_kg, measure.unit_per_kg)}"
    return found | {"working": text}


def doses(given: Iterable[Any], dosing: DoseWindow, zone: str, whole: Decimal) -> int:
    """Return how many doses some administrations of one course are, see `last_dose`."""
    return last_dose(given, dosing, zone, whole)[0]


def last_dose(
    given: Iterable[Any], dosing: DoseWindow, zone: str, whole: Decimal
) -> tuple[int, datetime | None, Decimal]:
    """Return how many doses some administrations are, when the last of these began, and its amount.

    Several bags of one day are one dose, and so are those within 24 hours of the first one until the dose is ``whole``,
    see `clinic.administration.dose_change.whole_dose`. The amount is in the protocol's unit, per kg where it doses so;
    what counts otherwise is a usual dose.
    """
    number, begun, amount = len({one.course_day for one in given if one.performed_at is None}), None, Decimal(0)
    dated = [(one.performed_at, one) for one in given if one.performed_at is not None]
    for moment, one in sorted(dated, key=lambda pair: pair[0]):
        open_yet = begun is not None and moment - begun < ONE_DOSE and amount < whole
        if begun is None or not (clock.day(moment, zone) == clock.day(begun, zone) or open_yet):
            number, begun, amount = number + 1, moment, Decimal(0)
        part = one.dose_per_kg if dosing.per_kg else one.dose
        amount += part if part is not None and one.measure == dosing.measure else dosing.usual
    return number, begun, amount


def lies_in(window: Range, dose: Decimal) -> bool:
    """Whether a dose lies in a window, as it is or as everybody reads it: to three significant figures (rule 52).

    A count is no more exact than that, so a dose that reads as the window's edge is on the edge.
    """
    read = dose if dose == 0 else dose.quantize(Decimal(1).scaleb(dose.adjusted() - 2))
    return dose in window or read in window


def figures(value: Decimal) -> Decimal:
    """Round to four significant figures, as a dose is written."""
    return value if value == 0 else value.quantize(Decimal(1).scaleb(value.adjusted() - 3))


def unusual_dose(given: Any) -> list[Question]:
    """Return what to ask about the dose of cells given elsewhere; here it is worked out of what the container holds."""
    measure = DOSE_MEASURES.get(given.measure or "")
    if measure is None or given.origin == "clinic":
        return []
    found = [
        asked_of(given.dose, "dose", "Dose", measure.unit, measure.whole),
        asked_of(given.dose_per_kg, "dose_per_kg", "Dose per kg", measure.unit_per_kg, measure.expected),
    ]
    return [one for one in found if one is not None]
