"""The day's worklist: what waits for whom, products whose time runs, visits and events that are late.

Everything is read from the stored lines of the judgement, so that the list says what the pages of the courses say.
Courses whose lines are out of date by now are judged in memory and take the place of their stored lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from flask import url_for
from sqlalchemy import func, literal, select, union_all

from clinic import clock, wording
from clinic.access import Role, may
from clinic.course_records import in_turns
from clinic.followup.step import OVERDUE
from clinic.judged_lines import WAITS, CourseLine, ProductLine
from clinic.pathway.projection import lines_of
from clinic.patients.models import Patient
from clinic.products.models import Product
from clinic.release.product_state import ProductState
from clinic.requests.discussion import waiting
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from clinic.accounts.models import User

SOON, URGENT = timedelta(hours=24), timedelta(hours=2)
NEAR_DAYS = 3
NEAR = timedelta(days=NEAR_DAYS)
"""Products whose time ends within this are shown on the worklist; frozen ones keep for years."""
SHOWN = 100
"""Rows of one kind shown on Today; the rest is counted."""
BESIDE = 12
"""Products shown beside them."""
GONE = (ProductState.GIVEN, ProductState.DISCARDED, ProductState.PROCESSED)


@dataclass(frozen=True, kw_only=True)
class Clock:
    """Time left (or gone) as figure and words."""

    figure: str
    say: str
    state: str
    word: str
    due: datetime | None


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some rows of a list, with how many there are in all."""

    rows: list[dict[str, Any]]
    total: int


@dataclass(frozen=True, kw_only=True)
class Board:
    """All that the page of the day shows."""

    mine: Part
    others: Part
    products: Part
    late: Part
    clocks: Part


def clock_of(due: datetime | None, say: str, at: datetime, zone: str) -> Clock:
    """Return the clock to a moment: minutes and hours when it is near, days when it is far, “ago” when it is over."""
    if due is None:
        return Clock(figure="open", say="no due time", state="", word="", due=None)
    left = due - at
    today = clock.day(due, zone) == clock.day(at, zone)
    when = f"{wording.time_of_day(due, zone)} today" if today else wording.day(clock.day(due, zone))
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


class Lines:
    """The actions of all courses of a site at a moment: stored lines, and fresh ones where time has changed them."""

    def __init__(self, session: Session, site_id: str, at: datetime) -> None:
        self.session, self.site_id = session, site_id
        here = CourseLine.site_id == site_id
        stale = set(session.scalars(select(CourseLine.treatment_id).where(here, CourseLine.changes_at <= at)))
        self.fresh = [line for one in in_turns(session, sorted(stale)) for line in lines_of(one, at)]
        self.people = self._people({line["patient_id"] for line in self.fresh})
        self.stored = [here, WAITS, *([CourseLine.treatment_id.not_in(stale)] if stale else [])]

    def _people(self, ids: set[str]) -> dict[str, Any]:
        if not ids:
            return {}
        rows = self.session.execute(select(*PERSON).where(Patient.id.in_(ids)))
        return {row.patient_id: row for row in rows}

    def parts(self, wanted: dict[str, Wanted], limit: int = SHOWN) -> dict[str, tuple[list[dict[str, Any]], int]]:
        """Return the first lines of some parts, soonest first, and how many each has in all; one statement."""
        chosen = union_all(*(self._part(name, one.condition, limit) for name, one in wanted.items())).subquery()
        rows = self.session.execute(
            select(chosen, *SHOWN_COLUMNS, *PERSON)
            .join(CourseLine, CourseLine.key == chosen.c.key)
            .join(Patient, Patient.id == CourseLine.patient_id)
        )
        stored: dict[str, list[dict[str, Any]]] = {name: [] for name in wanted}
        for row in rows.mappings():
            stored[row["part"]].append(dict(row))
        found = {}
        for name, one in wanted.items():
            fresh = [line | self._named(line) for line in self.fresh if line["title"] and one.keep(line)]
            total = stored[name][0]["total"] if stored[name] else 0
            found[name] = (sorted([*stored[name], *fresh], key=_soonest)[:limit], total + len(fresh))
        return found

    def _part(self, name: str, condition: Any, limit: int) -> Any:
        total = select(func.count()).select_from(CourseLine).where(*self.stored, condition).correlate(None)
        order = (CourseLine.danger.desc(), CourseLine.due_at.is_(None), CourseLine.due_at, CourseLine.key)
        columns = (literal(name).label("part"), total.scalar_subquery().label("total"), CourseLine.key)
        return select(select(*columns).where(*self.stored, condition).order_by(*order).limit(limit).subquery())

    def _named(self, line: dict[str, Any]) -> dict[str, Any]:
        return dict(self.people[line["patient_id"]]._mapping)  # noqa: SLF001 - the public way to a row's names


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which lines a part of the page shows: as a condition of the database, and asked of a line that was judged now."""

    condition: Any
    keep: Callable[[dict[str, Any]], bool]


PERSON = (Patient.id.label("patient_id"), Patient.family_name, Patient.given_names, Patient.record_number)
SHOWN_COLUMNS = (
    CourseLine.treatment_id, CourseLine.step, CourseLine.title, CourseLine.why, CourseLine.roles, CourseLine.endpoint,
    CourseLine.target, CourseLine.since, CourseLine.due_at, CourseLine.due_words, CourseLine.danger,
)  # fmt: skip


def _soonest(line: dict[str, Any]) -> tuple[bool, bool, float, int]:
    due = line["due_at"]
    return (not line["danger"], due is None, due.timestamp() if due is not None else 0, line.get("key", 0))


def person(line: dict[str, Any] | Any) -> str:
    """Return whom a line is about, by two identifiers: family and given name, record number."""
    row = line if isinstance(line, dict) else line._mapping  # noqa: SLF001 - as above
    name = ", ".join(part for part in ((row["family_name"] or "").upper(), row["given_names"] or "") if part)
    return " · ".join(part for part in (name, row["record_number"] or "") if part)


def board(  # noqa: PLR0913 - each narrows what is read
    session: Session, role: Role, *, site_id: str, zone: str, at: datetime, limit: int = SHOWN
) -> Board:
    """Return the worklist of a role: what its people may do now first, then what waits for others.

    ``limit``: how many lines of each part.
    """
    mark = f" {role.value} "
    parts = Lines(session, site_id, at).parts(limit=limit, wanted={
        "mine": Wanted(condition=CourseLine.roles.contains(mark), keep=lambda line: mark in line["roles"]),
        "others": Wanted(condition=~CourseLine.roles.contains(mark), keep=lambda line: mark not in line["roles"]),
        "late": Wanted(condition=CourseLine.title == OVERDUE, keep=lambda line: line["title"] == OVERDUE),
        "clocks": Wanted(condition=CourseLine.since.is_not(None), keep=lambda line: line["since"] is not None),
    })  # fmt: skip
    mine, others = (parts[name] for name in ("mine", "others"))
    return Board(
        mine=Part(rows=[_shown(line, role, at, zone) for line in mine[0]], total=mine[1]),
        others=Part(rows=[_shown(line, role, at, zone) for line in others[0]], total=others[1]),
        products=ending(session, site_id, at, zone, limit - SHOWN + BESIDE),
        late=late(*parts["late"], at, zone, role),
        clocks=reporting(*parts["clocks"], at, zone),
    )


def asked(session: Session, user: User, at: datetime, zone: str) -> Part:
    """Return the open requests to a person, each with its clock where it has a day, soonest first."""
    rows, total = waiting(session, user)
    ends = [clock.midnight_after(row["due_on"], zone) if row["due_on"] else None for row in rows]
    return Part(
        rows=[row | {"clock": clock_of(end, "answer by", at, zone)} for row, end in zip(rows, ends, strict=True)],
        total=total,
    )


def late(found: list[dict[str, Any]], total: int, at: datetime, zone: str, role: Role) -> Part:
    """Return the visits whose window is over and of which nothing was recorded, the longest overdue first."""
    rows = [
        {
            "patient": person(line),
            "visit": line["why"].partition(",")[0],
            "closed": clock.day(line["due_at"], zone),
            "days": (clock.day(at, zone) - clock.day(line["due_at"], zone)).days,
            "url": url_for(line["endpoint"], **line["target"]) if may(role, line["endpoint"]) else "",
        }
        for line in found
    ]
    return Part(rows=rows, total=total)


def reporting(found: list[dict[str, Any]], total: int, at: datetime, zone: str) -> Part:
    """Return the serious events whose reporting clock runs, with its days as boxes (rule 67)."""
    on = clock.day(at, zone)
    rows = []
    for line in found:
        due, since = clock.day(line["due_at"], zone), clock.day(line["since"], zone)
        left, days = (due - on).days, (due - since).days
        rows.append(
            {
                "title": line["why"].partition(", unexpected")[0], "patient": person(line),
                "why": f"serious, unexpected, suspected: {days} calendar days",
                "url": url_for(line["endpoint"], **line["target"]), "due": due, "of": days,
                "gone": min(max((on - since).days, 0), days), "days": abs(left), "over": left < 0,
                "urgent": left <= NEAR_DAYS,
            }
        )  # fmt: skip
    return Part(rows=rows, total=total)


def _shown(line: dict[str, Any], role: Role, at: datetime, zone: str) -> dict[str, Any]:
    return {
        "patient": person(line),
        "title": line["title"],
        "why": line["why"],
        "who": " or ".join(sorted(Role(name).label for name in line["roles"].split())),
        "url": url_for(line["endpoint"], **line["target"]) if may(role, line["endpoint"]) else "",
        "course_url": url_for("pathway.course", treatment_id=line["treatment_id"]),
        "clock": clock_of(line["due_at"], line["due_words"], at, zone),
        "danger": line["danger"],
    }


def ending(session: Session, site_id: str, at: datetime, zone: str, limit: int) -> Part:
    """Return the products of courses whose time ends soon or ended lately and that are not used up, soonest first."""
    near: list[Any] = [
        ProductLine.site_id == site_id, ProductLine.state.not_in([state.value for state in GONE]),
        Product.expires_at < at + NEAR, Product.expires_at > at - NEAR,
    ]  # fmt: skip
    chosen = (
        select(
            Product.id, Product.name, Product.division, Product.expires_at, func.count().over().label("total"), *PERSON
        )
        .join(ProductLine, ProductLine.product_id == Product.id)
        .join(Treatment, Treatment.id == Product.treatment_id)
        .join(Patient, Patient.id == Treatment.patient_id)
        .where(*near)
    )
    found = session.execute(chosen.order_by(Product.expires_at, Product.id).limit(limit)).all()
    rows = []
    for row in found:
        over = row.expires_at <= at
        timer = clock_of(row.expires_at, "ended" if over else "use before", at, zone)
        state = "over" if over else timer.state
        word = {"over": "Expired", "urgent": "Urgent", "soon": "Soon"}.get(state, "")
        rows.append(
            {
                "name": f"{row.name} {row.division or ''}".strip(), "id": row.id, "patient": person(row),
                "url": url_for("products.show", product_id=row.id),
                "clock": Clock(figure=timer.figure, say=timer.say, state=state, word=word, due=timer.due),
            }
        )  # fmt: skip
    return Part(rows=rows, total=found[0].total if found else 0)
