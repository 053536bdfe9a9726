"""Pages and files of the reports: the list, one report, and the records behind a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, abort, render_template, request, url_for

from clinic import clock, read_log
from clinic.access import CLINICAL, WRITERS, allow
from clinic.errors import RuleBroken
from clinic.extensions import db
from clinic.pages import me, zone
from clinic.reports import asking, behind, files, saved
from clinic.reports.catalog import GROUPS, REPORTS
from clinic.reports.data import Data
from clinic.reports.dimensions import DIMENSIONS, FILTERS
from clinic.reports.files import FORMATS
from clinic.reports.making import make
from clinic.reports.paper import as_pdf
from clinic.reports.parts import part

if TYPE_CHECKING:
    from clinic.reports.asking import Asked
    from clinic.reports.report import Report

bp = Blueprint("reports", __name__, template_folder="templates")
ROWS = 50
"""Rows of a report's table on one page; its files have all of them."""


@bp.get("/reports")
@allow(CLINICAL)
def index() -> str:
    """List the reports by what they are about, each with its question."""
    groups = [(words, [one for one in REPORTS.values() if one.group == key]) for key, words in GROUPS.items()]
    views, stars = saved.seen_by(db.session(), me()), saved.starred(db.session(), me())
    return render_template(
        "reports/index.html", groups=groups, site=me().site, views=views, reports=REPORTS,
        stars=stars & {*REPORTS, *(view.id for view in views)},
    )  # fmt: skip


@bp.get("/reports/<name>")
@allow(CLINICAL)
def show(name: str) -> tuple[str, int]:
    """Show one report; with a period or filter that cannot be, only the boxes with what is wrong with them."""
    report = _report(name)
    asked, wrong = asking.read(report, request.args, today=clock.day(clock.now(), zone()))
    data = _data(asked)
    made = None if wrong else make(report, data, me().site)
    page = render_template(
        "reports/show.html", report=report, asked=asked, wrong=wrong, made=made, **_boxes(data),
        params=asked.params(report), today=data.today, formats=FORMATS, may_keep=me().role in WRITERS,
        table=made and part(made.result.rows, "part", heading="h-table", size=ROWS),
    )  # fmt: skip
    return page, 422 if wrong else 200


def _boxes(data: Data) -> dict[str, Any]:
    """Return what the boxes of period, filters and grouping offer."""
    return {
        "days": asking.boxes(request.args), "spans": asking.SPANS, "dimensions": DIMENSIONS,
        "boxes": [(DIMENSIONS[key], data.choices(key)) for key in FILTERS],
    }  # fmt: skip


@bp.get("/reports/<name>/records")
@allow(CLINICAL)
def records(name: str) -> str:
    """List the records behind one figure of a report, as many as the figure says, a page at a time."""
    report = _report(name)
    asked, wrong = asking.read(report, request.args, today=clock.day(clock.now(), zone()))
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
    asked, wrong = asking.read(report, request.args, today=clock.day(clock.now(), zone()))
    _refuse(wrong)
    made = make(report, _data(asked), me().site)
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
