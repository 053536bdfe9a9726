"""Makes the dossier of one patient: every record of the person, as documents, tables and files, with their proof."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from sqlalchemy import select

from clinic import wording
from clinic.access import keep_to_site
from clinic.accounts.models import Site, User
from clinic.attachments.files import TYPES, unchanged
from clinic.attachments.models import Attachment, AttachmentContent
from clinic.course_records import of_course
from clinic.documents import catalog
from clinic.documents.making import Made, source_of
from clinic.documents.typesetting import pdf
from clinic.dossier import manifest
from clinic.dossier.belonging import records_of
from clinic.dossier.others import Others, texts_in
from clinic.dossier.read_me import read_me
from clinic.exchange import exporting
from clinic.exchange.datasets import Dataset, datasets
from clinic.exchange.exporting import Choice
from clinic.ledger import proving
from clinic.ledger.models import LedgerEntry
from clinic.patients.merging import others as other_records
from clinic.patients.models import Patient
from clinic.record_kinds import table_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from sqlalchemy.orm import Session

    from clinic.ledger.sealing import Seal

IN_MEMORY = 4 * 1024 * 1024
"""Bytes up to which a dossier that is being made stays in memory."""
FREE = {"text", "map", "list"}
"""Kinds of columns in which somebody may have written a name."""


@dataclass(kw_only=True)
class Table:
    """One data set of the person: its columns and rows as they are exported."""

    dataset: Dataset
    rows: list[list[Any]]

    @property
    def file(self) -> str:
        """Its name in the dossier."""
        return f"tables/{self.dataset.name}.csv"

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Key and kind of each column, by which a checker reads the file."""
        return [(column.key, column.kind) for column in self.dataset.chosen(research=False)]

    def texts(self) -> Iterator[str]:
        """Yield what somebody may have written."""
        free = [place for place, (_key, kind) in enumerate(self.columns) if kind in FREE]
        for row in self.rows:
            yield from (row[place] for place in free if isinstance(row[place], str))

    def content(self, others: Others) -> bytes:
        """Return it as CSV, without the names of other patients."""
        free = {place for place, (_key, kind) in enumerate(self.columns) if kind in FREE}
        rows = [
            [others(one) if place in free and type(one) is str else one for place, one in enumerate(row)]
            for row in self.rows
        ]
        headings = [column.heading for column in self.dataset.chosen(research=False)]
        return "".join(exporting.csv_lines(headings, rows)).encode()


@dataclass(kw_only=True)
class Dossier:
    """What is put together for one person. ``people``: the person's patient records, the one asked for first."""

    session: Session
    site: Site
    people: list[Patient]
    ids: dict[type[Any], list[str]]
    progress: Callable[[int, int], None] = lambda _done, _of: None
    files: dict[str, bytes] = field(default_factory=dict)

    def documents(self) -> dict[str, dict[str, Any]]:
        """Return the content of every document that there is about the person's records, by the name of its file."""
        names = {one.id: f"{one.printed_name}, {one.role.label}" for one in self.session.scalars(select(User))}
        only, found = frozenset(one.id for one in self.people), dict[str, dict[str, Any]]()
        site, about = self.site, list(self._about())
        for place, (document, record, records) in enumerate(about):
            self.progress(place, len(about))
            source = source_of(self.session, record, records, names)
            source.only = only
            if not document.missing(source):
                content = Made(self.session, document, source, site).content
                found[f"documents/{document.name}-{record.id}.pdf"] = content
        return found

    def _about(self) -> Iterator[tuple[Any, Any, Any]]:
        """Yield each document with its record, and the records around a course that is its record."""
        seen = set[tuple[str, str]]()
        for patient in self.people:
            courses = [(course, of_course(self.session, course)) for course in patient.courses]
            around: list[tuple[Any, Any]] = [(patient, None), *courses]
            for record, records in around:
                for document, row in catalog.about(record, records):
                    if (document.name, row.id) not in seen:
                        seen.add((document.name, row.id))
                        yield document, row, records if row is record and records is not None else None

    def tables(self) -> list[Table]:
        """Return every data set that has a row about the person."""
        found = []
        for dataset in datasets().values():
            if ids := self.ids.get(dataset.model):
                choice = Choice(only=frozenset(ids), zone=self.people[0].zone)
                rows = list(exporting.rows(self.session, dataset, choice))
                found.append(Table(dataset=dataset, rows=rows))
        return found

    def attachments(self) -> dict[str, tuple[str, bytes]]:
        """Return id and bytes of each file that hangs on a record, by its name in the dossier."""
        found = {}
        for id_ in self.ids.get(Attachment, []):
            one = self.session.get_one(Attachment, id_)
            stored = self.session.get(AttachmentContent, id_)
            content = stored.content if stored is not None else b""
            unchanged(one, content)
            ending = TYPES[one.media_type][0] if one.media_type in TYPES else "bin"
            found[f"attachments/{one.record_id}-{one.id}.{ending}"] = (id_, content)
        return found

    def donors(self) -> set[str]:
        """Return the donors whom the person's records name."""
        found = set[str]()
        for model, ids in self.ids.items():
            if hasattr(model, "donor_id"):
                chosen = select(model.donor_id).where(model.id.in_(ids), model.donor_id.is_not(None))
                found |= set(self.session.scalars(chosen))
        return found

    def by_table(self) -> dict[str, list[str]]:
        """Return the ids of the person's records by the name of their table."""
        return {table_of(model): ids for model, ids in self.ids.items()}

    def written_down(self) -> set[str]:
        """Return every text that the ledger has of the person's records."""
        found = set[str]()
        for entry in proving.about(self.session, self.by_table()):
            found |= set(texts_in((entry.reason, entry.before, entry.after)))
        return found


def make(  # noqa: PLR0913 - whose, for whom, when, and what proves it
    session: Session, patient: Patient, *, seals: Sequence[Seal], key: Ed25519PrivateKey, at: datetime, by: str,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> IO[bytes]:  # fmt: skip
    """Return the dossier of a patient as a ZIP file, open at its beginning.

    ``by``: who asked for it, in words. Raises `RuleBroken` where an entry of the ledger is in no seal yet, or where an
    attachment is not what was attached.
    """
    keep_to_site(session, patient.site_id)
    people = [patient, *other_records(session, patient)]
    site, owned = session.get_one(Site, patient.site_id), records_of(session, [one.id for one in people])
    made = Dossier(session=session, site=site, people=people, ids=owned, progress=progress)
    documents, tables, attached = made.documents(), made.tables(), made.attachments()
    texts = {text for table in tables for text in table.texts()} | made.written_down()
    texts |= {text for content in documents.values() for text in texts_in(content["sections"])}
    others = Others(session, people, made.donors(), texts)

    def of_others(entry: LedgerEntry) -> bool:
        return others.in_any((entry.reason, entry.before, entry.after))

    proof, left_out = proving.of_records(session, seals, made.by_table(), of_others)
    files = {name: pdf([content | {"sections": others.taken_out(content["sections"])}])
             for name, content in documents.items()}  # fmt: skip
    files |= {table.file: table.content(others) for table in tables}
    files["tables/dictionary.csv"] = "".join(exporting.dictionary_lines()).encode()
    files |= {name: content for name, (_id, content) in attached.items()}
    said = f"{site.name}, made on {wording.moment(at, site.zone)} ({site.zone}) for {by}."
    files[manifest.PROOF] = proof.encode()
    files[manifest.READ_ME] = read_me(people, files, made=said, left_out=left_out).encode()
    files[manifest.NAME] = manifest.written(
        files, key, patient=patient.id, site=site.code, made_at=at.isoformat(), made_by=by,
        records=sorted(one for some in made.ids.values() for one in some), left_out=left_out,
        tables={one.file: {"record": table_of(one.dataset.model), "columns": one.columns} for one in tables},
        attachments={name: id_ for name, (id_, _content) in attached.items()},
    )  # fmt: skip
    return _zipped(files)


def _zipped(files: dict[str, bytes]) -> IO[bytes]:
    file = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - the caller reads and closes it
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        for name in (manifest.READ_ME, manifest.NAME, *sorted(files.keys() - {manifest.READ_ME, manifest.NAME})):
            archive.writestr(ZipInfo(name), files[name], ZIP_DEFLATED)
    file.seek(0, io.SEEK_SET)
    return file
