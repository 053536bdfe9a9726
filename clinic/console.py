"""What all commands share: open the application and its database, show progress, print errors as one sentence."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from alembic.util import CommandError
from sqlalchemy import select
from sqlalchemy.exc import ArgumentError, OperationalError, ProgrammingError

from clinic import create_app
from clinic.access import CLINICAL
from clinic.accounts.models import Site, User
from clinic.error_pages import NOT_SET_UP, unavailable
from clinic.errors import ClinicError, RuleBroken, SettingsWrong
from clinic.extensions import db, read_from_here
from clinic.protocols import catalogue_file
from clinic.reading import reading_only
from clinic.schema import current, head
from config import COMMAND_WAIT, load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask
    from sqlalchemy.orm import Session

    from config import Settings

NO, WRONG = 1, 2
FILE = click.Path(dir_okay=False, path_type=Path)


def run(commands: click.Group) -> None:
    """Run the command line; print every expected error as one sentence on stderr."""
    os.umask(0o077)  # what is recorded about patients is its owner's alone: database, copies, exports, seals
    try:
        status = commands.main(standalone_mode=False)  # the status of an Exit comes back as the answer
        sys.exit(status if isinstance(status, int) else 0)
    except click.Abort:
        sys.exit(130)
    except click.ClickException as fault:
        say(fault.format_message(), WRONG)
    except SettingsWrong as fault:
        say(str(fault), WRONG)
    except ClinicError as fault:
        say(str(fault), NO)
    except CommandError as fault:
        say(f"The database is at a version that this program does not know: {fault}.", WRONG)
    except ArgumentError:
        say("CLINIC_DATABASE_URL is not a database address. Write it like sqlite:////srv/clinic.db.", WRONG)
    except (OperationalError, ProgrammingError) as fault:
        say(_why_not_usable(fault), WRONG)
    except OSError as fault:
        say(f"{fault.filename or 'A file'}: {fault.strerror or fault}.", WRONG)


def _why_not_usable(fault: OperationalError | ProgrammingError) -> str:
    first = str(fault.orig).strip().splitlines()[0]
    reason = unavailable(fault)
    if reason in {None, NOT_SET_UP}:
        return f"The database cannot be used: {first}. If it is new or older, run: clinic migrate."
    return f"{reason} ({first})"


def say(sentence: str, status: int) -> None:
    click.echo(f"clinic: {sentence}", err=True)
    sys.exit(status)


def application(*, only_reads: bool = False, makes: bool = False) -> tuple[Flask, Settings]:
    """Return the application over the clinic of the settings; ``makes``: there may be none yet.

    Raises `SettingsWrong` where there is none; a mistyped folder is not made then.
    """
    if not makes:
        _refuse_nowhere(load(makes=False))
    settings = replace(load(), database_wait=COMMAND_WAIT, database_silence=0, only_reads=only_reads)
    return create_app(settings), settings


def _refuse_nowhere(settings: Settings) -> None:
    file = settings.database_file
    if not settings.instance.is_dir() or (file is not None and not file.exists()):
        lacking = settings.instance if not settings.instance.is_dir() else file
        raise SettingsWrong(
            f"There is no clinic here: {lacking} does not exist. Check CLINIC_INSTANCE and CLINIC_DATABASE_URL; to make"
            " a new clinic, run: clinic migrate."
        )


def extend_catalogues() -> None:
    """Let the catalogues have what the installation adds, for a command that needs no database."""
    file = load(makes=False).catalogues
    catalogue_file.use(catalogue_file.read(catalogue_file.text_of(file), file.name if file else ""))


def with_database(act: Callable[..., Any]) -> Callable[..., Any]:
    """Call a command inside the application, with its session as the first argument, over a current schema."""
    return _inside(act, only_reads=False)


def with_database_to_read(act: Callable[..., Any]) -> Callable[..., Any]:
    """Call a command that only reads, in one snapshot and without a write lock."""
    return _inside(act, only_reads=True)


def _inside(act: Callable[..., Any], *, only_reads: bool) -> Callable[..., Any]:
    @wraps(act)
    def call(*args: Any, **more: Any) -> Any:
        app, settings = application(only_reads=only_reads)
        before = reading_only.get()
        with app.test_request_context(base_url=settings.public_url or None):
            try:
                current_schema()
                if only_reads:
                    read_from_here(db.session())
                return act(db.session(), *args, **more)
            finally:
                reading_only.set(before)
                db.session.remove()
                db.engine.dispose()

    return call


def current_schema() -> None:
    if current(db.engine) != head():
        raise SettingsWrong("The database needs a migration. Run: clinic migrate.")


@contextmanager
def progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show progress on a terminal, and nothing elsewhere."""
    seen = 0
    with click.progressbar(length=1, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:

        def tell(done: int, whole: int) -> None:
            nonlocal seen
            bar.length = max(whole, 1)
            bar.update(done - seen)
            seen = done

        yield tell


def site_with(session: Session, code: str) -> Site:
    found = session.scalar(select(Site).where(Site.code == code))
    if found is None:
        codes = ", ".join(session.scalars(select(Site.code).order_by(Site.code))) or "none yet"
        raise RuleBroken(f"No site has the code “{code}”. Available: {codes}.")
    return found


def user_with(session: Session, email: str) -> User:
    found = session.scalar(select(User).where(User.email == email.strip().casefold()))
    if found is None:
        raise RuleBroken(f"No account uses {email}.")
    return found


def refuse_reader(reader: User | None, site_id: str | None) -> None:
    """Raise `RuleBroken` where the person who is named could not read the same on a page."""
    if reader is not None and (reader.role not in CLINICAL or not reader.active):
        raise RuleBroken(f"{reader.label} does not read patients' records.")
    if reader is not None and site_id != reader.site_id:
        raise RuleBroken(f"{reader.printed_name} works at another site. Name hers or his: --site {reader.site.code}.")
