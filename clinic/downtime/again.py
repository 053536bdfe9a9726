"""A copy from paper whose moment is corrected is judged again for that moment, and marked as a new copy is (H37)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from clinic import wording
from clinic.accounts.models import User
from clinic.administration.models import Administration
from clinic.course_records import of_course
from clinic.downtime.entry import mark, was_on_paper
from clinic.errors import naming
from clinic.pathway.order import current
from clinic.processing.models import ProcessingRun
from clinic.records import Record
from clinic.release.known_then import known_then
from clinic.release.product_state import stopped_by
from clinic.steps import Blocked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from clinic.course_records import CourseRecords
    from clinic.ledger.listener import Written
    from clinic.products.models import Product


def mark_again(session: Session, changed: Mapping[str, Written], at: datetime) -> bool:
    """Mark the copies from paper among what was written whose moment is another one now; return whether any was."""
    moved = [
        session.get(one.model, row_id)
        for row_id, one in changed.items()
        if one.columns is not None and "performed_at" in one.columns and issubclass(one.model, Record)
    ]
    found: list[Any] = [one for one in moved if one is not None and one.paper and getattr(one, "treatment", None)]
    return len([one for one in found if _mark(session, one, at)]) > 0


def _mark(session: Session, act: Any, at: datetime) -> bool:
    by = session.scalar(select(User).where(User.id == session.info.get("actor_id", ""))) or act.recorded_by
    failed = [one for one in refusals(of_course(session, act.treatment), act) if _said(one) not in act.not_permitted]
    if failed:
        mark(session, act, [_said(one) for one in failed], {one.rule for one in failed}, by=by, at=at)
    return bool(failed)


def _said(reason: Blocked) -> str:
    return naming(reason.because, reason.rule)


def refusals(records: CourseRecords, act: Any) -> list[Blocked]:
    """Return why a copied act would have been refused at the moment that it bears now (rules 14 to 23, 50, 54)."""
    moment = act.performed_at
    if moment is None:
        return []
    found = []
    for step in current():
        if type(act) in step.records and act.needs_permission:
            found += [one for one in step.forbidden(records, moment) if not was_on_paper(one, records, moment)]
    for product in _cells(act):
        if product.expired(moment):
            ended = wording.moment(product.end, records.zone, product.end_known)
            found.append(Blocked(rule=50, because=f"{product.name} expired: use before {ended}."))
        if decided := stopped_by(known_then(records, product, moment), product, moment):
            found.append(Blocked(rule=50, because=decided))
    return found + _thawed(records, act, moment)


def _cells(act: Any) -> list[Product]:
    """Return the containers that an act used."""
    if isinstance(act, ProcessingRun):
        return [one.product for one in act.inputs]
    return [act.product] if isinstance(act, Administration) and not act.voided else []


def _thawed(records: CourseRecords, act: Any, moment: datetime) -> list[Blocked]:
    limit = records.course.says.expiry.thaw_minutes
    thawed = act.product.thawed_at if isinstance(act, Administration) and not act.voided else None
    if limit is None or thawed is None or moment - thawed <= timedelta(minutes=limit):
        return []
    minutes = int((moment - thawed).total_seconds() // 60)
    return [Blocked(rule=54, because=f"Start is {minutes} minutes after the thaw; the protocol allows {limit}.")]
