"""Pages of downtime: what is copied from paper, and the kit that is printed before an outage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, render_template, request, url_for

from clinic import clock, read_log, record_pages
from clinic.access import CLINICAL, WRITERS, allow
from clinic.downtime import again, display, entry, kit
from clinic.downtime.kinds import KINDS, Kind, form_for_paper
from clinic.extensions import db
from clinic.pages import Answer, commit_and_redirect, form_of, form_page, get_or_404, me, refusals_to
from clinic.pathway import projection
from clinic.patients.banner import patient_banner
from clinic.products.models import Product
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from flask import Flask

bp = Blueprint("downtime", __name__, template_folder="templates")
record_pages.BESIDE.append(display.of_record)
projection.MOVED.append(again.mark_again)
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


@bp.route("/downtime", methods=["GET", "POST"])
@allow(CLINICAL)
def print_kit() -> Answer:
    """Show the kit of the day to be printed; that it was read is written down first (rule 70)."""
    form = form_of(kit.KitForm)
    form.can_draft = False
    if not form.validate_on_submit():
        return form_page(form, heading="Downtime kit", lede=kit.LEDE, save_label="Show the kit", save_icon="printer",
                         back_url=url_for("pathway.today"), after=kit.AFTER,
                         after_title="When you show the kit")  # fmt: skip
    made = kit.of_site(db.session(), me().site, at=clock.now(), forms="forms" in (form["parts"].data or ()))
    kit.note(db.session(), made, by=me(), at=clock.now())
    read_log.prints(sheet.patient_id for sheet in made.sheets)
    page = render_template("downtime/kit.html", kit=made)
    db.session.commit()
    return page
