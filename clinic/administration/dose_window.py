"""The dose against its window, with all that the person was given within 24 hours (rule 52, hazard H17)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from clinic.access import Role
from clinic.administration.amounts import dose_in, lies_in
from clinic.administration.dose_change import dose_limits, dose_unit
from clinic.administration.sums import DAY, counted_as, given_within, most_in, used
from clinic.fields import plain
from clinic.patients.doubted import alone
from clinic.protocols.catalogues import DOSE_MEASURES, ROUTES, Delivery, within

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.administration.models import Administration
    from clinic.administration.verdict import Bedside, Verdict
    from clinic.patients.models import Weight
    from clinic.products.models import Product

USUAL_LOW, USUAL_HIGH = Decimal("0.9"), Decimal("1.1")


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


def window(verdict: Verdict, bedside: Bedside, portion: Portion) -> None:
    """Judge the dose, per kg or in all, with the last 24 h counted in (rule 52, H17).

    The window is the protocol's, or the one that a physician approved for this course.
    """
    dosing, product, volume, at = bedside.course.says.dose, portion.product, portion.volume, portion.at
    measure, unit = DOSE_MEASURES[dosing.measure], dose_unit(bedside.course)
    limits, change = dose_limits(bedside.records)
    allowed = f"{limits} {unit}"
    if limits.low is not None and limits.high is not None and limits.low > limits.high:
        because = "Another dose is recorded for this course and not approved yet. A physician signs it first."
        verdict.fault("Dose", 52, because, "not approved", "approved", who=(Role.PHYSICIAN,))
        return
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
    same_day = [a for a in bedside.earlier if given_within(a, at, DAY) and _adds_up(bedside, a)]
    counted = [most_in(a.product, used(a)) for a in same_day if counted_as(a.product, dosing.measure)]
    before = sum(counted, Decimal(0)) / kilos
    others = [p.amount for p in bedside.ready if p.amount and p.measure == dosing.measure]
    rest = sum(others, Decimal(0)) / kilos
    total = before + this
    said = f"{short(total)} {unit}" + (f", {short(before)} of it in the last 24 h" if before else "")
    high, low = limits.high, limits.low
    whole = volume == product.left  # whoever needs more of it gives the rest of this container first
    to_come = low is not None and whole and total < low <= total + rest
    if to_come:
        said += f", {short(rest)} more in the course's other containers"
    side = "above" if high is not None and total >= high else "below"
    if not lies_in(limits, total) and not to_come and not (bedside.runs is not None and side == "below"):
        whose = "approved" if change is not None else "protocol's"
        verdict.fault(
            "Dose",
            52,
            f"The dose is {short(total)} {unit}, {side} the {whose} {allowed}{_sum(portion, before)}.",
            said,
            allowed,
            who=(Role.PHYSICIAN,),
            fix=("giving.dose_change", {"treatment_id": bedside.course.id}),
            fix_label="Approve another dose",
        )
        return
    verdict.fine("Dose", 52, said, allowed)
    if change is not None:
        verdict.fine("Dose changed by a physician", 52, change.headline(), f"{change.done_by}: {change.reason}")
    elif not (to_come or (rest and dosing.doses == 1)) and not (
        USUAL_LOW * dosing.usual <= total <= USUAL_HIGH * dosing.usual
    ):
        verdict.warn("Dose differs from the usual dose", 52, said, f"usually {plain(dosing.usual)} {unit}")


def _sum(portion: Portion, before: Decimal) -> str:
    """Return the figures that a refused dose was worked out from."""
    kilos = f" ÷ {plain(portion.kg)} kg" if portion.kg else ""
    earlier = f", and {short(before)} in the last 24 h" if before else ""
    held = f"{plain(portion.product.volume)} mL with {short(portion.product.amount or Decimal(0))}"
    return f" ({plain(portion.volume)} mL of {held}{kilos}{earlier})"


def _adds_up(bedside: Bedside, given: Administration) -> bool:
    """Whether an earlier dose counts with this one."""
    course = bedside.course
    here = (bedside.route or course.route, bedside.body_site or course.body_site, bedside.side or course.side)
    return counts_with(here, given)


def counts_with(here: tuple[str | None, str | None, str | None], given: Administration) -> bool:
    """Whether a dose counts with one at ``here`` (route, body site, side) that is given within 24 h.

    The whole person's doses count together, but of local injections only those at the same place; one whose place was
    corrected counts at both until a second person has signed.
    """
    course = given.treatment
    if any({"route", "body_site", "side"} & one.changes.keys() for one in alone(given)):
        return True
    there = (given.route or course.route, given.body_site or course.body_site, given.side or course.side)
    routes = [ROUTES.get(route or "") for route in (here[0], there[0])]
    if any(route is None or route.group is not Delivery.INJECTION for route in routes):
        return True
    return not any(one and other and one != other for one, other in zip(here[1:], there[1:], strict=True))


def short(value: Decimal) -> str:
    """Return a figure with four significant digits, without an exponent."""
    return "0" if value == 0 else plain(value.quantize(Decimal(1).scaleb(value.adjusted() - 3)).normalize())
