"""The lines of the worklist: stored ones and fresh ones, in groups of a patient and a step, in the order of urgency."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from sqlalchemy import (
    Integer,
    String,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    union_all,
)

from clinic.administration.step import STOP
from clinic.course_records import in_turns
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.step import OVERDUE
from clinic.judged_lines import ONLY, WAITS, CourseLine
from clinic.model import UTCDateTime, among, unindexed
from clinic.pathway.projection import lines_of
from clinic.patients.models import Patient
from clinic.row_reader import Listing
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Select
    from sqlalchemy.orm import Session

UNRESOLVED = ("ongoing", "recovering", "unknown")
"""Outcomes of an event that still goes on, or of which nobody knows."""
URGENT = timedelta(hours=2)
NEAR_DAYS = 3
NEAR = timedelta(days=NEAR_DAYS)
"""What is due within this is work for today, and products whose time ends within it are shown beside; frozen ones keep
for years."""
SHOWN = 100
"""Rows of one kind shown on Today; the rest is counted."""


class Lines:
    """The actions of all courses of a site at a moment: stored lines, and fresh ones where time has changed them.

    They are read in groups, one for each patient and step: what is most urgent stands for the others.
    """

    def __init__(self, session: Session, site_id: str, order: Order) -> None:
        self.session, self.order = session, order
        self.given = order.given() | {"site": site_id}
        stale = set(session.scalars(_stale(), self.given))
        self.fresh = [line for one in in_turns(session, sorted(stale)) for line in lines_of(one, order.at)]
        self.people = self._people({line["patient_id"] for line in self.fresh})
        self.given["stale"] = sorted(stale)

    def _people(self, ids: set[str]) -> dict[str, Any]:
        if not ids:
            return {}
        rows = self.session.execute(select(*PERSON).where(Patient.id.in_(ids)))
        return {row.patient_id: row for row in rows}

    def parts(
        self, wanted: dict[str, Wanted], given: dict[str, Any], limit: int = SHOWN
    ) -> dict[str, tuple[list[Group], int]]:
        """Return the first groups of some parts, most urgent first, and how many each has in all; one statement.

        ``given``: the values of the parameters that their conditions name.
        """
        asked = tuple((name, one.condition, one.grouped) for name, one in wanted.items())
        chosen = _first_groups(asked, some_stale=bool(self.given["stale"]))
        rows = chosen.rows(self.session, self.given | given | {"limit": limit})
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in wanted}
        totals = dict.fromkeys(wanted, 0)
        for row in rows:
            found[row.part].append(row._asdict())
            totals[row.part] = row.total
        parts = {}
        for name, one in wanted.items():
            fresh = [line | self._named(line) for line in self.fresh if line["title"] and one.keep(line)]
            count = len({_together(line, one) for line in fresh})
            groups = self._grouped([*found[name], *fresh], one)
            parts[name] = (groups[:limit], totals[name] + count)
        return parts

    def _grouped(self, lines: list[dict[str, Any]], wanted: Wanted) -> list[Group]:
        groups: dict[Any, Group] = {}
        for line in sorted(lines, key=self.order.key):
            groups.setdefault(_together(line, wanted), []).append(line)
        return list(groups.values())

    def _named(self, line: dict[str, Any]) -> dict[str, Any]:
        return dict(self.people[line["patient_id"]]._mapping)  # noqa: SLF001 - the public way to a row's names


SITE = bindparam("site", type_=String)
AT, SOON, LONG_AGO, NEAR_END = (bindparam(name, type_=UTCDateTime()) for name in ("at", "soon", "long_ago", "near_end"))
"""The moment of a list and those before and after it, by which its lines are ordered; see `Order.given`."""


@cache
def _stale() -> Any:
    """Return the select of the courses of a patient of whom time has changed a line."""
    late = select(CourseLine.patient_id).where(CourseLine.site_id == SITE, CourseLine.changes_at <= AT)
    known = select(CourseLine.treatment_id).where(unindexed(CourseLine.site_id) == SITE)
    return known.where(CourseLine.patient_id.in_(late))


@cache
def _first_groups(asked: tuple[tuple[str, Any, bool], ...], *, some_stale: bool) -> Listing:
    """Return the select of the lines of the first groups of some parts: names, conditions, whether they are grouped."""
    stored = [CourseLine.site_id == SITE, WAITS, *([~among(CourseLine.treatment_id, "stale")] if some_stale else [])]
    chosen = union_all(
        *(_part(name, [*stored, condition], grouped=grouped) for name, condition, grouped in asked)
    ).subquery()
    shown = select(chosen, *SHOWN_COLUMNS, *PERSON).join(CourseLine, CourseLine.key == chosen.c.key)
    return Listing(shown.join(Patient, Patient.id == CourseLine.patient_id))


def _part(name: str, conditions: list[Any], *, grouped: bool) -> Any:
    """Select the lines of the first groups of a part, each with the number of all its groups."""
    by = (CourseLine.patient_id, CourseLine.step) if grouped else (CourseLine.key,)
    nth = func.row_number().over(partition_by=by, order_by=in_order(rank(), CourseLine)).label("nth")
    columns = [CourseLine.key, CourseLine.patient_id, CourseLine.step, nth]
    columns += [rank().label("rank"), CourseLine.danger.label("danger"), CourseLine.due_at.label("due_at")]
    inner = select(*columns).where(*conditions).cte(f"lines_{name}")  # read once, named twice
    same = (inner.c.patient_id, inner.c.step) if grouped else (inner.c.key,)
    total = func.count().over().label("total")
    heads = select(*same, total).where(inner.c.nth == 1)
    heads = heads.order_by(*in_order(inner.c.rank, inner.c)).limit(bindparam("limit", type_=Integer)).subquery()
    on = [column == heads.c[column.name] for column in same]
    return select(literal(name).label("part"), heads.c.total, inner.c.key).join(heads, and_(*on))


Group = list[dict[str, Any]]
"""The open tasks of one patient in one step, the most urgent first."""


def _together(line: dict[str, Any], wanted: Wanted) -> Any:
    return (line["patient_id"], line["step"]) if wanted.grouped else id(line)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which lines a part of the page shows: as a condition of the database, and asked of a line that was judged now.

    ``grouped``: one row for each patient and step; else one for each line.
    """

    condition: Any
    keep: Callable[[dict[str, Any]], bool]
    grouped: bool = True


PERSON = (Patient.id.label("patient_id"), Patient.family_name, Patient.given_names, Patient.record_number)
SHOWN_COLUMNS = (
    CourseLine.treatment_id, CourseLine.step, CourseLine.title, CourseLine.why, CourseLine.roles, CourseLine.endpoint,
    CourseLine.target, CourseLine.since, CourseLine.due_at, CourseLine.due_words, CourseLine.danger, CourseLine.people,
    CourseLine.failing,
)  # fmt: skip


def person(line: dict[str, Any] | Any) -> Markup:
    """Return whom a line is about, by two identifiers: family and given name, record number on one line."""
    row = line if isinstance(line, dict) else line._asdict()
    name = ", ".join(part for part in ((row["family_name"] or "").upper(), row["given_names"] or "") if part)
    number = Markup('<span class="c-nowrap">{}</span>').format(row["record_number"]) if row["record_number"] else ""
    return Markup(" · ").join(part for part in (name, number) if part)


LONG_OVER = timedelta(days=1)
"""What was due longer ago waits with today's other tasks: it no longer goes before cells whose hours run out."""
WAITED_SINCE = ("recorded", "ended", "found", "decided", "corrected", "started", "expired")
"""Words of a moment that is no deadline: since then something waits."""
RUNNING = ("started", "end before", "due")
"""Words of cells that run, and of vital signs that are due."""
ENDED_WORDS, RUNNING_WORDS = ([literal_column(f"'{word}'") for word in words] for words in (WAITED_SINCE, RUNNING))
"""The same as constants of a statement."""
RUNS, NOW, MY_PATIENT, MY_ROLE, LATER = range(5)
"""How a list is ordered: cells that run; what can harm or is due within hours, what is still in time before what is
over; today's tasks of one's own patients; those of one's role; what is due in days, months or years."""


@dataclass(frozen=True)
class Order:
    """The order of the worklist for one person at one moment, for stored lines and for lines that were judged now."""

    at: datetime
    user_id: str

    def rank(self, line: dict[str, Any]) -> int:
        """Return how soon a line is to be done."""
        due, words = line["due_at"], line["due_words"]
        deadline = due if words not in WAITED_SINCE else None
        soon = due is None or due <= self.at + URGENT
        if words in RUNNING:
            return RUNS
        if (line["danger"] and soon) or (soon and deadline is not None and self.at - LONG_OVER < deadline):
            return NOW
        if deadline is not None and deadline > self.at + NEAR and not line["danger"]:
            return LATER
        return MY_PATIENT if f" {self.user_id} " in line["people"] else MY_ROLE

    def key(self, line: dict[str, Any]) -> tuple[Any, ...]:
        """Return the key by which lines are sorted; `in_order` is the same for the database."""
        due, rank = line["due_at"], self.rank(line)
        return (
            rank, rank > NOW and not line["danger"], (due is None) is not (rank == NOW),
            rank == NOW and due is not None and due < self.at, due.timestamp() if due is not None else 0,
            line.get("key", 0),
        )  # fmt: skip

    def given(self) -> dict[str, Any]:
        """Return the values of the parameters by which the database orders the same; see `rank`."""
        return {
            "at": self.at, "soon": self.at + URGENT, "long_ago": self.at - LONG_OVER, "near_end": self.at + NEAR,
            "own": f"% {self.user_id} %",
        }  # fmt: skip


def rank() -> Any:
    """Return `Order.rank` as an expression of the database."""
    deadline = CourseLine.due_words.not_in(ENDED_WORDS)
    return case(
        (CourseLine.due_words.in_(RUNNING_WORDS), RUNS),
        (urgent(), NOW),
        (and_(deadline, CourseLine.due_at > NEAR_END, CourseLine.danger.is_(False)), LATER),
        (CourseLine.people.like(bindparam("own", type_=String)), MY_PATIENT),
        else_=MY_ROLE,
    )


def urgent() -> Any:
    """Return as a condition of the database that a line is to be done now."""
    soon = CourseLine.due_at <= SOON
    near = and_(CourseLine.due_at > LONG_AGO, soon)
    harm = and_(CourseLine.danger.is_(True), or_(CourseLine.due_at.is_(None), soon))
    return or_(CourseLine.due_words.in_(RUNNING_WORDS), harm, and_(CourseLine.due_words.not_in(ENDED_WORDS), near))


def in_order(rank: Any, line: Any) -> tuple[Any, ...]:
    """Return `Order.key` for the database: by what lines of the table, or of a select with its columns, are ordered."""
    calm = case((rank <= NOW, 0), (line.danger.is_(True), 0), else_=1)
    undated = case((rank == NOW, case((line.due_at.is_(None), 0), else_=1)), (line.due_at.is_(None), 1), else_=0)
    over = case((and_(rank == NOW, line.due_at < AT), 1), else_=0)
    return rank, calm, undated, over, line.due_at, line.key


@cache
def conditions(*, by_step: bool, by_person: bool) -> dict[str, Any]:
    """Return the conditions of the parts, kept to a step, to a person's patients, or to neither."""
    mark, barred, named, person = (bindparam(name, type_=String) for name in ("mark", "barred", "named", "only_person"))
    told = or_(~CourseLine.barred.contains(f" {ONLY}"), CourseLine.barred.like(named))
    own = and_(CourseLine.roles.like(mark), ~CourseLine.barred.like(barred), told)
    only = [CourseLine.step == bindparam("only_step", type_=String)] if by_step else []
    only += [CourseLine.people.like(person)] if by_person else []
    shown_all_the_same = or_(and_(*only), urgent(), CourseLine.danger.is_(True)) if only else true()
    risk = unresolved()
    return {
        "mine": and_(own, CourseLine.since.is_(None), shown_all_the_same),  # reports that run are in red
        "others": and_(~own, shown_all_the_same),
        "risk": and_(CourseLine.title == OVERDUE, CourseLine.patient_id.in_(risk), *only),
        "late": and_(CourseLine.title == OVERDUE, CourseLine.patient_id.not_in(risk), *only),
        "clocks": CourseLine.since.is_not(None),
        "stops": CourseLine.title == STOP,
    }


@cache
def unresolved() -> Select[Any]:
    """Select the ids of the patients of a ``site`` with an overdue visit who have a serious event that is not over."""
    late = (CourseLine.site_id == SITE, WAITS, CourseLine.title == OVERDUE)
    overdue = select(CourseLine.patient_id).where(*late)
    return (
        select(Treatment.patient_id)
        .join(AdverseEvent, AdverseEvent.treatment_id == Treatment.id)
        .where(
            Treatment.patient_id.in_(overdue), AdverseEvent.outcome.in_(UNRESOLVED),
            or_(AdverseEvent.serious.is_(None), cast(AdverseEvent.serious, String) != "[]"),
        )
    )  # fmt: skip
