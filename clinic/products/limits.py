"""Limits of a container: until when it may be used (rule 50), and which of its figures are asked about (rule 39)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clinic import wording
from clinic.clock import Window, window, window_in
from clinic.errors import Problem, Question, RuleBroken
from clinic.fields import Field, Range, Share, plain
from clinic.products.corrections import COLD, tells_cold
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


def limit_of(product: Any, *, since: Window | None = None) -> Window | None:
    """Return when the protocol of a `clinic.products.models.Product` ends its use; None: it sets no end.

    Where a moment from which it counts is known in part, so is the end: at the first moment of the two the cells may be
    too old, and after the last one they certainly are. Where the end of the collection is not recorded, fresh cells are
    counted from the safe side: from what is known of the collection or the production before it (hazard H10).
    ``since``: that moment, of a container that is not stored yet. What came in is taken for made by a run where it was
    cultured, since a table names no run.
    """
    if product.judged_under is None:
        return None
    made, frozen = window_in(product, "performed_at"), window_in(product, "frozen_at")
    starts = {
        "collected_at": window_in(product, "collected_at") or since or product.aged_from,
        "made_at": made,
        "frozen_at": frozen or (made if product.lies_frozen else None),
        "thawed_at": window_in(product, "thawed_at"),
    }
    first: dict[str, datetime | None] = {}
    last: dict[str, datetime | None] = {}
    for name, one in starts.items():
        first[name], last[name] = (None, None) if one is None else one
    says, made_by_run = product.judged_under.says, product.run_id is not None or product.origin == "imported"
    begins = use_before(says, made_by_run=made_by_run, **first)
    ends = use_before(says, made_by_run=made_by_run, **last) if last != first else begins
    return None if begins is None or ends is None else Window(begins, ends)


def latest(product: Any) -> datetime | None:
    """Return the moment at which a container may be too old by its protocol, the safe side; None: it sets no end."""
    found = limit_of(product)
    return None if found is None else found.first


def end_of(product: Any) -> datetime | None:
    """Return the moment at which a container expires: its “use before”, or its protocol's end where that is earlier.

    A “use before” that somebody states counts where it may be right.
    """
    limit, stated = limit_of(product), product.expires_at
    if limit is None or stated is None:
        return stated if limit is None else limit.first
    return min(stated, limit.last)


def end_known(product: Any) -> str:
    """Return how much is known of the end of a container, as `clinic.records.Entry.precision`; "": its minute."""
    limit = limit_of(product)
    stated = product.expires_at is not None and (limit is None or limit.first != product.expires_at)
    if stated or limit is None:
        return product.precision_of("expires_at")
    return "" if limit.first == limit.last else known_of(limit)


def end_text(product: Any) -> str:
    """Return when a container expires, in words, no more of it than is known; "" where it has no end."""
    return wording.moment(product.end, product.zone, product.end_known)


def aged_from(product: Any) -> Window | None:
    """Return what is known of when cells were collected, the earliest first, where no end of it is recorded."""
    known = [moment for ask in product.begun_by if (moment := ask(product)) is not None]
    return min(known, default=window_in(product, "performed_at"))


def known_of(limit: Window) -> str:
    """Return how much is known of an end by how far apart it can be; "": its minute."""
    apart = limit.last - limit.first
    if not apart:
        return ""
    return next((known for known, most in APART.items() if apart < most), "year")


APART = {"day": timedelta(days=2), "month": timedelta(days=32)}
"""Less than this lies between the first and the last moment of what is known to the day, and to the month."""


def keep_to_expiry(product: Any, stated: tuple[datetime, str] | None = None, *, anew: bool = False) -> None:
    """Write down until when a container may be used, and how much is known of it (hazard H10).

    ``stated``: an end that a table states, and how much is known of it; else it is worked out, and an earlier end that
    somebody set stays, unless it is worked out ``anew``.
    """
    rest = dict(product.precision or {})
    if anew:
        rest.pop("expires_at", None)
        product.expires_at, product.precision = None, rest or None
    end, known = stated or (product.end, product.end_known)
    rest.pop("expires_at", None)
    product.expires_at = end
    if known and end is not None:
        rest["expires_at"] = known
    if rest != (product.precision or {}):
        product.precision = rest or None


def limit_stated(product: Any, *, since: Window | None = None) -> Window | None:
    """Return the latest “use before” that somebody may write on cells that came from elsewhere; None: any.

    As `limit_of`. Cells that the protocol freezes, and of which nothing says when they were frozen, are good for no
    longer than if they had been frozen when they were made.
    """
    end, version = limit_of(product, since=since), product.judged_under
    if end is not None or version is None or product.thawed_at is not None:
        return end
    made = window_in(product, "performed_at") or window_in(product, "collected_at") or since or product.aged_from
    days = version.says.expiry.frozen_days
    if made is None or days is None or "cryopreserve" not in version.says.manipulations:
        return None
    return Window(made.first + timedelta(days=days), made.last + timedelta(days=days))


"""Under this name a container that came in keeps why it is known to be fresh."""


COLD_UNKNOWN = (
    "Nothing says whether these cells are fresh or were frozen. Record on the product when they were frozen, or that "
    "they never were. Frozen cells must be thawed before use, and their time after thaw counts."
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


def never_frozen(product: Any) -> bool:
    """Whether somebody recorded of a container that came in that it was never frozen."""
    return product.frozen_at is None and COLD in (product.confirmed or {})


def refuse_thaw(product: Any, moment: datetime) -> None:
    """Refuse a second thaw, and one of what was never frozen (rule 54)."""
    if product.thawed_at is not None and moment >= product.thawed_at:
        then = wording.moment(product.thawed_at, product.zone)
        said = f"This product was thawed already, at {then}. It cannot be thawed twice."
        raise RuleBroken(f"{said} If it was thawed earlier than that, record the earlier time.", rule=54)
    if product.thawed_at is None and never_frozen(product):
        said = (
            "This product is recorded as fresh, never frozen. Correct that on the product; a second person confirms it."
        )
        raise RuleBroken(said, rule=54)


def may_tell_cold(product: Any) -> bool:
    """Whether somebody records if a container that came in is fresh or was frozen, or corrects what was recorded."""
    told = any(tells_cold(one) for one in product.amendments)
    return cold_unknown(product) or (told and product.thawed_at is None)


def record_cold(  # noqa: PLR0913 - the act and who answers for it
    product: Any, frozen_at: datetime | None, known: str = "", *, by: Any, at: datetime, reason: str
) -> None:
    """Record when a container that came in was frozen, or with None that it never was, and let its end follow.

    It waits for a second person, as any correction of what the cells are; so does a correction of it. ``known``: how
    much of that moment is known, as in `clinic.records.Entry.precision`. Raises `RuleBroken` where nothing is to be
    recorded, where nobody says how it is known, or where it was frozen before it was collected.
    """
    if not may_tell_cold(product):
        raise RuleBroken("It is recorded already whether this product is fresh or was frozen.", rule=54)
    if not any(len(word) > 3 for word in reason.split()):
        raise RuleBroken(Problem("How it is known: name the label, the note or the person that says so", "reason"))
    frozen = [one for one in (limit_of(product), limit_stated(product)) if one is not None]
    by_rule = product.expires_at in {None, product.use_before, *(end for one in frozen for end in one)}
    said = {key: why for key, why in (product.confirmed or {}).items() if key != COLD}
    if frozen_at is None:
        said[COLD] = f"Fresh, never frozen: {reason.strip()}"
    else:
        began = window_in(product, "collected_at") or product.aged_from
        if began is not None and window(frozen_at, known, product.zone).last < began.first:
            raise RuleBroken(Problem("Frozen at: before the cells were collected", COLD, rule=69))
    product.amend({COLD: frozen_at, "confirmed": said}, {COLD: known}, by=by, at=at, reason=reason)
    product.keep_to_expiry(anew=by_rule)
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
        if never_frozen(product) and product.was_frozen:
            said = "This product is recorded as fresh, never frozen, and holds freezing medium. Is this right?"
            found.append(Question("cryo_medium", said, "If it was frozen, record that on the product.", rule=54))
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
