"""A mapping that would take long, or fill a page, is refused in a short sentence."""

from __future__ import annotations

import io
import time

import pytest

from clinic.errors import RuleBroken
from clinic.exchange import mapping, parse_cell, tables
from clinic.patients.models import Patient

START = 'kind = "courses"\nsource = "s"\n'


@pytest.mark.parametrize(("text", "says"), [
    (".".join("a" * 20_000) + "=1", "line 1 has more than 60 full stops"),
    (f"[{'.'.join('a' * 20_000)}]", "line 1 has more than 60 full stops"),
    ("a=1\n" * 40_000, "larger than 128 kB"),
    ("a = " + "[" * 2_000 + "]" * 2_000, "too many brackets"),
    ("a = " + "{a=" * 2_000 + "1" + "}" * 2_000, "too many brackets"),
    ("heading_row = " + "9" * 5_000, "cannot be read"),
    ("".join(f"b{n} = 1\n" for n in range(10_000)), "9,982 more mistakes"),
    (START + "a" * 100_000 + " = 1", "aaa…: Extra inputs"),
    (START + 'encoding = "' + "a" * 100_000 + '"', "aaa…"),
    (START + "[" + "x" * 5_000, "cannot be read"),
])  # fmt: skip
def test_a_mapping_is_bounded(text, says):
    began = time.process_time()
    with pytest.raises(RuleBroken, match=says) as refused:
        mapping.read_from(io.BytesIO(text.encode()), "m.toml")
    assert time.process_time() - began < 1
    assert len(str(refused.value)) < 15_000


NINES = "9" * 5_000


@pytest.mark.parametrize("read", [
    lambda: parse_cell.TRANSFORMS["whole"](NINES),
    lambda: parse_cell.TRANSFORMS["whole"]("1e999"),
    lambda: parse_cell.TRANSFORMS["years"]("1e-999"),
    lambda: parse_cell.TRANSFORMS["event_day"](NINES),
    lambda: parse_cell.TRANSFORMS["weeks_to_days"](NINES),
    lambda: parse_cell.TRANSFORMS["months_to_days"](NINES),
    lambda: parse_cell.multiplied(NINES, "2"),
    lambda: parse_cell.whole("0." + "0" * 5_000),
    lambda: parse_cell.moment("9999-12-31T23:59-12:00", "Europe/Berlin"),
    lambda: parse_cell.moment("9999-12-31T23:59", "America/New_York"),
    lambda: parse_cell.moment("9999-12-31T23:59Z", "Asia/Tokyo"),
    lambda: parse_cell.moment("0001-01-01T00:00+14:00", "UTC"),
    lambda: parse_cell.moment("0001", "Asia/Tokyo"),
])  # fmt: skip
def test_a_cell_that_no_record_can_hold_is_not_that(read):
    with pytest.raises(parse_cell.NotThat):
        read()


@pytest.mark.parametrize("factor", ["1e999999999", "1e900000", "1e-900000", "1" * 900, "nan", "0", "0e9", "1_0e99999"])
def test_a_factor_is_of_a_size_by_which_units_differ(factor):
    with pytest.raises(RuleBroken, match="not a number to multiply by"):
        mapping.parsed(f'{START}[columns]\na = {{ to = "weight.kg", factor = "{factor}" }}', "m.toml")


@pytest.mark.parametrize(
    "said", ["heading_row = -1", "heading_row = 100001", "visits = {a = {name = 'a', course_day = 9e9}}"]
)
def test_a_number_of_a_mapping_has_its_limits(said):
    with pytest.raises(RuleBroken, match="is wrong"):
        mapping.parsed(f"{START}{said}", "m.toml")


LONG = b"a,b\n" + b"x,y\n" * 2_000


@pytest.mark.parametrize(("raw", "encoding", "says"), [
    (LONG + b"1,O\x00de\n", "", r"Row 2002, column b contains a character that cannot be stored \(U\+0000\)"),
    ("a,b\n1,O\x00de\n".encode("utf-16"), "utf-16", r"U\+0000"),
    ("a\x00,b\n1,Ode\n".encode("utf-16"), "utf-16", "The heading 1 contains"),
    (b"a,b\n1,\x8aimek\n", "iso-8859-1", "name the encoding"),
])  # fmt: skip
def test_what_cannot_be_stored_is_refused_wherever_it_stands(table, raw, encoding, says):
    with pytest.raises(RuleBroken, match=says):
        tables.read(table(raw=raw), encoding=encoding)


def test_what_nobody_sees_is_taken_out_of_a_table_and_its_mapping(table):
    rows = tables.read(table(raw='a\u200b,b\n1,O\u202ed\x01e\x1b\n2,"two\r\nlines"\n'.encode())).rows
    assert [cells for _number, cells in rows] == [{"a": "1", "b": "Ode"}, {"a": "2", "b": "two\r\nlines"}]
    said = mapping.parsed(f'{START}[columns]\n"a\\u200b" = {{ to = "patient.sex", default = "x\\u0001" }}', "m.toml")
    assert said.columns == {"a": (mapping.Target(to="patient.sex", default="x"),)}


@pytest.mark.parametrize(
    "text", ['[constants]\n"patient.phone" = "a\\u0000b"', '[ignored]\n"a\\u0000b" = "x"', 'title = "\\u0000"']
)
def test_a_mapping_says_nothing_that_cannot_be_stored(text):
    with pytest.raises(RuleBroken, match="cannot be stored"):
        mapping.parsed(START + text, "m.toml")


def test_a_record_keeps_no_control_characters():
    assert Patient(family_name="O\x00d\x1be\u202e\x9f", given_names="Ann\tLee").family_name == "Ode"
