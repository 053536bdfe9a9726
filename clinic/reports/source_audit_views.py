"""Pages of audits of the record against its source: draw a sample, list its courses, mark what the source shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from clinic import clock, read_log, record_display, record_pages
from clinic.access import CLINICAL, Role, allow
from clinic.errors import RuleBroken
from clinic.extensions import db
from clinic.forms import form_for
from clinic.ledger.listener import lock_site
from clinic.pages import Answer, commit_and_redirect, form_of, form_page, get_or_404, me, refusals_to, zone
from clinic.paging import page, place_of
from clinic.patients.banner import patient_banner
from clinic.reports.asking import Asked
from clinic.reports.data import Data
from clinic.reports.source_audits import CHECKED, ENGRAFTMENT, SourceAudit, SourceCheck, recorded
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from collections.abc import Iterable

bp = Blueprint("source_audits", __name__, template_folder="templates")
AUDITS = frozenset({Role.QUALITY})
record_pages.register_pages(SourceAudit, show=lambda row: url_for("source_audits.show", audit_id=row.id))
record_pages.register_pages(
    SourceCheck, show=lambda row: url_for("source_audits.show", audit_id=row.audit_id), amends=AUDITS,
    fixed=frozenset({"performed_at", "performed_by_id"}), patient=patient_banner,
)  # fmt: skip
LEDE = "A random sample of the courses with first cells in these days. Its seed is kept: it can be drawn again."
DrawForm = form_for(SourceAudit, only=("since", "until", "size"))
OwnForm = form_for(SourceCheck, only=("disease", "source", "engraftment", "survival", "note"))
DonorForm = form_for(SourceCheck, only=("disease", "source", "donor", "engraftment", "survival", "note"))


@bp.get("/reports/audits")
@allow(CLINICAL)
def index() -> str:
    """List the audits, the newest first."""
    order, said = (SourceAudit.recorded_at, SourceAudit.id), request.args
    place = place_of(db.session(), order, said.get("before") or said.get("after"))
    chosen = select(SourceAudit).options(selectinload(SourceAudit.checks))
    found = page(
        db.session(), chosen, order=order, entities=True, descending=True, place=place,
        backwards=bool(said.get("before")),
    )  # fmt: skip
    turns = {
        "previous_url": url_for("source_audits.index", before=found.before) if found.before else None,
        "next_url": url_for("source_audits.index", after=found.after) if found.after else None,
        "text": f"{len(found.rows)} on this page",
    }
    return render_template("reports/audits.html", rows=found.rows, pager=turns, may_draw=me().role in AUDITS)


@bp.route("/reports/audits/new", methods=["GET", "POST"])
@allow(AUDITS)
def new() -> Answer:
    """Draw a random sample of the courses of a period."""
    form, back = form_of(DrawForm), url_for("source_audits.index")
    if form.validate_on_submit():
        with refusals_to(form):
            data = Data(db.session(), Asked(), zone=zone(), at=clock.now())
            made = SourceAudit.draw(data, by=me(), at=clock.now(), **form.facts())
            db.session.add(made)
            db.session.flush()
            return commit_and_redirect(url_for("source_audits.show", audit_id=made.id), "Sample drawn.")
    return form_page(form, heading="New source audit", lede=LEDE, save_label="Draw the sample", back_url=back)


@bp.get("/reports/audits/<audit_id>")
@allow(CLINICAL)
def show(audit_id: str) -> str:
    """Show the courses of an audit, and what was found of each field."""
    audit = get_or_404(SourceAudit, audit_id)
    chosen = select(Treatment).where(Treatment.id.in_(audit.drawn))
    courses = {course.id: course for course in db.session.scalars(chosen)}
    checks = {check.treatment_id: check for check in audit.checks}
    read_log.hits(course.patient_id for course in courses.values())
    rows = [(courses[id_], checks.get(id_)) for id_ in audit.drawn if id_ in courses]
    return render_template(
        "reports/audit.html", audit=audit, rows=rows, checked=CHECKED, may_check=me().role in AUDITS,
        words=_words, amendments=_amendments(checks.values()),
    )  # fmt: skip


def _words(check: SourceCheck, key: str) -> str:
    found = getattr(check, key)
    return "" if found is None else ENGRAFTMENT[found]


def _amendments(checks: Iterable[SourceCheck]) -> dict[str, Any]:
    return {check.id: record_display.amendments(check, zone()) for check in checks if check.amendments}


@bp.route("/reports/audits/<audit_id>/courses/<treatment_id>", methods=["GET", "POST"])
@allow(AUDITS)
def check(audit_id: str, treatment_id: str) -> Answer:
    """Mark each field of a course of the sample: as in the source, different, or its source missing."""
    audit, course = get_or_404(SourceAudit, audit_id), get_or_404(Treatment, treatment_id)
    if course.id not in audit.drawn:
        abort(404)
    form = form_of(OwnForm if course.relation == "autologous" else DonorForm)
    back, said = url_for("source_audits.show", audit_id=audit.id), recorded(course, zone())
    if form.validate_on_submit():
        lock_site(db.session(), me().site_id)
        with refusals_to(form):
            db.session.add(_checked(audit, course, said, form.facts()))
            return commit_and_redirect(back, "Check recorded.")
    return form_page(
        form, template="reports/audit_check.html", heading="Check against the source", save_label="Save the check",
        back_url=back, said=[(CHECKED[key], words) for key, words in said.items()], patient=patient_banner(course),
        course_url=url_for("pathway.course", treatment_id=course.id),
    )  # fmt: skip


def _checked(audit: SourceAudit, course: Treatment, said: dict[str, str], facts: dict[str, Any]) -> SourceCheck:
    """Return the check of a course; it is checked once in an audit."""
    own = select(SourceCheck.id).where(SourceCheck.audit_id == audit.id, SourceCheck.treatment_id == course.id)
    if db.session.scalar(own) is not None:
        raise RuleBroken("This course was checked in this audit already. Amend that check if a mark is wrong.")
    at = clock.now()
    return SourceCheck.log(
        by=me(), at=at, performed_by=me(), performed_by_id=me().id, performed_at=at, audit=audit, treatment=course,
        said=said, **facts,
    )  # fmt: skip
