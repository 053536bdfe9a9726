"""Limits of a container: until when it may be used (rule 50), and which of its figures are asked about (rule 39)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clinic.errors import Problem, Question, RuleBroken
from clinic.fields import Field, Range, Share, plain
from clinic.protocols.catalogues import DOSE_MEASURES, MANIPULATIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clinic.protocols.content import Content

CELLS = frozenset({"viable", "cd34", "tnc"})
DENSEST = Decimal(2) * 10**9
"""Cells in one mL; more do not find room [site default]."""
OF_OTHERS = {
    "dmso_percent": Field(label="DMSO", unit="% v/v", expected=Share(0, 20)),
    "volume": Field(label="Volume", unit="mL", expected=Range("0.05")),
}
"""What is expected of a container that came in; here DMSO is asked about with the run that freezes."""


def latest(product: Any, *, since: datetime | None = None) -> datetime | None:
    """Return the latest moment that the protocol of a `clinic.products.models.Product` allows; None: it sets no end.

    Where the end of the collection is not recorded, fresh cells are counted from the safe side: from what is known of
    the collection or the production before it (hazard H10). ``since``: that moment, of a container that is not stored
    yet. What came in is taken for made by a run where it was cultured, since a table names no run.
    """
    if product.judged_under is None:
        return None
    return use_before(
        product.judged_under.says,
        made_by_run=product.run_id is not None or product.origin == "imported",
        collected_at=product.collected_at or since or product.aged_from,
        made_at=product.performed_at,
        frozen_at=product.frozen_at or (product.performed_at if product.lies_frozen else None),
        thawed_at=product.thawed_at,
    )


def latest_stated(product: Any, *, since: datetime | None = None) -> datetime | None:
    """Return the latest “use before” that somebody may write on cells that came from elsewhere; None: any.

    As `latest`. Cells that the protocol freezes, and of which nothing says when they were frozen, are good for no
    longer than if they had been frozen when they were made.
    """
    end, version = latest(product, since=since), product.judged_under
    if end is not None or version is None or product.thawed_at is not None:
        return end
    made, days = product.performed_at or product.collected_at or since or product.aged_from, version.says.expiry
    if made is None or days.frozen_days is None or "cryopreserve" not in version.says.manipulations:
        return None
    return made + timedelta(days=days.frozen_days)


COLD = "frozen_at"
"""Under this name a container that came in keeps why it is known to be fresh."""


COLD_UNKNOWN = (
    "Nothing says whether these cells are fresh or were frozen. Record on the product when they were frozen, or that "
    "they never were; what was frozen is thawed then, and its time after thaw counts."
)


def cold_unknown(product: Any) -> bool:
    """Whether nothing says if a container that came in is fresh or was frozen, and its protocol gives both (50, 54).

    It is certain where a freezing, a thaw or a medium is recorded, where the protocol freezes nothing, where its clock
    for fresh cells judges it, and where somebody recorded that it was never frozen.
    """
    if product.origin != "imported" or product.was_frozen or product.thawed_at is not None:
        return False
    version, said = product.judged_under, (product.confirmed or {}).get(COLD)
    if version is None or said:
        return False
    expiry = version.says.expiry
    freezes = "cryopreserve" in version.says.manipulations or expiry.frozen_days is not None
    return freezes and product.use_before is None


def record_cold(product: Any, frozen_at: datetime | None, *, by: Any, at: datetime, reason: str) -> None:
    """Record when a container that came in was frozen, or with None that it never was, and let its end follow.

    Raises `RuleBroken` where nothing is to be recorded, or where it was frozen before it was collected.
    """
    if not cold_unknown(product):
        raise RuleBroken("It is recorded already whether this product is fresh or was frozen.", rule=54)
    if frozen_at is None:
        fresh = {COLD: f"Fresh, never frozen: {reason.strip()}"} if reason.strip() else {}
        product.amend(by=by, at=at, reason=reason, confirmed={**(product.confirmed or {}), **fresh})
        return
    began = product.collected_at or product.aged_from
    if began is not None and frozen_at < began:
        raise RuleBroken(Problem("Frozen at: before the cells were collected", COLD, rule=69))
    product.amend(by=by, at=at, reason=reason, frozen_at=frozen_at)
    product.keep_to_expiry()
    for settle in product.when_times_change:
        settle(product)


def first_end(ends: Iterable[datetime | None]) -> datetime | None:
    """Return the first of some ends of a collection; None where one of them is not recorded."""
    known = list(ends)
    return None if None in known else min((end for end in known if end is not None), default=None)


def use_before(  # noqa: PLR0913 - each of these moments starts a clock of its own
    says: Content,
    *,
    made_by_run: bool,
    collected_at: datetime | None,
    made_at: datetime | None,
    frozen_at: datetime | None,
    thawed_at: datetime | None,
) -> datetime | None:
    """Return the first moment at which the product is too old, or None where no limit of the protocol applies.

    Fresh: so many hours from the end of the collection (after culture: from the end of the run). Frozen: so many
    days from the freezing, and the fresh hours stand still. Thawed: so many minutes from the thaw, and never
    longer than it could have lain frozen. The earliest end counts.
    """
    expiry = says.expiry
    ends = []
    cultured = any(MANIPULATIONS[step].culture for step in says.manipulations if step in MANIPULATIONS)
    fresh_from = made_at if made_by_run and cultured and made_at is not None else collected_at
    if frozen_at is None and thawed_at is None and expiry.fresh_hours is not None and fresh_from is not None:
        ends.append(fresh_from + timedelta(hours=expiry.fresh_hours))
    if frozen_at is not None and expiry.frozen_days is not None:
        ends.append(frozen_at + timedelta(days=expiry.frozen_days))
    if thawed_at is not None and expiry.thaw_minutes is not None:
        ends.append(thawed_at + timedelta(minutes=expiry.thaw_minutes))
    return min(ends, default=None)


def unusual(product: Any) -> list[Question]:
    """Return what to ask about a container; at most one question a fact."""
    found, measure = list[Question](), DOSE_MEASURES.get(product.measure or "")
    if measure is not None and product.amount is not None:
        asked = asked_of(product.amount, "amount", "Amount", measure.unit, measure.whole)
        if asked is None and measure.count in CELLS and product.volume:
            asked = _dense(product.amount * measure.each / product.volume)
        found += [] if asked is None else [asked]
    if product.origin == "imported":
        for name, fact in OF_OTHERS.items():
            asked = fact.question(name, getattr(product, name))
            found += [] if asked is None else [replace(asked, rule=39)]
    return found


def asked_of(value: Decimal | None, name: str, label: str, unit: str, expected: Range | None) -> Question | None:
    """Return what to ask about one figure; None where it is expected, or not known."""
    asked = Field(label=label, unit=unit, expected=expected).question(name, value)
    return None if asked is None else replace(asked, rule=39)


def _dense(per_ml: Decimal) -> Question | None:
    if per_ml <= DENSEST:
        return None
    millions = plain(Decimal(round(per_ml / 10**6)))
    said = f"Amount and volume come to {millions} ×10⁶ cells in each mL, more than expected. Is this right?"
    return Question("amount", said, f"Expected: up to {plain(DENSEST / 10**6)} ×10⁶/mL.", rule=39)
