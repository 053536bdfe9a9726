"""A table that is too large is refused in a sentence that names the limit, before it fills the memory."""

from __future__ import annotations

import contextlib
import io
import time
import tracemalloc
import zipfile
import zlib
from datetime import date

import pytest
from xlsxwriter import Workbook

from clinic import clock
from clinic.errors import RuleBroken
from clinic.exchange import import_columns, import_report, importing, parse_cell, spreadsheets, tables
from clinic.exchange.import_checks import Fault
from clinic.exchange.import_people import KnownPeople, similar_people
from clinic.patients.models import Patient

SHEET = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'
)
STRINGS = '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"{}/>'
TOO_MANY = ' count="4294967295" uniqueCount="4294967295"'
LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'


def workbook(**parts):
    """Return a small spreadsheet as bytes; ``sheet``: in place of its first sheet; other parts are added."""
    plain = io.BytesIO()
    with Workbook(plain) as book:
        book.add_worksheet().write_row(0, 0, ["a", "b"])
    made = io.BytesIO()
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            if part.filename[3:-4] in parts:
                continue
            sheet = parts.get("sheet") if part.filename.endswith("sheet1.xml") else None
            new.writestr(part.filename, sheet or old.read(part))
        for name in parts.keys() - {"sheet"}:
            new.writestr(f"xl/{name}.xml", parts[name])
    return made.getvalue()


def lying(raw):
    """Return a spreadsheet whose directory says of each part that it unpacks to ten bytes."""
    changed = bytearray(raw)
    at = -1
    while (at := changed.find(b"PK\x01\x02", at + 1)) >= 0:
        changed[at + 24 : at + 28] = (10).to_bytes(4, "little")
    return bytes(changed)


def cells(inner):
    return workbook(sheet=SHEET.format(inner))


def spread(length, times):
    """Return a small spreadsheet in which many cells name one long text."""
    named = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>1</v></c></row>' for n in range(1, times + 1))
    texts = f"<si><t>a</t></si><si><r><t>{'x' * (length // 2)}</t></r><r><t>{'y' * (length // 2)}</t></r></si>"
    return workbook(sheet=SHEET.format(named), sharedStrings=STRINGS.format("").replace("/>", f">{texts}</sst>"))


def test_a_text_that_many_cells_name_is_read_as_far_as_the_memory_reaches(table):
    read = tables.read(table(raw=spread(1_000, 300), name="t.xlsx"))
    assert read.headings == ["x" * 500 + "y" * 500]


BOMB = b"<a>" + b" " * (spreadsheets.MOST_UNPACKED + 1) + b"</a>"


@pytest.mark.parametrize(("make", "says"), [
    (lambda: cells('<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'), "column 16384; 1,000 columns are"),
    (lambda: cells('<row r="1048576"><c><v>1</v></c></row>'), "row 1048576; 100,000 rows are the most"),
    (lambda: cells('<row r="1048576"/><row><c><v>1</v></c></row>'), "row 1048577; 100,000 rows are the most"),
    (lambda: cells('<row r="1"><c r="xfd1"/></row>'), "column 16384; 1,000 columns are the most"),
    (lambda: cells('<x:row xmlns:x="x" r="9000"><x:c r="ZZ9000"/></x:row>'), "9000 rows of 702 columns; 1,000,000"),
    (lambda: cells('<row r="1"><c r="$A99999999"/></row>'), "cannot be read as a spreadsheet: no cell is called"),
    (lambda: cells('<row r="999999999999"/>'), "cannot be read as a spreadsheet: no row is called"),
    (lambda: workbook(bomb=BOMB), "unpacks to more than 48 MB"),
    (lambda: lying(workbook(bomb=BOMB)), "unpacks to more than 48 MB"),
    (lambda: workbook(sheet=LAUGHS + SHEET.format("")), "defines a document type"),
    (lambda: workbook(strings=LAUGHS + "<sst>&b;</sst>"), "defines a document type"),
    (lambda: workbook(**{f"p{n}": "<a/>" for n in range(spreadsheets.MOST_PARTS)}), "500"),
    (lambda: workbook(sharedStrings=STRINGS.format(TOO_MANY)), "holds 4294967295 parts"),
    (lambda: workbook(sharedStrings=STRINGS.format(' uniqueCount="+9999999999"')), "size holds at most"),
    (lambda: workbook(styles='<styleSheet><cellXfs count="&#52;000000000"/></styleSheet>'), "size holds at most"),
    (lambda: workbook(sharedStrings=STRINGS.format(f' count="{"9" * 6000}"')), "size holds at most"),
    (lambda: workbook(sharedStrings=STRINGS.format(' count="0000000000000004294967295"')), "size holds at most"),
    (lambda: workbook(sharedStrings=STRINGS.format("").encode("utf-16")), "is not UTF-8"),
    (lambda: spread(20_000, 5_000), "hold 95 million characters; 48 are the most"),
    (lambda: spread(40_000, 1), "a text of more than 32,767 characters"),
    (lambda: cells("<row>"), "cannot be read as a spreadsheet"),
    (lambda: b"no spreadsheet", "cannot be read as a spreadsheet"),
    (lambda: workbook()[:-30], "cannot be read as a spreadsheet"),
])  # fmt: skip
def test_a_spreadsheet_that_would_fill_the_memory_is_refused(table, make, says):
    with pytest.raises(RuleBroken, match=says):
        tables.read(table(raw=make(), name="t.xlsx"))


@pytest.mark.parametrize("name", ["t.xls", "t.ods", "t.xlsb", "T.XLSM"])
def test_another_kind_of_spreadsheet_is_named(table, name):
    with pytest.raises(RuleBroken, match="Save it as XLSX or as CSV"):
        tables.read(table(raw=b"x", name=name))


@pytest.mark.parametrize(("raw", "says"), [
    (b"a,b\n" + b"1,2\n" * (tables.MOST_ROWS + 1), "more than 100,000 rows"),
    (b",".join(b"c%d" % n for n in range(1001)), "Row 1 has 1,001 cells; 1,000 columns are the most"),
    (b",".join(b"c%d" % n for n in range(1000)) + b"\n" + b"1,\n" * 5001, "more than 5,000 rows"),
    (b"a,b\n1," + b"x" * (tables.MOST_TEXT + 1), "Row 2, column b: the text has 32,768 characters; 32,767 fit"),
    (b"a," + b"(" * 130_000, "heading 2 has 130,000 characters; 1,000 are the most"),
    (b"a" * 2_000_000, "Line 1 is longer than 1,000,000 characters"),
    (b"a,b\n" + b"," * 2_000_000, "Line 2 is longer than 1,000,000 characters"),
    (b'a,b\n"' + b"x\n" * 200_000, "cannot be read as CSV"),
    (b"a,b\n1,\x00" + b" " * 5000, "not a text file"),
])  # fmt: skip
def test_a_text_file_that_would_fill_the_memory_is_refused(table, raw, says):
    with pytest.raises(RuleBroken, match=says):
        tables.read(table(raw=raw))


@pytest.mark.parametrize(("raw", "row"), [
    (b"a,b\n" + (b"," * 900_000 + b"\n") * 15, 2),
    (b"a;b\n1;2\n" + (b";" * 900_000 + b"\n") * 15, 3),
    (b"a|b\n" + (b"|" * 900_000 + b"\n") * 15, 2),
    (b"sep=\t\na\tb\n" + (b"\t" * 900_000 + b"\n") * 15, 3),
    ((b"," * 900_000 + b"x\n") * 15, 1),
    (b"a,b\n" + b'"\n",' * 3_000_000, 2),
    (b"a,b\n" + (b'"x",' * 240_000 + b'"\n",') * 15, 2),
    (b"a,b\n" + b"1,2\n" * 60 + (b"1," * 400_000 + b"\n") * 15, 62),
])  # fmt: skip
def test_a_text_of_a_few_lines_with_very_many_cells_is_refused_before_it_fills_the_memory(table, raw, row):
    file = table(raw=raw)
    tracemalloc.start()
    try:
        with pytest.raises(RuleBroken, match=f"Row {row} (has|is longer)"):
            list(tables.read(file).rows)
        _now, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 64 * 1024**2, f"{most:,} bytes"


@pytest.mark.parametrize("work", [
    lambda: import_columns.plain("(" * 300_000),
    lambda: import_columns.plain("(a" * 150_000 + ")"),
    lambda: import_report.grouped([Fault(row=2, column="a", value="", expected="“" * 300_000)]),
    lambda: parse_cell.comparator("<" + " " * 32_000 + "1\n2"),
    lambda: parse_cell.number("1" * 300_000),
])  # fmt: skip
def test_a_long_text_takes_no_longer_than_its_length_tells(work):
    began = time.process_time()
    with contextlib.suppress(parse_cell.NotThat):
        work()
    assert time.process_time() - began < 1


def test_a_file_that_is_too_large_is_not_opened(table, monkeypatch):
    monkeypatch.setattr(tables, "MOST_BYTES", 1024**2)
    with pytest.raises(RuleBroken, match="larger than 1 MB"):
        tables.read(table(raw=b"a,b\n" * 300_000))


def test_what_a_person_fills_in_below_and_beside_comes_in_at_its_place(tmp_path):
    file = tmp_path / "t.xlsx"
    with Workbook(file) as book:
        page = book.add_worksheet()
        for place, text in {(2, 1): "name", (2, 2): "town", (4, 1): "Ode", (4, 2): "Köln"}.items():
            page.write_string(*place, text)
    read = tables.read(file)
    assert list(read.rows) == [(5, {"": "", "name": "Ode", "town": "Köln"})]
    assert list(read.rows) == list(read.rows), "read as often as wanted"


def test_only_so_many_problems_are_listed(session, team, table, monkeypatch):
    monkeypatch.setattr(importing, "MOST_PROBLEMS", 10)
    file = table("Record number,Family name,Sex", *(f"A-{n},Ode,nobody knows" for n in range(100)))
    report = importing.run(session, "patients", file, None, team.coordinator, clock.now(), dry_run=True)
    assert 10 <= len(report.problems) < 20
    assert "The first 10 problems are listed" in " ".join(report.notes)


def test_the_parts_are_unpacked_as_they_are_and_not_as_they_say():
    assert zlib.crc32(workbook()) != zlib.crc32(lying(workbook()))


def test_many_people_of_one_name_are_compared_with_a_few_of_them():
    people = KnownPeople.__new__(KnownPeople)
    people.patients, people.births, people.in_part = {}, {}, {}
    long = "x" * 7_000
    notes = []
    for row in range(2, 402):
        same = Patient(family_name=long, given_names="Ann", birth_date=date(1980, 1, 1))
        notes += similar_people(people, row, [same])
    assert len(notes) == 3 * 399 - 3
    assert max(map(len, notes)) < 500
    assert "of row 2." in notes[0]
