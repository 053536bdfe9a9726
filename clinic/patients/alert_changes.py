"""What alerts say on a day, since when, and what corrections took away that nobody has confirmed (rule 23)."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

from clinic import clock
from clinic.access import Role
from clinic.errors import RuleBroken
from clinic.patients.allergens import reacts, warns
from clinic.patients.cautions import is_everyday
from clinic.patients.doubted import UNCONFIRMED, UNCONFIRMED_STOP
from clinic.patients.illness import ill_now
from clinic.patients.infections import tells_of_infection
from clinic.patients.names import searchable
from clinic.patients.ruled_out import rules_out, same_meaning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from clinic.accounts.models import User
    from clinic.records import Amendment

MAY_CELLS_GO_ON = "May cells be collected or given before a physician has read this?"
MAY_GO_ON = {"yes": "Yes, it is a caution", "no": "No, a physician decides first", "unknown": "I do not know"}
"""What the writer of an alert is asked, and answers: only a caution lets cells go on."""

STILL_COUNTS = "still counts at the bedside"


class Told(NamedTuple):
    """What an alert says: its text, what its writer answered to `MAY_GO_ON`, and since when; None: not recorded.

    ``by_physician``: whether a physician wrote the text and the answer, or confirmed them.
    """

    text: str
    answer: str | None = None
    written: datetime | None = None
    by_physician: bool = True

    @property
    def waits(self) -> bool:
        """Whether nobody who may has said that cells are collected or given before a physician has read it.

        Anybody says so of a caution of everyday, a physician of every text.
        """
        return self.answer in {"no", "unknown"} or self.unread

    @property
    def unread(self) -> bool:
        """Whether somebody else than a physician called a text a caution that is none of everyday."""
        return self.answer == "yes" and not self.by_physician and not is_everyday(self.text)

    def stops(self, condition: str | None, day: date) -> bool:
        """Whether it stops until a physician decides, if that has not been read by who decided.

        Harvest, gate, course and running cells ask it. The writer's answer counts, words only tighten it.
        ``condition``: what the course treats. ``day``: today, by which an illness of earlier years is told from a new.
        """
        return self.waits or rules_out(self.text, condition) or ill_now(self.text, day)


class Weakened(NamedTuple):
    """An unconfirmed correction after which less is warned of, and what was said before it.

    ``stop``: it took away what stops cells, so only a physician confirms it.
    """

    amendment: Amendment
    before: dict[str, Any]
    stop: bool

    @property
    def told(self) -> str:
        """What was said before, marked as not confirmed."""
        return f"{self.before['text']} ({UNCONFIRMED_STOP if self.stop else UNCONFIRMED})"


def weakened(alert: Any) -> Iterator[Weakened]:
    """Yield each unconfirmed correction after which less is warned of, or shorter, the last first; with what was.

    Of an allergy whoever corrects it needs a second person; what stops cells a physician may close alone, and an
    infection a nurse or physician who did not write it. A physician who closes an alert settles what others, alone,
    took away of it before, but for allergies.
    """
    closing: Amendment | None = None
    for one, before, after in _changes(alert):
        until = after["until_on"] or date.max
        shorter = (before["until_on"] or date.max) > until
        if shorter and _by_physician(one) and until < clock.day(one.amended_at, alert.zone):
            closing = closing or one
        if one.confirmed_by_id is not None:
            continue
        less = searchable(before["text"]) not in searchable(after["text"])
        allergy = warns(before["text"]) and (shorter or less)
        by_physician = _by_physician(one) or closing is not None
        lifted = not by_physician and _lifts(before, after, shorter=shorter, day=clock.day(one.amended_at, alert.zone))
        healed = tells_of_infection(before["text"]) and (shorter or not tells_of_infection(after["text"]))
        checked = [change for change in (one, closing) if change is not None and _by_another_carer(alert, change)]
        if allergy or lifted or (healed and not checked):
            yield Weakened(one, before, lifted)


def confirming(alert: Any, correction: Amendment) -> frozenset[Role]:
    """Return who confirms a correction of an alert: of what stops cells a physician, else a nurse, too (rule 23)."""
    return frozenset({Role.PHYSICIAN} if correction in alert.of_physicians else {Role.NURSE, Role.PHYSICIAN})


def waits_for(who: frozenset[Role]) -> str:
    """Return in words for whom a correction waits."""
    return "a second nurse or physician" if Role.NURSE in who else "a physician"


def shown_in_band(alert: Any, day: date) -> list[str]:
    """Return what the patient's band says of an alert on a day: also what was closed or changed and counts on."""
    if alert.shown_on(day) and (alert.version or 1) == 1:
        return [alert.text]
    left = {one.text for one in _left_unread(alert, day, {one.amendment.number for one in weakened(alert)})}
    told = [one.text for one in said_on(alert, day) if one.text not in left]
    return [text if text == alert.text and alert.shown_on(day) else f"{text}: {STILL_COUNTS}" for text in told]


def said_on(alert: Any, day: date) -> list[Told]:
    """Return what an alert says on a day, each with when that was written.

    Also what was taken away and nobody who may has confirmed. An allergy does not end by the day that was set when it
    was written: two people end it with a correction. A correction of its spelling or of its last day writes nothing
    new, but that a closed one was opened again does, and an answer after which it stops.
    """
    doubted = [one for one in weakened(alert) if (one.before["until_on"] or date.max) >= day]
    ended = alert.about_id is not None or any("until_on" in one.changes for one in alert.amendments)
    shown = alert.shown_on(day) or (reacts(alert.text) and not ended)
    told = [Told(alert.text, alert.may_go_on, _written(alert, None), _of_physician(alert, None))] if shown else []
    told += [Told(one.told, one.before["may_go_on"], _written(alert, one.amendment)) for one in doubted]
    told += _left_unread(alert, day, {one.amendment.number for one in doubted})
    first = {(one.text, one.waits): one for one in reversed(told)}
    return [one for one in told if first[one.text, one.waits] is one]


def _written(alert: Any, until: Amendment | None) -> datetime:
    """Return when an alert last came to say something else, before a correction."""
    at = alert.recorded_at
    for one, before, after in reversed(list(_changes(alert))):
        if until is not None and one.number >= until.number:
            break
        ended = before["until_on"]
        opened = ended is not None and ended < clock.day(one.amended_at, alert.zone) and after["until_on"] != ended
        old, new = Told(before["text"], before["may_go_on"]), Told(after["text"], after["may_go_on"])
        if opened or not same_meaning(old.text, new.text) or (new.waits and not old.waits):
            at = one.amended_at
    return at


def _left_unread(alert: Any, day: date, known: set[int]) -> Iterator[Told]:
    """Yield each caution that no physician had read when somebody else closed it, or wrote something else."""
    for one, before, after in _changes(alert):
        if _by_physician(one):
            return
        shorter = (before["until_on"] or date.max) > (after["until_on"] or date.max)
        gone = shorter or searchable(before["text"]) not in searchable(after["text"])
        if one.number in known or not gone or one.confirmed_by_id is not None or (before["until_on"] or day) < day:
            continue
        told = Told(before["text"], before["may_go_on"], _written(alert, one), _of_physician(alert, one))
        if told.unread:
            yield told._replace(text=f"{told.text} ({UNCONFIRMED_STOP})", answer="unknown")


def waits_to_be_read(alert: Any, day: date) -> bool:
    """Whether an alert says that it is a caution, and cells wait only until a physician has read it."""
    return any(one.unread and one.text == alert.text for one in said_on(alert, day))


def say_read(alert: Any, *, by: User, at: datetime, today: date) -> Amendment:
    """Keep that a physician read an alert as it stands and lets cells go on over it; refuse where none waits."""
    if not waits_to_be_read(alert, today):
        raise RuleBroken("No cells wait for this alert to be read.", rule=23)
    said = f"{by.printed_name} read it: cells may go on"
    known = alert.confirmed | {_reading(len(alert.amendments) + 1): said}
    return alert.amend({"confirmed": known}, by=by, at=at, reason="Read: cells may go on")


def _reading(number: int) -> str:
    return f"reading {number}"


def _is_reading(one: Amendment) -> bool:
    return _reading(one.number) in (one.changes.get("confirmed") or [None, {}])[1]


def _of_physician(alert: Any, until: Amendment | None) -> bool:
    """Whether a physician wrote what an alert said before a correction, or confirmed it; None: what it says now."""
    for one in reversed(alert.amendments):
        told = {"text", "may_go_on"} & one.changes.keys() or _is_reading(one)
        if (until is None or one.number < until.number) and told:
            read = one.confirmed_by is not None and one.confirmed_by.role is Role.PHYSICIAN
            return read or _by_physician(one)
    return alert.recorded_by.role is Role.PHYSICIAN


def _changes(alert: Any) -> Iterator[tuple[Amendment, dict[str, Any], dict[str, Any]]]:
    """Yield each correction, the last first, with the facts before and after it."""
    after: dict[str, Any] = {"text": alert.text, "until_on": alert.until_on, "may_go_on": alert.may_go_on}
    for one in reversed(alert.amendments if alert.about_id is None else []):
        old = {name: change[0] for name, change in one.changes.items() if name in after}
        if old.get("until_on"):
            old["until_on"] = date.fromisoformat(old["until_on"])
        before = after | old
        yield one, before, after
        after = before


def _lifts(before: dict[str, Any], after: dict[str, Any], *, shorter: bool, day: date) -> bool:
    """Whether an alert stopped cells and a correction ended it, or left nothing of that."""
    old, new = (Told(said["text"], said["may_go_on"]) for said in (before, after))
    return old.stops(None, day) and (shorter or not new.stops(None, day))


def _by_physician(one: Amendment) -> bool:
    return one.amended_by is not None and one.amended_by.role is Role.PHYSICIAN


def _by_another_carer(alert: Any, one: Amendment) -> bool:
    """Whether a nurse or physician corrects an alert who did not write what it said before."""
    before = [made for made in alert.amendments if made.number < one.number and "text" in made.changes]
    wrote = {alert.recorded_by_id, *(made.amended_by_id for made in before)}
    return one.amended_by.role in {Role.NURSE, Role.PHYSICIAN} and not one.amended_by.is_among(wrote)
