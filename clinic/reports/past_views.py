"""A report as it was known on an earlier day, or when it was kept, beside what it is today."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from flask import Blueprint, Response, abort, render_template, request, url_for
from sqlalchemy import select

from clinic import clock, read_log, wording
from clinic.access import CLINICAL, allow
from clinic.day_filter import day_asked
from clinic.errors import RuleBroken
from clinic.extensions import db
from clinic.ledger.models import LedgerHead
from clinic.pages import get_or_404, me, zone
from clinic.reports import asking, behind
from clinic.reports.catalog import REPORTS
from clinic.reports.compared import moved, movers
from clinic.reports.data import Data
from clinic.reports.files import as_json
from clinic.reports.kept import KeptReport, differences
from clinic.reports.making import make
from clinic.reports.parts import Part, part
from clinic.reports.past import MOST_LATER, Past, as_known, entry_at, judge_anew, one_at_a_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clinic.reports.asking import Asked
    from clinic.reports.files import Made
    from clinic.reports.report import Report

bp = Blueprint("past_reports", __name__, template_folder="templates")
BOXES = ("asof", "asof-d", "asof-m", "asof-y")
MOMENT = (*BOXES, "kept", *asking.PARTS)


class Moment(NamedTuple):
    """A moment of the past: the time as of which figures are, the last entry that was known, and what was kept then."""

    at: datetime
    number: int
    kept: KeptReport | None = None


@bp.get("/reports/<name>/past")
@allow(CLINICAL)
def show(name: str) -> tuple[str, int]:
    """Show a report as it was known at the end of a day, or when it was kept, and what changed until today."""
    report = REPORTS.get(name) or abort(404)
    asked, wrong, moment = _asked(report)
    shown = {
        "report": report, "wrong": wrong, "params": asked.params(report), "said": asked.said(report, me().site.name),
        "days": day_asked(request.args, "asof")[1], "made": None,
    }  # fmt: skip
    if moment is not None and not wrong:
        with one_at_a_time():
            shown |= _compared(report, asked, moment)
    return render_template("reports/past.html", **shown), 422 if wrong else 200


@bp.get("/reports/<name>/past.json")
@allow(CLINICAL)
def download(name: str) -> Response:
    """Send a report as it was known, with the entry of the ledger that it was made on."""
    report = REPORTS.get(name) or abort(404)
    asked, wrong, moment = _asked(report)
    if wrong or moment is None:
        raise RuleBroken(*(wrong.values() or ["As known on: enter a day."]))
    with one_at_a_time(), _made_then(report, asked, moment) as (_past, then):
        content = as_json(then)
    read_log.export(f"report {name}.json as of entry {moment.number}")
    response = Response(content, mimetype="application/json")
    title = f"{me().site.code}-{name}-entry-{moment.number}.json"
    response.headers["Content-Disposition"] = f'attachment; filename="{title}"'
    response.headers["Cache-Control"] = "no-store"
    return response


def _asked(report: Report) -> tuple[Asked, dict[str, str], Moment | None]:
    """Return what the address asks of the report, what is wrong with it, and the moment; None: not asked for yet."""
    said = {key: value for key, value in request.args.items() if key not in MOMENT}
    if request.args.get("kept"):
        kept = get_or_404(KeptReport, request.args["kept"])
        return _of_kept(report, kept)
    wrong: dict[str, str] = {}
    moment = _moment(wrong)
    today = clock.day(moment.at, zone()) if moment else clock.day(clock.now(), zone())
    if moment is not None and (far := _too_far(moment)):
        wrong["asof"] = f"As known on: {far} Choose a later day, or the kept report of that time: it keeps its figures."
    asked, faults = asking.read(report, said, today=today)
    return asked.fixed(), wrong | faults, moment


def _of_kept(report: Report, kept: KeptReport) -> tuple[Asked, dict[str, str], Moment]:
    told, wrong = kept.told, {}
    if kept.report != report.name:
        abort(404)
    if report.version != told["version"]:
        wrong["kept"] = "The definition of this report has changed since. It is not made again as it was kept."
    at = datetime.fromisoformat(told["at"])
    asked, faults = asking.read(report, kept.asked, today=clock.day(at, zone()))
    moment = Moment(at, (told["ledger"] or {"number": 0})["number"], kept)
    if far := _too_far(moment):
        wrong["kept"] = f"{far} The page of the kept report has its figures, and what is different today."
    return asked, wrong | faults, moment


def _too_far(moment: Moment) -> str:
    """Return why the records of a moment are not made again for a page; empty where they are."""
    later = _head() - moment.number
    if later <= MOST_LATER:
        return ""
    return f"{later:,} entries of the ledger were written since, and at most {MOST_LATER:,} are taken back for a page."


def _moment(wrong: dict[str, str]) -> Moment | None:
    """Return the last moment of the day that the address names; a day that is not over yet is refused.

    It still belongs to that day: a period that moves, and whatever is counted from today, then stand on it.
    """
    on = asking.day_in("As known on", day_asked(request.args, "asof")[0], wrong, "asof")
    if on is None:
        if not wrong and any(box in request.args for box in BOXES):
            wrong["asof"] = "As known on: enter a day that is over."
        return None
    if on >= clock.day(clock.now(), zone()):
        wrong["asof"] = "As known on: enter a day that is over. The report itself is as of now."
        return None
    end = clock.last_moment_of(on, zone())
    return Moment(end, entry_at(db.session(), me().site_id, end))


@contextmanager
def _made_then(report: Report, asked: Asked, moment: Moment) -> Iterator[tuple[Past, Made]]:
    with as_known(db.engine, me().site_id, moment.number) as past:
        if report.judged:
            judge_anew(past, moment.at)
        yield past, make(report, Data(past.session, asked, zone=zone(), at=moment.at), me().site)


def _compared(report: Report, asked: Asked, moment: Moment) -> dict[str, Any]:
    """Return a report then and today, the figures that changed, and the records behind them."""
    now = make(report, Data(db.session(), asked, zone=zone(), at=clock.now()), me().site)
    with _made_then(report, asked, moment) as (past, then):
        told, result = as_json(then), then.result
        some = moved(result, now.result)
        of = movers(db.session(), result, now.result, some, past)
    here: dict[str, Any] = {key: value for key, value in request.args.items() if key not in asking.PARTS}
    return {
        "made": then, "now": now, "moved": part(some, "part-changed", heading="h-moved"),
        "movers": _with_records(part(of, "part-records", heading="h-movers")),
        "then": part(result.rows, "part-then", heading="h-then"), "later": past.rows,
        "moment": moment, "on": _on(moment),
        "entries": _head() - moment.number, "kept": moment.kept,
        "proof": None if moment.kept is None else differences(moment.kept.told, json.loads(told)),
        "now_url": url_for("reports.show", name=report.name, **asked.params(report)),
        "json_url": url_for("past_reports.download", name=report.name, **here),
    }  # fmt: skip


def _with_records(some: Part) -> Part:
    """Return movers, each with its record as a list shows it; None: it was removed since."""
    rows = {row.id: row for row in behind.listed(db.session(), [one.id for one in some.rows], zone())}
    read_log.hits(row.patient_id for row in rows.values())
    return some._replace(rows=[(one, rows.get(one.id)) for one in some.rows])


def _on(moment: Moment) -> str:
    """Return when a moment was: of a report that was kept the time, else the day that was over then."""
    if moment.kept is not None:
        return wording.moment(moment.at, zone())
    return wording.day(clock.day(moment.at, zone()))


def _head() -> int:
    return db.session.scalar(select(LedgerHead.number).where(LedgerHead.site_id == me().site_id)) or 0
