"""Which entries of the ledger a person reads, and which of them were asked for."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from clinic.access import Role
from clinic.identifiers import parse_id
from clinic.ledger.models import LedgerEntry
from clinic.ledger.verify import models
from clinic.paging import page

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy.orm import Session

    from clinic.accounts.models import User
    from clinic.paging import Page

ADMINISTRATION = ("site", "user_account")
"""What an administrator reads: accounts and the site, nothing about patients (R31)."""
PAGE = 50


def may_read(user: User, table: str) -> bool:
    return user.role is not Role.ADMINISTRATOR or table in ADMINISTRATION


def newest(session: Session, where: list[Any], before: str) -> Page[Any]:
    """Return the page of entries before a number, the newest first."""
    place = (int(before),) if before.isascii() and before.isdigit() and len(before) < 18 else None
    return page(
        session, select(*LedgerEntry.__table__.columns).where(*where), order=(LedgerEntry.number,), place=place,
        descending=True, size=PAGE, mark=lambda row: str(row.number),
    )  # fmt: skip


def day_asked(sent: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Return the day of a filter, as ISO 8601 where it is one, and what stands in its three boxes.

    An address may also hold it whole (``day``); what is no date is returned as it was sent.
    """
    whole = sent.get("day", "").strip()[:40]
    parts = {part: sent.get(f"day-{part}", "").strip()[:10] for part in ("d", "m", "y")}
    if not whole and any(parts.values()):
        whole = "-".join(part.rjust(width, "0") for part, width in ((parts["y"], 4), (parts["m"], 2), (parts["d"], 2)))
    with suppress(ValueError):
        found = date.fromisoformat(whole)
        parts = {"d": str(found.day), "m": str(found.month), "y": str(found.year)}
    return whole, parts


def conditions(user: User, asked: dict[str, str], kinds: dict[str, str], notes: list[str]) -> Iterator[Any]:
    yield LedgerEntry.site_id == user.site_id
    if user.role is Role.ADMINISTRATOR:
        yield LedgerEntry.record.in_(ADMINISTRATION)
    if asked["who"]:
        yield LedgerEntry.actor_id == asked["who"]
    if asked["kind"] in kinds:
        yield LedgerEntry.record == asked["kind"]
    if asked["day"]:
        yield from _on(asked["day"], user.site.zone, notes)
    if asked["record"]:
        yield from _about(asked["record"], notes)


def _on(day: str, zone: str, notes: list[str]) -> Iterator[Any]:
    try:
        wanted = date.fromisoformat(day)
        ends = [datetime.combine(wanted + timedelta(days=later), time.min, ZoneInfo(zone)) for later in (0, 1)]
    except (ValueError, OverflowError):
        notes.append(f"“{day}” is not a date, so all days are shown. Enter day, month and year.")
        return
    yield LedgerEntry.at >= ends[0]
    yield LedgerEntry.at < ends[1]


def _about(typed: str, notes: list[str]) -> Iterator[Any]:
    wanted = parse_id(typed)
    table = next((table for table, model in models().items() if wanted and wanted.startswith(model.KIND)), None)
    if wanted is None or table is None:
        notes.append(f"“{typed}” is not a record number: a character is wrong or missing.")
        yield LedgerEntry.number < 0
        return
    yield LedgerEntry.record == table
    yield LedgerEntry.record_id == wanted
