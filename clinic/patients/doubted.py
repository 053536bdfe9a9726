"""What a correction replaced and what counts on until a second person confirms the correction (rules 14, 15, 52)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from clinic import clock
from clinic.patients.names import searchable

if TYPE_CHECKING:
    from clinic.records import Amendment, Record

UNCONFIRMED = "closed or changed; a nurse or physician has not confirmed that"
UNCONFIRMED_STOP = "closed or changed; a physician has not confirmed that"


def redated(record: Record, *names: str) -> list[Amendment]:
    """Return the amendments that changed when something happened, by a minute or more."""
    return [one for one in record.amendments if any(moved(one.changes.get(name)) for name in names)]


def moved(change: list[Any] | None) -> bool:
    """Whether a change, as an amendment keeps it, replaced a moment by another one or by none."""
    return change is not None and change[0] is not None and (change[1] is None or change[0][:16] != change[1][:16])


def kept_moment(text: str, zone: str) -> datetime | None:
    """Return a moment as an amendment keeps it, the first one where only its day, month or year was known."""
    known = text.rstrip("~")
    try:
        moment = datetime.fromisoformat(known if len(known) >= 10 else clock.kept_day(text).isoformat())
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else clock.from_wall(moment, zone)


def alone(record: Record) -> list[Amendment]:
    """Return the corrections that nobody has signed since but who made them."""
    return [one for one in record.amendments if not record.is_confirmed(one)]


def figures(record: Record, name: str) -> list[Decimal]:
    """Return what a record says of a quantity, and what it said before corrections that nobody has confirmed."""
    present = getattr(record, name)
    before = [one.changes[name][0] for one in alone(record) if name in one.changes] if record.amendments else []
    return [*([present] if present is not None else []), *(Decimal(old) for old in before if old is not None)]


def starts(record: Record, name: str = "performed_at") -> list[datetime]:
    """Return when something was, and when it was before corrections that nobody has confirmed."""
    present = getattr(record, name)
    before = [one.changes[name][0] for one in alone(record) if moved(one.changes.get(name))]
    known = [moment for text in before if (moment := kept_moment(text, record.zone)) is not None]
    return [*([present] if present is not None else []), *known]


def is_after(moment: datetime, written: datetime, other: datetime, other_written: datetime) -> bool:
    """Whether a moment is after another one; forms know the minute, so within one what was written later is later."""
    mine, its = (one.replace(second=0, microsecond=0) for one in (moment, other))
    return written > other_written if mine == its else mine > its


def takes_away(name: str, change: list[Any]) -> bool:
    """Whether a change of one fact, as an amendment keeps it, takes away a warning that was there."""
    old, new = change
    if name == "allergy_status":
        return old == "present"
    if name == "allergies":
        return bool(old) and searchable(str(old)) not in searchable(str(new or ""))
    if name in {"abo", "rhd"}:
        return bool(old) and new != old
    return name == "died_on" and bool(old) and (new is None or new > old)
