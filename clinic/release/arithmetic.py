"""Sums that judge a product for one patient, each with its working: endotoxin and CD34 per kilogram (rules 38, 42)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from clinic.fields import Range, plain
from clinic.processing.counts import APART
from clinic.protocols.catalogues import COUNTS, DOSE_MEASURES, QC_TESTS, ROUTES, within
from clinic.release.results import QCResult, judge, standing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clinic.processing.models import ProcessingRun
    from clinic.products.models import Product


@dataclass(frozen=True, kw_only=True)
class Working:
    """One sum: what it is about, the sum in words, its result, the limit in words, and whether it stands."""

    label: str
    text: str
    result: str
    limit: str
    good: bool

    @property
    def sentence(self) -> str:
        """The whole sum as it is kept with a decision."""
        return f"{self.label}: {self.text} = {self.result}, limit {self.limit}."


def figures(value: Decimal, limit: Decimal | None = None) -> str:
    """Return a quantity to three significant figures, without needless zeros; nothing before the point is rounded.

    ``limit``: what it is compared with; a figure that would read as the limit and is another keeps the digits that
    tell them apart.
    """
    said = Decimal(0)
    for digits in range(2, 12):
        said = Decimal(0) if value == 0 else value.quantize(Decimal(1).scaleb(min(0, value.adjusted() - digits)))
        if said != limit or value == limit:
            break
    return plain(Decimal(format(said.normalize(), "f")))


def endotoxin_per_kg(
    results: Iterable[QCResult], *, volume: Decimal | None, kg: Decimal | None, route: str | None
) -> list[Working]:
    """Return EU/mL × mL ÷ kg of each endotoxin reading, judged by the route's limit (rule 42).

    ``<0.1`` stands for everything below: the sum is then below its result, and judged so. Empty where volume,
    weight or route is not known.
    """
    if not volume or not kg or route not in ROUTES:
        return []
    limit = ROUTES[route or ""].endotoxin_limit
    found = []
    for reading in standing(results, "endotoxin"):
        if reading.value is None:
            continue
        per_kg = reading.value * volume / kg
        sign = "" if reading.comparator == "=" else f"{reading.comparator} "
        found.append(
            Working(
                label="Endotoxin for this patient",
                text=f"{sign}{plain(reading.value)} EU/mL × {plain(volume)} mL ÷ {plain(kg)} kg",
                result=f"{sign}{figures(per_kg, limit)} EU/kg",
                limit=f"{plain(limit)} EU/kg ({within(ROUTES[route or ''].label)})",
                good=judge(reading.comparator, per_kg, Range(None, limit)),
            )
        )
    return found


def cd34_per_kg(concentration: Decimal, *, volume: Decimal, kg: Decimal) -> Decimal:
    """Return ×10⁶ CD34+ cells per kg: ×10⁶/mL × mL ÷ kg. A count in /µL is a thousandth of that in ×10⁶/mL."""
    return concentration * volume / kg


def dose_disagrees(results: Iterable[QCResult], stated: Decimal, *, volume: Decimal | None, kg: Decimal | None) -> str:
    """Return in a sentence that a stated CD34 dose lies over 5 % from the count's; empty where it agrees (rule 38)."""
    counted = [r for r in standing(results, "cd34_concentration") if r.value is not None and r.comparator == "="]
    if not counted or not volume or not kg or counted[-1].value is None:
        return ""
    worked_out = cd34_per_kg(counted[-1].value, volume=volume, kg=kg)
    if worked_out and abs(stated - worked_out) / worked_out <= APART:
        return ""
    working = (
        f"{plain(counted[-1].value)} ×10⁶/mL × {plain(volume)} mL ÷ {plain(kg)} kg = {figures(worked_out)} ×10⁶/kg"
    )
    said = f"CD34+ cells per kg: {plain(stated)} ×10⁶/kg, but the count says {working}."
    return f"{said} {CONFIRM}"


POINTS_APART = Decimal(5)
"""Percentage points by which a viability may lie from the one that was counted in the run."""


def count_disagrees(run: ProcessingRun | None, product: Product, test: str, value: Decimal) -> str:
    """Return in a sentence that a result differs from what the run itself counted; empty where it agrees (rule 38)."""
    if run is None:
        return ""
    if test == "viability":
        seen = [one for one in run.counts if one.viability is not None]
        counted = seen[-1].viability if seen else None
        if counted is None or abs(value - counted) <= POINTS_APART:
            return ""
        return f"Viability {plain(value)} %, but the run counted {plain(counted)} %. Is this right? {CONFIRM}"
    counts = QC_TESTS[test].counts
    what = counts.what if counts is not None and counts.per in {"", "mL"} else ""
    last = next((one for one in reversed(run.counts) if one.counted == what and one.concentration), None)
    if counts is None or last is None or last.concentration is None or not product.volume:
        return ""
    volume = Decimal(1) if counts.per == "mL" else product.volume
    expected = last.concentration * volume * COUNTS[counts.what].each / counts.each
    if abs(value - expected) / expected <= APART:
        return ""
    label, unit = QC_TESTS[test].label, QC_TESTS[test].unit
    return f"{label} {plain(value)} {unit}, but the run counted {figures(expected)} {unit}. Is this right? {CONFIRM}"


def of_amount(product: Product, test: str, kg: Decimal | None) -> Decimal | None:
    """Return what the amount of a container says in the unit of a test that counts the same; None: nothing."""
    counts, measure = QC_TESTS[test].counts if test in QC_TESTS else None, DOSE_MEASURES.get(product.measure or "")
    over = {"kg": kg, "mL": product.volume}.get(counts.per, Decimal(1)) if counts is not None else None
    if counts is None or measure is None or measure.count != counts.what or not product.amount or not over:
        return None
    return product.amount * measure.each / counts.each / over


def amount_disagrees(product: Product, test: str, value: Decimal, kg: Decimal | None) -> str:
    """Return in a sentence that a result lies over 5 % from the container's own amount (rule 38); empty: it agrees."""
    stated = of_amount(product, test, kg)
    if stated is None or abs(value - stated) / stated <= APART:
        return ""
    label, unit = QC_TESTS[test].label, QC_TESTS[test].unit
    return f"{label} {plain(value)} {unit}, but the container is recorded with {figures(stated)} {unit}."


CONFIRM = "Correct it, or confirm it with a reason."
