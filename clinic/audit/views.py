"""The page of the ledger: every change as a sentence, newest first, and where the chain stands."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from flask import Blueprint, render_template, request, url_for
from sqlalchemy import select

from clinic.access import Role, allow
from clinic.accounts.models import User
from clinic.audit.sentences import nouns, tell
from clinic.extensions import db
from clinic.identifiers import parse_id
from clinic.ledger.models import LedgerEntry, LedgerHead
from clinic.ledger.verify import models
from clinic.pages import me, zone
from clinic.paging import Page, page

if TYPE_CHECKING:
    from collections.abc import Iterator

bp = Blueprint("ledger", __name__, template_folder="templates")

READS = frozenset({Role.QUALITY, Role.DIRECTOR, Role.INSPECTOR, Role.ADMINISTRATOR})
ADMINISTRATION = ("site", "user_account")
"""What an administrator reads: accounts and the site, nothing about patients (R31)."""
PAGE = 50


@bp.get("/ledger")
@allow(READS)
def index() -> str:
    """Tell the changes of the user's site; filtered by person, kind, day and record, 50 a page."""
    asked = {name: request.args.get(name, "").strip()[:40] for name in ("who", "kind", "day", "record")}
    people = {
        row.id: row.printed_name
        for row in db.session.execute(select(User.id, User.printed_name).order_by(User.printed_name))
    }
    kinds = {table: noun for table, noun in nouns().items() if _may_read(table)}
    notes: list[str] = []
    where = list(_where(asked, kinds, notes))
    found = _newest(where, request.args.get("before", ""))
    told = [tell(row, people=people, zone=zone()) for row in found.rows]
    head = db.session.execute(
        select(LedgerHead.number, LedgerHead.hash).where(LedgerHead.site_id == me().site_id)
    ).one_or_none()
    more: dict[str, Any] = {name: text for name, text in asked.items() if text}
    older = url_for("ledger.index", before=found.after, **more) if found.after else None
    return render_template(
        "audit/index.html", told=told, asked=asked, notes=notes, older=older, head=head, people=people.items(),
        first="before" in request.args, kinds=sorted(kinds.items(), key=lambda pair: pair[1]),
    )  # fmt: skip


def _may_read(table: str) -> bool:
    return me().role is not Role.ADMINISTRATOR or table in ADMINISTRATION


def _newest(where: list[Any], before: str) -> Page[Any]:
    """Return the page of entries before a number, the newest first."""
    place = (int(before),) if before.isascii() and before.isdigit() and len(before) < 18 else None
    return page(
        db.session(), select(*LedgerEntry.__table__.columns).where(*where), order=(LedgerEntry.number,), place=place,
        descending=True, size=PAGE, mark=lambda row: str(row.number),
    )  # fmt: skip


def _where(asked: dict[str, str], kinds: dict[str, str], notes: list[str]) -> Iterator[Any]:
    yield LedgerEntry.site_id == me().site_id
    if me().role is Role.ADMINISTRATOR:
        yield LedgerEntry.record.in_(ADMINISTRATION)
    if asked["who"]:
        yield LedgerEntry.actor_id == asked["who"]
    if asked["kind"] in kinds:
        yield LedgerEntry.record == asked["kind"]
    if asked["day"]:
        yield from _on(asked["day"], notes)
    if asked["record"]:
        yield from _about(asked["record"], notes)


def _on(day: str, notes: list[str]) -> Iterator[Any]:
    try:
        wanted = date.fromisoformat(day)
        ends = [datetime.combine(wanted + timedelta(days=later), time.min, ZoneInfo(zone())) for later in (0, 1)]
    except (ValueError, OverflowError):
        notes.append(f"“{day}” is no day, so all days are shown. Write it like 2026-11-23.")
        return
    yield LedgerEntry.at >= ends[0]
    yield LedgerEntry.at < ends[1]


def _about(typed: str, notes: list[str]) -> Iterator[Any]:
    wanted = parse_id(typed)
    table = next((table for table, model in models().items() if wanted and wanted.startswith(model.KIND)), None)
    if wanted is None or table is None:
        notes.append(f"“{typed}” is no number of a record: a character is wrong or missing.")
        yield LedgerEntry.number < 0
        return
    yield LedgerEntry.record == table
    yield LedgerEntry.record_id == wanted
