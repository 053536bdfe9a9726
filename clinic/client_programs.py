"""PostgreSQL's own programs: a database written to a file, and a file put in the place of a whole database."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING

from clinic.errors import RuleBroken, SettingsWrong

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import URL

EMPTY = b"""
SET lock_timeout = '30s';
BEGIN;
DO $$
DECLARE one record;
BEGIN
    FOR one IN
        SELECT format('%I.%I', n.nspname, c.relname) AS name, CASE c.relkind
               WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'f' THEN 'FOREIGN TABLE'
               WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY (current_schemas(false)) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND NOT EXISTS (
            SELECT FROM pg_depend d
            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('e', 'i', 'a'))
    LOOP
        EXECUTE format('DROP %s IF EXISTS %s CASCADE', one.kind, one.name);
    END LOOP;
    FOR one IN
        SELECT p.oid::regprocedure::text AS name FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname = ANY (current_schemas(false)) AND p.prokind IN ('f', 'p') AND NOT EXISTS (
            SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
    LOOP
        EXECUTE format('DROP ROUTINE IF EXISTS %s CASCADE', one.name);
    END LOOP;
END $$;
"""
"""Removes what is there, except extensions. A dump by itself removes only what it contains: later tables would stay."""


def dump(file: Path, of: URL) -> None:
    """Write a database to a file, and read what the file contains. Raises `RuleBroken` or `SettingsWrong`."""
    _run("pg_dump", "--format=custom", f"--file={file}", f"--dbname={_named(of)}", of=of)
    _run("pg_restore", "--list", str(file))


def revision_of(file: Path) -> str | None:
    """Return the version of the schema in a dump; None where it names none. Raises `RuleBroken` where it is no dump."""
    rows = _run("pg_restore", "--data-only", "--table=alembic_version", "--file=-", str(file))
    found = re.search(r"^COPY .*alembic_version .*;\n([^\\\n]+)$", rows, re.MULTILINE)
    return found.group(1) if found else None


def replace_by(file: Path, of: URL) -> None:
    """Put a dump in the place of all that a database has, in one transaction: all of it, or nothing has changed.

    Raises `RuleBroken` with what the programs said.
    """
    _find("psql")
    read = [_find("pg_restore"), "--clean", "--if-exists", "--file=-", str(file)]
    write = [_find("psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={_named(of)}", "--file=-"]
    with (
        TemporaryFile() as unread,
        TemporaryFile() as unwritten,
        subprocess.Popen(read, stdout=subprocess.PIPE, stderr=unread) as reader,  # noqa: S603 - arguments of ours
        subprocess.Popen(  # noqa: S603
            write, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=unwritten, env=_environment(of)
        ) as writer,
    ):
        try:
            _pass_on(reader, writer)
        except BaseException:  # a Ctrl-C too: without its COMMIT nothing has changed
            reader.kill()
            writer.kill()
            raise
        _refuse("pg_restore", reader.wait(), unread)
        _refuse("psql", writer.wait(), unwritten)


def _pass_on(reader: subprocess.Popen[bytes], writer: subprocess.Popen[bytes]) -> None:
    """Give one program what another writes; the transaction ends well only where the whole dump was read."""
    source, target = reader.stdout, writer.stdin
    if source is None or target is None:
        raise TypeError("Both programs are started with a pipe.")
    try:
        target.write(EMPTY)
        shutil.copyfileobj(source, target)
        if reader.wait() == 0:
            target.write(b"COMMIT;\n")
        target.close()
    except BrokenPipeError:  # psql has ended, and says why
        source.close()
        reader.kill()
        _close_anyway(target)
        if writer.wait() == 0:
            raise RuleBroken("psql ended before all was read. Nothing was replaced.") from None
        reader.wait()
        reader.returncode = 0  # what it is told about is not its fault


def _close_anyway(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except BrokenPipeError:
        return


def _named(url: URL) -> str:
    return url.set(drivername="postgresql", password=None).render_as_string()


def _environment(url: URL | None) -> dict[str, str]:
    """Return the environment of a program; a password travels in it, not on the command line."""
    more = {"PGPASSWORD": str(url.password)} if url is not None and url.password else {}
    return {**os.environ, **more}


def _find(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise SettingsWrong(
            f"{program} is not installed: install PostgreSQL's client programs, or copy the database with them."
        )
    return found


def _run(program: str, *arguments: str, of: URL | None = None) -> str:
    """Run one of the programs to its end and return what it wrote."""
    with TemporaryFile() as said:
        done = subprocess.run(  # noqa: S603 - one of two programs, its arguments are ours
            [_find(program), *arguments], env=_environment(of), stdout=subprocess.PIPE, stderr=said, check=False
        )
        _refuse(program, done.returncode, said)
    return done.stdout.decode(errors="replace")


def _refuse(program: str, status: int, said: IO[bytes]) -> None:
    """Raise `RuleBroken` with the last line that a program wrote where it failed."""
    if not status:
        return
    said.seek(0)
    text = said.read().decode(errors="replace").strip()
    newer = " Install client programs that are at least as new as the server." if "version" in text else ""
    raise RuleBroken(f"{program} failed: {text.splitlines()[-1] if text else status}.{newer}")
