"""A record copied from paper with the wrong bag is taken back (hazard H37); a void by mistake ends (H15)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import object_session

from clinic.errors import Problem, RuleBroken
from clinic.fields import plain
from clinic.products.movements import Movement

if TYPE_CHECKING:
    from clinic.accounts.models import User
    from clinic.records import Amendment

ENDED = {
    "voided": "Voided: started by mistake, nothing was given",
    "given": "Cells were given: the start was voided by mistake",
    "aborted": "Part of the cells was given: the start was voided by mistake",
}
"""How a start that is voided ended after all; what the amendment of such a record offers."""


def how_it_ended(given: Any) -> str:
    """Return in words how a start ended otherwise than planned; a void that kept a volume from before says so."""
    if given.outcome == "voided" and given.volume_given:
        return f"voided, but {plain(given.volume_given)} mL recorded: correct this record"
    return {"voided": "voided, nothing given", "aborted": "stopped early"}.get(given.outcome or "", "")


def void_problems(given: Any) -> list[Problem]:
    """Rule 59: nothing was given or lost at a start that is voided."""
    if given.outcome != "voided" or not (given.volume_given or given.volume_wasted):
        return []
    said = (
        "The start is voided: nothing was given or wasted. If cells were given, choose under “How it ended” that the "
    )
    return [Problem(f"{said}start was voided by mistake.", "volume_given", rule=59)]


def may_end(given: Any, changes: dict[str, Any]) -> None:
    """Take over from a correction that a voided start gave cells after all.

    Raises `RuleBroken` where the bag was given at another start, or left the course.
    """
    if given.outcome != "voided" or changes.get("outcome", "voided") == "voided":
        return
    changes["outcome"] = None if changes["outcome"] == "given" else changes["outcome"]
    kind, session = type(given), object_session(given)
    others = select(kind.id).where(kind.product_id == given.product_id, kind.id != given.id)
    other = session.scalar(others.where(kind.outcome.is_distinct_from("voided")).limit(1)) if session else None
    if other is not None:
        said = f"This bag was given at another start ({other}). Correct the volume there."
        raise RuleBroken(Problem(said, "outcome", rule=50))
    if given.product.treatment_id != given.treatment_id:
        said = "This bag was returned to the bank after the start was voided. Tell quality which cells were given."
        raise RuleBroken(Problem(said, "outcome", rule=4))


def count_again(given: Any, correction: Amendment) -> None:
    """Mark the bag of a start that was voided by mistake as given, also where it was discarded since; plan visits."""
    if correction.changes.get("outcome", [""])[0] != "voided":
        return
    by = correction.amended_by
    moved = Movement.log(
        by=by, at=correction.amended_at, product_id=given.product_id, kind="given", reason=correction.reason,
        place=given.treatment.chain_of_identity or None, performed_at=given.performed_at,
        performed_by=given.performed_by or by,
    )  # fmt: skip
    given.product.movements.append(moved)
    for follow in given.when_started:
        follow(given, by)


def is_copy(given: Any) -> bool:
    """Whether it was copied from paper, and stands."""
    return bool(given.paper) and not given.voided


def void_copy(given: Any, *, by: User, at: datetime, because: str) -> None:
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
