"""The page of the ledger: every change as a sentence, newest first, and the head of the chain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, render_template, request, url_for
from sqlalchemy import select

from clinic import searches
from clinic.access import Role, allow
from clinic.accounts.models import User
from clinic.audit import filters
from clinic.audit.sentences import nouns, tell
from clinic.day_filter import day_asked
from clinic.extensions import db
from clinic.ledger.models import LedgerHead, ReadEntry
from clinic.pages import Answer, me, zone

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

bp = Blueprint("ledger", __name__, template_folder="templates")

READS = frozenset({Role.QUALITY, Role.DIRECTOR, Role.INSPECTOR, Role.ADMINISTRATOR})


def _asked(*names: str) -> tuple[dict[str, str], dict[str, str], dict[str, Any]]:
    """Return what a filter asks for, its day in three boxes, and what an address needs to ask for the same again.

    What was typed travels in a form and waits on the server, as that of every search: it may be a patient's number.
    """
    sent = {**request.args, **searches.asked(me().id)}
    asked = {name: sent.get(name, "").strip()[:40] for name in names}
    asked["day"], day_parts = day_asked(sent)
    return asked, day_parts, searches.place() or {name: text for name, text in asked.items() if text}


def _search(endpoint: str, *names: str) -> Response:
    boxes = (*names, "day-d", "day-m", "day-y")
    return searches.answer(me().id, endpoint, **{name: request.form.get(name, "").strip()[:40] for name in boxes})


@bp.route("/ledger", methods=["GET", "POST"])
@allow(READS)
def index() -> Answer:
    """Tell the changes of the user's site; filtered by person, kind, day and record, 50 a page."""
    if request.method == "POST":
        return _search("ledger.index", "who", "kind", "record")
    asked, day_parts, more = _asked("who", "kind", "record")
    people = dict(db.session.execute(select(User.id, User.printed_name).order_by(User.printed_name)).all())
    kinds = {table: noun for table, noun in nouns().items() if filters.may_read(me(), table)}
    notes: list[str] = []
    where = list(filters.conditions(me(), asked, kinds, notes))
    found = filters.newest(db.session(), where, request.args.get("before", ""))
    sentences = [tell(row, people=people, zone=zone()) for row in found.rows]
    head = select(LedgerHead.number, LedgerHead.hash).where(LedgerHead.site_id == me().site_id)
    older = url_for("ledger.index", before=found.after, **more) if found.after else None
    return render_template(
        "audit/index.html", sentences=sentences, asked=asked, day_parts=day_parts, notes=notes, older=older,
        people=people.items(),
        head=db.session.execute(head).one_or_none(), first="before" in request.args, more=more,
        kinds=sorted(kinds.items(), key=lambda pair: pair[1]),
    )  # fmt: skip


KINDS = {"view": "opened", "search": "found in a search", "print": "printed", "export": "exported"}
"""What each kind of reading is called."""


@bp.route("/ledger/readings", methods=["GET", "POST"])
@allow(READS)
def readings() -> Answer:
    """Tell who looked at which patient's record, and what left the clinic as a table; the newest first (rule 70)."""
    if request.method == "POST":
        return _search("ledger.readings", "who", "kind", "patient")
    asked, day_parts, more = _asked("who", "kind", "patient")
    people = dict(db.session.execute(select(User.id, User.printed_name).order_by(User.printed_name)).all())
    notes: list[str] = []
    where = list(filters.reading_conditions(db.session(), me(), asked, KINDS, notes, typed=bool(searches.place())))
    found = filters.newest(db.session(), where, request.args.get("before", ""), ReadEntry)
    return render_template(
        "audit/readings.html", rows=found.rows, asked=asked, day_parts=day_parts, notes=notes, people=people,
        kinds=KINDS, older=url_for("ledger.readings", before=found.after, **more) if found.after else None,
        names=filters.patient_names(db.session(), me(), found.rows), first="before" in request.args, more=more,
    )  # fmt: skip
