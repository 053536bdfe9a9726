"""A copy of the whole database while it is in use, and the way back, which says what the copy lacks.

SQLite is copied by its own online backup; a PostgreSQL database by PostgreSQL's own programs.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, inspect, select
from sqlalchemy.orm import Session

from clinic.attachments.files import disagreements
from clinic.errors import RuleBroken, SettingsWrong
from clinic.extensions import prepare
from clinic.ledger.models import LedgerEntry
from clinic.ledger.verify import Fault, Head, heads, verify

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from sqlalchemy import URL, Engine

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
            _run("pg_dump", "--format=custom", f"--file={file}", of=engine.url)
            _run("pg_restore", "--list", str(file))
            return []
        _copy(Path(str(engine.url.database)), file, progress)
    except BaseException:  # whatever ended it, and by a key, too: half a copy is no backup, and bars the next one
        file.unlink()
        raise
    return faults_of(file)


def restore(
    engine: Engine, file: Path, *, at: datetime
) -> tuple[Path | None, Mapping[str, int], Counter[tuple[str, str]]]:
    """Replace the database by a backup.

    Returns where the replaced database was put, how many entries of each site's ledger the backup lacks, and what
    those entries were: (table, act) counted (hazard H34: a withdrawn consent may be among them).
    Raises `RuleBroken` where the file is no backup, or does not verify.
    """
    if not file.is_file():
        raise RuleBroken(f"There is no file {file}.")
    if engine.dialect.name != "sqlite":
        return _restored_by_postgresql(engine, file, at)
    wrong = faults_of(file)
    if wrong:
        raise RuleBroken(f"{file} is damaged; nothing was restored: {wrong[0]}")
    place = Path(str(engine.url.database))
    replaced, missing, what = None, {}, Counter()
    if place.exists() and place.stat().st_size:
        missing, what = lacking(engine, heads_of(file))
        replaced = place.with_name(f"{place.name}.replaced-{at:%Y%m%dT%H%M%S}")
        _copy(place, replaced, None)
    engine.dispose()
    _copy(file, place, None)
    return replaced, missing, what


TAIL = 100_000
"""The last entries of each ledger of which a restored PostgreSQL database is said to lack this or that."""


def _restored_by_postgresql(
    engine: Engine, file: Path, at: datetime
) -> tuple[Path | None, Mapping[str, int], Counter[tuple[str, str]]]:
    """Keep what is there in a file beside the backup, then put the backup in its place; see `restore`."""
    replaced, before, tail = None, {}, list[tuple[str, int, str, str]]()
    if inspect(engine).has_table("ledger_entry"):
        with Session(engine) as session:
            before = {site: head.number for site, head in heads(session).items()}
            for site, number in before.items():
                later = select(LedgerEntry.number, LedgerEntry.record, LedgerEntry.act).where(
                    LedgerEntry.site_id == site, LedgerEntry.number > number - TAIL
                )
                tail += [(site, row.number, row.record, row.act) for row in session.execute(later)]
        replaced = file.with_name(f"{file.name}.replaced-{at:%Y%m%dT%H%M%S}")
        backup(engine, replaced)
    engine.dispose()
    _run("pg_restore", "--clean", "--if-exists", "--single-transaction", str(file), of=engine.url)
    with Session(engine) as session:
        after = {site: head.number for site, head in heads(session).items()}
    missing = {site: number - after.get(site, 0) for site, number in before.items() if number > after.get(site, 0)}
    what = Counter((record, act) for site, number, record, act in tail if number > after.get(site, 0))
    return replaced, missing, what


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
            lost = [*disagreements(session)] if "paper_scan" in tables else []
            return [*verify(session), *(Fault(table="attachment", row=file.name, because=said) for said in lost)]
    finally:
        engine.dispose()


def _copy(source: Path, target: Path, progress: Callable[[int, int], None] | None) -> None:
    told = None if progress is None else lambda _status, left, whole: progress(whole - left, whole)
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new, pages=PAGES, progress=told)
        new.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _run(program: str, *arguments: str, of: URL | None = None) -> None:
    """Run one of PostgreSQL's own programs; the password is passed in the environment, not on the command line."""
    if shutil.which(program) is None:
        raise SettingsWrong(
            f"{program} is not installed: install PostgreSQL's client programs, or copy the database with them."
        )
    asked = [*arguments]
    if of is not None:
        asked.insert(-1, f"--dbname={of.set(drivername='postgresql', password=None).render_as_string()}")
    more = {"PGPASSWORD": of.password} if of is not None and of.password else {}
    done = subprocess.run(  # noqa: S603 - one of two programs, its arguments are ours
        [program, *asked], env={**os.environ, **more}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        told = done.stderr.strip().splitlines()
        newer = " Install client programs that are at least as new as the server." if "version" in done.stderr else ""
        raise RuleBroken(f"{program} failed: {told[-1] if told else done.returncode}.{newer}")
