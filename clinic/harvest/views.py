"""Pages of the harvest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, render_template, url_for

from clinic import clock, record_pages
from clinic.access import CLINICAL, allow
from clinic.course_records import of_course
from clinic.errors import RuleBroken
from clinic.extensions import db
from clinic.harvest.forms import ContainerForm, HarvestForm, own_donor
from clinic.harvest.models import Harvest
from clinic.harvest.step import HARVEST
from clinic.pages import find, form_of, me, saved, zone
from clinic.patients.banner import band
from clinic.patients.donors import Donor
from clinic.record_pages import offer_people, record_page
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

bp = Blueprint("harvest", __name__, template_folder="templates")


def _band(harvest: Harvest) -> object:
    course = harvest.treatment
    return band(course.patient, zone(), chain_of_identity=course.chain_of_identity) if course else None


def _url(harvest: Harvest) -> str:
    return url_for("harvest.show", harvest_id=harvest.id)


DESK = record_pages.desk(
    Harvest,
    show=_url,
    signs=HARVEST.signs,
    amends=HARVEST.logs | HARVEST.signs,
    patient=_band,
    fixed=frozenset({"source", "containers", "din"}),
)


@bp.get("/treatments/<treatment_id>/harvests")
@allow(CLINICAL)
def index(treatment_id: str) -> str:
    """List the harvests of a course."""
    course = find(Treatment, treatment_id)
    rows = [
        (
            (h.headline(), _url(h)),
            h.performed_by.printed_name if h.performed_by else None,
            ("ok", "check", "Signed") if h.signed else ("wait", "hourglass", "Not signed"),
        )
        for h in of_course(db.session(), course).of(Harvest)
    ]
    return render_template(
        "records/list.html",
        heading="Harvests",
        lede=course.title,
        rows=rows,
        empty_text="Nothing was harvested for this course yet.",
        columns=[("Harvest", "harvest", False), ("Collected by", "by", False), ("State", "state", False)],
        actions=[(url_for("harvest.new", treatment_id=course.id), "plus", "Log a harvest")]
        if me().role in HARVEST.logs
        else [],
        patient=band(course.patient, zone(), chain_of_identity=course.chain_of_identity),
    )


def _logged(form: HarvestForm, course: Treatment | None, donor: Donor) -> Response | None:
    """Write the harvest down where the form is right; what one container holds is put into it at once."""
    if not form.validate_on_submit():
        return None
    try:
        harvest = Harvest.log(by=me(), at=clock.now(), treatment=course, donor=donor, **form.facts())
        db.session.add(harvest)
        if harvest.containers == 1:
            harvest.collect(by=me(), at=clock.now(), volume=harvest.volume_to_label)
        signs = "Read it once more and sign." if me().role in HARVEST.signs else "A physician reads and signs it."
        return saved(_url(harvest), f"Harvest written down. {signs}")
    except RuleBroken as fault:
        db.session.rollback()
        form.take(fault)
        return None


@bp.route("/treatments/<treatment_id>/harvests/new", methods=["GET", "POST"])
@allow(HARVEST.logs)
def new(treatment_id: str) -> Response | str | tuple[str, int]:
    """Log a harvest for a course."""
    course = find(Treatment, treatment_id)
    HARVEST.admit(of_course(db.session(), course), by=me(), at=clock.now())
    form = form_of(HarvestForm)
    offer_people(form, mine=True, roles=HARVEST.logs)
    form.plan(course)
    donor = course.donor or own_donor(course, by=me())
    answer = _logged(form, course, donor)
    if answer is not None:
        return answer
    course = find(Treatment, treatment_id)
    page = render_template(
        "records/form.html",
        heading="Log a harvest",
        lede=f"{course.title} · {course.protocol_version.name} · in the order of the work",
        form=form,
        save_label="Save the harvest",
        back_url=url_for("pathway.course", treatment_id=course.id),
        before=[
            (True, "Consent valid", ""),
            (True, "Eligible", ""),
            (True, "Right patient", course.patient.display_name),
        ],
        after="The product gets its number. The laboratory sees it, and its clock runs from the end you entered.",
        patient=band(course.patient, zone(), chain_of_identity=course.chain_of_identity),
    )
    return (page, 422) if form.error_list else page


@bp.route("/donors/<donor_id>/harvests/new", methods=["GET", "POST"])
@allow(HARVEST.logs)
def new_banked(donor_id: str) -> Response | str | tuple[str, int]:
    """Log a donation for the bank: it belongs to no course until a product of it is assigned to one."""
    donor = find(Donor, donor_id)
    if donor.kind == "self":
        raise RuleBroken("A patient's own cells are collected within a course: begin there.")
    form = form_of(HarvestForm)
    offer_people(form, mine=True, roles=HARVEST.logs)
    form.plan_donation()
    answer = _logged(form, None, donor)
    if answer is not None:
        return answer
    donor = find(Donor, donor_id)
    page = render_template(
        "records/form.html",
        heading="Log a donation",
        lede=f"{donor.display_name} · for the bank · in the order of the work",
        form=form,
        save_label="Save the donation",
        back_url=url_for("donors.show", donor_id=donor.id),
        after="The product stays in quarantine until the donor is eligible and quality has released it.",
    )
    return (page, 422) if form.error_list else page


@bp.get("/harvests/<harvest_id>")
@allow(CLINICAL)
def show(harvest_id: str) -> str:
    """Show one harvest with its containers."""
    harvest = find(Harvest, harvest_id)
    course = harvest.treatment
    form = form_of(ContainerForm)
    form.prefill("volume", harvest.volume_to_label if harvest.volume_to_label > 0 else None, "what is left")
    return record_page(
        harvest,
        DESK,
        template="harvest/show.html",
        form=form,
        open_volume=harvest.volume_to_label,
        may_add=me().role in HARVEST.logs and not harvest.signed and harvest.volume_to_label > 0,
        back_url=url_for("pathway.course", treatment_id=course.id) if course else None,
    )


@bp.post("/harvests/<harvest_id>/products")
@allow(HARVEST.logs)
def add_container(harvest_id: str) -> Response | tuple[str, int]:
    """Put a part of what was collected into a container of its own."""
    harvest = find(Harvest, harvest_id)
    form = form_of(ContainerForm)
    if not form.validate_on_submit():
        page = record_page(
            harvest,
            DESK,
            template="harvest/show.html",
            form=form,
            open_volume=harvest.volume_to_label,
            may_add=True,
            back_url=None,
        )
        return page, 422
    harvest.collect(by=me(), at=clock.now(), **form.facts())
    return saved(_url(harvest), "Container added.")
