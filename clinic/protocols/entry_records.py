"""What the keys that an installation added have meant, so that a key whose meaning changes is noticed.

A record keeps the key of its instrument or condition and nothing of its range, unit or direction. The table has one row
for each meaning that a key has had, the first when the program first started with it; rows are never changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from clinic.fields import plain
from clinic.protocols.catalogue_file import CATALOGUES
from clinic.protocols.instruments import Instrument
from clinic.protocols.models import CatalogueEntry

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from clinic.protocols.catalogue import Entry

Key = tuple[str, str]
"""The name of a catalogue and a key in it."""


def meaning(entry: Entry) -> dict[str, str]:
    """Return what a record with the key of an entry says, in words: what must not change under it.

    The MCID is none of it: it says how a change is judged today, and reports name it with its source.
    """
    if isinstance(entry, Instrument):
        grades = ", ".join(f"{value} {word}" for value, word in (entry.grades or {}).items())
        said = {
            "label": entry.label, "unit": entry.unit, "range": str(entry.range), "step": plain(entry.step),
            "better": entry.better, "grades": grades,
        }  # fmt: skip
    else:
        one: Any = entry
        said = {"label": one.label, "field": one.field, "sites": ", ".join(one.sites), "malignant": str(one.malignant)}
    return {name: words or "none" for name, words in said.items()}


def last_meanings(session: Session) -> dict[Key, CatalogueEntry]:
    """Return the last meaning that was written down for each key."""
    rows = session.scalars(select(CatalogueEntry).order_by(CatalogueEntry.number))
    return {(row.catalogue, row.key): row for row in rows}


def changed(session: Session) -> dict[Key, dict[str, tuple[str, str]]]:
    """Return the added keys that mean something else than was written down last: each fact, before and now."""
    found = {}
    before = last_meanings(session)
    for name, catalogue in CATALOGUES.items():
        for entry in catalogue.added:
            if (row := before.get((name, entry.key))) is not None:
                now = meaning(entry)
                parts = {one: (row.meaning.get(one, "none"), now[one]) for one in now}
                found[name, entry.key] = {one: pair for one, pair in parts.items() if pair[0] != pair[1]}
    return {key: parts for key, parts in found.items() if parts}


def write_down(session: Session, keys: set[Key], at: datetime) -> None:
    """Write down what these keys mean now, each behind its earlier meanings."""
    before = last_meanings(session)
    for name, key in sorted(keys):
        number = before[name, key].number + 1 if (name, key) in before else 1
        said = meaning(CATALOGUES[name][key])
        session.add(CatalogueEntry(catalogue=name, key=key, number=number, meaning=said, at=at))


def unwritten(session: Session) -> set[Key]:
    """Return the added keys whose meaning was never written down."""
    before = last_meanings(session)
    return {(name, one.key) for name, catalogue in CATALOGUES.items() for one in catalogue.added} - before.keys()
