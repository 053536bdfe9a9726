"""A record copied from paper with the wrong bag is taken back: these cells were not given (hazard H37)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from clinic.errors import RuleBroken

if TYPE_CHECKING:
    from clinic.accounts.models import User
    from clinic.administration.models import Administration


def is_copy(given: Administration) -> bool:
    """Whether it was copied from paper, and stands."""
    return bool(given.paper) and not given.voided


def void_copy(given: Administration, *, by: User, at: datetime, because: str) -> None:
    """Void a copy with its end, as an amendment; the bag may be given again. Two people sign it afterwards."""
    if not is_copy(given):
        raise RuleBroken("This record is void already.")
    if given.product.discarded:
        raise RuleBroken("This bag was discarded since. Compare the discard with the paper first.")
    back = {"volume_returned": given.volume_issued or Decimal(0), "volume_wasted": None, "partial_reason": because}
    given.amend(
        {"outcome": "voided", "volume_given": Decimal(0), **back}, by=by, at=at, reason=f"Copied wrongly: {because}"
    )
    given.product.move(kind="not_given", place=given.treatment.chain_of_identity, by=by, at=at, reason=because)
    for follow in given.when_started:
        follow(given, by)
