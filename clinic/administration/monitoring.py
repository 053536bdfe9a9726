"""The vital signs that follow an administration: at 15 minutes, at the end, one hour later (rule 57)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from clinic.access import Role
from clinic.records import Origin
from clinic.steps import Action

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clinic.administration.models import Administration
    from clinic.administration.vital_signs import VitalSigns

MISSED_AFTER = timedelta(hours=12)
NEAR = timedelta(minutes=10)
MONITORED = (("15 minutes after the start", "start", 15), ("At the end", "end", 0), ("1 hour after the end", "end", 60))


class Due(NamedTuple):
    """One later set of vital signs: its label, when it is due (None: not known yet), and how it stands."""

    label: str
    at: datetime | None
    state: str


def monitoring(given: Administration, at: datetime) -> list[Due]:
    """Return each later set of vital signs with its state: done, due, missed or planned."""
    if given.origin is not Origin.CLINIC:
        return []
    found, times = [], _times(given)
    for number, (label, due) in enumerate(times):
        following = [later for _label, later in times[number + 1 :] if later is not None]
        taken = due is not None and any(_counts(signs, due, following) for signs in given.vital_signs)
        late = due is not None and at - due > MISSED_AFTER
        state = "missed" if late else "due" if due is not None and at >= due else "planned"
        found.append(Due(label, due, "done" if taken else state))
    return found


def _times(given: Administration) -> list[tuple[str, datetime | None]]:
    bases = {"start": given.performed_at, "end": given.ended_at}
    return [
        (label, base + timedelta(minutes=minutes) if (base := bases[since]) is not None else None)
        for label, since, minutes in MONITORED
    ]


def _counts(signs: VitalSigns, due: datetime, following: list[datetime]) -> bool:
    """Whether a set was taken for this time: shortly before it or later, and not for the next one."""
    taken, until = signs.performed_at, min(following, default=due + MISSED_AFTER)
    return (
        taken is not None and signs.check_id is None and due - NEAR <= taken and (taken < until - NEAR or until <= due)
    )


def monitored(given: Administration) -> Iterable[datetime]:
    """Return the moments at which vital signs become due or missed."""
    for _label, due in _times(given):
        if due is not None:
            yield from (due, due + MISSED_AFTER + timedelta(microseconds=1))


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
