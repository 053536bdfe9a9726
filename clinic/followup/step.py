"""Who records visits and events, and how far the follow-up is (rules 62, 67)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from clinic import clock, wording
from clinic.access import Role
from clinic.administration.models import Administration
from clinic.consent.models import ended, valid
from clinic.eligibility.models import Eligibility
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.closing import is_closed, open_points, waits_for_review
from clinic.followup.event_news import signed_before, unread
from clinic.followup.event_records import ENDED, EventNotification, EventUpdate
from clinic.followup.models import BASELINE, ContactAttempt, FollowUpVisit, OutcomeScore, PlannedVisit
from clinic.followup.reactions import reactions, unreported
from clinic.followup.roles import JUDGES, REPORTERS, SIGNS, TELLERS, VISITORS
from clinic.followup.seen import seen_during
from clinic.followup.telling import open_duties
from clinic.patients.models import has_died
from clinic.products.doses_begun import doses_begun
from clinic.products.models import Product
from clinic.records import Origin
from clinic.steps import Action, Mark, Progress, State, Step, marks_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from clinic.course_records import CourseRecords

OVERDUE, OPEN = "Follow up an overdue visit", "Record the visit"


def plans(records: CourseRecords) -> list[PlannedVisit]:
    """Return the planned visits of a course in the order of their days."""
    return sorted(records.of(PlannedVisit), key=lambda plan: (plan.due_on, plan.number))


def visits(records: CourseRecords) -> list[FollowUpVisit]:
    """Return the visits that were recorded; those without a date by their day of the course."""
    found = records.of(FollowUpVisit)
    return sorted(found, key=lambda visit: visit.course_day if visit.course_day is not None else -(10**6))


def events(records: CourseRecords) -> list[AdverseEvent]:
    """Return the adverse events of a course, the latest first."""
    return list(reversed(records.of(AdverseEvent)))


def progress(records: CourseRecords, at: datetime) -> Progress:
    """Done when every planned visit was made, missed with a reason, or lost."""
    planned, made = plans(records), visits(records)
    if not planned:
        later = [visit for visit in made if visit.made == "made" and not visit.is_baseline]
        if later and records.course.origin is Origin.IMPORTED:
            return Progress(state=State.DONE, word="Imported")
        ahead = [visit for visit in records.course.says.visits if visit.name != BASELINE]
        said = f"{len(ahead)} {'visit' if len(ahead) == 1 else 'visits'} planned" if ahead else ""
        said = "" if records.course.stop is not None else said
        return Progress(state=State.TO_DO, word="Baseline done" if made else "To do", by=said)
    on = clock.day(at, records.zone)
    standings = [plan.standing(on) for plan in planned]
    closed, overdue = sum(s in {"done", "missed"} for s in standings), standings.count("overdue")
    if closed == len(planned):
        return Progress(state=State.DONE, word=f"{closed} of {len(planned)} visits")
    return Progress(state=State.NOW, word=f"{overdue} overdue" if overdue else f"{closed} of {len(planned)} visits")


def actions(records: CourseRecords, at: datetime) -> list[Action]:
    """Send a report whose clock runs; visits overdue, then open; the baseline before the cells; what is unsigned."""
    found = [action for event in events(records) for action in _of_event(records, event, at)]
    course = records.course
    told = records.every(Administration) or records.every(AdverseEvent) or records.every(FollowUpVisit)
    found += [*_unreported(records), *_told_at_a_visit(records)] if told else []  # each is of one of these
    if course.stop is not None or has_died(records.people):
        return found + _unsigned(records)
    found += _undecided(records) if told else []
    on = clock.day(at, records.zone)
    for state, title, words in (("overdue", OVERDUE, "window closed"), ("open", OPEN, "window closes")):
        found += [
            Action(
                title=title, why=f"{plan.name}, due {wording.day(plan.due_on)}.", who=tuple(sorted(VISITORS)),
                to=("followup.visit", {"plan_id": plan.id}), due_at=_end(records, plan.closes_on), due_words=words,
            )
            for plan in plans(records)
            if plan.standing(on) == state
        ]  # fmt: skip
    return found + _unsigned(records) + _baseline(records, at)


def _of_event(records: CourseRecords, event: AdverseEvent, at: datetime) -> list[Action]:
    if event.origin is not Origin.CLINIC:
        return _of_imported(event)
    found, to, on = [], ("events.show", {"event_id": event.id}), clock.day(at, records.zone)
    due = event.report_due_on
    if due is not None and event.aware_on is not None:
        changed = signed_before(event)
        assessed = "unexpected" if event.signed or changed else "not assessed by a physician yet"
        assessed = "a correction is not confirmed" if event.signed and event.unconfirmed else assessed
        why = f"{event.headline()}, {assessed}: day {event.clock_day(on)} of {event.clock_days}."
        found.append(
            Action(
                title="Send the report", why=why, who=(Role.PHYSICIAN, Role.QUALITY), to=to,
                since=_end(records, event.aware_on), due_at=_end(records, due), due_words="report due", danger=True,
            )
        )  # fmt: skip
    if not event.signed:
        changed = signed_before(event)
        why = f"{event.headline()}: {changed or 'recorded, not signed by a physician.'}"
        more = {"due_at": event.recorded_at, "due_words": "recorded"}
        found.append(Action(title="Assess and sign the event", why=why, who=tuple(JUDGES), to=to, **more))
    elif unread(event) and event.unconfirmed is None:
        found.append(_to_read(event))
    elif event.unconfirmed is not None:
        corrected = event.unconfirmed
        why = (
            f"{event.headline()}: corrected by {corrected.amended_by.printed_name}, not confirmed by another physician."
        )
        more = {"due_at": corrected.amended_at, "due_words": "corrected"}
        found.append(Action(title="Confirm the correction", why=why, who=tuple(JUDGES), to=to, danger=True, **more))
    return found + _of_duties(records, event) + _to_finish(records, event)


def _of_imported(event: AdverseEvent) -> list[Action]:
    """Ask a physician for an imported event that holds cells or to which something was added here."""
    if unread(event) and (event.signed or not event.assessed_here):
        return [_to_read(event)]
    if event.signed or not event.assessed_here or not (unread(event) or event.accusation()):
        return []
    to, why = ("events.show", {"event_id": event.id}), f"{event.headline()}: imported, not signed by a physician."
    more = {"due_at": event.recorded_at, "due_words": "recorded"}
    return [Action(title="Assess and sign the event", why=why, who=tuple(JUDGES), to=to, **more)]


def _to_read(event: AdverseEvent) -> Action:
    added = unread(event)[0]
    return Action(
        title="Read and sign what was added", why=f"{event.headline()}: {added.said or ''}", who=tuple(JUDGES),
        to=("events.show", {"event_id": event.id}), due_at=added.recorded_at, due_words="recorded", danger=True,
    )  # fmt: skip


def _of_duties(records: CourseRecords, event: AdverseEvent) -> list[Action]:
    """Tell everybody who must be told of a serious event, until the record of it is there (rule 67)."""
    return [
        Action(
            title=duty.title, why=f"{event.headline()} · {duty.because}", who=tuple(sorted(TELLERS)), to=duty.to,
            since=_end(records, duty.since), due_at=_end(records, duty.due), due_words="tell them", danger=True,
        )
        for duty in open_duties(records, event)
    ]  # fmt: skip


def _to_finish(records: CourseRecords, event: AdverseEvent) -> list[Action]:
    """Ask a second physician for the review of a grave event, and a physician to close a serious one that ended."""
    to = {"event_id": event.id}
    first = waits_for_review(event)
    if first:
        more = {"due_at": event.present_signatures[0].signed_at, "due_words": "signed", "not_by": tuple(first)}
        why = f"{event.headline()}: fatal or life-threatening, reviewed by one physician."
        return [Action(title="Review the event", why=why, who=tuple(JUDGES), to=("events.show", to), **more)]
    ended = event.is_serious and event.outcome in ENDED and event.signed and not is_closed(event)
    if not ended or open_points(records, event):
        return []
    why = f"{event.headline()}: ended, everybody was told."
    return [Action(title="Close the event", why=why, who=tuple(JUDGES), to=("event_updates.closing", to))]


def _unreported(records: CourseRecords) -> list[Action]:
    """Ask for an adverse event where a reaction was seen during the giving and none is reported since (rule 64)."""
    found, told = [], events(records)
    for given in records.of(Administration):
        seen = [one for one in seen_during(records, given, told) if one.severe]
        if given.origin is Origin.CLINIC and seen and not any(_tells_of(event, given) for event in told):
            to = ("events.new", {"treatment_id": records.course.id})
            why = f"Reaction while cells were given: {seen[0].words}."
            more = {"due_at": seen[0].at, "due_words": "seen", "danger": True}
            found.append(Action(title="Report the adverse event", why=why, who=tuple(sorted(REPORTERS)), to=to, **more))
    return found


def _told_at_a_visit(records: CourseRecords) -> list[Action]:
    """Ask for an adverse event where a visit told something new, until an event says that it is that (rule 64)."""
    return [
        Action(
            title="Report the adverse event", why=f"{visit.name}: a new symptom or event since the last contact.",
            who=tuple(sorted(REPORTERS)), to=("events.new", {"treatment_id": records.course.id, "visit": visit.id}),
            due_at=visit.recorded_at, due_words="told",
        )
        for visit, told in unreported(records)
        if visit.treatment_id == records.course.id and told.open_in(records) and not told.event_id
    ]  # fmt: skip


def _tells_of(event: AdverseEvent, given: Administration) -> bool:
    start, onset = given.performed_at, event.performed_at
    return event.administration_id == given.id or (start is not None and onset is not None and onset >= start)


def _undecided(records: CourseRecords) -> list[Action]:
    """Ask a physician to decide again after a severe reaction, while doses are still to be given (rule 23)."""
    cells, decided = records.of(Product), any(one.signed and one.eligible for one in records.of(Eligibility))
    ready = any(not one.given and not one.discarded and one.left > 0 for one in cells)
    more_doses = ready or doses_begun(records) < records.course.says.dose.doses
    waits = [one for one in reactions(records) if one.open_in(records)]
    if not waits or not decided or not more_doses:
        return []
    to, more = ("eligibility.new", {"treatment_id": records.course.id}), {"due_at": waits[0].at, "due_words": "seen"}
    return [
        Action(title="Decide after the reaction", why=waits[0].because, who=tuple(JUDGES), to=to, danger=True, **more)
    ]


def _unsigned(records: CourseRecords) -> list[Action]:
    return [
        Action(
            title="Sign the visit", why=f"{visit.headline()}: recorded, not signed.", who=tuple(SIGNS),
            to=("followup.show", {"visit_id": visit.id}), due_at=visit.recorded_at, due_words="recorded",
        )
        for visit in visits(records)
        if visit.origin is Origin.CLINIC and not visit.signed
    ]  # fmt: skip


def _baseline(records: CourseRecords, at: datetime) -> list[Action]:
    decided = any(one.signed and one.eligible for one in records.of(Eligibility))
    asked = any(visit.name == BASELINE for visit in records.course.says.visits)
    imported = records.course.origin is Origin.IMPORTED
    stopped = ended(records, at) is not None and valid(records, at) is None
    if stopped or imported or plans(records) or visits(records) or not decided or not asked:
        return []
    why = "Later visits are compared with the scores before the cells are given."
    to = ("followup.new", {"treatment_id": records.course.id})
    return [Action(title="Record the baseline", why=why, who=tuple(sorted(VISITORS)), to=to)]


def _end(records: CourseRecords, on: date) -> datetime:
    """Return the last minute of a day on the site's clock: after it, what is due on the day is late."""
    return clock.midnight_after(on, records.zone) - timedelta(minutes=1)


def moments(records: CourseRecords) -> Iterable[datetime]:
    """Return the midnights at which windows open and close, and each midnight while a reporting clock runs."""
    day = timedelta(days=1)
    for plan in records.of(PlannedVisit):
        yield from (clock.midnight_after(on, records.zone) for on in (plan.opens_on - day, plan.closes_on))
    for event in records.of(AdverseEvent):
        if event.origin is not Origin.CLINIC or event.aware_on is None:
            continue
        if event.report_due_on is not None or open_duties(records, event):
            yield from (clock.midnight_after(event.aware_on + n * day, records.zone) for n in range(400))


def marks(records: CourseRecords, at: datetime) -> list[Mark]:
    """Return the visits that were made, and those of the plan that are open, overdue or still to come."""
    on, states = clock.day(at, records.zone), {"overdue": State.NOW, "open": State.NOW, "planned": State.TO_DO}
    made = marks_of((one for one in visits(records) if one.made == "made"), records.zone, lambda one: one.name)
    ahead = [] if records.course.stop is not None or has_died(records.people) else plans(records)
    return made + [
        Mark(since=plan.due_on, state=states[standing], said=f"{plan.name}{', overdue' * (standing == 'overdue')}")
        for plan in ahead
        if (standing := plan.standing(on)) in states
    ]


FOLLOW_UP = Step(
    name="followup", title="Follow-up", icon="stethoscope",
    views=("clinic.followup.views", "clinic.followup.event_views", "clinic.followup.update_views"),
    records=(FollowUpVisit, OutcomeScore, ContactAttempt, AdverseEvent, EventUpdate, EventNotification),
    endpoint="followup.index",
    begin="followup.new", logs=VISITORS, signs=SIGNS, progress=progress, actions=actions, moments=moments,
    marks=marks, after=(),
)  # fmt: skip
