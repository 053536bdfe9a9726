"""Pages of the documents: those about one record, each as PDF, and the comparison of a paper with the records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, abort, render_template, request, url_for

from clinic import read_log, record_pages
from clinic.access import CLINICAL, allow
from clinic.audit.sentences import tell
from clinic.documents import catalog, making, proof
from clinic.documents.catalog import DOCUMENTS
from clinic.documents.making import Made
from clinic.documents.typesetting import pdf
from clinic.errors import RuleBroken
from clinic.extensions import db
from clinic.identifiers import parse_id
from clinic.pages import get_or_404, me, staff_names, zone
from clinic.patients.banner import patient_banner, patient_of
from clinic.patients.models import Patient
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clinic.documents.document import Document, Source

bp = Blueprint("documents", __name__, url_prefix="/documents", template_folder="templates")
MOST_TOGETHER = 60
"""Documents that are set as one file."""


def _beside(record: Any) -> dict[str, Any]:
    """Return the address of a record's documents, for its page."""
    of_it = any(isinstance(record, one.about) for one in DOCUMENTS.values())
    return {"documents_url": url_for("documents.of_record", record_id=record.id) if of_it else None}


record_pages.BESIDE.append(_beside)


@bp.get("/about/<record_id>")
@allow(CLINICAL)
def of_record(record_id: str) -> str:
    """List the documents about a record and what hangs on it; those that do not exist yet say why."""
    record, records = _found(record_id)
    rows = [_row(document, row, records) for document, row in catalog.about(record, records)]
    return render_template(
        "documents/index.html", heading="Documents", rows=rows, record=record, patient=patient_banner(record),
        back_url=_page_of(record), together=sum(not row["missing"] for row in rows),
        most=MOST_TOGETHER,
        dossier_url=url_for("dossier.download", patient_id=record.id) if isinstance(record, Patient) else None,
    )  # fmt: skip


def _page_of(record: Any) -> str:
    """Return the page of a record; that of a course has everything about it, its own record is the order."""
    if isinstance(record, Treatment):
        return url_for("pathway.course", treatment_id=record.id)
    return record_pages.PAGES[record.KIND].show(record)


@bp.get("/<name>/<record_id>.pdf")
@allow(CLINICAL)
def download(name: str, record_id: str) -> Response:
    """Send one document; the same records give the same bytes."""
    document = DOCUMENTS.get(name)
    record, records = _found(record_id)
    if document is None or not isinstance(record, document.about):
        abort(404)
    source = _source(record, records)
    if said := document.missing(source):
        raise RuleBroken(said)
    return _sent([Made(db.session(), document, source, me().site)], f"{name}-{record.id}")


@bp.get("/all/<record_id>.pdf")
@allow(CLINICAL)
def download_all(record_id: str) -> Response:
    """Send all documents about a record and what hangs on it as one file, each on pages of its own."""
    record, records = _found(record_id)
    sources = [(one, _source(row, records if row is record else None)) for one, row in catalog.about(record, records)]
    there = [(document, source) for document, source in sources if not document.missing(source)]
    if not there:
        raise RuleBroken("There is no document of this record yet.")
    if len(there) > MOST_TOGETHER:
        raise RuleBroken(
            f"{len(there)} documents are more than the {MOST_TOGETHER} of one file. Print them one by one."
        )
    return _sent([Made(db.session(), one, source, me().site) for one, source in there], f"documents-{record.id}")


@bp.get("/check")
@allow(CLINICAL)
def check() -> tuple[str, int]:
    """Compare the code at the foot of a paper with the records as they are now."""
    typed = request.args.get("code", "").strip()[:120]
    shown: dict[str, Any] = {"typed": typed, "wrong": "", "made": None, "agrees": False}
    if typed:
        shown |= _compared(typed)
    return render_template("documents/check.html", heading="Check a document", **shown), 422 if shown["wrong"] else 200


def _compared(typed: str) -> dict[str, Any]:
    """Return whether a code is that of the present records, and which entries of the ledger came since."""
    read = proof.read_code(typed)
    document = DOCUMENTS.get(read[1]) if read else None
    if read is None or document is None or making.kind_of(read[0]) is not document.about:
        said = "This is no check code. Enter it as it stands at the foot of the document, all three parts of it"
        return {"wrong": f"{said}: record number, name of the document, 16 digits."}
    record, records = _found(read[0])
    source = _source(record, records)
    made = Made(db.session(), document, source, me().site)
    number = made.proof.number if made.proof else 0
    return {
        "made": made, "agrees": made.digits == read[2],
        "stopped": document.missing(source), "url": record_pages.PAGES[record.KIND].show(record),
        "record": record, "patient": patient_banner(record), "number": number,
        "changes": [
            tell(entry, people=staff_names(), zone=zone())
            for entry in proof.latest(db.session(), me().site_id, made.ids)
        ],
    }  # fmt: skip


def _found(record_id: str) -> tuple[Any, Any]:
    """Return a record that documents are about, with the records around it; 404 for others and other sites'."""
    wanted = parse_id(record_id)
    kind = making.kind_of(wanted) if wanted else None
    if kind is None:
        abort(404)
    record = get_or_404(kind, record_id)
    return record, making.records_of(db.session(), record)


def _source(record: Any, records: Any) -> Source:
    return making.source_of(db.session(), record, records, staff_names())


def _row(document: Document, record: Any, records: Any) -> dict[str, Any]:
    """Return a line of the list: what the document is, of which record, and why there is none yet."""
    return {"document": document, "record": record, "missing": document.missing(_source(record, records))}


def _sent(made: Iterable[Made], title: str) -> Response:
    documents = list(made)
    patients = {one.id for each in documents if (one := patient_of(each.source.record)) is not None}
    read_log.prints(sorted(patients))
    response = Response(pdf([one.content for one in documents]), mimetype="application/pdf")
    response.headers["Content-Disposition"] = f'attachment; filename="{title}.pdf"'
    response.headers["Cache-Control"] = "no-store"
    return response
