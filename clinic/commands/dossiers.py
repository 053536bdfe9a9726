"""The command that writes the dossier of one patient."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click
from sqlalchemy import select

from clinic import clock, read_log
from clinic.accounts.models import Site
from clinic.console import FILE, progress, refuse_reader, site_with, user_with, with_database_to_read
from clinic.dossier import making
from clinic.errors import RuleBroken
from clinic.exchange.exporting import digest_of
from clinic.identifiers import parse_id
from clinic.ledger import sealing
from clinic.patients.models import Patient
from clinic.treatments.models import Treatment
from clinic.whole_files import written_whole
from config import load

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@click.command()
@click.argument("treatment", required=False)
@click.option("--patient", "number", help="Record number of the patient, or the patient's own id.")
@click.option("--site", "code", help="Code of the site; needed where two sites use the same record number.")
@click.option("--as", "email", help="Who reads it: the e-mail address of a staff member. Default: this machine's user.")
@click.option("-o", "--output", type=FILE, help="File to write; default: dossier-PATIENT.zip in this folder.")
@with_database_to_read
def dossier(  # noqa: PLR0913, PLR0917 - the options of one command
    session: Session, treatment: str | None, number: str | None, code: str | None, email: str | None,
    output: Path | None,
) -> None:  # fmt: skip
    if (treatment is None) == (number is None):
        raise click.UsageError("Name one of the patient's courses, or the patient with --patient.")
    reader = user_with(session, email) if email else None
    site = site_with(session, code) if code else reader.site if reader is not None else None
    patient = _patient_of_course(session, treatment) if treatment else _patient(session, number or "", site)
    refuse_reader(reader, patient.site_id)
    file = output or Path(f"dossier-{patient.id}.zip")
    if file.exists():
        raise click.UsageError(f"{file} is already there; nothing was written. Choose another file name.")
    settings = load()
    seals, _faults = sealing.found_in(settings.seal_folders, sealing.known_key(settings.instance))
    about = patient.id, patient.site_id, reader.id if reader is not None else ""
    with progress("Documents") as tell, making.make(
        session, patient, seals=seals, key=sealing.key_of(settings.instance), at=clock.now(),
        by=reader.label if reader is not None else "the command line", progress=tell,
    ) as made:  # fmt: skip
        session.rollback()
        read_log.export_by_command([about[1]], about[2], f"dossier.zip {digest_of(made)}", about[0])
        with written_whole(file, over=False) as new:
            shutil.copyfileobj(made, new)
    click.echo(f"Written: {file}. It holds records of a patient. Check it with: clinic verify --dossier {file}")


def _patient_of_course(session: Session, wanted: str) -> Patient:
    """Return the patient of a course that is named by its number."""
    id_ = parse_id(wanted, Treatment.KIND)
    course = session.get(Treatment, id_) if id_ else None
    if course is None:
        raise RuleBroken(f"No course has the number {wanted}. It begins with {Treatment.KIND}-.")
    return session.get_one(Patient, course.patient_id)


def _patient(session: Session, wanted: str, site: Site | None) -> Patient:
    """Return a patient who is named by record number or id; raises `RuleBroken` where that is nobody, or several."""
    id_ = parse_id(wanted, Patient.KIND)
    chosen = select(Patient).where(Patient.id == id_ if id_ else Patient.record_number == wanted.strip())
    if site is not None:
        chosen = chosen.where(Patient.site_id == site.id)
    found = list(session.scalars(chosen.order_by(Patient.site_id)))
    if not found:
        raise RuleBroken(f"No patient has the record number {wanted}{f' at {site.name}' if site else ''}.")
    if len(found) > 1:
        codes = " or ".join(session.get_one(Site, one.site_id).code for one in found)
        raise RuleBroken(f"Several sites have a patient with the record number {wanted}. Add --site {codes}.")
    return found[0]
