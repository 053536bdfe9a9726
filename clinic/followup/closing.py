"""The course of an adverse event: reported, assessed, reviewed by a second physician, followed up, closed, reopened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import object_session

from clinic.errors import Problem, RuleBroken
from clinic.followup.event_news import signed_before
from clinic.followup.event_records import ENDED, EventUpdate
from clinic.followup.telling import duties
from clinic.records import Meaning, Origin

if TYPE_CHECKING:
    from datetime import datetime

    from clinic.accounts.models import User
    from clinic.course_records import CourseRecords
    from clinic.followup.adverse_events import AdverseEvent
    from clinic.followup.telling import Duty

CHANGED = ("outcome", "ended_at", "serious")
"""What of the event itself a follow-up report can change."""


def is_closed(event: AdverseEvent) -> bool:
    """Whether a physician closed it and nothing was added or corrected since."""
    last = event.updates[-1] if event.updates else None
    if last is None or last.kind != "closed" or not last.signed:
        return False
    return event.signed and not any(one.amended_at > last.recorded_at for one in event.amendments)


def waits_for_review(event: AdverseEvent) -> list[str]:
    """Return the ids of who signed a fatal or life-threatening event, where no second physician has reviewed it."""
    signed = event.present_signatures if event.is_grave and event.origin is Origin.CLINIC else []
    first = signed[0].signed_by if signed else None
    if first is None or any(not one.signed_by.is_same_person(first) for one in signed):
        return []
    return [one.signed_by_id for one in signed]


def stands(event: AdverseEvent) -> tuple[str, str, str]:
    """Return where an event is in its course, as a tag: kind, icon, word."""
    if event.origin is not Origin.CLINIC:
        return ("rest", "file-import", "Imported")
    if is_closed(event):
        return ("ok", "check", "Closed")
    if event.unassessed:
        return ("wait", "hourglass", "Not assessed")
    if not event.signed:
        return ("wait", "hourglass", "Not signed")
    if waits_for_review(event):
        return ("wait", "hourglass", "Second review due")
    reopened = any(one.kind in {"closed", "reopened"} for one in event.updates)
    return ("wait", "hourglass", "Open again" if reopened else "Open")


def open_points(records: CourseRecords, event: AdverseEvent) -> list[Problem]:
    """Return what must be done before an event can be closed."""
    found = []
    if changed := signed_before(event):
        found.append(Problem(f"A physician must sign what is new of the event first. {changed}", rule=64))
    elif event.unassessed or not event.signed:
        found.append(Problem("A physician must assess and sign the event first.", rule=64))
    elif event.unconfirmed is not None:
        found.append(Problem("A second physician must confirm the correction first.", rule=67))
    elif waits_for_review(event):
        found.append(Problem("A second physician must review a fatal or life-threatening event first.", rule=64))
    untold = [duty for duty in duties(records, event) if duty.open]
    return found + [Problem(f"{duty.title} first{_or_why(duty)}. {duty.because}", rule=67) for duty in untold]


def _or_why(duty: Duty) -> str:
    return "" if duty.recipient == "authority" else ", or record why it is not needed"


def _logged(event: AdverseEvent, **facts: Any) -> EventUpdate:
    """Return a new update, in the session of its event."""
    made = EventUpdate.log(treatment=event.treatment, event=event, **facts)
    session = object_session(event)
    if session is not None:
        session.add(made)
    return made


def follow_up(event: AdverseEvent, *, by: User, at: datetime, said: str | None, **facts: Any) -> EventUpdate:
    """Return a follow-up report; what it changes of the event is an amendment with the report as its reason."""
    changes = {name: facts.pop(name) for name in CHANGED if name in facts}
    confirmed = facts.get("confirmed") or {}
    made = _logged(
        event, by=by, at=at, kind="follow_up", said=said,
        outcome=changes.get("outcome"), **facts,
    )  # fmt: skip
    if any(getattr(event, name) != value for name, value in changes.items()):
        number = sum(one.kind == "follow_up" for one in event.updates)
        more = {"confirmed": event.confirmed | confirmed} if confirmed else {}
        event.amend(changes | more, by=by, at=at, reason=f"Follow-up report {number}: {said}")
    return made


def close(  # noqa: PLR0913 - who, when, and what is said at the end
    records: CourseRecords, event: AdverseEvent, *, by: User, at: datetime, said: str | None, outcome: str | None
) -> EventUpdate:
    """Return the closing of an event, signed; the caller has just checked the password. Raises `RuleBroken`."""
    if is_closed(event):
        raise RuleBroken("The event is closed already.")
    found = open_points(records, event)
    if outcome not in ENDED:
        words = "An event is closed when it has ended: select resolved, with sequelae, fatal or unknown."
        found.append(Problem(words, "outcome", rule=64))
    elif outcome != event.outcome:
        words = "The event says another outcome. Add a follow-up report with this outcome, and sign the event again."
        found.append(Problem(words, "outcome", rule=64))
    if found:
        raise RuleBroken(*found)
    made = _logged(
        event, by=by, at=at, kind="closed", said=said, outcome=outcome,
        performed_at=at, performed_by=by,
    )  # fmt: skip
    made.sign(by=by, at=at, meaning=Meaning.APPROVAL)
    return made


def reopen(event: AdverseEvent, *, by: User, at: datetime, said: str | None) -> EventUpdate:
    """Return the reopening of a closed event, with its reason."""
    if not is_closed(event):
        raise RuleBroken("The event is open. Add a follow-up report instead.")
    return _logged(
        event, by=by, at=at, kind="reopened", said=said, performed_at=at,
        performed_by=by,
    )  # fmt: skip
