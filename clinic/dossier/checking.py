"""Checks a dossier without the database: files, manifest, entries, seals, and that the tables say what these say."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import struct
import zlib
from dataclasses import dataclass, field
from itertools import starmap
from lzma import LZMAError
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile, ZipFile

from clinic.dossier import manifest
from clinic.dossier.others import NUMBER_REMOVED
from clinic.dossier.said import said
from clinic.errors import RuleBroken
from clinic.exchange.withheld import REMOVED
from clinic.ledger.proving import checked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from clinic.ledger.sealing import Seal

UNREADABLE = (
    zlib.error, LZMAError, struct.error, OSError, EOFError, NotImplementedError, RuntimeError, ValueError, BadZipFile,
)  # fmt: skip
"""What Python says of a changed file of an archive, by the way in which it is, or seems now to be, compressed."""
MOST = 2 * 1024**3
"""Bytes of all files of a dossier; more would be no patient's, and fill the disk or the memory of who checks it."""


@dataclass(kw_only=True)
class Checked:
    """What is proved of a dossier: by which key, which seals, how many entries, rows and attachments agree."""

    said: dict[str, Any]
    key: str
    seals: list[Seal]
    entries: int
    rows: int = 0
    tables: int = 0
    attachments: int = 0
    unproved: list[str] = field(default_factory=list)

    def sentences(self, kept: set[str], *, own: bool) -> list[str]:
        """Return in sentences what is proved and what is not.

        ``kept``: the seals of this instance as `proving.normal` writes them. ``own``: the key was compared with its.
        """
        last = max((one.at.isoformat() for one in self.seals), default="no time, as it has none")
        unknown = sum(one.text not in kept for one in self.seals)
        whose = "the key of this instance" if own else "compare this key with the one that the clinic published"
        agree = f"{self.rows} rows of {self.tables} tables and {self.attachments} attachments agree with them"
        found = [
            f"Dossier of patient {self.said['patient']}, made at {self.said['made_at']} for {self.said['made_by']}.",
            f"All {len(self.said['files'])} files are as they were given out, signed with {self.key}: {whose}.",
            f"{self.entries} entries of the ledger are those that were sealed, until {last}; {agree}.",
        ]
        if unknown:
            found.append(f"Not proved: that {unknown} of its {len(self.seals)} seals are kept here; compare them.")
        if self.unproved:
            found.append(
                f"Not proved, as the ledger's entry about it names another person: {', '.join(self.unproved)}."
            )
        return [*found, "Not proved: that nothing was recorded about this patient after the last of these seals."]


def check(file: Path, key: str | None) -> Checked:
    """Return what a dossier proves. Raises `RuleBroken`, naming the file in it, where one was changed.

    ``key``: the public key of this instance, in hex; None: any key, which the caller prints.
    """
    try:
        with ZipFile(file) as archive:
            files = _files(archive)
    except (BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as fault:
        raise RuleBroken(f"{file} is not a dossier, or was changed: {fault}.") from None
    if manifest.NAME not in files:
        raise RuleBroken(f"{file} is not a dossier: it has no {manifest.NAME}.")
    told, public = manifest.read(files.pop(manifest.NAME))
    if key is not None and public != key:
        raise RuleBroken(f"{manifest.NAME} is signed with another key than this instance's: {public}.")
    _same_files(files, told["files"])
    try:
        entries, seals = checked(files[manifest.PROOF].decode(), public)
    except RuleBroken as broken:
        raise RuleBroken(f"{manifest.PROOF}: {broken}.") from None
    made = Checked(said=told, key=public, seals=seals, entries=len(entries))
    states = _states(entries)
    tables = [_Table.read(name, table, files[name]) for name, table in told["tables"].items()]
    zones = {place: zone for table in tables for place, zone in table.zones()}
    for table in tables:
        _check_table(made, table, states, zones)
    for name, id_ in told["attachments"].items():
        _check_attachment(made, name, id_, files[name], states)
    made.unproved = sorted({*made.unproved, *told["left_out"]})
    return made


def _files(archive: ZipFile) -> dict[str, bytes]:
    """Return the files of an archive; raises `BadZipFile` naming one that is there twice or cannot be read."""
    listed = archive.infolist()
    if manifest.NAME not in archive.namelist():
        return {}  # nothing is unpacked of what is no dossier
    if sum(one.file_size for one in listed) > MOST:
        raise BadZipFile("it is larger than any dossier")
    found: dict[str, bytes] = {}
    for one in listed:
        if one.filename in found:
            raise BadZipFile(f"{one.filename} is in it twice")
        try:
            found[one.filename] = archive.read(one)
        except UNREADABLE:
            raise BadZipFile(f"{one.filename} was changed") from None
    return found


def _same_files(files: Mapping[str, bytes], told: Mapping[str, Any]) -> None:
    for name in sorted({*files, *told}):
        if name not in files:
            raise RuleBroken(f"{name} is missing.")
        if name not in told:
            raise RuleBroken(f"{name} is not one of its files.")
        if hashlib.sha256(files[name]).hexdigest() != told[name]["sha256"]:
            raise RuleBroken(f"{name} was changed.")


def _states(entries: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any] | None]:
    """Return the last state of each record by its table and id, as the entries tell it; None: it was deleted."""
    found: dict[tuple[str, str], dict[str, Any] | None] = {}
    for one in sorted(entries, key=lambda entry: (entry["site"], entry["number"])):
        if "record" in one:
            place = one["record"], one["id"]
            found[place] = None if one["act"] == "delete" else {**(found.get(place) or {}), **(one["after"] or {})}
    return found


def _check_table(made: Checked, table: _Table, states: Mapping[Any, Any], zones: Mapping[Any, str]) -> None:
    """Compare each row of a table with what the entries say; a row whose entries are left out is not proved.

    ``zones``: the zone of each record, as any table has it that holds the record.
    """
    left_out, name = set(made.said["left_out"]), table.name
    for row in table.rows:
        id_ = row[table.at]
        state, zone = states.get((table.record, id_)), zones.get((table.record, id_), "Etc/UTC")
        if id_ in left_out:
            made.unproved.append(id_)
            continue
        if state is None:
            raise RuleBroken(f"{name}: the entries of the ledger do not have {id_}.")
        for column, cell in zip(table.columns, row, strict=True):
            wanted = said(column.kind, column.key, state, zone)
            if wanted is not None and not _agrees(column.kind, cell, wanted):
                raise RuleBroken(f"{name}: {column.key} of {id_} is “{cell}”, the ledger says “{wanted}”.")
        made.rows += 1
    made.tables += 1


def _agrees(kind: str, cell: str, wanted: str) -> bool:
    """Whether a cell says what the ledger says; the ledger keeps the keys of a map in an order of its own."""
    if REMOVED in cell or NUMBER_REMOVED in cell:
        return True
    return cell == wanted or (kind in {"map", "list"} and _parts(cell) == _parts(wanted))


def _parts(cell: str) -> list[str]:
    return sorted(re.split("[;:] ", cell))


@dataclass(frozen=True)
class _Column:
    key: str
    kind: str


@dataclass(frozen=True, kw_only=True)
class _Table:
    """One table of the dossier as it is read: the record that its rows are of, and at which place their id is."""

    name: str
    record: str
    columns: list[_Column]
    rows: list[list[str]]

    @classmethod
    def read(cls, name: str, said_of_it: Mapping[str, Any], content: bytes) -> _Table:
        columns = list(starmap(_Column, said_of_it["columns"]))
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))[1:]
        return cls(name=name, record=said_of_it["record"], columns=columns, rows=rows)

    @property
    def at(self) -> int:
        return next(place for place, column in enumerate(self.columns) if column.key == "id")

    def zones(self) -> Iterator[tuple[tuple[str, str], str]]:
        """Yield the zone of each record, where the table tells it."""
        zone = next((place for place, column in enumerate(self.columns) if column.kind == "zone"), None)
        if zone is not None:
            yield from (((self.record, row[self.at]), row[zone]) for row in self.rows)


def _check_attachment(made: Checked, name: str, id_: str, content: bytes, states: Mapping[Any, Any]) -> None:
    if id_ in made.said["left_out"]:
        made.unproved.append(id_)
        return
    state = states.get(("paper_scan", id_))
    if state is None or state["sha256"] != hashlib.sha256(content).hexdigest():
        raise RuleBroken(f"{name} is not the file that was attached.")
    made.attachments += 1
