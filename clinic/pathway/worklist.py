"""The day's worklist: what waits for whom, products whose time runs, visits and events that are late.

Everything is read from the stored lines of the judgement, so that the list says what the pages of the courses say.
Courses whose lines are out of date by now are judged in memory and take the place of their stored lines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from flask import url_for
from sqlalchemy import Integer, bindparam, func, select

from clinic import clock, wording
from clinic.access import Role, may
from clinic.accounts.authorizations import TITLES, expiring, is_own
from clinic.administration.step import STOP
from clinic.consent.step import WITHDRAWN
from clinic.followup.step import OVERDUE
from clinic.judged_lines import ONLY, CourseLine, ProductLine
from clinic.model import UTCDateTime, unindexed
from clinic.pathway.worklist_lines import (
    LATER,
    NEAR,
    NOW,
    PERSON,
    SHOWN,
    SITE,
    URGENT,
    Group,
    Lines,
    Order,
    Wanted,
    conditions,
    person,
    unresolved,
)
from clinic.pathway.worklist_reports import reporting
from clinic.patients.models import Patient
from clinic.products.models import Product
from clinic.release.product_state import ProductState
from clinic.requests.discussion import waiting
from clinic.row_reader import Listing
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from clinic.accounts.models import User

SOON = timedelta(hours=24)
BESIDE = 12
"""Products shown beside them."""
USABLE = frozenset({"released", "conditional", "exceptional", "quarantine"})
"""The states that the end of its time changes into expired."""
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

    @property
    def now(self) -> bool:
        """Whether cells or a patient cannot wait: such a row comes before everything else on the page."""
        return any(row["now"] for row in self.rows)

    @property
    def tells_mine(self) -> bool:
        """Whether a mark on one's own patients tells them apart: not where most of the rows are theirs."""
        return 2 * sum(row["mine"] for row in self.rows) <= len(self.rows)


@dataclass(frozen=True, kw_only=True)
class Board:
    """All that the page of the day shows."""

    mine: Part
    others: Part
    products: Part
    late: Part
    clocks: Part
    stops: Part


def clock_of(due: datetime | None, say: str, at: datetime, zone: str) -> Clock:
    """Return the clock to a moment: minutes and hours when it is near, days when it is far, “ago” when it is over."""
    if due is None:
        return Clock(figure="", say="No due time", state="", word="", due=None)
    left = due - at
    today = clock.day(due, zone) == clock.day(at, zone)
    when = f"{wording.time_of_day(due, zone)} today" if today else wording.day(clock.day(due, zone))
    over = left < timedelta()
    size = abs(left)
    if size >= timedelta(days=730):
        figure = wording.years(size.days, " y", " mo")
    elif size >= timedelta(days=2):
        figure = f"{abs((clock.day(due, zone) - clock.day(at, zone)).days)} days"
    elif size >= timedelta(days=1):
        figure = f"1 day {size.seconds // 3600} h"
    elif size >= timedelta(hours=1):
        figure = f"{size.seconds // 3600} h {size.seconds % 3600 // 60} min"
    elif over and size < timedelta(minutes=1):
        return Clock(figure="just now", say=f"{say} {when}".strip(), state="", word="", due=None)
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


@dataclass(frozen=True, kw_only=True)
class Filter:
    """To what a person keeps Today: a step, and a member of the staff whose patients they are; empty: everything."""

    step: str = ""
    person: str = ""

    def __bool__(self) -> bool:
        return bool(self.step or self.person)

    def keep(self, line: dict[str, Any]) -> bool:
        """Return whether a line that was judged now is shown."""
        mine = not self.person or f" {self.person} " in line["people"]
        return mine and self.step in {"", line["step"]}


def board(  # noqa: PLR0913 - each narrows what is read
    session: Session, user: User, *, zone: str, at: datetime, limit: int = SHOWN, only: Filter | None = None
) -> Board:
    """Return the worklist of a person: what she or he may do now first, then what waits for others.

    ``limit``: how many rows of each part. ``only`` narrows the tasks and visits, never what is to be done now, the
    reports that are due, nor the cells that run and must be stopped.
    """
    role, mark, barred, only = user.role, f" {user.role.value} ", f" {user.id} ", only or Filter()
    named, other = f" {ONLY}{user.id} ", f" {ONLY}"
    order = Order(at, user.id)

    def mine_too(line: dict[str, Any]) -> bool:
        told = other not in line["barred"] or named in line["barred"]
        return mark in line["roles"] and barred not in line["barred"] and told

    def kept(line: dict[str, Any]) -> bool:
        return only.keep(line) or line["danger"] or order.rank(line) <= NOW

    @cache
    def at_risk() -> set[str]:  # asked only of visits that were judged just now
        return set(session.scalars(unresolved(), {"site": user.site_id}))

    fits = conditions(by_step=bool(only.step), by_person=bool(only.person))
    given = {
        "mark": f"%{mark}%", "barred": f"%{barred}%", "named": f"%{named}%", "only_step": only.step,
        "only_person": f"% {only.person} %",
    }  # fmt: skip
    parts = Lines(session, user.site_id, order).parts(given=given, limit=limit, wanted={
        "mine": Wanted(
            condition=fits["mine"], keep=lambda line: mine_too(line) and line["since"] is None and kept(line)
        ),
        "others": Wanted(condition=fits["others"], keep=lambda line: not mine_too(line) and kept(line)),
        "risk": Wanted(
            condition=fits["risk"],
            keep=lambda line: line["title"] == OVERDUE and line["patient_id"] in at_risk() and only.keep(line),
        ),
        "late": Wanted(
            condition=fits["late"],
            keep=lambda line: line["title"] == OVERDUE and line["patient_id"] not in at_risk() and only.keep(line),
        ),
        "clocks": Wanted(condition=fits["clocks"], keep=lambda line: line["since"] is not None, grouped=False),
        "stops": Wanted(condition=fits["stops"], keep=lambda line: line["title"] == STOP, grouped=False),
    })  # fmt: skip
    shown = {
        name: Part(rows=[_shown(group, user, at, zone) for group in parts[name][0]], total=parts[name][1])
        for name in ("mine", "others", "stops")
    }
    return Board(
        **shown,
        products=ending(session, user.site_id, at, zone, limit - SHOWN + BESIDE),
        late=late([parts["risk"], parts["late"]], at, zone, role, limit),
        clocks=Part(rows=reporting(parts["clocks"][0], at, zone, role), total=parts["clocks"][1]),
    )


def asked(session: Session, user: User, at: datetime, zone: str) -> Part:
    """Return the open requests to a person, each with its clock where it has a day, soonest first."""
    rows, total = waiting(session, user)
    ends = [clock.midnight_after(row["due_on"], zone) if row["due_on"] else None for row in rows]
    return Part(
        rows=[row | {"clock": clock_of(end, "answer by", at, zone)} for row, end in zip(rows, ends, strict=True)],
        total=total,
    )


def renewals(staff: list[Any], user: User, at: datetime, zone: str) -> list[dict[str, Any]]:
    """Return the authorizations that expire within 30 days or are expired: of the site for quality, else one's own."""
    rows = []
    for row in expiring(staff, user):
        end = clock.midnight_after(row.valid_until, zone)
        renews = may(user.role, "authorizations.new") and not is_own(row, user)
        rows.append(
            {
                "person": "You" if is_own(row, user) else f"{row.printed_name}, {row.role.label}",
                "step": TITLES.get(row.step, row.step), "last_day": row.valid_until, "over": end <= at,
                "renew": renews,
                "url": url_for("authorizations.new", user_id=row.id, step=row.step)
                if renews
                else url_for("authorizations.show", authorization_id=row.authorization_id),
                "clock": clock_of(end, "expired" if end <= at else "until the end of", at, zone),
            }
        )  # fmt: skip
    return rows


def late(parts: list[tuple[list[Group], int]], at: datetime, zone: str, role: Role, limit: int) -> Part:
    """Return the patients with visits whose window is over and nothing recorded.

    First those at risk, each list with the longest overdue first.
    """
    (risky, _number), _calm = parts
    found = [group for groups, _total in parts for group in groups][:limit]
    rows = [
        {
            "patient": person(group[0]),
            "visit": ", ".join(dict.fromkeys(line["why"].partition(",")[0] for line in group)),
            "risk": "Serious event, not resolved" if group in risky else "",
            "closed": clock.day(group[0]["due_at"], zone),
            "days": (clock.day(at, zone) - clock.day(group[0]["due_at"], zone)).days,
            "url": url_for(group[0]["endpoint"], **group[0]["target"]) if may(role, group[0]["endpoint"]) else "",
        }
        for group in found
    ]
    return Part(rows=rows, total=sum(total for _groups, total in parts))


def _shown(group: Group, user: User, at: datetime, zone: str) -> dict[str, Any]:
    """Return one row: the most urgent task of a patient in a step, and what else is open there."""
    line, rest, role = group[0], group[1:], user.role
    same = [one for one in rest if one["title"] == line["title"]]
    other = {one["title"]: one for one in reversed(rest) if one["title"] != line["title"]}
    also = _same(same, role) if same else []
    also += [(title, _address(one, role), _due_now(one, at)) for title, one in reversed(other.items())]
    rank = Order(at, user.id).rank(line)
    return {
        "patient": person(line),
        "title": line["title"],
        "why": line["why"],
        "also": also,
        "who": " or ".join(sorted(Role(name).label for name in line["roles"].split())),
        "url": _address(line, role),
        "course_url": url_for("pathway.course", treatment_id=line["treatment_id"]),
        "clock": _of_cells_that_run(clock_of(line["due_at"], line["due_words"], at, zone), line, at),
        "danger": line["danger"],
        "failing": line["failing"],
        "mine": f" {user.id} " in line["people"],
        "now": rank <= NOW,
        "later": rank == LATER,
    }


def _of_cells_that_run(clock: Clock, line: dict[str, Any], at: datetime) -> Clock:
    """Return the clock of a line in red where it is due now while, or just after, cells are given."""
    return replace(clock, state="over", word="Due now") if _due_now(line, at) else clock


def _due_now(line: dict[str, Any], at: datetime) -> bool:
    return line["due_at"] is not None and line["due_words"] in {"due", "end before"} and line["due_at"] <= at


def _same(lines: Group, role: Role) -> list[tuple[str, str, bool]]:
    """Return the other tasks of the same name: how many, and each container by its name; none is marked."""
    bags = {_address(one, role): re.split(r": | is on hold", one["why"])[0] for one in lines if _of_a_bag(one)}
    more = f"and {len(lines)} more"
    if len(bags) < len(lines):
        return [(more, "", False)]
    return [(f"{more}: {name}" if number == 0 else name, url, False) for number, (url, name) in enumerate(bags.items())]


def _of_a_bag(line: dict[str, Any]) -> bool:
    return "product_id" in line["target"]


def _address(line: dict[str, Any], role: Role) -> str:
    """Return where a task is done, or nothing where this role cannot open it."""
    return url_for(line["endpoint"], **line["target"]) if may(role, line["endpoint"]) else ""


@cache
def _ending() -> Listing:
    after, before = (bindparam(name, type_=UTCDateTime()) for name in ("from", "to"))
    near: list[Any] = [
        unindexed(ProductLine.site_id) == SITE, ProductLine.state.not_in([state.value for state in GONE]),
        Product.expires_at < before, Product.expires_at > after,
    ]  # fmt: skip
    ended = (CourseLine.treatment_id == Product.treatment_id, CourseLine.title == "", CourseLine.word == WITHDRAWN)
    withdrawn = select(CourseLine.key).where(*ended).exists()
    chosen = (
        select(
            Product.id,
            Product.name,
            Product.division,
            Product.expires_at,
            ProductLine.state,
            Treatment.stop.has().label("stopped"),
            withdrawn.label("withdrawn"),
            func.count().over().label("total"),
            *PERSON,
        )
        .join(ProductLine, ProductLine.product_id == Product.id)
        .join(Treatment, Treatment.id == Product.treatment_id)
        .join(Patient, Patient.id == Treatment.patient_id)
        .where(*near)
    )
    return Listing(chosen.order_by(Product.expires_at, Product.id).limit(bindparam("limit", type_=Integer)))


def ending(session: Session, site_id: str, at: datetime, zone: str, limit: int) -> Part:
    """Return the products of courses whose time ends soon or ended lately and that are not used up, soonest first."""
    given = {"site": site_id, "from": at - NEAR, "to": at + NEAR, "limit": limit}
    found = _ending().rows(session, given)
    rows = []
    for row in found:
        over = row.expires_at <= at
        timer = clock_of(row.expires_at, "ended" if over else "use before", at, zone)
        halted = "Consent withdrawn" if row.withdrawn else "Course stopped" if row.stopped else ""
        waits = row.state in USABLE and not halted  # nobody has to hurry with what is on hold, or will not be given
        state = "over" if over else timer.state if waits else ""
        word = {"over": "Expired", "urgent": "Urgent", "soon": "Soon"}.get(state, "")
        rows.append(
            {
                "name": f"{row.name} {row.division or ''}".strip(), "id": row.id, "patient": person(row),
                "url": url_for("products.show", product_id=row.id),
                "tag": ("wait", "hand-stop", halted) if halted else _state(row, over=over).tag,
                "clock": Clock(figure=timer.figure, say=timer.say, state=state, word=word, due=timer.due),
            }
        )  # fmt: skip
    return Part(rows=rows, total=found[0].total if found else 0)


def _state(row: Any, *, over: bool) -> ProductState:
    """Return the stored state of a product; its time may have ended since it was stored."""
    return ProductState.EXPIRED if over and row.state in USABLE else ProductState(row.state)
