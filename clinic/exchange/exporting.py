"""Take a data set out as CSV, XLSX or JSON lines, row by row, in bounded memory.

CSV follows RFC 4180 in UTF-8 with a byte order mark, so that a spreadsheet reads every script. A text that a
spreadsheet would run as a formula (it begins with ``= + - @``, a tab or a carriage return) gets an apostrophe in front;
numbers, negative ones too, stay numbers. XLSX and JSON keep every text as it is: there a text is never a formula.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import secrets
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from typing import IO, TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import Date, bindparam, func, inspect, select
from xlsxwriter import Workbook

from clinic import clock
from clinic.accounts.models import Site, User
from clinic.course_records import around_all
from clinic.errors import RuleBroken
from clinic.exchange.datasets import DICTIONARY, DOSES, Dataset, datasets, dictionary
from clinic.exchange.export_values import NO_SHIFT, NOTHING_BESIDES, Around, Sign, reader_of, value_of
from clinic.exchange.filled_in import scored_since, still_missing
from clinic.exchange.parse_cell import day_of
from clinic.exchange.research import shifts_of
from clinic.fields import RUNS_AS_FORMULA
from clinic.products.models import Product
from clinic.records import Amendment, Entry, Record, Signature
from clinic.release.carried import judged_results
from clinic.release.doses import doses
from clinic.release.results import QCResult
from clinic.row_reader import Listing, converter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy.orm import Session

PAGE = 1000
EMPTY: tuple[Any, ...] = (None, "{}", {})
NONE_KNOWN: dict[str, str] = {}
BUNDLE = 200
IN_MEMORY = 1024 * 1024
"""Bytes up to which a file that is being made stays in memory."""
FORMATS = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "jsonl": "application/x-ndjson",
}
BYTE_ORDER_MARK = "\ufeff"
MOST_IN_CELL = 32_767
"""Characters that a cell of a spreadsheet holds."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which rows to take: of one site or (None) of all that the session may see, from one day to another.

    ``zone``: on whose clock those days begin and end. ``on``: the day for which the research variant
    gives ages; None: today at the row's site. ``secret``: what its shift of days is drawn from; tables with the same
    one agree. ``only``: the ids of the rows to which it is limited; None: all.
    """

    site_id: str | None = None
    only: frozenset[str] | None = None
    since: date | None = None
    until: date | None = None
    research: bool = False
    on: date | None = None
    zone: str = "Etc/UTC"
    secret: str = field(default_factory=secrets.token_hex, repr=False)


EARLIEST, LATEST = date(1900, 1, 1), date(2999, 12, 31)
"""The days that a period may begin and end with; in no time zone does one leave the calendar."""


def check_period(since: date | None, until: date | None) -> None:
    """Raise `RuleBroken` where no period begins and ends with these days."""
    for label, day in (("first", since), ("last", until)):
        if day and not EARLIEST <= day <= LATEST:
            raise RuleBroken(f"The {label} day {day} is out of range. Enter a day from {EARLIEST} to {LATEST}.")
    if since and until and until < since:
        raise RuleBroken("The last day is before the first day. Exchange the two.")


def read_period(first: str, last: str) -> tuple[date | None, date | None, str]:
    """Return the days of a period as they were typed, None for an end left open, and what is wrong with them."""
    days: list[date | None] = []
    for label, typed in (("First day", first), ("Last day", last)):
        text = typed.strip()[:40]
        try:
            days.append(day_of(text) if text else None)
        except RuleBroken as broken:
            return None, None, f"{label}: {broken}"
    try:
        check_period(*days)
    except RuleBroken as broken:
        return None, None, str(broken)
    return days[0], days[1], ""


COUNTED = 100_000
"""How far the rows of a data set are counted: a page that lists all of them does not read the whole clinic."""


def dataset_named(name: str) -> Dataset:
    """Return a data set; raises `RuleBroken` naming those that there are."""
    found = datasets().get(name)
    if found is None:
        raise RuleBroken(f"No data set is called “{name}”. Available: {', '.join(datasets())}.")
    return found


def count(session: Session, dataset: Dataset, choice: Choice | None = None) -> int:
    """Return how many rows a data set has; of more than `COUNTED`, one more than these."""
    chosen = _narrowed(select(dataset.model.id), dataset, choice or Choice()).limit(COUNTED + 1)
    return session.scalar(select(func.count()).select_from(chosen.subquery())) or 0


def heading(dataset: Dataset, choice: Choice) -> list[str]:
    """Return the headings of the columns."""
    return [column.heading for column in dataset.chosen(research=choice.research)]


def rows(session: Session, dataset: Dataset, choice: Choice) -> Iterator[list[Any]]:
    """Yield each row as values: text, `Decimal`, int, bool, date, None. Pages of `PAGE` rows, by id."""
    columns, model = dataset.chosen(research=choice.research), dataset.model
    kept = {attribute.key for attribute in inspect(model).column_attrs}
    keys = list(dict.fromkeys(["id", "site_id", *(c.key for c in columns if c.key in kept), *({"precision"} & kept)]))
    people = {row.id: row.printed_name for row in session.execute(select(User.id, User.printed_name))}
    places = {id_: (code, zone) for id_, code, zone in session.execute(select(Site.id, Site.code, Site.zone))}
    attributes, dialect = [getattr(model, key) for key in keys], session.get_bind().dialect
    converters = [converter(one.type, dialect) for one in attributes]
    places_of = {key: at for at, key in enumerate(keys)}
    readers = [
        reader_of(column, places_of[column.key], converters[places_of[column.key]])
        if column.key in places_of
        else reader_of(column)
        for column in columns
    ]
    part, why = places_of.get("precision", -1), places_of.get("not_recorded", -1)
    read_part: Any = (converters[part] if part >= 0 else None) or dict

    def converted(row: Sequence[Any]) -> list[Any]:
        return [
            one if one is None or convert is None else convert(one)
            for one, convert in zip(row, converters, strict=True)
        ]

    chosen = _narrowed(select(*attributes), dataset, choice).where(model.id > bindparam("last"))
    listing, last = Listing(chosen.order_by(model.id).limit(PAGE)), ""
    while page := listing.as_given(session, {"last": last}):
        last = page[-1][0]
        besides = _besides(session, model, [row[0] for row in page])
        shifts = shifts_of(session, [row[0] for row in page], choice.secret) if choice.research else {}
        scored = scored_since(session, model, [row for row in page if why >= 0 and row[why] not in EMPTY])
        told: list[Any] = [None] * len(page)
        if dataset.name == "doses":
            told = _doses(session, [row[places_of["product_id"]] for row in page])
        around: dict[str, Around] = {}
        for row, more in zip(page, told, strict=True):
            here = around.get(row[1])
            if here is None:
                code, zone = places.get(row[1], ("", "Etc/UTC"))
                on = choice.on or clock.today(zone)
                here = around[row[1]] = Around(people=people, code=code, zone=zone, clock=ZoneInfo(zone), on=on)
            here.besides = besides.get(row[0]) or NOTHING_BESIDES
            here.shift = shifts.get(row[0], NO_SHIFT)
            known_as = row[part] if part >= 0 else None
            here.precision = NONE_KNOWN if known_as in EMPTY else read_part(known_as)
            if more is not None or here.precision or row[0] in scored:
                known = dict(zip(keys, converted(row), strict=True)) | (more or {})
                known = still_missing(known, scored.get(row[0]))
                yield [value_of(column, known.get(column.key), here) for column in columns]
            else:
                yield [row[at] if read is None else read(row[at], here) for at, read in readers]


def _narrowed(statement: Any, dataset: Dataset, choice: Choice) -> Any:
    model, (through, _dot, key) = dataset.model, dataset.counted_by.rpartition(".")
    if choice.site_id:
        statement = statement.where(model.site_id == choice.site_id)
    if choice.only is not None:
        statement = statement.where(model.id.in_(choice.only))
    if through and (choice.since or choice.until):
        statement = statement.join(getattr(model, through))
    by = getattr(inspect(model).relationships[through].mapper.class_ if through else model, key)
    is_day = isinstance(by.type, Date)
    zone = ZoneInfo(choice.zone)
    if dataset.counted_by == "id":
        return statement
    if choice.since:
        statement = statement.where(by >= (choice.since if is_day else datetime.combine(choice.since, time.min, zone)))
    if choice.until:
        end = choice.until + timedelta(days=1)
        statement = statement.where(by < (end if is_day else datetime.combine(end, time.min, zone)))
    return statement


def _besides(session: Session, model: type[Any], ids: list[str]) -> dict[str, dict[str, Any]]:
    """Return, for a page of rows, who signed them and whether they were amended, and after the signature (R3)."""
    found: dict[str, dict[str, Any]] = defaultdict(lambda: {"signers": [], "signed": None, "amended": "no"})
    if issubclass(model, Record):
        told = select(Signature.record_id, Signature.printed_name, Signature.meaning, Signature.signed_at)
        for id_, name, meaning, at in session.execute(
            told.where(Signature.record_id.in_(ids)).order_by(Signature.signed_at)
        ):
            found[id_]["signers"].append(f"{name} ({meaning.value})")
            found[id_]["signed"] = at
    if issubclass(model, Entry):
        told_of = select(Amendment.record_id, func.max(Amendment.amended_at)).where(Amendment.record_id.in_(ids))
        for id_, at in session.execute(told_of.group_by(Amendment.record_id)):
            signed = found[id_]["signed"]
            found[id_]["amended"] = "yes, after it was signed" if signed and at > signed else "yes"
    return found


def _doses(session: Session, ids: list[str]) -> list[dict[str, Any]]:
    """Return the five items that describe each cell therapy, by the product's id of each administration."""
    products = session.scalars(select(Product).where(Product.id.in_(ids))).all()
    thawed = around_all(session, [one for one in products if one.thawed_at is not None])  # results are carried to these
    results: dict[str, list[QCResult]] = defaultdict(list)
    for result in session.scalars(
        select(QCResult).where(QCResult.product_id.in_(ids)).order_by(QCResult.performed_at, QCResult.id)
    ):
        results[result.product_id].append(result)
    read = {one.id: judged_results(thawed[one.id], one) if one.id in thawed else results[one.id] for one in products}
    told = {product.id: doses(product, read[product.id]) for product in products}
    items = [told.get(product_id, []) for product_id in ids]
    return [{key: value for key, (_label, value) in zip(DOSES, of_one, strict=False)} for of_one in items]


def written_cell(value: Any) -> Any:
    """Return a value as a CSV cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str) and value.startswith(RUNS_AS_FORMULA) and not isinstance(value, Sign):
        return f"'{value}"
    return value


FORMULA_BEGINS = frozenset(RUNS_AS_FORMULA)


class _Line:
    """Gives a line back to who writes it: `csv.writer` returns what its file returns."""

    def write(self, line: str) -> str:
        """Return the line."""
        return line


def csv_lines(headings: Sequence[str], found: Iterable[Sequence[Any]], comments: Sequence[str] = ()) -> Iterator[str]:
    """Yield a table as CSV, a line at a time, its headings first.

    ``comments`` stand above them, a line each that begins with # and is never quoted. A reader that leaves such lines
    out looks for # everywhere outside quotes, so a cell with # is quoted then.
    """
    ends = "\r\n"
    line: Any = csv.writer(_Line(), lineterminator=f"{ends}#" if comments else ends).writerow  # quoted: what has a mark
    above = "".join(f"# {' '.join(said.split())}{ends}" for said in comments)
    yield BYTE_ORDER_MARK + above + line([written_cell(name) for name in headings]).removesuffix("#")
    for row in found:
        cells = [
            one if one is None or (type(one) is str and one[:1] not in FORMULA_BEGINS) else written_cell(one)
            for one in row
        ]
        yield line(cells).removesuffix("#")


def json_lines(keys: Sequence[str], found: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Yield a table as JSON lines, an object for each row; a quantity is a number with all of its digits."""
    names = [f"{_text(key)}: " for key in keys]
    for row in found:
        yield "{" + ", ".join([name + _json(value) for name, value in zip(names, row, strict=True)]) + "}\n"


_text = json.JSONEncoder(ensure_ascii=False).encode


def _json(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    return _text(value.isoformat() if isinstance(value, date) else value)


def xlsx_file(headings: Sequence[str], found: Iterable[Sequence[Any]], sheet: str = "Data") -> IO[bytes]:
    """Return a table as an XLSX file, open at its beginning; on the disk, so that its size is no matter."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller reads and closes it
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    try:
        with Workbook(file, options) as book:
            page = book.add_worksheet(sheet[:31])
            bold = book.add_format({"bold": True})
            page.freeze_panes(1, 0)
            for place, name in enumerate(headings):
                page.write_string(0, place, name, bold)
            for line, row in enumerate(found, start=1):
                for place, value in enumerate(row):
                    _write_cell(page, line, place, value)
    except BaseException:  # an interrupt too: a file that nobody was given would stay open
        file.close()
        raise
    file.seek(0)
    return file


def _write_cell(page: Any, line: int, place: int, value: Any) -> None:
    if value is None or value == "":
        return
    if isinstance(value, bool):
        page.write_string(line, place, "yes" if value else "no")
    elif isinstance(value, int | Decimal):
        page.write_number(line, place, value)
    else:
        text = value.isoformat() if isinstance(value, date) else str(value)
        if len(text) > MOST_IN_CELL:  # which the spreadsheet would cut without a word
            cut = f" … [the first part of {len(text):,} characters; CSV and JSON lines have all of them]"
            text = text[: MOST_IN_CELL - len(cut)] + cut
        page.write_string(line, place, text)


def chunks(session: Session, name: str, form: str, choice: Choice) -> Iterator[str | bytes]:
    """Yield a data set in a format, piece by piece. Raises `RuleBroken` for an unknown data set or format at once."""
    dataset = dataset_named(name)
    if form not in FORMATS:
        raise RuleBroken(f"No format is called “{form}”. Available: {', '.join(FORMATS)}.")
    return _chunks(session, dataset, form, choice)


def _chunks(session: Session, dataset: Dataset, form: str, choice: Choice) -> Iterator[str | bytes]:
    found, headings = rows(session, dataset, choice), heading(dataset, choice)
    if form == "csv":
        yield from _bundles(csv_lines(headings, found))
    elif form == "jsonl":
        yield from _bundles(json_lines(headings, found))
    else:
        with xlsx_file(headings, found, dataset.title) as file:
            while piece := file.read(65536):
                yield piece


def whole(pieces: Iterable[str | bytes]) -> IO[bytes]:
    """Return all pieces as a file, open at its beginning; a long one on the disk, so that its size is no matter."""
    file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - the caller reads and closes it
    try:
        for piece in pieces:
            file.write(piece.encode() if isinstance(piece, str) else piece)
    except BaseException:  # an interrupt too: a file that nobody was given would stay open
        file.close()
        raise
    file.seek(0)
    return file


def digest_of(file: IO[bytes]) -> str:
    """Return the SHA-256 of a whole file in 43 letters (base64url, RFC 4648); the file is at its beginning again."""
    found = hashlib.sha256()
    while piece := file.read(65536):
        found.update(piece)
    file.seek(0)
    return base64.urlsafe_b64encode(found.digest()).rstrip(b"=").decode()


def about(name: str, form: str, digest: str, *, research: bool) -> str:
    """Return what the access log says of an export: the data set and the SHA-256 of its file, at most 80 letters."""
    return f"{name}.{form}{' research' if research else ''} {digest}"


def _bundles(lines: Iterator[str]) -> Iterator[str]:
    """Put lines together, so that a line is no packet of its own on the network."""
    while bundle := "".join(islice(lines, BUNDLE)):
        yield bundle


def dictionary_lines() -> Iterator[str]:
    """Yield the data dictionary as CSV."""
    return csv_lines(DICTIONARY, dictionary())
