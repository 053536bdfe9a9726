"""When an adverse event last told something new, and what was added to it that no physician has read (rules 43, 64)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinic import wording
from clinic.access import Role
from clinic.patients.ruled_out import same_meaning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

OVER = frozenset({"resolved", "sequelae"})
"""The outcomes of an event that does not go on."""
TEXTS = ("term", "narrative", "action")
"""What is written of an event in words; what is added to it later is in its follow-up reports."""
_FACTS = frozenset({"performed_at", "grade", "serious", "from_cells", "from_delivery"})


def _corrected(event: Any) -> Iterator[datetime]:
    """Yield when a correction came to say something else.

    A slip of the pen says nothing new, nor does an event that ends or gets better. Several slips are compared with
    what was written before the first of them.
    """
    first: dict[str, Any] = {}
    for one in event.amendments:
        changes = {name: (first.setdefault(name, old), new) for name, (old, new) in one.changes.items()}
        if telling := [name for name, change in changes.items() if _tells(name, *change)]:
            first = {name: old for name, old in first.items() if name not in telling}
            yield one.amended_at


def last_news(event: Any) -> datetime:
    """Return when an event last told something new: its report, a telling correction, or a follow-up report."""
    return max([event.recorded_at, *_corrected(event), *(one.recorded_at for one in _reports(event))])


def unread(event: Any) -> list[Any]:
    """Return the follow-up reports and reopenings that no physician has signed, nor the event or its closing since."""
    closings = [one for one in event.updates if one.kind == "closed"]
    read = [made.signed_at for row in (event, *closings) for made in row.signatures if made.role == Role.PHYSICIAN]
    last = max(read, default=None)
    return [one for one in _reports(event) if not one.signed and (last is None or one.recorded_at > last)]


def said_later(event: Any) -> list[str]:
    """Return the words of what was added to an event."""
    return [one.said for one in _reports(event) if one.said]


def told_anew(event: Any) -> bool:
    """Whether an event says what it did not say when it was signed last, or has a report that nobody has signed."""
    signed = max((one.signed_at for one in event.signatures), default=None)
    return signed is None or any(at > signed for at in _corrected(event)) or bool(unread(event))


def signed_before(event: Any) -> str:
    """Return who assessed and signed an event, and what changed it since and is not signed; empty: neither.

    An event that was never assessed and signed, or whose signature still holds, has none.
    """
    by = [one for one in event.signatures if one.role == Role.PHYSICIAN]
    if not by or event.unassessed or event.signed:
        return ""
    last = by[-1]
    reports = [one for one in event.updates if one.kind == "follow_up"]
    since = [number for number, one in enumerate(reports, 1) if one.recorded_at >= last.signed_at]
    what = f"Follow-up report {since[-1]}" if since else "A correction"
    return (
        f"Assessed and signed by {last.printed_name}, {wording.moment(last.signed_at, event.zone)}. {what} is not "
        "signed yet."
    )


def _reports(event: Any) -> list[Any]:
    return [one for one in event.updates if one.kind != "closed"]


def _tells(name: str, old: Any, new: Any) -> bool:
    if name in TEXTS:
        return not same_meaning(old or "", new or "")
    if name == "outcome":
        return new not in OVER
    if name == "ended_at":
        return new is None
    return name in _FACTS
