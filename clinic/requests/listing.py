"""The requests of one person: asked of them, of their role, and by them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import url_for
from sqlalchemy import or_, select

from clinic import wording
from clinic.access import unindexed
from clinic.pages import staff_choices, zone
from clinic.paging import page, place_of
from clinic.requests.discussion import tag_of
from clinic.requests.models import KINDS, Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from clinic.accounts.models import User

COLUMNS = [
    ("Request", "what", False), ("Question", "text", False), ("Asked by", "by", False), ("Asked of", "whom", False),
    ("Asked at", "at", False), ("State", "state", False),
]  # fmt: skip


def of_person(session: Session, user: User, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return the page of a person's requests, the newest first."""
    mine = or_(
        Request.asked_of_id == user.id, Request.asked_role == user.role.value, Request.performed_by_id == user.id
    )
    order = (Request.recorded_at, Request.id)
    backwards = bool(asked.get("before"))
    found = page(
        session, select(Request).where(unindexed(Request.site_id) == user.site_id, mine), order=order, descending=True,
        place=place_of(session, order, asked.get("before") or asked.get("after")), backwards=backwards, entities=True,
    )  # fmt: skip
    people = dict(staff_choices())
    return {
        "heading": "Requests",
        "lede": "Asked of you, of your role, and by you; the newest first.",
        "columns": COLUMNS,
        "rows": [_row(one, people) for one in found.rows],
        "pager": {
            "previous_url": url_for("requests.index", before=found.before) if found.before else None,
            "next_url": url_for("requests.index", after=found.after) if found.after else None,
            "text": f"{len(found.rows)} on this page" if found.rows else "",
        },
        "empty_text": "No requests yet. Ask from the page of a record.",
    }


def _row(one: Request, people: dict[str, str]) -> list[Any]:
    whom = people.get(one.asked_of_id or "", "") or f"Any {one.whom}"
    return [
        (f"{KINDS[one.kind]}: {one.about}", url_for("requests.show", request_id=one.id)),
        one.text if len(one.text) <= 120 else f"{one.text[:119]}…",
        people.get(one.performed_by_id or "", ""), whom, wording.moment(one.performed_at, zone()), tag_of(one),
    ]  # fmt: skip
