"""Pages and files of the reports: the list, one report, and the records behind a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, abort, render_template, request, url_for
from sqlalchemy import select

from clinic import clock, read_log, wording
from clinic.access import CLINICAL, allow
from clinic.errors import RuleBroken
from clinic.extensions import db
from clinic.ledger.models import LedgerHead
from clinic.pages import me, zone
from clinic.reports import asking, behind, files
from clinic.reports.catalog import GROUPS, REPORTS
from clinic.reports.data import Data
from clinic.reports.dimensions import DIMENSIONS, FILTERS
from clinic.reports.files import FORMATS, Made
from clinic.reports.paper import as_pdf

if TYPE_CHECKING:
    from clinic.reports.asking import Asked
    from clinic.reports.report import Report

bp = Blueprint("reports", __name__, template_folder="templates")


@bp.get("/reports")
@allow(CLINICAL)
def index() -> str:
    """List the reports by what they are about, each with its question."""
    groups = [(words, [one for one in REPORTS.values() if one.group == key]) for key, words in GROUPS.items()]
    return render_template("reports/index.html", groups=groups, site=me().site)


@bp.get("/reports/<name>")
@allow(CLINICAL)
def show(name: str) -> tuple[str, int]:
    """Show one report; with a period or filter that cannot be, only the boxes with what is wrong with them."""
    report = _report(name)
    asked, wrong = asking.read(report, request.args)
    data = _data(asked)
    made = None if wrong else _made(report, data)
    boxes = [(DIMENSIONS[key], data.choices(key)) for key in FILTERS]
    page = render_template(
        "reports/show.html",
        report=report,
        asked=asked,
        wrong=wrong,
        days=asking.boxes(request.args),
        made=made,
        boxes=boxes,
        dimensions=DIMENSIONS,
        formats=FORMATS,
        params=asked.params(report),
        today=data.today,
    )
    return page, 422 if wrong else 200


@bp.get("/reports/<name>/records")
@allow(CLINICAL)
def records(name: str) -> str:
    """List the records behind one figure of a report, as many as the figure says, a page at a time."""
    report = _report(name)
    asked, wrong = asking.read(report, request.args)
    _refuse(wrong)
    row, column = request.args.get("row", ""), request.args.get("column", "")
    found = report.figures(_data(asked)).behind(row, column)
    if found is None:
        abort(404)
    params: dict[str, Any] = {"name": name, **asked.params(report)}
    page = behind.page(db.session(), found[1], request.args.get("page", ""), zone())
    read_log.hits(row.patient_id for row in page.rows)
    turns = {turn: url_for("reports.records", **params, row=row, column=column, page=turn) for turn in page.turns}
    shown = {"report": report, "words": found[0], "page": page, "turns": turns}
    shown |= {"said": asked.said(report, me().site.name), "back": url_for("reports.show", **params)}
    return render_template("reports/records.html", **shown)


@bp.get("/reports/<name>.<form>")
@allow(CLINICAL)
def download(name: str, form: str) -> Response:
    """Send a report as a file; a period that cannot be is refused in a sentence."""
    report = _report(name)
    if form not in FORMATS:
        abort(404)
    asked, wrong = asking.read(report, request.args)
    _refuse(wrong)
    made = _made(report, _data(asked))
    read_log.export(f"report {name}.{form}")
    content: Any = {"csv": files.as_csv, "xlsx": files.as_xlsx, "json": files.as_json, "pdf": as_pdf}[form](made)
    response = Response(content, mimetype=FORMATS[form])
    title = f"{me().site.code}-{name}-{clock.day(made.at, made.zone):%Y-%m-%d}.{form}"
    response.headers["Content-Disposition"] = f'attachment; filename="{title}"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _report(name: str) -> Report:
    report = REPORTS.get(name)
    if report is None:
        abort(404)
    return report


def _refuse(wrong: dict[str, str]) -> None:
    if wrong:
        raise RuleBroken(*wrong.values())


def _data(asked: Asked) -> Data:
    return Data(db.session(), asked, zone=zone(), at=clock.now())


def _made(report: Report, data: Data) -> Made:
    """Return a report with all that is printed with it; the ledger is read in the same snapshot as the records."""
    site = me().site
    head = db.session.execute(select(LedgerHead.number, LedgerHead.hash).where(LedgerHead.site_id == site.id)).first()
    return Made(
        report=report,
        result=report.figures(data),
        said=data.asked.said(report, site.name),
        at=data.at,
        at_words=wording.moment(data.at, data.zone),
        zone=data.zone,
        head=(head.number, head.hash) if head else None,
        site=site.name,
    )
