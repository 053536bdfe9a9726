"""What the page of an adverse event shows beside its facts: who must be told, what was added, where the cells are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import url_for

from clinic import clock, read_log, record_display, wording
from clinic.access import may
from clinic.course_records import of_course
from clinic.extensions import db
from clinic.followup.closing import is_closed, open_points, stands, waits_for_review
from clinic.followup.event_news import unread
from clinic.followup.event_records import RECIPIENTS, UPDATES, WAYS
from clinic.followup.reporting import all_due
from clinic.followup.roles import JUDGES
from clinic.followup.telling import duties, siblings
from clinic.inventory import lookback
from clinic.pages import me, zone

if TYPE_CHECKING:
    from datetime import date

    from clinic.course_records import CourseRecords
    from clinic.followup.adverse_events import AdverseEvent
    from clinic.followup.event_records import EventNotification, EventUpdate
    from clinic.followup.telling import Duty


def of_event(event: AdverseEvent) -> dict[str, Any]:
    """Return the variables of ``events/show.html``; that recipients of the same cells were read is written down."""
    records, at = of_course(db.session(), event.treatment), clock.now()
    found, cells = duties(records, event), siblings(records, event)
    for one in cells:
        course = records.get(one.treatment_id)
        if course is not None and course.patient_id != event.treatment.patient_id:
            read_log.view(course.patient_id)
    named = [duty.told for duty in found if duty.told is not None]
    return {
        "next": _to_read(event) or _review(event),
        "standing": stands(event),
        "duties": [_duty(duty, clock.today(zone())) for duty in found],
        "reports_of_event": [
            one | {"title": one["whose"], "url": "", "why": f"{one['why']} Day {one['gone']} of {one['of']}"}
            for one in all_due(records, [event], clock.today(zone()), me().role)
        ],
        "others_told": [_told(one) for one in event.notifications if one not in named],
        "history": _history(event),
        "cells": lookback.rows_of(db.session(), cells, zone(), at),
        "cells_columns": lookback.COLUMNS,
        "open_points": [] if is_closed(event) else open_points(records, event),
        "links": _links(event, records),
    }


def _review(event: AdverseEvent) -> dict[str, Any] | None:
    """Return the second physician's next action on a grave event."""
    by = waits_for_review(event)
    if not by or me().role not in JUDGES or any(one.signed_by.is_same_person(me()) for one in event.present_signatures):
        return None
    return {
        "tag": "Your next action", "title": "Review this event", "icon": "signature", "label": "Review and sign",
        "text": "A second physician reviews every fatal or life-threatening event before it is closed.",
        "url": url_for("record_pages.signature", record_id=event.id),
    }  # fmt: skip


def _to_read(event: AdverseEvent) -> dict[str, Any] | None:
    """Return a physician's next action on what was added to an event that is signed."""
    first = event.assessed_here and not event.signed  # its own signature comes first, and covers what was added
    added = unread(event) if me().role in JUDGES and not first else []
    if not added:
        return None
    return {
        "tag": "Your next action", "title": "Read and sign what was added", "icon": "signature",
        "label": "Review and sign", "text": f"{UPDATES[added[0].kind]}: {added[0].said or ''}",
        "url": url_for("record_pages.signature", record_id=added[0].id),
    }  # fmt: skip


def _duty(duty: Duty, on: date) -> dict[str, Any]:
    left = (duty.due - on).days
    tag, said = ("ok", "check", "Told"), ""
    if duty.told is not None:
        tag = ("rest", "x", "Not needed") if duty.told.not_needed else tag
        said = _told(duty.told)["said"]
    elif duty.sent is not None:
        said = wording.day(duty.sent)
    elif left < 0:
        tag = ("danger", "alert-octagon", f"{wording.days(-left)} late")
    else:
        tag = ("danger", "clock", f"{wording.days(left)} left") if left <= 1 else ("wait", "clock", f"{left} days left")
    return {
        "who": RECIPIENTS[duty.recipient], "because": duty.because, "due": duty.due, "tag": tag, "said": said,
        "url": url_for(duty.to[0], **duty.to[1]) if duty.open and may(me().role, duty.to[0]) else None,
    }  # fmt: skip


def _told(one: EventNotification) -> dict[str, Any]:
    """Return who was told, when, how and by whom, in words; or why nobody was."""
    when, by = wording.moment(one.performed_at, zone()), one.done_by
    parts = [one.whom, WAYS.get(one.way or ""), f"reference {one.reference}" if one.reference else "", when, by]
    said = " · ".join(part for part in parts if part)
    if one.not_needed:
        said = f"{one.not_needed} · {when} · {by}"
    amend = (
        url_for("record_pages.amendment", record_id=one.id) if may(me().role, "event_updates.notification") else None
    )
    return {"who": RECIPIENTS[one.recipient], "said": said, "amend": amend}


def _history(event: AdverseEvent) -> list[dict[str, Any]]:
    """Return each update with what was corrected of the event since the one before it, oldest first."""
    changes = list(zip(event.amendments, record_display.amendments(event, zone()), strict=True))
    found, since = [], event.recorded_at
    for one in event.updates:
        mine = [said for amendment, said in changes if since < amendment.amended_at <= one.recorded_at]
        found.append(
            {
                "title": UPDATES[one.kind], "said": one.said or "", "who": one.done_by,
                "when": wording.moment(one.performed_at, zone()), "signed": _signed(one),
                "changes": [line for said in mine for line in said[3]],
            }
        )  # fmt: skip
        since = one.recorded_at
    return found


def _signed(one: EventUpdate) -> str:
    return "; ".join(f"{s.printed_name}, {wording.moment(s.signed_at, zone())}" for s in one.signatures)


def _links(event: AdverseEvent, records: CourseRecords) -> list[tuple[str, str, str]]:
    """Return what may be done with an event now: address, icon, label."""
    closed, role = is_closed(event), me().role
    wanted = [
        ("event_updates.follow_up", "plus", "Add a follow-up report", True),
        ("event_updates.notification", "send", "Record a notification", True),
        ("event_updates.closing", "check", "Close the event", not closed and not open_points(records, event)),
        ("event_updates.reopening", "arrow-back-up", "Reopen the event", closed),
        ("e2b.event", "download", "E2B(R3) data (JSON)", True),
    ]
    return [
        (url_for(name, event_id=event.id), icon, label)
        for name, icon, label, sense in wanted
        if sense and may(role, name)
    ]
