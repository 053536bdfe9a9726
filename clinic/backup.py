"""A copy of the whole database while it is in use, and the way back, which says what the copy lacks.

SQLite is copied by its own online backup; a PostgreSQL database by PostgreSQL's own programs. A copy of an earlier
version of the schema is put back as it is and migrated afterwards; one of a later version is refused.
"""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, inspect, select, text
from sqlalchemy.orm import Session

from clinic import client_programs
from clinic.attachments.files import disagreements
from clinic.attachments.models import Attachment, AttachmentContent
from clinic.errors import RuleBroken
from clinic.extensions import prepare
from clinic.ledger.models import LedgerEntry
from clinic.ledger.verify import CHAINS, Fault, Head, chain_problems, heads, verify
from clinic.schema import head, is_known

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from sqlalchemy import Engine

PAGES = 1024
"""Database pages copied at a time, so that other users are not blocked."""


def backup(engine: Engine, file: Path, *, progress: Callable[[int, int], None] | None = None) -> list[Fault]:
    """Write a copy of the database to a new file, and return what `verify` finds wrong with it.

    On PostgreSQL the copy is ``pg_dump``'s: its contents are read, and it is verified where it is restored. Raises
    `RuleBroken`; no file is left then.
    """
    if file.exists():
        raise RuleBroken(f"{file} already exists; a backup never overwrites a file.")
    if not file.parent.is_dir():
        raise RuleBroken(f"There is no folder {file.parent}.")
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.close(handle)
    try:
        if engine.dialect.name != "sqlite":
            client_programs.dump(file, engine.url)
            return []
        _copy(Path(str(engine.url.database)), file, progress)
    except BaseException:  # whatever ended it, and by a key, too: half a copy is no backup, and bars the next one
        file.unlink()
        raise
    return faults_of(file)


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What a restoration did.

    ``replaced``: where the replaced database was put. ``revision``: the version of the schema that the backup has.
    ``missing``: how many entries of each site's ledger the backup lacks; ``what`` counts them by (table, act): a
    withdrawn consent may be among them (hazard H34). ``checked``: what of the backup was found right, in words.
    """

    revision: str
    checked: tuple[str, ...] = ()
    replaced: Path | None = None
    missing: Mapping[str, int] = field(default_factory=dict)
    what: Counter[tuple[str, str]] = field(default_factory=Counter)


def restore(engine: Engine, file: Path, *, at: datetime) -> Restored:
    """Replace the database by a backup, of this version of the schema or of an earlier one.

    Raises `RuleBroken` where the file is no backup, is of a later version, or does not verify; nothing has changed
    then.
    """
    if not file.is_file():
        raise RuleBroken(f"There is no file {file}.")
    if engine.dialect.name != "sqlite":
        return _restored_by_postgresql(engine, file, at)
    revision = _revision_in(file)
    wrong = faults_of(file)
    if wrong:
        raise RuleBroken(f"{file} is damaged; nothing was restored: {wrong[0]}")
    place = Path(str(engine.url.database))
    replaced, missing, what = None, {}, Counter()
    if place.exists() and place.stat().st_size:
        missing, what = lacking(engine, heads_of(file))
        replaced = _unused(place, at)
        _copy(place, replaced, None)
    engine.dispose()
    _copy(file, place, None)
    with Session(engine) as session:
        checked = ("its pages", *(words for words, _check in _checks(session)))
    return Restored(revision=revision, checked=checked, replaced=replaced, missing=missing, what=what)


def _unused(beside: Path, at: datetime) -> Path:
    """Return where a replaced database is put: a new file, also where two are replaced within one second."""
    name = f"{beside.name}.replaced-{at:%Y%m%dT%H%M%S}"
    numbered = (f"{name}-{number}" for number in count(2))
    return next(file for file in map(beside.with_name, chain([name], numbered)) if not file.exists())


def _refuse_later(file: Path, revision: str | None) -> str:
    """Return the version of a backup's schema; raises `RuleBroken` where it has none, or one that is not known here."""
    if revision is None:
        raise RuleBroken(f"{file} is not a backup of this program.")
    if not is_known(revision):
        raise RuleBroken(
            f"{file} was written by a later program: its schema is at {revision}, and this program's ends at {head()}."
            " Nothing was replaced. Install the program that wrote it, or a later one."
        )
    return revision


def _revision_in(file: Path) -> str:
    """Return the version of the schema in a SQLite copy. Raises `RuleBroken` as `restore` does."""
    try:
        with closing(sqlite3.connect(file)) as copy:
            tables = {name for (name,) in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            found = "alembic_version" in tables and copy.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.DatabaseError:
        found = None
    return _refuse_later(file, str(found[0]) if found else None)


TAIL = 100_000
"""The last entries of each ledger of which a restored PostgreSQL database is said to lack this or that."""


def _restored_by_postgresql(engine: Engine, file: Path, at: datetime) -> Restored:
    """Keep what is there in a file beside the backup, then put the backup in its place; see `restore`."""
    revision = _refuse_later(file, client_programs.revision_of(file))
    replaced, before, tail = None, {}, list[tuple[str, int, str, str]]()
    if inspect(engine).has_table("ledger_entry"):
        with Session(engine) as session:
            before = {site: head.number for site, head in heads(session).items()}
            for site, number in before.items():
                later = select(LedgerEntry.number, LedgerEntry.record, LedgerEntry.act).where(
                    LedgerEntry.site_id == site, LedgerEntry.number > number - TAIL
                )
                tail += [(site, row.number, row.record, row.act) for row in session.execute(later)]
        replaced = _unused(file, at)
        backup(engine, replaced)
    engine.dispose()
    client_programs.replace_by(file, engine.url)
    with Session(engine) as session:
        after = {site: head.number for site, head in heads(session).items()}
    missing = {site: number - after.get(site, 0) for site, number in before.items() if number > after.get(site, 0)}
    what = Counter((record, act) for site, number, record, act in tail if number > after.get(site, 0))
    return Restored(revision=revision, replaced=replaced, missing=missing, what=what)


def lacking(engine: Engine, known: Mapping[str, Head]) -> tuple[dict[str, int], Counter[tuple[str, str]]]:
    """Return how many entries of each site came after the given heads, and what they did."""
    missing: dict[str, int] = {}
    what: Counter[tuple[str, str]] = Counter()
    with Session(engine) as session:
        for site, head in heads(session).items():
            seen = known[site].number if site in known else 0
            if head.number > seen:
                missing[site] = head.number - seen
                later = select(LedgerEntry.record, LedgerEntry.act).where(
                    LedgerEntry.site_id == site, LedgerEntry.number > seen
                )
                what.update((row.record, row.act) for row in session.execute(later))
    return missing, what


def heads_of(file: Path) -> dict[str, Head]:
    """Return the heads that a backup states."""
    engine = create_engine(f"sqlite:///{file}")
    prepare(engine)
    try:
        with Session(engine) as session:
            return heads(session)
    finally:
        engine.dispose()


def faults_of(file: Path) -> list[Fault]:
    """Return what is wrong with a SQLite copy: the file, then ledger and rows. `RuleBroken` if it is none."""
    try:
        with closing(sqlite3.connect(file)) as copy:
            said = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
            tables = {name for (name,) in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.DatabaseError:
        raise RuleBroken(f"{file} is not a backup of this program.") from None
    if said != "ok":
        return [Fault(table="the file", row=file.name, because=said)]
    if "ledger_entry" not in tables:
        raise RuleBroken(f"{file} is not a backup of this program.")
    engine = create_engine(f"sqlite:///{file}")
    prepare(engine)
    try:
        with Session(engine) as session:
            return [fault for _words, check in _checks(session) for fault in check(session)]
    finally:
        engine.dispose()


def _checks(session: Session) -> Iterator[tuple[str, Callable[[Session], Iterable[Fault]]]]:
    """Yield what can be asked of a copy, each in words and as what finds its faults.

    A schema of an earlier version is asked about its ledger and its attachments where their tables were as they are
    now; its records are compared with the ledger once they were migrated.
    """
    version = session.scalar(text("SELECT version_num FROM alembic_version"))
    if version == head():
        yield "each record beside its ledger", verify
    elif any(_has(session, one.entry, one.head) for one in CHAINS):
        yield "its ledger", _unbroken
    if _has(session, Attachment, AttachmentContent):
        yield "its attachments", _lost


def _unbroken(session: Session) -> Iterator[Fault]:
    for one in CHAINS:
        if _has(session, one.entry, one.head):
            yield from chain_problems(session, (), chain=one)


def _lost(session: Session) -> Iterator[Fault]:
    for said in disagreements(session):
        yield Fault(table="attachment", row="of the copy", because=said)


def heads_there(session: Session) -> dict[str, Head]:
    """Return the heads of all chains of a database, whose schema may be an earlier one that has not all of them."""
    chains = [one for one in CHAINS if _has(session, one.head)]
    return {name: reached for one in chains for name, reached in heads(session, one).items()}


def _has(session: Session, *models: Any) -> bool:
    """Whether a database has the tables of some kinds of rows, with every column that this program reads."""
    there = inspect(session.connection())
    return all(
        there.has_table(model.__tablename__)
        and {column.name for column in model.__table__.columns}
        <= {column["name"] for column in there.get_columns(model.__tablename__)}
        for model in models
    )


def _copy(source: Path, target: Path, progress: Callable[[int, int], None] | None) -> None:
    told = None if progress is None else lambda _status, left, whole: progress(whole - left, whole)
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new, pages=PAGES, progress=told)
        new.execute("PRAGMA wal_checkpoint(TRUNCATE)")
