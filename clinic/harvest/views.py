"""Pages of the harvest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, url_for
from sqlalchemy import select

from clinic import clock, record_pages, wording
from clinic.access import CLINICAL, allow
from clinic.consent.models import valid
from clinic.course_records import CourseRecords, of_course
from clinic.eligibility.models import Eligibility
from clinic.errors import RuleBroken, StepBlocked
from clinic.extensions import db
from clinic.fields import plain
from clinic.harvest.forms import ContainerForm, HarvestForm, offer_again, own_donor
from clinic.harvest.models import DAY, Harvest
from clinic.harvest.step import HARVEST, unread
from clinic.pages import Answer, commit_and_redirect, form_of, form_page, get_or_404, me, refusals_to, zone
from clinic.patients.banner import patient_banner
from clinic.patients.donor_consent import DonorConsent, consent_problems
from clinic.patients.donors import Donor
from clinic.products.models import Product
from clinic.record_pages import record_page
from clinic.step_pages import step_list
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from datetime import datetime

    from werkzeug.wrappers import Response

    from clinic.records import Record

bp = Blueprint("harvest", __name__, template_folder="templates")


def _url(harvest: Harvest) -> str:
    return url_for("harvest.show", harvest_id=harvest.id)


def _read_first(harvest: Harvest) -> None:
    """Refuse to sign a harvest that began after an alert which nobody who decided has read (rule 23)."""
    if harvest.treatment is None or harvest.performed_at is None:
        return
    records = of_course(db.session(), harvest.treatment)
    for reason in unread(records, clock.now(), harvest.performed_at):
        raise RuleBroken(f"{reason.because} Then sign.", rule=23)


PAGES = record_pages.register_pages(
    Harvest,
    show=_url,
    signs=HARVEST.signs,
    after_sign=_read_first,
    amends=HARVEST.logs | HARVEST.signs,
    patient=patient_banner,
    fixed=frozenset({"containers", "din"}),
    parts=lambda harvest: harvest.products,
    people=HARVEST.logs,
    offers=offer_again,
)


@bp.get("/treatments/<treatment_id>/harvests")
@allow(CLINICAL)
def index(treatment_id: str) -> str:
    """List the harvests of a course."""
    course = get_or_404(Treatment, treatment_id)
    harvests = of_course(db.session(), course, only={Harvest}).of(Harvest)
    return step_list(
        HARVEST, course, heading="Harvests", rows=[_row(harvest) for harvest in harvests],
        empty_text="No harvest in this course yet.", begin=("plus", "Record a harvest"),
        columns=[("Harvest", "harvest", False), ("Collected by", "by", False), ("State", "state", False)],
    )  # fmt: skip


def _row(harvest: Harvest) -> tuple[object, ...]:
    return (
        (harvest.headline(), _url(harvest)),
        harvest.performed_by.printed_name if harvest.performed_by else None,
        ("ok", "check", "Signed") if harvest.signed else ("wait", "hourglass", "Not signed"),
    )


def _log(form: HarvestForm, course: Treatment | None, donor: Donor) -> Response:
    """Record the harvest; a single container is filled at once."""
    harvest = Harvest.log(by=me(), at=clock.now(), treatment=course, donor=donor, **form.facts())
    db.session.add(harvest)
    if harvest.containers == 1:
        harvest.collect(by=me(), at=clock.now(), volume=harvest.volume_to_label)
    signs = "Review and sign it." if me().role in HARVEST.signs else "Waiting for a physician's signature."
    shown = url_for("harvest.show", harvest_id=harvest.id)
    return commit_and_redirect(shown, f"Harvest saved. {signs}")


@bp.route("/treatments/<treatment_id>/harvests/new", methods=["GET", "POST"])
@allow(HARVEST.logs)
def new(treatment_id: str) -> Answer:
    """Record a harvest for a course."""
    course = get_or_404(Treatment, treatment_id)
    records = of_course(db.session(), course)
    HARVEST.admit(records, by=me(), at=clock.now())
    donor = course.donor or own_donor(course, by=me())
    form = form_of(HarvestForm, people=HARVEST.logs, about={"treatment": course, "donor": donor})
    form.plan(course, lambda: _of_today(records))
    if form.validate_on_submit():
        with refusals_to(form):
            return _log(form, course, donor)
    return form_page(form, before=_before(records, clock.now()), **_logging(course))


def _of_today(records: CourseRecords) -> list[Harvest]:
    """Return what was collected within the last day already."""
    now = clock.now()
    return [one for one in records.of(Harvest) if one.performed_at is not None and now - one.performed_at < DAY]


def _before(records: CourseRecords, at: datetime) -> list[tuple[bool | None, str, str]]:
    """Return what was checked before the harvest, with its evidence; whose bed it is nobody has scanned here."""
    patient, consent = records.patient, valid(records, at)
    decided = [one for one in records.of(Eligibility) if one.signed and one.eligible]
    found: list[tuple[bool | None, str, str]] = []
    if consent is not None:
        found.append((True, "Consent valid", _evidence(consent.headline(), consent)))
    if decided:
        found.append((True, "Eligible", _evidence("decided by a physician", decided[-1])))
    known = (patient.display_name, wording.born(patient.birth_date, patient.precision_of("birth_date")))
    who = ", ".join(part for part in (*known, patient.record_number) if part)
    return [*found, (None, "Ask the patient for name and birth date", who)]


def _evidence(words: str, record: Record) -> str:
    return ", ".join(part for part in (words, record.done_by, wording.moment(record.performed_at, zone())) if part)


def _logging(course: Treatment) -> dict[str, Any]:
    """Return what the page of a new harvest shows."""
    return {
        "heading": "Record a harvest",
        "lede": f"{course.title} · {course.protocol_version.name}",
        "save_label": "Save the harvest",
        "back_url": url_for("pathway.course", treatment_id=course.id),
        "after": "The product gets a number and appears in the laboratory. Its expiry counts from the end you entered.",
        "patient": patient_banner(course),
    }


@bp.route("/donors/<donor_id>/harvests/new", methods=["GET", "POST"])
@allow(HARVEST.logs)
def new_banked(donor_id: str) -> Answer:
    """Record a donation for the bank: it belongs to no course until a product of it is assigned to one."""
    donor = get_or_404(Donor, donor_id)
    if donor.kind == "self":
        raise RuleBroken("A patient's own cells are collected within a course. Record the harvest there.")
    _consented(donor)
    form = form_of(HarvestForm, people=HARVEST.logs, about={"donor": donor})
    form.plan_donation()
    if form.validate_on_submit():
        with refusals_to(form):
            return _log(form, None, donor)
    return form_page(
        form,
        heading="Record a donation",
        lede=f"{donor.display_name} · for the bank",
        save_label="Save the donation",
        back_url=url_for("donors.show", donor_id=donor.id),
        after="The product stays in quarantine until the donor is eligible and quality has released it.",
    )


def _consented(donor: Donor) -> None:
    """Refuse a donation to which the donor, or the mother, has not consented by a signed form (rule 14)."""
    given = db.session.scalars(select(DonorConsent).where(DonorConsent.donor_id == donor.id)).all()
    missing = consent_problems(CourseRecords(None, [donor, *given], zone=zone()), donor, clock.now())
    if missing:
        raise StepBlocked("Harvest", missing)


def _apart(harvest: Harvest) -> dict[str, Any] | None:
    """Return that the containers hold another volume than was collected, with who corrects which; None: they agree."""
    left, amends = harvest.volume_to_label, record_pages.PAGES[Product.KIND].amends
    if not harvest.products or left == 0 or (left > 0 and not harvest.signed):
        return None
    here = [one for one in harvest.products if not (one.given or one.discarded)] if me().role in amends else []
    urls = [
        (f"{one.name} {one.division or ''}".strip(), url_for("record_pages.amendment", record_id=one.id))
        for one in here
    ]
    who = " or ".join(sorted(role.label for role in amends))
    return {"held": (harvest.volume or 0) - left, "urls": urls, "who": who}


def _next(harvest: Harvest) -> dict[str, Any] | None:
    """Return what comes after a saved harvest, for whom no signature is asked of here; None: nothing waits."""
    if me().role in HARVEST.signs and (not harvest.signed or record_pages.confirms(harvest, me())):
        return None
    left = harvest.volume_to_label
    if left > 0 and not harvest.signed and me().role in HARVEST.logs:
        return {
            "tag": "Your next action", "title": "Put it into containers", "url": "#h-bags", "icon": "arrow-down",
            "text": f"{plain(left)} mL are not in a container yet.", "label": "Add containers",
        }  # fmt: skip
    if not harvest.signed:
        text = "The laboratory begins once a physician has signed. Until then keep the container with its label."
        return {
            "tag": "Waiting for a physician",
            "title": "A physician reads and signs the harvest",
            "text": text,
            "url": None,
        }
    waiting = [one for one in harvest.products if not (one.uses or one.given or one.discarded)]
    if not waiting:
        return None
    ends = min((one.end for one in waiting if one.end is not None), default=None)
    until = f" Use before {wording.moment(ends, zone())}." if ends is not None else ""
    named = ", ".join(f"{one.name} {one.division or ''} ({one.id})" for one in waiting)
    handed = "The laboratory records the receipt and starts the run."
    title = "The laboratory processes the cells" if harvest.handed_over_at else "Hand the cells over to the laboratory"
    return {"tag": "Waiting for the laboratory", "title": title, "text": f"{named}.{until} {handed}", "url": None}


def _page(harvest: Harvest, form: ContainerForm) -> str:
    course, left = harvest.treatment, harvest.volume_to_label
    return record_page(
        harvest,
        PAGES,
        template="harvest/show.html",
        form=form,
        open_volume=left,
        may_add=me().role in HARVEST.logs and not harvest.signed and left > 0,
        apart=_apart(harvest),
        next=_next(harvest),
        back_url=url_for("pathway.course", treatment_id=course.id) if course else None,
    )


@bp.get("/harvests/<harvest_id>")
@allow(CLINICAL)
def show(harvest_id: str) -> str:
    """Show one harvest with its containers."""
    harvest = get_or_404(Harvest, harvest_id)
    form = form_of(ContainerForm)
    form.prefill("volume", harvest.volume_to_label if harvest.volume_to_label > 0 else None, "remaining volume")
    return _page(harvest, form)


@bp.post("/harvests/<harvest_id>/products")
@allow(HARVEST.logs)
def add_container(harvest_id: str) -> Answer:
    """Put a part of what was collected into a container of its own."""
    harvest = get_or_404(Harvest, harvest_id)
    form = form_of(ContainerForm)
    if form.validate_on_submit():
        with refusals_to(form):
            harvest.collect(by=me(), at=clock.now(), **form.facts())
            return commit_and_redirect(_url(harvest), "Container added.")
    return _page(harvest, form), 422
