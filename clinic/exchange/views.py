"""Pages of the data sets: what there is, how much of it, and the way to take it out."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, current_app, render_template, request, url_for
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from werkzeug.wsgi import FileWrapper

from clinic import clock, read_log
from clinic.access import CLINICAL, allow, keep_to_site
from clinic.exchange import exporting
from clinic.exchange.datasets import datasets
from clinic.exchange.exporting import FORMATS, Choice
from clinic.extensions import db
from clinic.pages import Answer, me, zone
from clinic.reading import reading

RESEARCH = {
    "research": {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False},
    "people": {"research": True, "named": False},
}
"""What asks for the copy without names, and what for the one with them; anything else is refused, not guessed."""
KEPT = frozenset({"from", "to", "research"})
"""What the links of the page keep of the choice."""
bp = Blueprint("exchange", __name__, template_folder="templates")


def _asked() -> tuple[Choice, str]:
    """Return what is taken out, as the address says, and what is wrong with its period; then it has no period."""
    unknown = set(request.args) - {"from", "to", *RESEARCH}
    if unknown:
        abort(422, f"“{min(unknown):.40}” is not a choice of an export. Choose from, to or research=1.")
    said = {name: request.args[name].casefold() for name in RESEARCH if request.args.get(name)}
    for name, value in said.items():
        if value not in RESEARCH[name]:
            abort(422, f"{name} is “{value:.40}”. Write {name}={next(iter(RESEARCH[name]))} for a copy without names.")
    research = any(RESEARCH[name][value] for name, value in said.items())
    since, until, wrong = exporting.read_period(request.args.get("from", ""), request.args.get("to", ""))
    choice = Choice(
        site_id=me().site_id,
        since=since,
        until=until,
        research=research,
        on=clock.today(zone()),
        zone=zone(),
        secret=current_app.config["RESEARCH_SECRET"],
    )
    return choice, wrong


@bp.get("/exports")
@allow(CLINICAL)
def index() -> Answer:
    """List the data sets with how many rows each has, and the ways to take them out."""
    choice, wrong = _asked()
    told = {key: value for key, value in request.args.items() if value and key in KEPT and not wrong}
    asked = f"?{urlencode(told)}" if told else ""
    rows = [
        (
            dataset,
            exporting.count(db.session(), dataset, choice),
            len(dataset.chosen(research=choice.research)),
            [(form, f"{url_for('exchange.download', name=dataset.name, form=form)}{asked}") for form in FORMATS],
        )
        for dataset in sorted(datasets().values(), key=lambda one: one.title.casefold())
    ]
    page = render_template(
        "exchange/index.html", rows=rows, choice=choice, site=me().site, most=exporting.COUNTED, wrong=wrong
    )
    return (page, 422) if wrong else page


@bp.get("/exports/dictionary.csv")
@allow(CLINICAL)
def dictionary() -> Response:
    """Send the data dictionary."""
    return _file("".join(exporting.dictionary_lines()), "csv", "dictionary")


@bp.get("/exports/<name>.<form>")
@allow(CLINICAL)
def download(name: str, form: str) -> Response:
    """Send a data set, only the rows of the user's site.

    It is read to its end before its first byte is sent, with its length: what failed midway never looks complete. The
    access log keeps its hash.
    """
    if name not in datasets() or form not in FORMATS:
        abort(404)
    choice, wrong = _asked()
    if wrong:
        abort(422, wrong)
    suffix = "-research" if choice.research else ""
    file = exporting.whole(_read(db.engine, name, form, choice))
    read_log.export(exporting.about(name, form, exporting.digest_of(file), research=choice.research))
    response = _file(FileWrapper(file), form, f"{me().site.code}-{name}{suffix}-{choice.on:%Y-%m-%d}")
    response.content_length = file.seek(0, os.SEEK_END)
    file.seek(0)
    weakref.finalize(response, file.close)  # also of an answer that nobody reads to its end
    return response


def _read(engine: Engine, name: str, form: str, choice: Choice) -> Iterator[str | bytes]:
    """Read a data set in a transaction of its own, which only reads: it outlasts the request that asked for it."""
    with Session(engine) as session:
        keep_to_site(session, choice.site_id)
        with reading():
            session.connection()
        yield from exporting.chunks(session, name, form, choice)


def _file(content: object, form: str, name: str) -> Response:
    response = Response(content, mimetype=FORMATS[form])  # type: ignore[arg-type]
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
    response.headers["Cache-Control"] = "no-store"
    return response
