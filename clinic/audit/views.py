"""The page of the ledger: every change as a sentence, newest first, and the head of the chain."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request, url_for
from sqlalchemy import select

from clinic.access import Role, allow
from clinic.accounts.models import User
from clinic.audit import filters
from clinic.audit.sentences import nouns, tell
from clinic.extensions import db
from clinic.ledger.models import LedgerHead, ReadEntry
from clinic.pages import me, zone

bp = Blueprint("ledger", __name__, template_folder="templates")

READS = frozenset({Role.QUALITY, Role.DIRECTOR, Role.INSPECTOR, Role.ADMINISTRATOR})


@bp.get("/ledger")
@allow(READS)
def index() -> str:
    """Tell the changes of the user's site; filtered by person, kind, day and record, 50 a page."""
    asked = {name: request.args.get(name, "").strip()[:40] for name in ("who", "kind", "record")}
    asked["day"], day_parts = filters.day_asked(request.args)
    people = dict(db.session.execute(select(User.id, User.printed_name).order_by(User.printed_name)).all())
    kinds = {table: noun for table, noun in nouns().items() if filters.may_read(me(), table)}
    notes: list[str] = []
    where = list(filters.conditions(me(), asked, kinds, notes))
    found = filters.newest(db.session(), where, request.args.get("before", ""))
    sentences = [tell(row, people=people, zone=zone()) for row in found.rows]
    head = select(LedgerHead.number, LedgerHead.hash).where(LedgerHead.site_id == me().site_id)
    more: dict[str, Any] = {name: text for name, text in asked.items() if text}
    older = url_for("ledger.index", before=found.after, **more) if found.after else None
    return render_template(
        "audit/index.html", sentences=sentences, asked=asked, day_parts=day_parts, notes=notes, older=older,
        people=people.items(),
        head=db.session.execute(head).one_or_none(), first="before" in request.args,
        kinds=sorted(kinds.items(), key=lambda pair: pair[1]),
    )  # fmt: skip


KINDS = {"view": "opened", "search": "found in a search", "print": "printed", "export": "exported"}
"""What each kind of reading is called."""


@bp.get("/ledger/readings")
@allow(READS)
def readings() -> str:
    """Tell who looked at which patient's record, and what left the clinic as a table; the newest first (rule 70)."""
    asked = {name: request.args.get(name, "").strip()[:40] for name in ("who", "kind", "patient")}
    asked["day"], day_parts = filters.day_asked(request.args)
    people = dict(db.session.execute(select(User.id, User.printed_name).order_by(User.printed_name)).all())
    notes: list[str] = []
    where = list(filters.reading_conditions(db.session(), me(), asked, KINDS, notes))
    found = filters.newest(db.session(), where, request.args.get("before", ""), ReadEntry)
    more: dict[str, Any] = {name: text for name, text in asked.items() if text}
    return render_template(
        "audit/readings.html", rows=found.rows, asked=asked, day_parts=day_parts, notes=notes, people=people,
        kinds=KINDS, older=url_for("ledger.readings", before=found.after, **more) if found.after else None,
        names=filters.patient_names(db.session(), me(), found.rows), first="before" in request.args, more=more,
    )  # fmt: skip
