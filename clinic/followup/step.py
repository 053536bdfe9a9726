"""Who may write down visits and events, and how far the follow-up is."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import object_session, selectinload

from clinic.access import Role
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.listing import REPORTERS, VISITORS, waiting
from clinic.followup.models import BASELINE, ContactAttempt, FollowUpVisit, OutcomeScore, PlannedVisit
from clinic.steps import Action, Blocked, Progress, State, Step

if TYPE_CHECKING:
    from clinic.treatments.models import Treatment

SIGNS = frozenset({Role.PHYSICIAN, Role.NURSE})
JUDGES = frozenset({Role.PHYSICIAN})


def plans_of(course: Treatment) -> list[PlannedVisit]:
    """Return the planned visits of a course, in order, with what was written down of each."""
    session = object_session(course)
    if session is None:
        return []
    chosen = (
        select(PlannedVisit)
        .where(PlannedVisit.treatment_id == course.id)
        .order_by(PlannedVisit.due_on, PlannedVisit.number)
    )
    return list(session.scalars(chosen.options(selectinload(PlannedVisit.visit))))


def visits_of(course: Treatment) -> list[FollowUpVisit]:
    """Return the visits of a course that were written down, with their scores."""
    session = object_session(course)
    if session is None:
        return []
    chosen = select(FollowUpVisit).where(FollowUpVisit.treatment_id == course.id)
    ordered = chosen.order_by(FollowUpVisit.course_day, FollowUpVisit.performed_at, FollowUpVisit.id)
    return list(
        session.scalars(
            ordered.options(
                selectinload(FollowUpVisit.scores),
                selectinload(FollowUpVisit.plan),
                selectinload(FollowUpVisit.signatures),
            )
        )
    )


def events_of(course: Treatment) -> list[AdverseEvent]:
    """Return the adverse events of a course, the latest first."""
    session = object_session(course)
    if session is None:
        return []
    chosen = select(AdverseEvent).where(AdverseEvent.treatment_id == course.id)
    return list(
        session.scalars(
            chosen.options(selectinload(AdverseEvent.signatures)).order_by(
                AdverseEvent.performed_at.desc(), AdverseEvent.id
            )
        )
    )


def blockers(course: Treatment, at: datetime) -> list[Blocked]:  # noqa: ARG001 - every gate is asked alike
    """Nothing blocks it: what happened to a patient may always be written down, after a stop or a withdrawal too."""
    return []


def progress(course: Treatment, at: datetime) -> Progress:
    """Done when every planned visit was made, missed with a reason, or lost."""
    plans, visits = plans_of(course), visits_of(course)
    if not plans:
        made = [v for v in visits if v.made == "made" and not v.is_baseline]
        if made and course.origin == "imported":
            return Progress(state=State.DONE, word="Imported")
        return Progress(state=State.TO_DO, word="Baseline read" if visits else "To do")
    on = at.date()
    standings = [plan.standing(on) for plan in plans]
    closed = sum(s in {"done", "missed"} for s in standings)
    overdue = standings.count("overdue")
    if closed == len(plans):
        return Progress(state=State.DONE, word=f"{closed} of {len(plans)} visits")
    word = f"{overdue} overdue" if overdue else f"{closed} of {len(plans)} visits"
    return Progress(state=State.NOW, word=word)


def actions(course: Treatment, at: datetime) -> list[Action]:
    """Send a report whose clock runs; visits overdue, then open; the baseline before the cells; unsigned visits."""
    on, who, found = at.date(), tuple(sorted(VISITORS)), []
    for event in events_of(course):
        if event.report_due_on is not None and event.origin == "clinic":
            found.append(
                Action(
                    title="Send the report",
                    why=f"{event.headline()}: day {event.clock_day(on)} of {event.clock_days}.",
                    who=(Role.PHYSICIAN, Role.QUALITY),
                    to=("events.show", {"event_id": event.id}),
                    due_at=_end(event.report_due_on),
                    danger=True,
                )
            )
        elif event.origin == "clinic" and not event.signed:
            found.append(
                Action(
                    title="Judge and sign the event",
                    why=f"{event.headline()}: written down, not signed by a physician.",
                    who=tuple(JUDGES),
                    to=("events.show", {"event_id": event.id}),
                )
            )
    if course.stop is not None or course.patient.died_on is not None:
        return found
    plans, visits = plans_of(course), visits_of(course)
    for standing, title in (("overdue", "Follow up an overdue visit"), ("open", "Make the visit")):
        found += [
            Action(
                title=title,
                why=f"{plan.name}: window until {plan.closes_on:%-d %b %Y}.",
                who=who,
                to=("followup.visit", {"plan_id": plan.id}),
                due_at=_end(plan.closes_on),
                danger=standing == "overdue",
            )
            for plan in plans
            if plan.standing(on) == standing
        ]
    found += [
        Action(
            title="Sign the visit",
            why=f"{visit.headline()}: written down, not signed.",
            who=tuple(SIGNS),
            to=("followup.show", {"visit_id": visit.id}),
        )
        for visit in visits
        if visit.origin == "clinic" and not visit.signed
    ]
    if (
        not plans
        and not visits
        and course.eligibility() is not None
        and any(v.name == BASELINE for v in course.says.visits)
    ):
        found.append(
            Action(
                title="Write down the baseline",
                why="The scores before the cells are what every later visit is compared with.",
                who=who,
                to=("followup.new", {"treatment_id": course.id}),
            )
        )
    return found


def _end(day: object) -> datetime:
    return datetime.combine(day, time(23, 59), UTC)  # type: ignore[arg-type]


FOLLOW_UP = Step(
    name="followup",
    title="Follow-up",
    icon="stethoscope",
    records=(FollowUpVisit, OutcomeScore, ContactAttempt, AdverseEvent),
    endpoint="followup.index",
    begin="followup.new",
    logs=VISITORS,
    signs=SIGNS,
    blockers=blockers,
    progress=progress,
    actions=actions,
    waiting=waiting,
)
__all__ = ["FOLLOW_UP", "JUDGES", "REPORTERS", "SIGNS", "events_of", "plans_of", "visits_of"]
