"""Pages of imports: the batches, and the way of a table from the file over its columns and a check to the records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import select

from clinic import clock, drafts, idempotency, read_log, wording
from clinic.access import CLINICAL, WRITERS, allow, may
from clinic.accounts.forms import PasswordForm
from clinic.accounts.security import recheck
from clinic.errors import Problem, RuleBroken
from clinic.exchange import import_columns, import_steps, import_undo, mapping, undo_waiting, uploads
from clinic.exchange.batches import ImportBatch, ImportedRow
from clinic.exchange.import_display import links
from clinic.exchange.import_labels import Labels
from clinic.exchange.import_report import counted
from clinic.exchange.import_targets import KINDS
from clinic.exchange.parse_cell import TRANSFORMS, is_whole
from clinic.exchange.tables import ENCODINGS
from clinic.extensions import db
from clinic.forms import RecordForm
from clinic.model import unindexed
from clinic.pages import (
    Answer,
    commit_and_redirect,
    form_of,
    form_page,
    get_or_404,
    me,
    read_version,
    refusals_to,
    zone,
)
from clinic.paging import page, place_of

if TYPE_CHECKING:
    from clinic.exchange.uploads import Upload

bp = Blueprint("imports", __name__, template_folder="templates", url_prefix="/imports")
undo_waiting.register()
COLUMNS = [
    ("File", "file", False), ("Kind", "kind", False), ("Rows", "rows", True), ("Imported at", "at", False),
    ("By", "by", False), ("State", "state", False),
]  # fmt: skip
TAKEN = "The import was undone. Removed: {}."
WAITING = (
    "Proposed. This import added records to patients, donors or products that were here before: they count until a "
    "second person confirms: a nurse, a physician, quality staff or the medical director."
)
KIND_WORDS = {
    "patients": "Patients, one row each",
    "courses": "Courses with all their records, one row each",
    "further-courses": "Further courses of registered patients, one row each",
    "administrations": "Cells given under registered courses, one row each",
    "scores": "Scores and visits of registered patients, one row per score or visit",
    "events": "Adverse events of registered patients, one row each",
}


@bp.get("")
@allow(CLINICAL)
def index() -> str:
    """List the imports of the site, the last first, and the tables that this person has not imported yet."""
    order = (ImportBatch.imported_at, ImportBatch.id)
    marks = request.args.get("before"), request.args.get("after")
    found = page(
        db.session(), select(ImportBatch).where(ImportBatch.site_id == me().site_id), order=order, descending=True,
        place=place_of(db.session(), order, marks[0] or marks[1]), backwards=bool(marks[0]), entities=True,
    )  # fmt: skip
    begins = may(me().role, "imports.new")
    return render_template(
        "imports/index.html", heading="Imports", columns=COLUMNS, rows=[_line(one) for one in found.rows],
        lede="Imported tables, newest first",
        actions=[(url_for("imports.new"), "file-import", "Import a table")] if begins else [],
        pager={
            "previous_url": url_for("imports.index", before=found.before) if found.before else None,
            "next_url": url_for("imports.index", after=found.after) if found.after else None,
            "text": f"{len(found.rows)} on this page" if found.rows else "",
        },
        waiting=list(uploads.of_person(me().id)) if begins else [], empty_text="No table was imported yet.",
    )  # fmt: skip


def _line(batch: ImportBatch) -> list[Any]:
    return [
        (batch.file, url_for("imports.show", batch_id=batch.id)), batch.kind.capitalize(), batch.rows,
        wording.moment(batch.imported_at, zone()), batch.imported_by.printed_name, _tag(batch),
    ]  # fmt: skip


def _tag(batch: ImportBatch) -> tuple[str, str, str]:
    if batch.undo_asked_at is not None and batch.taken_back_at is None:
        return "wait", "clock", "Undo waits for a second person"
    return ("rest", "arrow-back-up", "Taken back") if batch.taken_back_at else ("ok", "check", "Imported")


@bp.route("/new", methods=["GET", "POST"])
@allow(WRITERS)
def new() -> Answer:
    """Take a table and, where there is one, its mapping; then its columns are shown."""
    trouble: list[str] = []
    if request.method == "POST":
        with _told(trouble):
            upload = _uploaded()
            return commit_and_redirect(url_for("imports.columns", key=upload.key))
    shown = render_template(
        "imports/new.html", kinds=[(kind, KIND_WORDS[kind]) for kind in KINDS], trouble=trouble, typed=request.form
    )
    return (shown, 422) if trouble else shown


class _told:  # noqa: N801 - reads as a word: with _told(trouble)
    """Put what a rule says into a list for the page, which is shown again with what was typed."""

    def __init__(self, trouble: list[str]) -> None:
        self.trouble = trouble

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, _kind: object, fault: BaseException | None, _trace: object) -> bool:
        """Keep the sentences of a broken rule; nothing that was done is kept."""
        if not isinstance(fault, RuleBroken):
            return False
        db.session.rollback()
        self.trouble += list(fault.problems) or [str(fault)]
        return True


def _uploaded() -> Upload:
    kind, sent = request.form.get("kind", ""), request.files.get("mapping")
    said: dict[str, Any] = {"kind": kind}
    if sent is not None and sent.filename:
        said = mapping.read_from(sent.stream, sent.filename).kept()
    table, faults = request.files.get("table"), list[Problem]()
    if said["kind"] not in KINDS:
        faults.append(Problem("Choose what the table holds.", "kind-0"))
    if table is None or not table.filename:
        faults.append(Problem("Choose a CSV or XLSX file.", "table"))
    if faults or table is None:
        raise RuleBroken(*faults)
    return uploads.take(table, me().id, said)


def _upload(key: str) -> Upload:
    found = uploads.of_key(key, me().id)
    if found is None:
        abort(404)
    return found


@bp.route("/uploads/<key>", methods=["GET", "POST"])
@allow(WRITERS)
def columns(key: str) -> Answer:
    """Ask which column is which fact, then check the whole table."""
    upload, trouble = _upload(key), list[str]()
    if request.method == "POST":
        with _told(trouble):
            return _save_columns(upload)
    draft = drafts.at_hand(me().id) if request.method == "GET" else None
    if draft is not None and draft[1].isoformat() > upload.saved_at:  # what was saved later is not overwritten
        upload.mapping = import_columns.written(upload, _headings(upload), draft[0])
    shown = render_template("imports/columns.html", trouble=trouble, **_columns_page(upload, trouble))
    return (shown, 422) if trouble else shown


def _headings(upload: Upload) -> list[str]:
    return import_steps.table_of(upload).headings


def _save_columns(upload: Upload) -> Answer:
    """Keep what was typed, whatever is wrong with it, then check the table."""
    names = request.form.getlist("column")
    if any("\n" in name for name in names):
        names = import_columns.as_read(names, _headings(upload))
    upload.mapping = import_columns.written(upload, names, request.form)
    upload.checked = None
    upload.save()
    if mistakes := _mistakes(upload):
        raise RuleBroken(*mistakes)
    if request.form.get("do") == "again":
        flash("Saved. Check the table when it is done.", "ok")
        return redirect(url_for("imports.columns", key=upload.key), 303)
    import_steps.check(db.session(), upload, me())
    return redirect(url_for("imports.preview", key=upload.key), 303)


def _mistakes(upload: Upload) -> list[str]:
    trouble: list[str] = []
    with _told(trouble):
        upload.read_mapping()
    return trouble


def _columns_page(upload: Upload, trouble: list[str]) -> dict[str, Any]:
    """Return what the page of the columns shows; a file that cannot be read is told, and how it is read stays."""
    table, labels = None, Labels(upload.kind)
    with _told(trouble):
        table = import_steps.table_of(upload)
    found = import_columns.columns(table, upload) if table is not None else []
    return {
        "upload": upload, "columns": found, "said": upload.mapping, "rows": len(table.rows) if table is not None else 0,
        "guesses": table.guesses if table is not None else {}, "others": table.others if table is not None else (),
        "kinds": list(KIND_WORDS.items()),
        "targets": list(labels.offered()), "shown": labels.shown,
        "conversions": [(one, one.replace("_", " ")) for one in TRANSFORMS],
        "encodings": [(one, one) for one in ENCODINGS], "constants": import_columns.constants_of(upload),
        "visits": import_columns.keys_of(upload),
        "absent": import_columns.absent(upload, table.headings) if table is not None else [],
    }  # fmt: skip


@bp.route("/uploads/<key>/preview", methods=["GET", "POST"])
@allow(WRITERS)
def preview(key: str) -> Answer:
    """Show what the import would do; confirm what is asked, or import."""
    upload, trouble = _upload(key), list[str]()
    if request.method == "POST":
        with _told(trouble):
            return _confirmed(upload)
    if upload.checked is None:
        return redirect(url_for("imports.columns", key=key))
    left = sum(1 for why in upload.mapping.get("ignored", {}).values() if why == import_columns.LEFT_OUT)
    shown = render_template(
        "imports/preview.html", upload=upload, found=upload.checked, trouble=trouble, typed=request.form, left=left
    )
    return (shown, 422) if trouble else shown


def _confirmed(upload: Upload) -> Answer:
    asked = (upload.checked or {}).get("asked", [])
    reasons = {one["ask"]: request.form.get(f"why-{number}", "") for number, one in enumerate(asked)}
    again, here = import_steps.confirm(upload, reasons, *_answers(upload)), url_for("imports.preview", key=upload.key)
    idempotency.led_to(here)
    db.session.commit()  # nobody waits while the table is judged; who sends the form again is led to its check
    if again or request.form.get("do") == "check":
        import_steps.check(db.session(), upload, me())
        return redirect(here, 303)
    report = import_steps.import_now(db.session(), upload, me())
    drafts.end_at(me().id, url_for("imports.columns", key=upload.key))
    answer = commit_and_redirect(url_for("imports.show", batch_id=report.batch), report.sentences()[-1])
    upload.discard()
    return answer


def _answers(upload: Upload) -> tuple[list[int], list[int]]:
    """Return which notes were confirmed, and the rows of people who are registered already, which are left out."""
    seen, same = ([int(one) for one in request.form.getlist(name) if is_whole(one)] for name in ("seen", "same"))
    for place, (row, _patient) in ((upload.checked or {}).get("alike") or {}).items():
        match request.form.get(f"seen-{place}"):
            case "other":
                seen.append(int(place))
            case "same":
                same.append(row)
    return seen, same


@bp.get("/uploads/<key>/rejects.csv")
@allow(WRITERS)
def rejects(key: str) -> Response:
    """Send the rows with faults, each with its reasons."""
    upload = _upload(key)
    lines = "".join(import_steps.rejects(db.session(), upload, me()))
    read_log.export(f"Rows with faults of {upload.file}")
    answer = Response(lines, mimetype="text/csv")
    answer.headers["Content-Disposition"] = 'attachment; filename="rejects.csv"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


@bp.post("/uploads/<key>/discard")
@allow(WRITERS)
def discard(key: str) -> Answer:
    """Remove a table that is not to be imported."""
    _upload(key).discard()
    drafts.end_at(me().id, url_for("imports.columns", key=key))
    return commit_and_redirect(url_for("imports.index"), "The table was discarded. Nothing was imported.")


@bp.get("/<batch_id>")
@allow(CLINICAL)
def show(batch_id: str) -> str:
    """Show one import: its file, counts, and which record each row became."""
    batch = get_or_404(ImportBatch, batch_id)
    order, row = (ImportedRow.row, ImportedRow.id), ImportedRow
    marks = request.args.get("before"), request.args.get("after")
    chosen = select(row.id, row.row, row.records).where(
        row.batch_id == batch.id, unindexed(row.site_id) == batch.site_id
    )
    found = page(
        db.session(), chosen, order=order, place=place_of(db.session(), order, marks[0] or marks[1]),
        backwards=bool(marks[0]),
    )  # fmt: skip
    read_log.listed(f"import {batch.id}", len(found.rows))
    return render_template(
        "imports/show.html", batch=batch, rows=links(found.rows, batch), pager=_around(batch, found),
        tag_of=_tag(batch),
        made=[counted(noun, count) for noun, count in batch.made.items()], shown=Labels(batch.kind).shown,
        acts=_acts(batch),
    )  # fmt: skip


def _around(batch: ImportBatch, found: Any) -> dict[str, Any]:
    """Return the pages of rows around one."""
    return {
        "previous_url": url_for("imports.show", batch_id=batch.id, before=found.before) if found.before else None,
        "next_url": url_for("imports.show", batch_id=batch.id, after=found.after) if found.after else None,
        "text": f"{len(found.rows)} rows on this page" if found.rows else "",
    }


def _acts(batch: ImportBatch) -> list[tuple[str, str, str]]:
    """Return what this person may do with a batch: address, icon, label."""
    found, mine = list[tuple[str, str, str]](), me().is_same_person(batch.imported_by)
    if batch.taken_back_at is not None or not may(me().role, "imports.undo"):
        return found
    if batch.undo_asked_by is None:
        if mine or me().role in import_undo.ANY_IMPORT:
            found.append((url_for("imports.undo", batch_id=batch.id), "arrow-back-up", "Undo import"))
        return found
    proposed, confirms = me().is_same_person(batch.undo_asked_by), may(me().role, "imports.confirm_undo")
    if confirms and not proposed:
        found.append((url_for("imports.confirm_undo", batch_id=batch.id), "signature", "Confirm the undo"))
    if confirms or proposed:
        found.append((url_for("imports.decline_undo", batch_id=batch.id), "x", "Keep the import"))
    return found


@bp.route("/<batch_id>/undo", methods=["GET", "POST"])
@allow(WRITERS)
def undo(batch_id: str) -> Answer:
    """Take a whole import back, or propose it, with a reason."""
    batch, trouble = get_or_404(ImportBatch, batch_id), list[str]()
    if request.method == "POST":
        with _told(trouble):
            reason = request.form.get("reason", "")
            gone = import_undo.take_back(db.session(), batch, by=me(), at=clock.now(), reason=reason)
            said = _taken(batch) if gone else WAITING
            return commit_and_redirect(url_for("imports.show", batch_id=batch.id), said, "wait")
    shown = render_template(
        "imports/undo.html", batch=batch, removed=import_undo.removed(batch), trouble=trouble, typed=request.form
    )  # fmt: skip
    return (shown, 422) if trouble else shown


def _taken(batch: ImportBatch) -> str:
    return TAKEN.format(import_undo.removed(batch))


def _refuse_changed(batch: ImportBatch) -> None:
    """Refuse an answer to another proposal than the one that was read."""
    if request.form.get(drafts.VERSION, "") != read_version(batch):
        raise RuleBroken("This import was changed since you opened the page. Read it again, then answer.")


@bp.route("/<batch_id>/undo/confirmation", methods=["GET", "POST"])
@allow(import_undo.CONFIRMS)
def confirm_undo(batch_id: str) -> Answer:
    """Take an import back as the second person, with the password."""
    batch = get_or_404(ImportBatch, batch_id)
    form = form_of(PasswordForm, rests_on=batch)
    form.can_draft = False
    if form.validate_on_submit():
        with refusals_to(form, "password"):
            _refuse_changed(batch)
            recheck(me(), form.password.data or "")
            import_undo.confirm(db.session(), batch, by=me(), at=clock.now())
            return commit_and_redirect(url_for("imports.show", batch_id=batch.id), _taken(batch), "wait")
    first = batch.undo_asked_by.printed_name if batch.undo_asked_by is not None else "Nobody"
    return form_page(
        form, heading=f"Undo the import of {batch.file}", save_label="Sign and undo", save_icon="signature",
        lede=f"{first} proposes it: “{batch.undo_reason or ''}”", back_url=url_for("imports.show", batch_id=batch.id),
        after="All records of this import are removed together. The ledger keeps every one of them.",
    )  # fmt: skip


@bp.route("/<batch_id>/undo/withdrawal", methods=["GET", "POST"])
@allow(WRITERS)
def decline_undo(batch_id: str) -> Answer:
    """Decline to take an import back, or withdraw the proposal: its records stay."""
    batch = get_or_404(ImportBatch, batch_id)
    form = form_of(RecordForm, rests_on=batch)
    form.can_draft = False
    if form.validate_on_submit():
        with refusals_to(form):
            _refuse_changed(batch)
            import_undo.decline(batch, by=me())
            return commit_and_redirect(url_for("imports.show", batch_id=batch.id), "The import stays as it is.")
    return form_page(
        form, heading=f"Keep the import of {batch.file}", save_label="Keep the import", save_icon="check",
        lede="The proposal to take it back is withdrawn.", back_url=url_for("imports.show", batch_id=batch.id),
    )  # fmt: skip
