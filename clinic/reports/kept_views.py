"""Pages of kept reports: keep one, list them, show one beside what it would be today, record that it was submitted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, abort, render_template, request, url_for
from sqlalchemy import select

from clinic import clock, read_log, record_pages
from clinic.access import CLINICAL, WRITERS, Role, allow
from clinic.errors import RuleBroken
from clinic.extensions import db
from clinic.forms import form_for
from clinic.ledger.listener import lock_site
from clinic.pages import Answer, commit_and_redirect, form_of, form_page, get_or_404, me, refusals_to, zone
from clinic.paging import page, place_of
from clinic.records import Meaning
from clinic.reports import asking
from clinic.reports.catalog import REPORTS
from clinic.reports.data import Data
from clinic.reports.files import as_json
from clinic.reports.kept import KeptReport, ReportSubmission, differences
from clinic.reports.making import make

if TYPE_CHECKING:
    from clinic.reports.asking import Asked
    from clinic.reports.report import Report

bp = Blueprint("kept_reports", __name__, template_folder="templates")
REVIEWS = frozenset({Role.QUALITY, Role.DIRECTOR, Role.PHYSICIAN})
"""Who reviews a report before it is submitted."""
PAGES = record_pages.register_pages(
    KeptReport, show=lambda row: url_for("kept_reports.show", kept_id=row.id), signs=REVIEWS,
    meanings=dict.fromkeys(REVIEWS, Meaning.REVIEW), whole="reports/kept_figures.html",
    showing=lambda row: {"told": row.told, "table": row.table}, signed_as=lambda _row: "Review signed.",
)  # fmt: skip
record_pages.register_pages(
    ReportSubmission, show=lambda row: url_for("kept_reports.show", kept_id=row.kept_id), amends=WRITERS
)
KeepForm = form_for(KeptReport, only=("title", "note"))
SubmissionForm = form_for(ReportSubmission)
KEEPING = (
    "The figures are kept as they are now, with the head of the ledger. The page of the kept report shows what later "
    "entries and corrections change. Quality, a physician or the director signs the review."
)


@bp.get("/reports/kept")
@allow(CLINICAL)
def index() -> str:
    """List the kept reports, the newest first."""
    order, said = (KeptReport.recorded_at, KeptReport.id), request.args
    place = place_of(db.session(), order, said.get("before") or said.get("after"))
    found = page(
        db.session(), select(KeptReport), order=order, entities=True, descending=True, place=place,
        backwards=bool(said.get("before")),
    )  # fmt: skip
    turns = {
        "previous_url": url_for("kept_reports.index", before=found.before) if found.before else None,
        "next_url": url_for("kept_reports.index", after=found.after) if found.after else None,
        "text": f"{len(found.rows)} on this page",
    }
    return render_template("reports/kept_index.html", rows=found.rows, reports=REPORTS, pager=turns)


@bp.route("/reports/<name>/keep", methods=["GET", "POST"])
@allow(WRITERS)
def keep(name: str) -> Answer:
    """Keep a report as it is now, for the period and filters of the address."""
    report, asked = _asked(name)
    form, back = form_of(KeepForm), url_for("reports.show", name=name, **asked.params(report))
    if form.validate_on_submit():
        lock_site(db.session(), me().site_id)  # the head of the ledger is then the one that the figures stand on
        with refusals_to(form):
            data = Data(db.session(), asked, zone=zone(), at=clock.now())
            made = make(report, data, me().site)
            kept = KeptReport.keep(made, asked, by=me(), at=clock.now(), **form.facts())
            db.session.add(kept)
            return commit_and_redirect(PAGES.show(kept), "Report kept.")
    said = " · ".join(f"{label}: {words}" for label, words in asked.said(report, me().site.name))
    return form_page(
        form, heading="Keep this report", lede=f"{report.topic}. {said}", save_label="Keep the report", back_url=back,
        after=KEEPING,
    )  # fmt: skip


def _asked(name: str) -> tuple[Report, Asked]:
    report = REPORTS.get(name)
    if report is None:
        abort(404)
    asked, wrong = asking.read(report, request.args, today=clock.day(clock.now(), zone()))
    if wrong:
        raise RuleBroken(*wrong.values())
    return report, asked


@bp.get("/reports/kept/<kept_id>")
@allow(CLINICAL)
def show(kept_id: str) -> str:
    """Show a kept report, and each figure that is another one today."""
    kept = get_or_404(KeptReport, kept_id)
    return record_pages.record_page(
        kept, PAGES, template="reports/kept.html", kept=kept, told=kept.told, title=_title(kept), **_today(kept),
        may_submit=kept.signed and me().role in WRITERS,
    )  # fmt: skip


def _title(kept: KeptReport) -> str:
    return REPORTS[kept.report].topic if kept.report in REPORTS else kept.told["title"]


def _today(kept: KeptReport) -> dict[str, Any]:
    """Return what the same report says today: a link to it, and what differs; why it cannot be compared, else."""
    report = REPORTS.get(kept.report)
    if report is None:
        return {"not_compared": "This report is no longer made."}
    asked, wrong = asking.read(report, kept.asked, today=clock.day(clock.now(), zone()))
    if wrong or report.version != kept.told["version"]:
        return {"not_compared": "The definition of this report has changed since. Compare the figures with care."}
    now = make(report, Data(db.session(), asked, zone=zone(), at=clock.now()), me().site)
    return {
        "differing": differences(kept.told, json.loads(as_json(now))),
        "now_url": url_for("reports.show", name=kept.report, **asked.params(report)),
        "now": now,
    }


@bp.get("/reports/kept/<kept_id>.json")
@allow(CLINICAL)
def download(kept_id: str) -> Response:
    """Send a kept report as it was kept."""
    kept = get_or_404(KeptReport, kept_id)
    read_log.export(f"kept report {kept.id}")
    response = Response(kept.kept_json, mimetype="application/json")
    response.headers["Content-Disposition"] = f'attachment; filename="{kept.report}-{kept.id}.json"'
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.route("/reports/kept/<kept_id>/submission", methods=["GET", "POST"])
@allow(WRITERS)
def submission(kept_id: str) -> Answer:
    """Record to whom a reviewed report was submitted."""
    kept = get_or_404(KeptReport, kept_id)
    form, back = form_of(SubmissionForm), PAGES.show(kept)
    if form.validate_on_submit():
        with refusals_to(form):
            db.session.add(ReportSubmission.of(kept, by=me(), at=clock.now(), **form.facts()))
            return commit_and_redirect(back, "Submission recorded.")
    return form_page(
        form, heading="Record a submission", lede=kept.title, save_label="Save the submission", back_url=back
    )
