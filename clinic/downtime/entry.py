"""A record is copied from paper: it is judged for then and for now, marked, confirmed by those who did it.

What happened is recorded even where the gate would have refused it: the truth is not to be kept out. But it is never
recorded as if it had been on time and permitted (hazard H37): the checks that it would have failed stay with the
record, quality is asked to review it, and where identity or release was wrong, what shares cells with it is held.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import object_session

from clinic import clock
from clinic.access import WRITERS, Role
from clinic.accounts.models import User
from clinic.administration.models import Administration
from clinic.attachments.files import attach
from clinic.course_records import around, of_course
from clinic.downtime.given import not_released_yet
from clinic.downtime.kinds import moment_of
from clinic.errors import naming
from clinic.extensions import db
from clinic.products.graph import relatives
from clinic.products.models import Product
from clinic.records import Record
from clinic.release.models import Release, released_since
from clinic.requests import acts
from clinic.requests.models import same_human
from clinic.steps import stopped

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy.orm import Session

    from clinic.course_records import CourseRecords
    from clinic.downtime.kinds import Kind
    from clinic.steps import Blocked, Step
    from clinic.treatments.models import Treatment

IDENTITY, RELEASE = frozenset({1, 3, 4}), frozenset({43, 44, 45, 46, 47, 50})
"""Rules of the bedside whose breach puts in doubt what shares cells with what was given."""
CONFIRM = "Copied from paper by {who}. Compare it with the paper, and sign that it is what you did."
CHECK = "Copied from paper by {who}. You are the second person on it: compare it with the paper, and sign."


def take(  # noqa: PLR0913 - a record of a kind, of a course, on something, from a form, by somebody at a moment
    kind: Kind, course: Treatment, on: Any, form: Any, *, by: User, at: datetime
) -> Record:
    """Write a record down from its paper form and return it; raises `RuleBroken` where it cannot have been so."""
    moment = moment_of(form)
    then, now = (refusals(kind, course, form, when, moment=moment) for when in (moment, at))
    made = kind.log(course, on, form, by, at)
    sheet = _sheet(form, then, [said for said in _said(now) if said not in set(_said(then))])
    for one in made:
        one.paper = sheet
    main = made[0]
    db.session.flush()
    if form["paper_scan"].data is not None:
        more = {"title": "Scan of the paper", "box": "paper_scan"}
        attach(db.session(), main, form["paper_scan"].data, by=by, at=at, **more)
    _have_confirmed(main, _second(form), by=by, at=at)
    if then:
        _have_reviewed(db.session(), main, sheet["then"], by=by, at=at)
        _hold(db.session(), main, {reason.rule for reason in then}, by=by, at=at)
    return main


def refusals(kind: Kind, course: Treatment, form: Any, when: datetime, *, moment: datetime) -> list[Blocked]:
    """Return why the gate would have refused the act, asked at one moment; ``moment``: when it happened.

    That a record before it, from paper as well, is not signed here yet, is no reason for then: it was on paper.
    """
    records = of_course(db.session(), course)
    found = _reasons(kind.gate, records, when) if kind.gate is not None else []
    found += kind.judge(course, form, when)
    return [reason for reason in found if when > moment or not was_on_paper(reason, records, moment)]


def _reasons(step: Step, records: CourseRecords, when: datetime) -> list[Blocked]:
    stop = records.course.stop
    known = stop is not None and (stop.since is None or stop.since <= when)
    found = stopped(records) if known else []
    for earlier in step.earlier:
        found += [*earlier.permission(records, when), *earlier.outcome(records, when)]
    return [*found, *step.blockers(records, when)]


def was_on_paper(reason: Blocked, records: CourseRecords, moment: datetime) -> bool:
    """Whether a reason is about a record that was on paper at a moment as well, and is only not signed here yet."""
    rows = [records.get(value) for value in (reason.fix[1].values() if reason.fix else ()) if isinstance(value, str)]
    return any(
        isinstance(row, Record)
        and row.paper is not None
        and row.performed_at is not None
        and row.performed_at <= moment
        for row in rows
    )


def _said(reasons: Iterable[Blocked]) -> list[str]:
    return list(dict.fromkeys(naming(reason.because, reason.rule) for reason in reasons))


def _sheet(form: Any, then: list[Blocked], now: list[str]) -> dict[str, Any]:
    """Return what a record keeps of the paper that it was copied from."""
    writer = db.session.scalar(select(User).where(User.id == form["paper_written_by_id"].data))
    return {
        "written_by_id": writer.id if writer else "", "written_by": writer.label if writer else "",
        "why": form["paper_why"].data, "note": form["paper_note"].data or "", "then": _said(then), "now": now,
    }  # fmt: skip


def _second(form: Any) -> User | None:
    chosen = form["paper_second_id"].data
    return db.session.scalar(select(User).where(User.id == chosen)) if chosen else None


def _have_confirmed(main: Record, second: User | None, *, by: User, at: datetime) -> None:
    """Ask who did it to review it, and the second person to check it: each with a signature of their own."""
    for person, kind, words in ((main.performed_by, "review", CONFIRM), (second, "second_check", CHECK)):
        if person is None or same_human(person, by) or not person.active or person.role not in WRITERS:
            continue
        acts.ask(db.session(), main, of=person, by=by, at=at, kind=kind, text=words.format(who=by.printed_name))


def _have_reviewed(session: Session, main: Record, failed: list[str], *, by: User, at: datetime) -> None:
    """Ask quality to review what would have been refused."""
    text = f"Copied from paper. When it happened, the system would have refused it: {' '.join(failed)}"
    acts.ask(session, main, of=Role.QUALITY, by=by, at=at, kind="review", text=text)


def mark_anew(given: Administration, by: User) -> None:
    """Mark an administration from paper whose start is corrected to before the release, as when it is copied."""
    session = object_session(given)
    if session is None or given.paper is None or given.performed_at is None:
        return
    records = around(session, given.product)
    since = released_since(records, given.product)
    if since is None or since <= given.performed_at:
        return
    said = naming(not_released_yet(since, given.performed_at, records.zone), 50)
    mark(session, given, [said], {50}, by=by, at=clock.now())


Administration.when_started.append(mark_anew)


def mark(  # noqa: PLR0913 - what would have been refused, by which rules
    session: Session, record: Record, failed: list[str], rules: set[int], *, by: User, at: datetime
) -> None:
    """Keep with a copy what would have been refused, have quality review it, and hold what it puts in doubt."""
    record.paper = {**(record.paper or {}), "then": [*record.not_permitted, *failed]}
    _have_reviewed(session, record, failed, by=by, at=at)
    _hold(session, record, rules, by=by, at=at)


def _hold(session: Session, main: Record, rules: set[int], *, by: User, at: datetime) -> None:
    """Hold what shares cells with what was given unreleased or to the wrong person; then the course's own cells too."""
    product = getattr(main, "product", None)
    if not isinstance(product, Product) or not rules & (IDENTITY | RELEASE):
        return
    in_doubt = {one.id: one for one in relatives(around(session, product), product)}
    if rules & IDENTITY:
        records = of_course(session, main.treatment)  # type: ignore[attr-defined] - an administration
        in_doubt |= {one.id: one for one in records.of(Product)}
    said = f"Copied from paper: {product.id} was given although a check would have refused it. See {main.id}."
    for one in in_doubt.values():
        if one.id == product.id or one.given or one.discarded or (one.uses and one.left <= 0):
            continue
        session.add(
            Release.log(
                by=by, at=at, performed_by=by, performed_at=at, site_id=one.site_id, product_id=one.id, product=one,
                decision="hold", reason=said,
            )
        )  # fmt: skip
