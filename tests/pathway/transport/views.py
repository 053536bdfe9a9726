"""Pages of the transport."""

from __future__ import annotations

from flask import Blueprint, render_template, url_for

from clinic import clock, record_pages
from clinic.access import CLINICAL, allow
from clinic.course_records import of_course
from clinic.errors import RuleBroken
from clinic.extensions import db
from clinic.forms import form_for
from clinic.pages import Answer, commit_and_redirect, form_of, form_page, get_or_404, me, refusals_to
from clinic.patients.banner import patient_banner
from clinic.record_pages import record_page
from clinic.treatments.models import Treatment
from tests.pathway.transport.models import Transport
from tests.pathway.transport.step import TRANSPORT, waiting

bp = Blueprint("transport", __name__)


def _url(transport: Transport) -> str:
    return url_for("transport.show", transport_id=transport.id)


PAGES = record_pages.register_pages(
    Transport, show=_url, signs=TRANSPORT.signs, amends=TRANSPORT.logs | TRANSPORT.signs, patient=patient_banner
)


@bp.get("/treatments/<treatment_id>/transports")
@allow(CLINICAL)
def index(treatment_id: str) -> str:
    """List the transports of a course."""
    course = get_or_404(Treatment, treatment_id)
    new_url = url_for("transport.new", treatment_id=course.id)
    return render_template(
        "records/list.html",
        heading="Transports",
        lede=course.title,
        rows=[((one.headline(), _url(one)),) for one in of_course(db.session(), course).of(Transport)],
        columns=[("Transport", "transport", False)],
        actions=[(new_url, "plus", "Log a transport")] if me().role in TRANSPORT.logs else [],
        patient=patient_banner(course),
    )


@bp.route("/treatments/<treatment_id>/transports/new", methods=["GET", "POST"])
@allow(TRANSPORT.logs)
def new(treatment_id: str) -> Answer:
    """Log the transport of the released product that waits."""
    course = get_or_404(Treatment, treatment_id)
    records = of_course(db.session(), course)
    TRANSPORT.admit(records, by=me(), at=clock.now())
    product = next(iter(waiting(records, clock.now())), None)
    if product is None:
        raise RuleBroken("No released product waits in the laboratory.")
    form = form_of(form_for(Transport), people=TRANSPORT.logs, about={"treatment": course, "product": product})
    if form.validate_on_submit():
        with refusals_to(form):
            made = Transport.log(by=me(), at=clock.now(), treatment=course, product=product, **form.facts())
            db.session.add(made)
            return commit_and_redirect(_url(made), "Transport logged.")
    return form_page(
        form, heading="Log a transport", lede=product.name, save_label="Save the transport",
        patient=patient_banner(course),
    )  # fmt: skip


@bp.get("/transports/<transport_id>")
@allow(CLINICAL)
def show(transport_id: str) -> str:
    """Show one transport."""
    return record_page(get_or_404(Transport, transport_id), PAGES)
