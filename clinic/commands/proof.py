"""Commands that prove the records: the ledger checked, its heads sealed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clinic import clock
from clinic.console import FILE, with_database_to_read
from clinic.downtime import scans
from clinic.errors import RuleBroken
from clinic.ledger import sealing
from clinic.ledger import verify as proof
from clinic.pathway.sweeping import disagreements
from config import load

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@click.command()
@click.option("--head", "seal_file", type=FILE, help="An earlier seal: shows whether entries are missing since.")
@with_database_to_read
def verify(session: Session, seal_file: Path | None) -> None:
    key = sealing.key_of(load().instance)
    earlier = sealing.opened(seal_file.read_text(), key=key) if seal_file else None

    found: list[Any] = list(proof.verify(session, earlier=earlier))
    found = found or [*disagreements(session, clock.now()), *scans.disagreements(session)]
    for fault in found:
        click.echo(str(fault))
    if found:
        raise RuleBroken(
            f"The records and the ledger disagree in {len(found)} {'place' if len(found) == 1 else 'places'}."
        )
    count = sum(head.number for head in proof.heads(session).values())
    click.echo(f"All {count} entries of the ledger follow each other, and every record agrees with them.")


@click.command()
@click.option("-o", "--output", type=FILE, help="File to write; default: a new one in the instance's seals.")
@with_database_to_read
def seal(session: Session, output: Path | None) -> None:
    instance, at = load().instance, clock.now()
    heads = proof.heads(session)
    text = sealing.seal(heads, at=at, key=sealing.key_of(instance))
    if output is None:
        output = instance / "seals" / f"{at:%Y%m%dT%H%M%SZ}.json"
        output.parent.mkdir(mode=0o700, exist_ok=True)
    with output.open("x") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    click.echo(f"Sealed {sum(head.number for head in heads.values())} entries: {output}")
