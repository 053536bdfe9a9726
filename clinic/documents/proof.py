"""What proves a document: the last entry of the ledger about what it prints, and a code over all that it says.

The code stands at the foot of each page. Whoever holds the paper, years later, enters it: the document is made anew
from the records, and the two codes are compared.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from clinic.identifiers import parse_id
from clinic.ledger.models import LedgerEntry, digest

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy.orm import Session

DIGITS = 16
"""Hex digits of a code: 64 bits, which nobody meets by trying."""
AT_ONCE = 500
CODE = re.compile(r"\s*(?P<id>[0-9A-Za-z-]+?)\s*[·./ ]\s*(?P<name>[a-z-]+)\s*[·./ ]\s*(?P<hex>[0-9A-Fa-f -]+?)\s*")


@dataclass(frozen=True, kw_only=True)
class Proof:
    """The state of the ledger about what a document prints: number, hash and time of the last entry."""

    number: int
    hash: str
    at: Any


def last_entry(session: Session, site_id: str, ids: Collection[str]) -> Proof | None:
    """Return the last entry of the ledger about some rows; None where there is none."""
    found: Any = None
    for chosen in _in_turns(sorted(ids)):
        asked = select(LedgerEntry.number, LedgerEntry.hash, LedgerEntry.at).where(
            LedgerEntry.site_id == site_id, LedgerEntry.record_id.in_(chosen)
        )
        row = session.execute(asked.order_by(LedgerEntry.number.desc()).limit(1)).first()
        if row is not None and (found is None or row.number > found.number):
            found = row
    return Proof(number=found.number, hash=found.hash, at=found.at) if found is not None else None


def latest(session: Session, site_id: str, ids: Collection[str], most: int = 20) -> list[Any]:
    """Return the last entries about some rows, the newest first."""
    found: list[Any] = []
    for chosen in _in_turns(sorted(ids)):
        asked = select(LedgerEntry).where(LedgerEntry.site_id == site_id, LedgerEntry.record_id.in_(chosen))
        found += session.scalars(asked.order_by(LedgerEntry.number.desc()).limit(most))
    return sorted(found, key=lambda entry: -entry.number)[:most]


def _in_turns(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE)]


def code_of(content: dict[str, Any]) -> str:
    """Return the check digits over all that a document says: 16 hex digits in groups of four."""
    digits = digest(content)[:DIGITS].upper()
    return "-".join(digits[start : start + 4] for start in range(0, DIGITS, 4))


def read_code(typed: str) -> tuple[str, str, str] | None:
    """Return record, document and digits of a code as it was typed from paper; None where it cannot be one."""
    found = CODE.fullmatch(typed)
    wanted = parse_id(found["id"]) if found else None
    digits = re.sub("[^0-9A-F]", "", found["hex"].upper()) if found else ""
    if found is None or wanted is None or len(digits) != DIGITS:
        return None
    return wanted, found["name"], "-".join(digits[start : start + 4] for start in range(0, DIGITS, 4))
