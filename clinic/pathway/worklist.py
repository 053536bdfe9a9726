"""The day's worklist: what waits for whom, products whose time runs, visits and events that are late."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flask import url_for
from sqlalchemy import exists, select

from clinic import clock
from clinic.access import Role, may
from clinic.followup.adverse_events import SERIOUS
from clinic.followup.listing import events_with_clock, overdue_visits
from clinic.pathway.order import PATHWAY
from clinic.patients.models import Patient
from clinic.products.models import Movement, Product, RunInput
from clinic.records import Origin
from clinic.treatments.models import Treatment
from clinic.treatments.waiting import person

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from clinic.steps import Waiting

SOON, URGENT = timedelta(hours=24), timedelta(hours=2)
NEAR_DAYS = 3
NEAR = timedelta(days=NEAR_DAYS)
"""Products whose time ends within this are shown on the worklist; frozen ones lie for years."""


@dataclass(frozen=True, kw_only=True)
class Clock:
    """Time left (or gone) as figure and words."""

    figure: str
    say: str
    state: str
    word: str
    due: datetime | None


@dataclass(frozen=True, kw_only=True)
class Board:
    """All that the page of the day shows."""

    mine: list[dict[str, Any]]
    others: list[dict[str, Any]]
    products: list[dict[str, Any]]
    late: list[dict[str, Any]]
    clocks: list[dict[str, Any]]


def clock_of(due: datetime | None, say: str, at: datetime, zone: str) -> Clock:
    """Return the clock to a moment: minutes and hours when it is near, days when it is far, “ago” when it is over."""
    if due is None:
        return Clock(figure="open", say="no time set", state="", word="", due=None)
    left = due - at
    wall = clock.local(due, zone)
    when = f"{wall:%H:%M} today" if wall.date() == clock.local(at, zone).date() else f"{wall:%-d %b %Y}"
    over = left < timedelta()
    size = abs(left)
    if size >= timedelta(days=730):
        figure = f"{size.days // 365} years"
    elif size >= timedelta(days=2):
        figure = f"{size.days} days"
    elif size >= timedelta(days=1):
        figure = f"1 day {size.seconds // 3600} h"
    elif size >= timedelta(hours=1):
        figure = f"{size.seconds // 3600} h {size.seconds % 3600 // 60} min"
    else:
        figure = f"{size.seconds // 60} min"
    state = "" if over or left > SOON else "urgent" if left <= URGENT else "soon"
    return Clock(
        figure=figure,
        say=f"{'ago' if over else 'left'} · {say} {when}".strip(),
        state=state,
        word="",
        due=None if over or left > SOON else due,
    )


def board(session: Session, role: Role, *, zone: str, at: datetime) -> Board:
    """Return the worklist of a role: what its people may do now first, then what waits for others."""
    waiting = [line for step in PATHWAY for line in step.waiting(session, at)]
    far = datetime.max.replace(tzinfo=at.tzinfo)
    waiting.sort(key=lambda line: (not line.danger, line.due_at or far))
    told = [(line, _told(line, role, at, zone)) for line in waiting]
    return Board(
        mine=[row for line, row in told if role in line.who],
        others=[row for line, row in told if role not in line.who],
        products=ending(session, at, zone),
        late=late(session, clock.local(at, zone).date(), role),
        clocks=reporting(session, clock.local(at, zone).date()),
    )


def late(session: Session, on: date, role: Role) -> list[dict[str, Any]]:
    """Return the visits whose window is over and of which nothing was written down, the longest overdue first."""
    return [
        {
            "patient": person(row),
            "visit": row.name,
            "closed": row.closes_on,
            "days": (on - row.closes_on).days,
            "url": url_for("followup.visit", plan_id=row.id) if may(role, "followup.visit") else "",
        }
        for row in overdue_visits(session, on)
    ]


def reporting(session: Session, on: date) -> list[dict[str, Any]]:
    """Return the serious events whose reporting clock runs, with its days as boxes (rule 67)."""
    found = []
    for row, due in events_with_clock(session, on):
        days = (due - row.aware_on).days
        left = (due - on).days
        reasons = ", ".join(SERIOUS[key].lower() for key in row.serious if key in SERIOUS)
        found.append(
            {
                "title": row.term,
                "patient": person(row),
                "why": f"{reasons}, unexpected, suspected: {days} calendar days",
                "url": url_for("events.show", event_id=row.id),
                "due": due,
                "of": days,
                "gone": min(max((on - row.aware_on).days, 0), days),
                "days": abs(left),
                "over": left < 0,
                "urgent": left <= NEAR_DAYS,
            }
        )
    return found


def _told(line: Waiting, role: Role, at: datetime, zone: str) -> dict[str, Any]:
    return {
        "patient": line.patient,
        "title": line.title,
        "why": line.why,
        "who": " or ".join(sorted(role.label for role in line.who)),
        "url": url_for(line.to[0], **line.to[1]) if may(role, line.to[0]) else "",
        "clock": clock_of(line.due_at, line.due_words, at, zone),
        "danger": line.danger,
    }


def ending(session: Session, at: datetime, zone: str) -> list[dict[str, Any]]:
    """Return the products whose time ends soon or ended lately and that are not used up, soonest first."""
    used = exists().where(RunInput.product_id == Product.id)
    gone = exists().where(Movement.product_id == Product.id, Movement.kind.in_(("discarded", "given")))
    rows = session.execute(
        select(
            Product.id,
            Product.name,
            Product.division,
            Product.expires_at,
            Product.thawed_at,
            Patient.family_name,
            Patient.given_names,
            Patient.record_number,
        )
        .join(Treatment, Treatment.id == Product.treatment_id)
        .join(Patient, Patient.id == Treatment.patient_id)
        .where(
            Product.origin == Origin.CLINIC,
            Product.expires_at < at + NEAR,
            Product.expires_at > at - NEAR,
            ~used,
            ~gone,
        )
        .order_by(Product.expires_at)
        .limit(12)
    )
    found = []
    for row in rows:
        over = row.expires_at <= at
        timer = clock_of(row.expires_at, "ended" if over else "use before", at, zone)
        state = "over" if over else timer.state
        word = {"over": "Expired", "urgent": "Urgent", "soon": "Soon"}.get(state, "")
        found.append(
            {
                "name": f"{row.name} {row.division or ''}".strip(),
                "id": row.id,
                "patient": person(row),
                "url": url_for("products.show", product_id=row.id),
                "clock": Clock(figure=timer.figure, say=timer.say, state=state, word=word, due=timer.due),
            }
        )
    return found
