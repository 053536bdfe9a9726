"""Pages and files of line lists: the data sets, one list with its counts, the list as a file, and saved as a view."""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, abort, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wsgi import FileWrapper

from clinic import clock, read_log, wording
from clinic.access import CLINICAL, allow
from clinic.errors import RuleBroken
from clinic.exchange import exporting
from clinic.exchange.research import people_of
from clinic.extensions import db
from clinic.ledger.models import LedgerHead
from clinic.pages import me, zone
from clinic.patients.models import Patient
from clinic.protocols.models import Protocol
from clinic.reports import asking, behind, line_asking, line_files
from clinic.reports.line_columns import Item, grouped, listed
from clinic.reports.line_files import COUNTS, FORMATS, ROWS, ListFile
from clinic.reports.line_list import MOST_GROUPS, NOT_RECORDED, PAGE, RECORDED, Filter, Listing, names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clinic.reports.line_columns import Listed
    from clinic.reports.line_list import Line, Names

bp = Blueprint("lists", __name__, template_folder="templates")


@bp.get("/reports/lists")
@allow(CLINICAL)
def index() -> str:
    """List the data sets that can be listed."""
    return render_template("reports/lists.html", groups=grouped(), site=me().site)


@bp.get("/reports/lists/<name>")
@allow(CLINICAL)
def show(name: str) -> tuple[str, int]:
    """Show one page of a list with its counts; where something cannot be asked, the boxes with what is wrong."""
    of = listed(name) or abort(404)
    listing, wrong = asked(of, request.args)
    about: dict[str, Any] = {} if wrong else _page(listing)
    _note_reading(listing, about.get("lines", []))
    return render_template(
        "reports/line_list.html", of=of, listing=listing, wrong=wrong, formats=FORMATS, **about, **_boxes(listing),
        params=line_asking.params(listing), days=asking.boxes(request.args), spans=asking.SPANS,
    ), 422 if wrong else 200  # fmt: skip


def _note_reading(listing: Listing, lines: list[Line]) -> None:
    """Write down whose rows a page shows (rule 70): each patient whom a row, or the record that it is about, names.

    Where a row leads to no patient, or groups tell of the rows of other pages, the list itself is named.
    """
    unknown = {line.id for line in lines if not line.patient_id}
    people = people_of(db.session(), unknown) if unknown else {}
    whose = [line.patient_id or people.get(line.id, "") for line in lines]
    patients = [one if one.startswith(Patient.KIND) else None for one in whose]
    read_log.rows(f"line list {listing.of.dataset.name}", patients, more=bool(lines and listing.by))


def asked(of: Listed, said: Any) -> tuple[Listing, dict[str, str]]:
    """Return the list that an address asks for; of columns that are named one by one all count."""
    chosen = {key: ",".join(values) if key == "columns" else values[0] for key, values in said.lists()}
    return line_asking.read(of, chosen, _reader())


def _reader() -> line_asking.Reader:
    today = clock.day(clock.now(), zone())
    return line_asking.Reader(session=db.session(), site_id=me().site_id, zone=zone(), today=today)


def _page(listing: Listing) -> dict[str, Any]:
    """Return what a page shows of a list: its rows, how many there are, its counts, and the pages around."""
    session, said = db.session(), request.args.get("page", "")
    count = listing.count(session)
    last = max(1, -(-count // PAGE))
    number = min(max(int(said), 1), last) if said.isascii() and said.isdigit() and len(said) < 8 else 1
    skip = (number - 1) * PAGE
    lines = [line for some in listing.lines(session, skip=skip, most=PAGE) for line in some]
    known = names(session, [line.patient_id for line in lines], staff=line_files.has_staff(listing))
    groups = listing.groups(session) if listing.by else []
    return {
        "lines": lines, "rows": [_shown(listing, line, known) for line in lines], "count": count, "first": skip,
        "groups": [(one.labels, one.count, _address(one.listing)) for one in groups[:MOST_GROUPS]],
        "more": (len(groups) - MOST_GROUPS, sum(one.count for one in groups[MOST_GROUPS:])), "total": len(groups),
        "grouped": sum(one.count for one in groups), "undated": listing.undated(session),
        "heads": [line_asking.grouping_words(one) for one in listing.by],
        "said": _said(listing, known), "as_of": _as_of(),
        "before": _address(listing, page=number - 1) if number > 1 else "",
        "after": _address(listing, page=number + 1) if number < last else "",
    }  # fmt: skip


def _said(listing: Listing, known: Names) -> list[tuple[str, str]]:
    return line_asking.words(listing, me().site.name, known.staff)


def in_words(listing: Listing) -> str:
    """Return what a list asks for, in one line."""
    known = names(db.session(), [], staff=line_files.has_staff(listing))
    return " · ".join(f"{label}: {words}" for label, words in _said(listing, known))


def _address(listing: Listing, **more: Any) -> str:
    return url_for("lists.show", name=listing.of.dataset.name, **line_asking.params(listing), **more)


def _as_of() -> list[tuple[str, str]]:
    head = select(LedgerHead.number, LedgerHead.hash).where(LedgerHead.site_id == me().site_id)
    found = db.session.execute(head).first()
    ledger = f"entry {found.number}, {found.hash[:12]}" if found else "no entries yet"
    return [("Time zone", zone()), ("Data as of", f"{wording.moment(clock.now(), zone())}; ledger {ledger}")]


def _shown(listing: Listing, line: Line, known: Names) -> list[tuple[str, str, bool]]:
    """Return the cells of a row: words, the page they open, and whether they are a figure."""
    cells = []
    for item, value in zip(listing.columns, line.values, strict=True):
        words = line_files.in_words(item, value, line, known, listing.zone)
        url = url_for("pathway.patient", patient_id=value) if item.kind == "patient" and value else ""
        if item.key == "id":
            url = _page_of(listing, line.id)
        cells.append((words, url, item.kind in {"number", "whole"}))
    return cells


def _page_of(listing: Listing, id_: str) -> str:
    """Return the page that shows a row, where its kind has one that its own id opens."""
    kind = behind.KINDS.get(listing.of.model.KIND)
    values: dict[str, Any] = {kind.key: id_} if kind is not None else {}
    return url_for(kind.endpoint, **values) if kind is not None and kind.names == "id" else ""


def _boxes(listing: Listing) -> dict[str, Any]:
    """Return what the boxes of columns, filters, order and groups offer."""
    now, of = {(one.test, one.item.key): one for one in listing.filters}, listing.of
    staff = names(db.session(), [], staff=True).staff
    codes = db.session.scalars(select(Protocol.code).order_by(Protocol.code)).all()
    boxes = [
        (item, _choices(item, now.get(("is", item.key)), staff, codes), *_ends(item))
        for item in of.items.values()
        if item.key not in {"id", "patient", "patient_number"}
    ]
    return {
        "boxes": boxes, "orders": [one for one in of.items.values() if one.sorted],
        "offered": [(one.key, line_asking.grouping_words(one)) for one in line_asking.offered(of)],
        "chosen": {one.key for one in listing.columns}, "by": [one.key for one in listing.by],
    }  # fmt: skip


def _ends(item: Item) -> tuple[str, str, bool]:
    """Return what was typed as the least and the most, and whether a column has these boxes."""
    least, most = (request.args.get(f"{test}.{item.key}", "") for test in ("min", "max"))
    return least, most, item.kind in {"number", "whole"}


def _choices(item: Item, now: Filter | None, staff: Mapping[str, str], codes: Any) -> list[tuple[str, str, bool]]:
    """Return what the filter of a column offers: value, words, whether it is chosen."""
    found = [] if item.hidden else list(item.choices.items())
    if item.kind == "yesno":
        found = [("yes", "Yes"), ("no", "No")]
    elif item.kind == "person":
        found = list(staff.items())
    elif item.kind == "choices":
        found.append(("none", "Not one of these"))
    elif item.key == "course_protocol":
        found = [(code, code) for code in codes]
    found += [(RECORDED, "Recorded"), (NOT_RECORDED, "Not recorded")]
    if now is not None and now.said not in dict(found):
        found.append((now.said, line_asking.said_of(now, dict(staff))))
    return [(value, words, now is not None and now.said == value) for value, words in found]


@bp.get("/reports/lists/<name>.<form>")
@allow(CLINICAL)
def download(name: str, form: str) -> Response:
    """Send a list as a file: all its rows, or (``part=counts``) the counts of its groups."""
    of, part = listed(name) or abort(404), request.args.get("part", ROWS)
    if form not in FORMATS or part not in {ROWS, COUNTS}:
        abort(404)
    listing, wrong = asked(of, request.args)
    if wrong:
        raise RuleBroken(*wrong.values())
    file = _file(listing)
    read_log.export(f"line list {name}.{form}")
    if form == "xlsx":
        return _sent(line_files.as_xlsx(file), name, form)
    pieces = {"csv": line_files.as_csv, "json": line_files.as_json}[form](file, part)
    return _sent(exporting.whole(pieces), name, form)


def _file(listing: Listing) -> ListFile:
    session = db.session()
    known = names(session, [], staff=line_files.has_staff(listing))
    count, undated = listing.count(session), listing.undated(session)
    said = [*_said(listing, known), *_as_of(), ("Rows", str(count))]
    if undated:
        said.append(("Rows without a date, in no period", str(undated)))
    groups = listing.groups(session) if listing.by else []
    return ListFile(listing=listing, said=said, groups=groups, count=count, session=session)


def _sent(file: Any, name: str, form: str) -> Response:
    """Send a file that was made to its end, with its length: what failed midway never looks complete."""
    response = Response(FileWrapper(file), mimetype=FORMATS[form])
    response.content_length = file.seek(0, os.SEEK_END)
    file.seek(0)
    weakref.finalize(response, file.close)
    title = f"{me().site.code}-{name}-{clock.day(clock.now(), zone()):%Y-%m-%d}.{form}"
    response.headers["Content-Disposition"] = f'attachment; filename="{title}"'
    response.headers["Cache-Control"] = "no-store"
    return response
