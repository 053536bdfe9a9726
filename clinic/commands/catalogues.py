"""The command about the catalogues: what is in them, what a file would add, what a changed entry means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clinic import clock
from clinic.console import FILE, extend_catalogues, with_database
from clinic.errors import RuleBroken
from clinic.pathway import catalogue_use
from clinic.protocols import catalogue_file
from clinic.protocols.entry_records import meaning

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@click.command()
@click.option("--check", "checked", type=FILE, help="Judge this file, and change nothing.")
@click.option("--accept", "key", help="The records with this key are right with its present meaning.")
def catalogues(checked: Path | None, key: str | None) -> None:
    if checked is not None and key is not None:
        raise click.UsageError("Use --check or --accept, one at a time.")
    if checked is not None:
        _check(checked)
    elif key is not None:
        _accept(key)
    else:
        _list()


def _check(file: Path) -> None:
    """Say what a file would add; print each fault of it and raise `RuleBroken` if there is one."""
    added, faults = catalogue_file.judged(catalogue_file.text_of(file), file.name)
    for fault in faults:
        click.echo(fault)
    if faults:
        raise RuleBroken(f"{file.name} has {len(faults)} {'fault' if len(faults) == 1 else 'faults'}.")
    click.echo(f"{file.name} is right. Instruments: {len(added.instruments)}. Conditions: {len(added.conditions)}.")


def _list() -> None:
    """Print every entry of both catalogues, a line each."""
    extend_catalogues()
    for kind, catalogue in catalogue_file.CATALOGUES.items():
        for key, entry in catalogue.items():
            whose = "built-in" if key in catalogue.built_in else "added"
            click.echo(f"{kind}\t{whose}\t{key}\t{entry.label}\t{_words(entry)}")


def _words(entry: Any) -> str:
    """Return the meaning of an entry in one line."""
    said = {name: words for name, words in meaning(entry).items() if name != "label" and words not in {"none", "False"}}
    return "; ".join(f"{name} {words}" for name, words in said.items())


@with_database
def _accept(session: Session, key: str) -> None:
    if not catalogue_use.accept(session, key, clock.now()):
        raise RuleBroken(f"No added entry “{key}” has another meaning than before. Run clinic catalogues to see all.")
    session.commit()
    click.echo(f"{key}: its records count with the present meaning.")
