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
from clinic.ledger.models import LedgerEntry, ReadEntry, canonical, digest
from clinic.ledger.sealing import hashes, opened
from clinic.ledger.verify import CHAINS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy.orm import Session

    from clinic.ledger.sealing import Seal, Tree

AT_ONCE = 500
"""Records whose entries are read by one statement."""


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


def of_records(
    session: Session, seals: Sequence[Seal], ids: Mapping[str, Sequence[str]], leave_out: Callable[[Any], bool]
) -> tuple[str, list[str]]:
    """Return the proof of every change of some records, as JSON, and the records of which a change is left out.

    ``ids``: the records by their table. ``leave_out`` says of an entry whether it stays out, as it tells of somebody
    else. Raises `RuleBroken` as `of_record` does.
    """
    entries, out = list[LedgerEntry](), dict[str, None]()
    for entry in about(session, ids):
        if leave_out(entry):
            out[entry.record_id] = None
        else:
            entries.append(entry)
    entries.sort(key=lambda entry: (entry.site_id, entry.number))
    return _proof(session, seals, entries), sorted(out)


def about(session: Session, ids: Mapping[str, Sequence[str]]) -> Iterator[LedgerEntry]:
    """Yield every entry about some records, which are given by their table, some at a time."""
    for table, of_table in ids.items():
        for start in range(0, len(of_table), AT_ONCE):
            piece = LedgerEntry.record == table, LedgerEntry.record_id.in_(of_table[start : start + AT_ONCE])
            yield from session.scalars(select(LedgerEntry).where(*piece))


def _proof(session: Session, seals: Sequence[Seal], entries: Sequence[Any]) -> str:
    used: list[Seal] = []
    told = []
    trees = Trees(session)
    unsealed = list[str]()
    for entry in entries:
        prefix = next(chain.prefix for chain in CHAINS if isinstance(entry, chain.entry))
        name = f"{prefix}{entry.site_id}"
        found = trees.sealed(seals, name, entry)
        if found is None:
            unsealed.append(f"Entry {entry.number} of {name}")
            continue
        seal, steps = found
        if seal not in used:
            used.append(seal)
        told.append({"chain": name, "content": entry.content(), "path": steps, "seal": used.index(seal)})
    if unsealed:
        more = f", as {len(unsealed) - 1} more," if len(unsealed) > 1 else ""
        raise RuleBroken(f"{unsealed[0]}{more} is in no seal yet. Run clinic seal, then try again.")
    return json.dumps({"entries": told, "seals": [json.loads(seal.text) for seal in used]}, indent=1) + "\n"


class Trees:
    """The trees of seals, each worked out once for all the entries that it holds."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.known: dict[tuple[str, str], list[list[bytes]] | None] = {}

    def sealed(self, seals: Sequence[Seal], name: str, entry: Any) -> tuple[Seal, list[tuple[str, str]]] | None:
        """Return the first seal whose tree holds an entry, and the way from the entry to its root."""
        for seal in seals:
            tree = seal.trees.get(name)
            if tree is not None and tree.first <= entry.number <= tree.last:
                known = self._levels(seal, name, tree)
                if known is not None:
                    return seal, merkle.path_in(known, entry.number - tree.first)
        return None

    def _levels(self, seal: Seal, name: str, tree: Tree) -> list[list[bytes]] | None:
        """Return a tree as the ledger has it; None where it is of a time before a backup was restored."""
        place = (seal.text, name)
        if place not in self.known:
            entries = hashes(self.session, name, tree.first, tree.last)
            levels = merkle.levels(entries) if entries else None
            self.known[place] = levels if levels is not None and levels[-1][0].hex() == tree.root else None
        return self.known[place]


def checked(text: str, key: str | None) -> tuple[list[dict[str, Any]], list[Seal]]:
    """Return the contents of the entries that a proof proves, and its seals. Raises `RuleBroken` where it does not.

    ``key``: the public key, in hex, with which the seals must be signed; None: any.
    """
    try:
        read = json.loads(text)
        seals = [opened(canonical(seal)) for seal in read["seals"]]
        if key is not None and any(seal["public_key"] != key for seal in read["seals"]):
            raise RuleBroken("a seal is signed with another key")
        for one in read["entries"]:
            _check_entry(one, seals[one["seal"]].trees[one["chain"]])
        return [one["content"] for one in read["entries"]], seals
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        raise RuleBroken("it is no proof") from None


def normal(seal: str) -> str:
    """Return the text of a seal as `checked` returns it, to compare the two."""
    return canonical(json.loads(seal))


def _check_entry(one: dict[str, Any], tree: Tree) -> None:
    content = one["content"]
    held = one["chain"].split()[-1] == content["site"] and tree.first <= content["number"] <= tree.last
    if not held or merkle.led_to(digest(content), one["path"]) != tree.root:
        raise RuleBroken(f"entry {content['number']} is not what was sealed")
