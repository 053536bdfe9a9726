"""The vital signs that follow an administration: at 15 minutes, at the end, one hour later (rule 57)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from clinic import wording
from clinic.access import Role
from clinic.fields import CLOCK_SLACK
from clinic.records import Origin
from clinic.steps import Action

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clinic.administration.models import Administration

MISSED_AFTER = timedelta(hours=12)
NEAR = timedelta(minutes=10)
MONITORED = (("15 minutes after the start", "start", 15), ("At the end", "end", 0), ("1 hour after the end", "end", 60))


class Due(NamedTuple):
    """One later set of vital signs: its label, when it is due (None: not known yet), and how it stands.

    ``late``: how long after that a set was taken; nothing where it was taken in time, or not yet.
    """

    label: str
    at: datetime | None
    state: str
    late: timedelta = timedelta()

    @property
    def words(self) -> str:
        """How it stands, as it is said: “done, 15 min late”."""
        if self.state == "done":
            return f"done, {wording.duration(self.late)} late" if self.late > NEAR else "done"
        return {"due": "due now", "missed": "not recorded"}.get(self.state, self.state)


def monitoring(given: Administration, at: datetime) -> list[Due]:
    """Return each later set of vital signs with its state: done, due, missed or planned.

    One set that was taken answers one that was planned: the oldest that was due then and has none.
    """
    if given.origin is not Origin.CLINIC:
        return []
    taken = sorted(one.performed_at for one in given.vital_signs if one.performed_at and one.check_id is None)
    found = []
    for label, due in _times(given):
        done = next((one for one in taken if due is not None and due - NEAR <= one <= due + MISSED_AFTER), None)
        if due is None or done is None:
            found.append(Due(label, due, _awaited(due, at)))
            continue
        taken.remove(done)
        found.append(Due(label, due, "done", max(done - due, timedelta())))
    return found


def _awaited(due: datetime | None, at: datetime) -> str:
    if due is None or at < due - CLOCK_SLACK:
        return "planned"
    return "missed" if at - due > MISSED_AFTER else "due"


def _times(given: Administration) -> list[tuple[str, datetime | None]]:
    """Return the planned sets; one during the giving falls away where the end came before it."""
    bases = {"start": given.performed_at, "end": given.ended_at}
    found = [
        (label, since, base + timedelta(minutes=minutes) if (base := bases[since]) is not None else None)
        for label, since, minutes in MONITORED
    ]
    end = given.ended_at
    return [(label, due) for label, since, due in found if since == "end" or end is None or due is None or due <= end]


def monitored(given: Administration) -> Iterable[datetime]:
    """Return the moments at which vital signs become due or missed."""
    for _label, due in _times(given):
        if due is not None:
            yield from (due - CLOCK_SLACK, due + MISSED_AFTER + timedelta(microseconds=1))


def due_vital_signs(given: Administration, at: datetime) -> list[Action]:
    """Return the vital signs that are due now, each as an act of the nurse."""
    to = ("administration.vital_signs", {"administration_id": given.id})
    return [
        Action(
            title="Take the vital signs", why=f"{due.label}: {given.headline()}.", who=(Role.NURSE, Role.PHYSICIAN),
            to=to, due_at=due.at, due_words="due", danger=given.ended_at is None,
        )
        for due in monitoring(given, at)
        if due.state == "due"
    ]  # fmt: skip
