"""Commands that prove the records: the ledger checked, its heads sealed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clinic import clock, wording
from clinic.attachments.files import disagreements as attached_disagreements
from clinic.console import FILE, with_database_to_read
from clinic.dossier import checking
from clinic.errors import RuleBroken
from clinic.exchange.exporting import digest_of
from clinic.identifiers import parse_id
from clinic.ledger import proving, sealing, structure
from clinic.ledger import verify as proof
from clinic.pathway import catalogue_use
from clinic.pathway.sweeping import disagreements
from config import load

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from config import Settings


HEAD = click.option("--head", "seal_file", type=FILE, help="One more seal, from where you keep them.")


@click.command()
@HEAD
@click.option("--since-seal", is_flag=True, help="Check only what was written since the last seal, and say so.")
@click.option("--dossier", "file", type=FILE, help="Check a dossier instead; needs no database.")
def verify(seal_file: Path | None, file: Path | None, *, since_seal: bool) -> None:
    if file is None:
        _verify(seal_file, since_seal=since_seal)
        return
    if seal_file is not None or since_seal:
        raise click.UsageError("A dossier is checked by itself: leave out --head and --since-seal.")
    _verify_dossier(file, load(makes=False))


def _verify_dossier(file: Path, settings: Settings) -> None:
    """Say what a dossier proves; raise `RuleBroken`, naming the file in it, where one was changed."""
    own = sealing.known_key(settings.instance)
    found = checking.check(file, sealing.public_of(own) if own is not None else None)
    kept, _faults = sealing.found_in(settings.seal_folders, own)
    for sentence in found.sentences({proving.normal(one.text) for one in kept}, own=own is not None):
        click.echo(sentence)


@with_database_to_read
def _verify(session: Session, seal_file: Path | None, *, since_seal: bool) -> None:
    settings = load()
    if since_seal:
        _verify_since(session, settings)
        return
    seals = _proved(session, settings, seal_file)
    stated = proof.all_heads(session)
    count = sum(head.number for head in proof.heads(session).values())
    click.echo(f"All {count} entries of the ledger follow each other, and every record agrees with them.")
    for sentence in sealing.proved(seals, stated, elsewhere=bool(settings.seals or seal_file)):
        click.echo(sentence)
    notices = catalogue_use.notices(session)
    for notice in notices:
        click.echo(f"Catalogues: {notice}")
    if notices:
        raise RuleBroken(
            "The ledger proves what was written, but its catalogues do not say any more what"
            f" {'one key' if len(notices) == 1 else f'{len(notices)} keys'} of the records meant."
        )


def _verify_since(session: Session, settings: Settings) -> None:
    """Check what was written since the last seal; say what was not checked again."""
    seals, faults = sealing.found_in(settings.seal_folders, sealing.known_key(settings.instance))
    if not seals:
        raise RuleBroken("No seal was found, so there is nothing to begin at. Run clinic verify without --since-seal.")
    last = seals[-1]
    found: list[Any] = [*faults, *structure.problems(session), *proof.verify_since(session, last.heads)]
    _refuse(found)
    for name, head in sorted(proof.all_heads(session).items()):
        before = last.heads.get(name, proof.START).number
        click.echo(f"{name}: entries {before + 1} to {head.number} follow each other, and what they changed agrees.")
    click.echo(
        f"Not checked again: the entries up to the seal of {wording.moment(last.at, 'Etc/UTC')} UTC, the rows that"
        " nothing was written about since, and the stored states of courses. Run clinic verify for all of it."
    )


def _refuse(found: list[Any]) -> None:
    """Print each disagreement, and raise `RuleBroken` if there is one."""
    for fault in found:
        click.echo(str(fault))
    if found:
        raise RuleBroken(
            f"The records and the ledger disagree in {len(found)} {'place' if len(found) == 1 else 'places'}."
        )


def _proved(session: Session, settings: Settings, seal_file: Path | None = None) -> list[sealing.Seal]:
    """Return the seals with which the ledger agrees; prints each disagreement and raises `RuleBroken` if there is one.

    A copy of the clinic without the instance's key is checked with the key that the seals bear.
    """
    key = sealing.known_key(settings.instance)
    given = sealing.opened(seal_file.read_text(), key=key, name=str(seal_file)) if seal_file else None
    seals, faults = sealing.found_in(settings.seal_folders, key)
    if given is not None:
        seals = sorted([*seals, given], key=lambda one: one.at)
    found: list[Any] = [*faults, *structure.problems(session)]
    found += proof.verify(session, earlier=sealing.still_binding(seals))
    found = found or [*disagreements(session, clock.now()), *attached_disagreements(session)]
    _refuse(found)
    return seals


@click.command()
@click.option("-o", "--output", type=FILE, help="File to write; default: a new one in the instance's seals.")
@with_database_to_read
def seal(session: Session, output: Path | None) -> None:
    settings, at = load(), clock.now()
    _proved(session, settings)
    heads = proof.all_heads(session)
    known, _faults = sealing.found_in(settings.seal_folders, sealing.known_key(settings.instance))
    trees = sealing.trees_since(session, known, heads)
    text = sealing.seal(heads, at=at, key=sealing.key_of(settings.instance), trees=trees)
    files = [sealing.write(text, output)] if output else sealing.keep(text, at, settings.seal_folders)
    click.echo(
        f"Sealed {sum(head.number for head in proof.heads(session).values())} entries: {', '.join(map(str, files))}"
    )


@click.command()
@click.argument("record_id", required=False)
@click.option("--export", "file", type=FILE, help="A file that was exported, in place of a record.")
@click.option("-o", "--output", type=FILE, required=True, help="File to write.")
@with_database_to_read
def prove(session: Session, record_id: str | None, file: Path | None, output: Path) -> None:
    if (record_id is None) == (file is None):
        raise click.UsageError("Name a record, or a file with --export.")
    settings = load()
    seals, _faults = sealing.found_in(settings.seal_folders, sealing.known_key(settings.instance))
    if file is not None:
        with file.open("rb") as exported:
            text = proving.of_export(session, seals, digest_of(exported))
    else:
        wanted = parse_id(record_id or "")
        if wanted is None:
            raise RuleBroken(f"“{record_id}” is not a record number: a character is wrong or missing.")
        text = proving.of_record(session, seals, wanted)
    with output.open("x") as new:
        new.write(text)
    click.echo(f"Written: {output}. Anyone checks it with tools/check_proof.py, without this program.")
