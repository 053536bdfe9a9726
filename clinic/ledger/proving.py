"""The proof of single entries of the ledger, for a stranger who has neither the database nor this program.

A proof holds the entries themselves, for each the few hashes that lead to the root of a tree, and the seals that state
those roots and are signed. ``tools/check_proof.py`` checks it with nothing but Python.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from clinic.errors import RuleBroken
from clinic.ledger import merkle
from clinic.ledger.models import LedgerEntry, ReadEntry
from clinic.ledger.sealing import hashes
from clinic.ledger.verify import CHAINS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from clinic.ledger.sealing import Seal


def of_record(session: Session, seals: Sequence[Seal], record_id: str) -> str:
    """Return the proof of every change of one record, as JSON. Raises `RuleBroken` where there is none, or no seal."""
    chosen = select(LedgerEntry).where(LedgerEntry.record_id == record_id).order_by(LedgerEntry.number)
    entries = list(session.scalars(chosen))
    if not entries:
        raise RuleBroken(f"The ledger has no entries about {record_id}.")
    return _proof(session, seals, entries)


def of_export(session: Session, seals: Sequence[Seal], digest: str) -> str:
    """Return the proof that a file with this SHA-256 was exported, as JSON. Raises `RuleBroken` as `of_record` does."""
    named = ReadEntry.kind == "export", ReadEntry.about.endswith(f" {digest}", autoescape=True)
    entries = list(session.scalars(select(ReadEntry).where(*named).order_by(ReadEntry.number)))
    if not entries:
        raise RuleBroken("The access log has no export with this content: the file is another one, or was changed.")
    return _proof(session, seals, entries)


def _proof(session: Session, seals: Sequence[Seal], entries: Sequence[Any]) -> str:
    used: list[Seal] = []
    told = []
    for entry in entries:
        prefix = next(chain.prefix for chain in CHAINS if isinstance(entry, chain.entry))
        name = f"{prefix}{entry.site_id}"
        found = _sealed(session, seals, name, entry)
        if found is None:
            raise RuleBroken(f"Entry {entry.number} of {name} is in no seal yet. Run clinic seal, then try again.")
        seal, steps = found
        if seal not in used:
            used.append(seal)
        told.append({"chain": name, "content": entry.content(), "path": steps, "seal": used.index(seal)})
    return json.dumps({"entries": told, "seals": [json.loads(seal.text) for seal in used]}, indent=1) + "\n"


def _sealed(
    session: Session, seals: Sequence[Seal], name: str, entry: Any
) -> tuple[Seal, list[tuple[str, str]]] | None:
    """Return the first seal whose tree holds an entry, and the way from the entry to its root."""
    for seal in seals:
        tree = seal.trees.get(name)
        if tree is not None and tree.first <= entry.number <= tree.last:
            known = hashes(session, name, tree.first, tree.last)
            if known and merkle.root(known) == tree.root:  # otherwise it is of a time before a backup was restored
                return seal, merkle.path(known, entry.number - tree.first)
    return None
