"""Pages of attachments: a record's files, attach one, give one out, take one back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, abort, current_app, render_template, request, url_for

from clinic import clock, read_log, record_pages, wording
from clinic.access import CLINICAL, WRITERS, Role, allow, may
from clinic.attachments.files import FILES, LIMITS, TYPES, WORDS, UploadField, attach, charset, of_record, unchanged
from clinic.attachments.models import Attachment, AttachmentContent
from clinic.extensions import db
from clinic.fields import Field
from clinic.form_fields import StringField
from clinic.forms import RecordForm
from clinic.pages import (
    Answer,
    commit_and_redirect,
    form_of,
    form_page,
    get_or_404,
    me,
    refusals_to,
    refuse_stale,
    zone,
)
from clinic.patients.banner import patient_of

if TYPE_CHECKING:
    from clinic.records import Entry

bp = Blueprint("attachments", __name__, template_folder="templates")
TAKES_BACK = frozenset({Role.PHYSICIAN, Role.QUALITY})
"""Who takes back what a colleague attached; whoever attached it takes it back too."""
SANDBOX = "sandbox; default-src 'none'"
AFTER = "The file stays with the record. Its SHA-256 goes into the ledger. It is never deleted, only taken back."


class AttachForm(RecordForm):
    """A file and what it shows."""

    multipart = True
    title = StringField(fact=Field(label="Description", required=True, max_length=120))
    file = UploadField("File", required=True, hint=LIMITS)


class TakeBackForm(RecordForm):
    """Why a file is taken back."""

    reason = StringField("Reason", required=True)


def shown(record: Entry) -> dict[str, Any]:
    """Return the files of a record as its page lists them, and where one is attached."""
    found = of_record(db.session(), record.id)
    return {
        "attachments": {
            "rows": [_row(one) for one in found],
            "most": FILES,
            "new_url": url_for("attachments.new", record_id=record.id) if me().role in WRITERS else None,
        }
    }


record_pages.BESIDE.append(shown)


def _row(one: Attachment) -> dict[str, Any]:
    back = one.withdrawn_by.printed_name if one.withdrawn_by is not None else ""
    mine = me().id == one.attached_by_id or me().role in TAKES_BACK
    return {
        "title": one.headline, "kind": WORDS.get(one.media_type, one.media_type), "size": _size(one.size),
        "sha256": one.sha256, "who": one.attached_by.printed_name, "when": wording.moment(one.attached_at, zone()),
        "url": url_for("attachments.download", attachment_id=one.id),
        "gone": f"{back}, {wording.moment(one.withdrawn_at, zone())}: {one.withdrawn_because}" if back else "",
        "back_url": url_for("attachments.withdrawal", attachment_id=one.id)
        if mine and not back and me().role in WRITERS else None,
    }  # fmt: skip


def _size(size: int) -> str:
    return f"{size:,} bytes" if size < 100_000 else f"{size / 1024 / 1024:.1f} MB"


def _record(record_id: str) -> tuple[record_pages.RecordPages, Any]:
    """Return a record and where it is shown; refused where this person may not open that page."""
    place, record = record_pages.page_and_record(record_id)
    path = place.show(record).partition("?")[0].partition("#")[0].removeprefix(request.script_root)
    adapter: Any = current_app.create_url_adapter(request)
    if not may(me().role, adapter.match(path, method="GET")[0]):
        abort(403)
    return place, record


@bp.get("/records/<record_id>/attachments")
@allow(CLINICAL)
def index(record_id: str) -> str:
    """List the files of a record of any kind."""
    place, record = _record(record_id)
    return render_template(
        "attachments/index.html", heading="Files", lede=f"{record.NOUN}: {record.headline()}",
        record_url=place.show(record), patient=place.patient(record), **shown(record),
    )  # fmt: skip


@bp.route("/records/<record_id>/attachments/new", methods=["GET", "POST"])
@allow(WRITERS)
def new(record_id: str) -> Answer:
    """Attach a file to a record."""
    place, record = _record(record_id)
    form = form_of(AttachForm)
    form.can_draft = False
    form.prefill("title", "Scan of the paper" if getattr(record, "paper", None) else None)
    if form.validate_on_submit():
        with refusals_to(form, "file"):
            attach(db.session(), record, form.file.data, title=form.title.data or "", by=me(), at=clock.now())
            return commit_and_redirect(url_for("attachments.index", record_id=record.id), "File attached.")
    have = sum(one.withdrawn_at is None for one in of_record(db.session(), record.id))
    return form_page(
        form, heading="Attach a file", lede=f"{record.headline()} · {have} of {FILES} files", save_label="Attach",
        save_icon="paperclip", back_url=place.show(record), patient=place.patient(record), after=AFTER,
    )  # fmt: skip


@bp.get("/attachments/<attachment_id>")
@allow(CLINICAL)
def download(attachment_id: str) -> Response:
    """Give a file out as an attachment, under a name and type of ours; it never opens within the clinic's pages."""
    one = get_or_404(Attachment, attachment_id)
    _place, record = _record(one.record_id)
    found = db.session.get(AttachmentContent, one.id)
    if found is None or one.media_type not in TYPES:
        abort(404)
    unchanged(one, found.content)
    whom = patient_of(record)
    read_log.export("attachment", whom.id if whom is not None else "")
    name = f"{one.record_id}-{one.id}.{TYPES[one.media_type][0]}"
    text = one.media_type.startswith("text/")
    headers = {"Content-Disposition": f"attachment; filename={name}", "Content-Security-Policy": SANDBOX}
    kind = f"{one.media_type}; charset={charset(found.content)}" if text else one.media_type
    return Response(found.content, content_type=kind, headers=headers)


@bp.route("/attachments/<attachment_id>/withdrawal", methods=["GET", "POST"])
@allow(WRITERS)
def withdrawal(attachment_id: str) -> Answer:
    """Take a file back with a reason; it stays readable."""
    one = get_or_404(Attachment, attachment_id)
    place, record = _record(one.record_id)
    if me().id != one.attached_by_id and me().role not in TAKES_BACK:
        abort(403)
    form = form_of(TakeBackForm, rests_on=one)
    form.can_draft = False
    back = url_for("attachments.index", record_id=one.record_id)
    if form.validate_on_submit():
        refuse_stale(one)
        with refusals_to(form, "reason"):
            one.withdraw(by=me(), at=clock.now(), reason=form.reason.data or "")
            return commit_and_redirect(back, "The file is taken back. It stays readable.")
    return form_page(
        form, heading="Take the file back", lede=one.headline, save_label="Take it back", save_icon="x",
        back_url=back, patient=place.patient(record),
    )  # fmt: skip
