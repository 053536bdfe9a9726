"""Numbers that identify somebody: each is one record's for good, also after it was replaced (rules 1, 17; hazard H1).

A wristband or label with the old number may still be around, so nobody else ever gets it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Text, cast, select, true

from clinic import clock, wording
from clinic.errors import Problem
from clinic.patients.names import compact
from clinic.read_once import kept
from clinic.signatures import Amendment

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy.orm import Session


class Bearer(NamedTuple):
    """Which record has a number, as it was written; ``until``: when it was replaced, None where it still is."""

    id: str
    number: str
    until: datetime | None = None


def bearers(session: Session, model: type[Any], name: str, *, site_id: str) -> list[Bearer]:
    """Return every record of a kind that has, then every one that once had, a number in the site."""
    written = getattr(model, name)
    has = select(model.id, written).where(model.site_id == site_id, written.is_not(None))
    with session.no_autoflush:
        now = [Bearer(key, number) for key, number in session.execute(has.order_by(model.recorded_at, model.id))]
    return now + former(session, model, name, site_id=site_id)


def former(session: Session, model: type[Any], name: str, *, site_id: str | None = None) -> list[Bearer]:
    """Return every record of a kind that once had another number, in one site or all, the last change first."""
    chosen = select(Amendment.record_id, Amendment.changes, Amendment.amended_at).where(
        Amendment.record == model.__tablename__,
        Amendment.site_id == site_id if site_id is not None else true(),
        cast(Amendment.changes, Text).contains(f'"{name}"', autoescape=True),
    )
    with session.no_autoflush:
        rows = session.execute(chosen.order_by(Amendment.amended_at.desc())).all()
    return [Bearer(key, str(said[name][0]), at) for key, said, at in rows if said.get(name, [None])[0]]


def bearer(  # noqa: PLR0913 - a number, of which kind, where, and of whom it may be
    session: Session, model: type[Any], name: str, number: str | None, *, site_id: str, but: Collection[str] = ()
) -> Bearer | None:
    """Return which record has or had a number, compared without case, accents, spaces and marks.

    ``but``: the ids of the records that may have it.
    """
    wanted = compact(number or "")
    if not wanted:
        return None
    known = kept(session, (model, name, site_id), lambda: _by_number(session, model, name, site_id))
    return next((one for one in known.get(wanted, ()) if one.id not in but), None)


def _by_number(session: Session, model: type[Any], name: str, site_id: str) -> dict[str, list[Bearer]]:
    """Return the bearers of each number, as it is compared; who has it comes before who once had it."""
    found: dict[str, list[Bearer]] = {}
    for one in bearers(session, model, name, site_id=site_id):
        found.setdefault(compact(one.number), []).append(one)
    return found


def replaced_on(one: Bearer, zone: str) -> str:
    """Return the day on which a number was replaced; empty where it still is in use."""
    return wording.day(clock.day(one.until, zone)) if one.until is not None else ""


def taken(one: Bearer, zone: str) -> str:
    """Return in words why nobody else gets a record number."""
    if one.until is None:
        return f"Record number {one.number} belongs to another patient of this clinic."
    return (
        f"Record number {one.number} was another patient's until {replaced_on(one, zone)}. A wristband or label may "
        "still carry it, so no other patient gets it. Enter another number, for example with a suffix."
    )


def number_taken(session: Session, donor: Any) -> list[str]:
    """Return why a donor's number may not be used: it is or was another donor's, with that one's findings (17, 18)."""
    other = bearer(session, type(donor), "donor_number", donor.donor_number, site_id=donor.site_id, but={donor.id})
    if other is None:
        return []
    said = (
        f"Donor number {other.number} already belongs to donor {other.id}. Record consent, eligibility and "
        "cells there. If two donors have this number on paper, ask the registry or cord bank."
    )
    if other.until is not None:
        said = (
            f"Donor number {other.number} was that of donor {other.id} until {replaced_on(other, donor.zone)}. A "
            "label may still carry it, so no other donor gets it. Ask the registry or cord bank for the right number."
        )
    return [Problem(said, "donor_number", rule=17)]
