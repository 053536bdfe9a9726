"""Pages of downtime: what is copied from paper, its scan, and the kit that is printed before an outage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, abort, render_template, request, url_for

from clinic import clock, read_log, record_pages
from clinic.access import CLINICAL, WRITERS, allow
from clinic.downtime import again, display, entry, kit
from clinic.downtime.kinds import KINDS, Kind, form_for_paper
from clinic.downtime.models import PaperScan, ScanContent
from clinic.downtime.scans import TYPES, ScanForm, attach
from clinic.extensions import db
from clinic.pages import Answer, commit_and_redirect, form_of, form_page, get_or_404, me, refusals_to
from clinic.pathway import projection
from clinic.patients.banner import patient_banner, patient_of
from clinic.products.models import Product
from clinic.records import Record
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from flask import Flask

bp = Blueprint("downtime", __name__, template_folder="templates")
record_pages.BESIDE.append(display.of_record)
projection.MOVED.append(again.mark_again)
ATTACHED = "Scan attached. Its SHA-256 is in the ledger."
AFTER = (
    "Checked against the rules then and now. What would have been refused is shown in red with the record, and "
    "quality is asked to review it. The people who did it are asked to confirm it."
)


@bp.record
def _offer_paper(state: Any) -> None:
    """Let the form of a step lead to the same record from paper."""
    app: Flask = state.app
    app.jinja_env.globals["paper_url"] = display.paper_url


@bp.get("/treatments/<treatment_id>/paper")
@allow(CLINICAL)
def index(treatment_id: str) -> str:
    """Offer every kind of record that this person may copy from paper, and list what was copied so far."""
    course = get_or_404(Treatment, treatment_id)
    return render_template(
        "downtime/index.html", patient=patient_banner(course), **display.of_course(course, me().role)
    )


@bp.route("/treatments/<treatment_id>/paper/<kind>/new", methods=["GET", "POST"])
@allow(WRITERS)
def new(treatment_id: str, kind: str) -> Answer:
    """Copy one record from paper; it is judged for then and for now."""
    course, asked = get_or_404(Treatment, treatment_id), _kind(kind)
    on = _on(asked, course)
    form = form_for_paper(asked, course, on)
    if form.validate_on_submit():
        with refusals_to(form):
            made = entry.take(asked, course, on, form, by=me(), at=clock.now())
            return commit_and_redirect(
                record_pages.PAGES[made.KIND].show(made), display.taken(made), display.tone(made)
            )
    return form_page(
        form, template="downtime/new.html", heading=f"From paper: {asked.title.lower()}",
        lede=display.lede(course, on), save_label="Save what the paper says", save_icon="file-import",
        back_url=url_for("downtime.index", treatment_id=course.id), patient=patient_banner(course), after=AFTER,
    )  # fmt: skip


def _kind(name: str) -> Kind:
    found = KINDS.get(name)
    if found is None:
        abort(404)
    if me().role not in found.logs:
        abort(403)
    return found


def _on(kind: Kind, course: Treatment) -> Any:
    """Return the row that the record hangs on besides its course, which the address names; 404 for a foreign one."""
    if kind.hangs_on is None:
        return None
    named = request.args.get("of", "")
    row = get_or_404(kind.hangs_on, named) if named else display.first_of(kind, course)
    if (row is None and kind.hangs_on is Product) or (row is not None and row.treatment_id != course.id):
        abort(404)
    return row


@bp.route("/records/<record_id>/scan", methods=["GET", "POST"])
@allow(WRITERS)
def scan(record_id: str) -> Answer:
    """Attach the scan of the paper to a record that was copied from it."""
    place, record = record_pages.page_and_record(record_id)
    if not isinstance(record, Record) or record.paper is None:
        abort(404)
    form = form_of(ScanForm)
    form.can_draft = False
    if form.validate_on_submit():
        with refusals_to(form):
            attach(db.session(), record, form.paper_scan.data, by=me(), at=clock.now())
            return commit_and_redirect(place.show(record), ATTACHED)
    return form_page(
        form, heading="Attach the scan of the paper", lede=record.headline(), save_label="Attach",
        save_icon="paperclip", back_url=place.show(record), patient=place.patient(record),
    )  # fmt: skip


@bp.get("/scans/<scan_id>")
@allow(CLINICAL)
def download(scan_id: str) -> Response:
    """Give a scan as an attachment, under a name of ours; it never opens within the clinic's pages."""
    one = get_or_404(PaperScan, scan_id)
    content = db.session.get(ScanContent, one.id)
    if content is None or one.media_type not in TYPES:
        abort(404)
    whom = patient_of(record_pages.page_and_record(one.record_id)[1])
    read_log.export("scan", whom.id if whom is not None else "")
    name = f"paper-{one.record_id}-{one.id}.{TYPES[one.media_type][0]}"
    headers = {"Content-Disposition": f"attachment; filename={name}", "X-Content-Type-Options": "nosniff"}
    return Response(content.content, mimetype=one.media_type, headers=headers)


@bp.route("/downtime", methods=["GET", "POST"])
@allow(CLINICAL)
def print_kit() -> Answer:
    """Show the kit of the day to be printed; that it was read is written down first (rule 70)."""
    form = form_of(kit.KitForm)
    form.can_draft = False
    if not form.validate_on_submit():
        return form_page(form, heading="Downtime kit", lede=kit.LEDE, save_label="Show the kit", save_icon="printer",
                         back_url=url_for("pathway.today"), after=kit.AFTER)  # fmt: skip
    made = kit.of_site(db.session(), me().site, at=clock.now(), forms="forms" in (form["parts"].data or ()))
    kit.note(db.session(), made, by=me(), at=clock.now())
    read_log.prints(sheet.patient_id for sheet in made.sheets)
    page = render_template("downtime/kit.html", kit=made)
    db.session.commit()
    return page
