"""Adds readings of patients' records to their chain (rule 70)."""

from __future__ import annotations

from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import insert, select, update

from clinic.ledger.models import GENESIS, ReadEntry, ReadHead, digest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

LONGEST = 80


class Reading(NamedTuple):
    """One reading that is to be written down; see `ReadEntry`."""

    site_id: str
    at: datetime
    reader_id: str
    kind: str
    what: str
    about: str = ""
    patient_id: str = ""


def add(session: Session, readings: Iterable[Reading]) -> None:
    """Add readings to the chains of their sites, in their order; the caller commits."""
    for site_id, of_site in groupby(sorted(readings, key=attrgetter("site_id")), attrgetter("site_id")):
        head = session.execute(
            select(ReadHead.number, ReadHead.hash).where(ReadHead.site_id == site_id).with_for_update()
        ).one_or_none()
        if head is None:
            session.execute(insert(ReadHead).values(site_id=site_id, number=0, hash=GENESIS))
        number, previous = (head.number, head.hash) if head else (0, GENESIS)
        rows = []
        for one in of_site:
            number += 1
            facts = one._asdict() | {"what": one.what[:LONGEST], "about": one.about[:LONGEST]}
            entry = ReadEntry(**facts, number=number, previous=previous)
            rows.append({**facts, "number": number, "previous": previous, "hash": digest(entry.content())})
            previous = rows[-1]["hash"]
        session.execute(insert(ReadEntry), rows)
        session.execute(update(ReadHead).where(ReadHead.site_id == site_id).values(number=number, hash=previous))
