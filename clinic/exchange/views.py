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
from clinic.day_filter import day_asked
from clinic.exchange import exporting
from clinic.exchange.datasets import Dataset, datasets
from clinic.exchange.exporting import FORMATS, Choice
from clinic.extensions import db
from clinic.pages import Answer, me, zone
from clinic.reading import reading

RESEARCH = {
    "research": {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False},
    "people": {"research": True, "named": False},
}
"""What asks for the copy without names, and what for the one with them; anything else is refused, not guessed."""
ENDS = ("from", "to")
BOXES = frozenset({*ENDS, *(f"{end}-{part}" for end in ENDS for part in "dmy")})
"""The boxes of the first and the last day; an address may also hold each day whole."""
FOUND_BY = "q"
"""What the page looks for in the titles of the data sets."""
bp = Blueprint("exchange", __name__, template_folder="templates")


def _asked() -> tuple[Choice, str]:
    """Return what is taken out, as the address says, and what is wrong with its period; then it has no period."""
    unknown = set(request.args) - {*BOXES, *RESEARCH, *({FOUND_BY} if request.endpoint == "exchange.index" else ())}
    if unknown:
        abort(422, f"“{min(unknown):.40}” is not a choice of an export. Choose from, to or research=1.")
    said = {name: request.args[name].casefold() for name in RESEARCH if request.args.get(name)}
    for name, value in said.items():
        if value not in RESEARCH[name]:
            abort(422, f"{name} is “{value:.40}”. Write {name}={next(iter(RESEARCH[name]))} for a copy without names.")
    research = any(RESEARCH[name][value] for name, value in said.items())
    since, until, wrong = exporting.read_period(*(day_asked(request.args, end)[0] for end in ENDS))
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
    days = dict(zip(ENDS, (choice.since, choice.until), strict=True))
    told = {end: str(day) for end, day in days.items() if day} | ({"research": "1"} if choice.research else {})
    looked_for = request.args.get(FOUND_BY, "").strip()[:60]
    rows = [_row(one, choice, f"?{urlencode(told)}" if told else "") for one in _titled(looked_for)]
    page = render_template(
        "exchange/index.html", rows=rows, choice=choice, site=me().site, most=exporting.COUNTED, wrong=wrong,
        days={end: day_asked(request.args, end)[1] for end in ENDS}, looked_for=looked_for, count=len(datasets()),
    )  # fmt: skip
    return (page, 422) if wrong else page


def _titled(words: str) -> list[Dataset]:
    """Return the data sets that have all of some words in their title, by title."""
    wanted = words.casefold().split()
    every = sorted(datasets().values(), key=lambda one: one.title.casefold())
    return [one for one in every if all(word in one.title.casefold() for word in wanted)]


def _row(dataset: Dataset, choice: Choice, asked: str) -> tuple[Dataset, int, int, list[tuple[str, str]]]:
    """Return a data set with how many rows and columns it has, and the address of each format."""
    links = [(form, f"{url_for('exchange.download', name=dataset.name, form=form)}{asked}") for form in FORMATS]
    columns = len(dataset.chosen(research=choice.research))
    return dataset, exporting.count(db.session(), dataset, choice), columns, links


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
