"""Which entries of the ledger a person reads, and which of them were asked for."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from clinic.access import Role
from clinic.identifiers import parse_id
from clinic.ledger.models import LedgerEntry, ReadEntry
from clinic.ledger.verify import models
from clinic.paging import page
from clinic.patients.models import Patient

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from sqlalchemy.orm import Session

    from clinic.accounts.models import User
    from clinic.paging import Page

ADMINISTRATION = ("site", "user_account")
"""What an administrator reads: accounts and the site, nothing about patients (R31)."""
PAGE = 50


def may_read(user: User, table: str) -> bool:
    return user.role is not Role.ADMINISTRATOR or table in ADMINISTRATION


def newest(session: Session, where: list[Any], before: str, entry: Any = LedgerEntry) -> Page[Any]:
    """Return the page of entries before a number, the newest first; ``entry``: of the ledger or of the readings."""
    place = (int(before),) if before.isascii() and before.isdigit() and len(before) < 18 else None
    return page(
        session, select(*entry.__table__.columns).where(*where), order=(entry.number,), place=place,
        descending=True, size=PAGE, mark=lambda row: str(row.number),
    )  # fmt: skip


def conditions(user: User, asked: dict[str, str], kinds: dict[str, str], notes: list[str]) -> Iterator[Any]:
    yield LedgerEntry.site_id == user.site_id
    if user.role is Role.ADMINISTRATOR:
        yield LedgerEntry.record.in_(ADMINISTRATION)
    if asked["who"]:
        yield LedgerEntry.actor_id == asked["who"]
    if asked["kind"] in kinds:
        yield LedgerEntry.record == asked["kind"]
    if asked["day"]:
        yield from _on(LedgerEntry.at, asked["day"], user.site.zone, notes)
    if asked["record"]:
        yield from _about(asked["record"], notes)


def reading_conditions(  # noqa: PLR0913 - what the page asks for
    session: Session, user: User, asked: dict[str, str], kinds: Collection[str], notes: list[str], *, typed: bool
) -> Iterator[Any]:
    """Yield the conditions on the readings; ``typed``: into the form, where a number may be a patient's own."""
    yield ReadEntry.site_id == user.site_id
    if asked["who"]:
        yield ReadEntry.reader_id == asked["who"]
    if asked["kind"] in kinds:
        yield ReadEntry.kind == asked["kind"]
    if asked["day"]:
        yield from _on(ReadEntry.at, asked["day"], user.site.zone, notes)
    if asked["patient"]:
        wanted = parse_id(asked["patient"], Patient.KIND) or (typed and _numbered(session, user, asked["patient"]))
        if not wanted:
            notes.append(f"No patient has the number “{asked['patient']}”.")
        yield ReadEntry.patient_id == (wanted or "none")


def _numbered(session: Session, user: User, number: str) -> str | None:
    """Return the patient with a record number; none for an administrator, who is told of no patient (R31)."""
    if user.role is Role.ADMINISTRATOR:
        return None
    return session.scalar(select(Patient.id).where(Patient.record_number == number).limit(1))


def patient_names(session: Session, user: User, rows: Iterable[Any]) -> dict[str, str]:
    """Return name and number of the patients of some readings; nothing for an administrator (R31)."""
    ids = {row.patient_id for row in rows if row.patient_id}
    if user.role is Role.ADMINISTRATOR or not ids:
        return {}
    chosen = select(Patient.id, Patient.family_name, Patient.given_names, Patient.record_number)
    return {
        row.id: f"{(row.family_name or '').upper()}, {row.given_names or ''} · {row.record_number or row.id}"
        for row in session.execute(chosen.where(Patient.id.in_(ids)))
    }


def _on(at: Any, day: str, zone: str, notes: list[str]) -> Iterator[Any]:
    try:
        wanted = date.fromisoformat(day)
        ends = [datetime.combine(wanted + timedelta(days=later), time.min, ZoneInfo(zone)) for later in (0, 1)]
    except (ValueError, OverflowError):
        notes.append(f"“{day}” is not a date, so all days are shown. Enter day, month and year.")
        return
    yield at >= ends[0]
    yield at < ends[1]


def _about(typed: str, notes: list[str]) -> Iterator[Any]:
    wanted = parse_id(typed)
    table = next((table for table, model in models().items() if wanted and wanted.startswith(model.KIND)), None)
    if wanted is None or table is None:
        notes.append(f"“{typed}” is not a record number: a character is wrong or missing.")
        yield LedgerEntry.number < 0
        return
    yield LedgerEntry.record == table
    yield LedgerEntry.record_id == wanted
