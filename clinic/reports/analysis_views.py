"""Pages of the tables for analysis: what there is, the filters, and the way to take them out."""

from __future__ import annotations

import os
import weakref
from typing import IO, TYPE_CHECKING, Any

from flask import Blueprint, Response, abort, render_template, request
from sqlalchemy import select
from werkzeug.wsgi import FileWrapper

from clinic import clock, read_log, wording
from clinic.access import CLINICAL, allow
from clinic.errors import RuleBroken
from clinic.exchange import exporting
from clinic.extensions import db
from clinic.ledger.models import LedgerHead
from clinic.pages import me, zone
from clinic.protocols.models import Protocol
from clinic.reports import analysis_files as files
from clinic.reports import asking
from clinic.reports.analysis import TABLES
from clinic.reports.analysis_files import FORMATS
from clinic.reports.analysis_read import left_out
from clinic.reports.asking import Option
from clinic.reports.data import Data
from clinic.reports.dimensions import DIMENSIONS, FILTERS

if TYPE_CHECKING:
    from clinic.reports.asking import Asked

bp = Blueprint("analysis", __name__, template_folder="templates")
VARIANT = Option(
    "people",
    "Variant",
    (("named", "Clinic: record numbers and dates"), ("research", "Research: no identities, days")),
    "named",
)


class Choice:
    """What may be asked of the tables: period, filters, variant."""

    counted_by = "date of the order"
    by: tuple[str, ...] = ()
    options = (VARIANT,)


CHOICE = Choice()
WHOLE = frozenset({"everything.zip", "dictionary.csv"})
"""Files that are about all tables."""


@bp.get("/analysis")
@allow(CLINICAL)
def index() -> tuple[str, int]:
    """List the tables with their columns, and the filters that all of them share."""
    asked, wrong = asking.read(CHOICE, request.args, today=clock.day(clock.now(), zone()))
    said = [*asked.said(CHOICE, me().site.name), *([] if wrong else left_out(_data(asked)))]
    page = render_template(
        "reports/analysis.html", tables=TABLES.values(), asked=asked, wrong=wrong, formats=FORMATS,
        days=asking.boxes(request.args), variant=VARIANT,
        boxes=[(DIMENSIONS[key], _choices(key)) for key in FILTERS], params=asked.params(CHOICE),
        research=_research(asked), said=said,
    )  # fmt: skip
    return page, 422 if wrong else 200


@bp.get("/analysis/<name>.<form>")
@allow(CLINICAL)
def download(name: str, form: str) -> Response:
    """Send one table, all of them with their description (``everything.zip``), or that alone (``dictionary.csv``)."""
    table = TABLES.get(name)
    whole = f"{name}.{form}" in WHOLE
    if not whole and (table is None or form not in FORMATS):
        abort(404)
    asked, wrong = asking.read(CHOICE, request.args, today=clock.day(clock.now(), zone()))
    if wrong:
        raise RuleBroken(*wrong.values())
    data, research = _data(asked), _research(asked)
    read_log.export(f"analysis {name}.{form}{' research' if research else ''}")
    said = [*asked.said(CHOICE, me().site.name), *left_out(data), *_as_of(data)]
    if table is None and form == "csv":
        return _sent(exporting.whole(files.dictionary_lines(research=research)), name, form, data)
    if table is None:
        return _sent(files.archive(data, said, research=research), "analysis", form, data)
    if form == "xlsx":
        return _sent(files.workbook(data, table, said, research=research), name, form, data)
    return _sent(exporting.whole(files.lines(data, table, form, research=research)), name, form, data)


def _choices(key: str) -> list[tuple[str, str]]:
    """Return what a filter offers: all that there can be, so that no course is read to draw the page."""
    if DIMENSIONS[key].labels:
        return list(DIMENSIONS[key].labels.items())
    return [(code, code) for code in db.session.scalars(select(Protocol.code).order_by(Protocol.code))]


def _research(asked: Asked) -> bool:
    return asked.options[VARIANT.key] == "research"


def _data(asked: Asked) -> Data:
    return Data(db.session(), asked, zone=zone(), at=clock.now())


def _as_of(data: Data) -> list[tuple[str, str]]:
    head = select(LedgerHead.number, LedgerHead.hash).where(LedgerHead.site_id == me().site_id)
    found = db.session.execute(head).first()
    ledger = f"entry {found.number}, {found.hash[:12]}" if found else "no entries yet"
    return [("Time zone", data.zone), ("Data as of", f"{wording.moment(data.at, data.zone)}; ledger {ledger}")]


def _sent(file: IO[bytes], name: str, form: str, data: Data) -> Response:
    """Send a file that was made to its end, with its length: what failed midway never looks complete."""
    mimetype: Any = FORMATS.get(form, "application/zip")
    response = Response(FileWrapper(file), mimetype=mimetype)
    response.content_length = file.seek(0, os.SEEK_END)
    file.seek(0)
    weakref.finalize(response, file.close)
    title = f"{me().site.code}-{name}-{data.today:%Y-%m-%d}.{form}"
    response.headers["Content-Disposition"] = f'attachment; filename="{title}"'
    response.headers["Cache-Control"] = "no-store"
    return response
