"""The notices of the person who is signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, redirect, render_template, request, url_for
from sqlalchemy import select

from clinic import clock, record_pages, wording
from clinic.access import EVERYBODY, allow, may
from clinic.accounts.models import User
from clinic.extensions import db
from clinic.identifiers import parse_id
from clinic.notices import Notice
from clinic.pages import commit_and_redirect, get_or_404, me, zone
from clinic.paging import page, place_of

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

bp = Blueprint("notices", __name__, template_folder="templates")


@bp.get("/notices")
@allow(EVERYBODY)
def index() -> str:
    """List the notices of this person, the newest first."""
    order, asked = (Notice.made_at, Notice.id), request.args
    found = page(
        db.session(),
        select(Notice, User.printed_name).join(User, User.id == Notice.made_by_id).where(Notice.user_id == me().id),
        order=order, place=place_of(db.session(), order, asked.get("before") or asked.get("after")), descending=True,
        backwards=bool(asked.get("before")), mark=lambda row: row.Notice.id,
    )  # fmt: skip
    return render_template("requests/notices.html", rows=[_shown(row) for row in found.rows], pager=_pager(found))


def _shown(row: Any) -> dict[str, Any]:
    one = row.Notice
    leads = one.record_id is not None and may(me().role, "requests.of_record")
    return {
        "id": one.id, "text": one.text, "by": row.printed_name, "unread": one.read_at is None, "leads": leads,
        "when": wording.moment(one.made_at, zone()),
    }  # fmt: skip


def _pager(found: Any) -> dict[str, Any]:
    return {
        "previous_url": url_for("notices.index", before=found.before) if found.before else None,
        "next_url": url_for("notices.index", after=found.after) if found.after else None,
        "text": f"{len(found.rows)} on this page" if found.rows else "",
    }


@bp.post("/notices/<notice_id>/reading")
@allow(EVERYBODY)
def read(notice_id: str) -> Response:
    """Mark one of one's own notices as read, and lead to the record that it is about."""
    one = get_or_404(Notice, notice_id)
    if one.user_id != me().id:
        return redirect(url_for("notices.index"), 303)
    if one.read_at is None:
        one.read_at = clock.now()
    return commit_and_redirect(_target(one))


def _target(one: Notice) -> str:
    """Return the address of the record of a notice; of the list where it is about none that this person may see."""
    wanted = parse_id(one.record_id or "")
    place = record_pages.PAGES.get(wanted[:2]) if wanted else None
    if place is None or not may(me().role, "requests.of_record"):
        return url_for("notices.index")
    return place.show(get_or_404(place.model, one.record_id or ""))


@bp.post("/notices/readings")
@allow(EVERYBODY)
def read_all() -> Response:
    """Mark all that one was told so far as read."""
    at = clock.now()
    for one in db.session.scalars(select(Notice).where(Notice.user_id == me().id, Notice.read_at.is_(None)).limit(500)):
        one.read_at = at
    return commit_and_redirect(url_for("notices.index"), "All notices are marked read.")
