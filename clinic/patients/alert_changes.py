"""What corrections did to an alert: what they took away and nobody has confirmed, and since when it says what (23)."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from clinic import clock
from clinic.access import Role
from clinic.patients.allergens import warns
from clinic.patients.infections import tells_of_infection
from clinic.patients.names import searchable
from clinic.patients.ruled_out import rules_out, same_meaning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from clinic.records import Amendment


def weakened(alert: Any) -> Iterator[tuple[Amendment, dict[str, Any]]]:
    """Yield each unconfirmed correction after which less is warned of, or shorter, the last first; with what was.

    Of an allergy whoever corrects it needs a second person; what rules cells out a physician may close alone, and an
    infection a nurse or physician who did not write it.
    """
    for one, before, after in _changes(alert):
        shorter = after["until_on"] is not None and (before["until_on"] or date.max) > after["until_on"]
        if one.confirmed_by_id is not None:
            continue
        less = searchable(before["text"]) not in searchable(after["text"])
        allergy = warns(before["text"]) and (shorter or less)
        lifted = _lifts(before["text"], after["text"], shorter=shorter) and not _by_physician(one)
        healed = tells_of_infection(before["text"]) and (shorter or not tells_of_infection(after["text"]))
        if allergy or lifted or (healed and not _by_another_carer(alert, one)):
            yield one, before


def texts_since(alert: Any, day: date) -> list[tuple[str, datetime]]:
    """Return what an alert says on a day, each with when that was written.

    A correction of its spelling or of its last day writes nothing new, but that a closed one was opened again does.
    """
    written = {alert.text: _written(alert, None)}
    for one, before in weakened(alert):
        written.setdefault(before["text"], _written(alert, one))
    return [(text, _of(text, written)) for text in alert.texts_on(day)]


def _of(text: str, written: dict[str, datetime]) -> datetime:
    """Return when a text was written; one that is doubted bears a note behind it."""
    known = [one for one in written if text == one or text.startswith(f"{one} (")]
    return written[max(known, key=len)]


def _written(alert: Any, until: Amendment | None) -> datetime:
    """Return when an alert last came to say something else, before a correction."""
    at = alert.recorded_at
    for one, before, after in reversed(list(_changes(alert))):
        if until is not None and one.number >= until.number:
            break
        ended = before["until_on"]
        opened = ended is not None and ended < clock.day(one.amended_at, alert.zone) and after["until_on"] != ended
        if opened or not same_meaning(before["text"], after["text"]):
            at = one.amended_at
    return at


def _changes(alert: Any) -> Iterator[tuple[Amendment, dict[str, Any], dict[str, Any]]]:
    """Yield each correction, the last first, with the facts before and after it."""
    after: dict[str, Any] = {"text": alert.text, "until_on": alert.until_on}
    for one in reversed(alert.amendments if alert.about_id is None else []):
        old = {name: change[0] for name, change in one.changes.items() if name in after}
        if old.get("until_on"):
            old["until_on"] = date.fromisoformat(old["until_on"])
        before = after | old
        yield one, before, after
        after = before


def _lifts(before: str, after: str, *, shorter: bool) -> bool:
    """Whether an alert ruled cells out and a correction ended it, or left nothing of that."""
    return rules_out(before) and (shorter or not rules_out(after))


def _by_physician(one: Amendment) -> bool:
    return one.amended_by is not None and one.amended_by.role is Role.PHYSICIAN


def _by_another_carer(alert: Any, one: Amendment) -> bool:
    """Whether a nurse or physician corrects an alert who did not write what it said before."""
    before = [made for made in alert.amendments if made.number < one.number and "text" in made.changes]
    wrote = {alert.recorded_by_id, *(made.amended_by_id for made in before)}
    return one.amended_by.role in {Role.NURSE, Role.PHYSICIAN} and not one.amended_by.is_among(wrote)
