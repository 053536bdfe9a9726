"""How a text is read: the mark between its cells, quotation marks, its encoding, the row of its headings."""

from __future__ import annotations

import pytest
from xlsxwriter import Workbook

from clinic.errors import RuleBroken
from clinic.exchange import mapping, tables
from tests.exchange.test_cells import CONSTANT, FACTS, HEAD, run


def read(file, **how):
    found = tables.read(file, **how)
    return [found.headings, *([*cells.values()] for _number, cells in found.rows)]


@pytest.mark.parametrize(("lines", "rows"), [
    (['id;"name, as in passport, all"', "G1;Ab"], [["id", "name, as in passport, all"], ["G1", "Ab"]]),
    (["id;name (family, own, at birth)", "G1;Ab"], [["id", "name (family, own, at birth)"], ["G1", "Ab"]]),
    (["id|name", "G1|Ab, Bc"], [["id", "name"], ["G1", "Ab, Bc"]]),
    (["id\tname, all", "G1\tAb"], [["id", "name, all"], ["G1", "Ab"]]),
    (['"id, no","name"', "1,Ab;Bc"], [["id, no", "name"], ["1", "Ab;Bc"]]),
    (['id;"name', 'of, the, patient"', "G1;Ab"], [["id", "name\nof, the, patient"], ["G1", "Ab"]]),
    (["id;kg", "1;72,5", "2;70,25"], [["id", "kg"], ["1", "72,5"], ["2", "70,25"]]),
    (["id;name"], [["id", "name"]]), (["id", "G1"], [["id"], ["G1"]]), (["id", "a, b", "c"], [["id"], ["a, b"], ["c"]]),
    (["id;Name, family;Weight, kg", "1;Alfa, A;70,5"],
     [["id", "Name, family", "Weight, kg"], ["1", "Alfa, A", "70,5"]]),
    (["id;a,b", "1;2,5"], [["id", "a,b"], ["1", "2,5"]]),
    (["id, kg", "1, 70", "2, 71"], [["id", "kg"], ["1", "70"], ["2", "71"]]),
    (["id;Name, family, given;kg", "1;A, B, C;70"], [["id", "Name, family, given", "kg"], ["1", "A, B, C", "70"]]),
    (["sep=;", "id;name", "G3;Ab"], [["id", "name"], ["G3", "Ab"]]),
    (["sep=|", "id|a;b;c", "G3|1;2;3"], [["id", "a;b;c"], ["G3", "1;2;3"]]),
    (["# a, b, c, d", "id;name", "G3;Ab"], [["id", "name"], ["G3", "Ab"]]),
])  # fmt: skip
def test_the_mark_between_the_cells_is_found_outside_quotation_marks(table, lines, rows):
    assert read(table(*lines)) == rows


def test_the_headings_of_the_mapping_tell_the_mark(table):
    file = table("id,a;b;c", "1,2;3;4")
    assert read(file, headings={"id", "a;b;c"}) == [["id", "a;b;c"], ["1", "2;3;4"]]
    assert read(file, headings={"id,a", "b", "c"}) == [["id,a", "b", "c"], ["1,2", "3", "4"]]


def test_headings_that_hold_another_mark_name_the_setting(session, team, table):
    file = table(HEAD.replace(";", "|"), "A-1|Ode|male|70|2020-03-04")
    said = " ".join(run(session, team, file, top='separator = ";"\n').sentences())
    assert 'separator = "|"' in said


@pytest.mark.parametrize("title", ["Register of 2020", "Register, 2020", "Register; a; b"])
@pytest.mark.parametrize("mark", [";", ",", "\t"])
def test_a_title_above_the_headings_names_the_setting(session, team, table, title, mark):
    lines = [line.replace(";", mark) for line in (HEAD, "A-1;Ode;male;70;2020-03-04")]
    for above in ([title], [title, "", "Version 2"]):
        file, row = table(*above, *lines), len(above) + 1
        try:
            said = " ".join(run(session, team, file).sentences())
        except RuleBroken as fault:
            said = str(fault)
        assert f"heading_row = {row}" in said or (title in said and "separator" in said), said


def test_a_title_in_a_spreadsheet_names_the_setting(session, team, tmp_path):
    with Workbook(tmp_path / "t.xlsx") as book:
        page = book.add_worksheet()
        for number, row in enumerate((["Register"], ["Version", "2"], HEAD.split(";"), ["A-1", "Ode", "male", 70])):
            page.write_row(number, 0, row)
    try:
        said = " ".join(run(session, team, tmp_path / "t.xlsx").sentences())
    except RuleBroken as fault:
        said = str(fault)
    assert "heading_row = 3" in said


def test_lines_that_stand_whole_in_quotation_marks_are_told(session, team, table):
    file = table(*(f'"{line}"' for line in (HEAD, "A-1;Ode;male;70;2020-03-04")))
    assert "whole line stands in quotation marks" in " ".join(run(session, team, file).sentences())


@pytest.mark.parametrize("encoding", ["cp437", "cp850", "cp852", "mac-roman"])
def test_old_encodings_are_read_by_their_name_and_shown_as_guesses(table, encoding):
    file = table(raw="id;name\n1;Müller\n".encode(encoding))
    assert read(file, encoding=encoding)[1] == ["1", "Müller"]
    assert any("Müller" in line for line in tables.read(file).guesses.values())


@pytest.mark.parametrize(
    ("mark", "named"), [(";", ";"), (",", ","), ("|", "|"), ("\t", "tab"), ("\t", "\t")]
)  # fmt: skip
def test_a_mapping_names_the_mark(session, team, table, mark, named):
    top = f'separator = "{named}"\n'.replace("\t", "\\t")
    rows = [mark.join(line.split(";")) for line in (HEAD, "A-1;Ode;male;70;2020-03-04")]
    report = run(session, team, table(*rows), top=top)
    assert not report.refused, report.sentences()
    assert mapping.parsed(f'kind = "patients"\nsource = "x"\n{top}', "m").kept()["separator"] == named.replace(
        "\t", "tab"
    )


def test_a_mark_that_is_none_is_refused(table):
    with pytest.raises(RuleBroken, match="separates no cells"):
        mapping.parsed('kind = "patients"\nsource = "x"\nseparator = "x"\n', "m")
    with pytest.raises(RuleBroken, match=r"Available: , ; \|"):
        tables.read(table("a;b"), separator="!")


@pytest.mark.parametrize("mark", [",", ";", "|"])
def test_quotation_marks_behind_a_space_are_no_part_of_a_name(table, mark):
    lines = ["id, name", 'G41, "Smith"', 'G42, "O""Hara"', 'G43,  "Smith, John"', ' "G44" ,Ab, '.rstrip(", ")]
    lines = [
        line.replace(", ", mark + " ").replace('"Smith; ', '"Smith, ').replace('"Smith| ', '"Smith, ') for line in lines
    ]
    found = read(table(*lines[:4]))
    assert found == [["id", "name"], ["G41", "Smith"], ["G42", 'O"Hara'], ["G43", "Smith, John"]]


@pytest.mark.parametrize("space", ["\u00a0", "\t", "\u2003"])
def test_quotation_marks_behind_other_white_space_are_refused(table, space):
    with pytest.raises(RuleBroken, match="Row 2, column name: white space stands before the quotation marks"):
        tables.read(table("id;name", f'G1;{space}"Smith"'))


def test_quotation_marks_within_a_text_stay(table):
    assert read(table("id;size", '1;5" tube')) == [["id", "size"], ["1", '5" tube']]
    with pytest.raises(RuleBroken, match="Line 2 cannot be read as CSV"):
        tables.read(table("id;name", '1;"Smith" John'))


@pytest.mark.parametrize("encoding", ["windows-1252", "windows-1250", "iso-8859-1", "iso-8859-15", "windows-1251"])
@pytest.mark.parametrize("text", ["Müller", "Sørensen", "Zażółć", "山"])
def test_a_file_in_utf8_is_not_read_in_another_encoding(table, encoding, text):
    for raw in (f"id;name\n1;{text}\n".encode(), "id;name\n1;Bo\n".encode("utf-8-sig")):
        with pytest.raises(RuleBroken, match=f"written in UTF-8, not in {encoding}"):
            tables.read(table(raw=raw), encoding=encoding)
    assert read(table(raw=f"id;name\n1;{text}\n".encode()), encoding="utf-8")[1] == ["1", text]


def test_a_file_without_accents_is_read_in_any_encoding(table):
    for encoding in tables.ENCODINGS[:-1]:
        assert read(table("id;name", "1;Bo"), encoding=encoding)[1] == ["1", "Bo"]
    assert read(table(raw="id;name\n1;Müller\n".encode("cp1252")), encoding="windows-1252")[1] == ["1", "Müller"]


def test_mended_rejects_are_utf8_whatever_the_whole_table_was(table):
    raw = "Row,Why it was refused,id,name\n2,expected,1,Müller\n"
    for one in (raw.encode(), raw.encode("utf-8-sig"), raw.encode("cp1252")):
        assert read(table(raw=one), encoding="windows-1252", separator=";")[1][-1] == "Müller"


def test_headings_that_begin_with_a_number_sign_are_told(session, team, table):
    said = CONSTANT + FACTS.replace("id =", '"#" =')
    file = table(HEAD.replace("id", "#"), "17;Ode;male;70;2020-03-04", "18;Bo;male;70;2020-03-04")
    assert "heading_row = 1" in " ".join(run(session, team, file, said).sentences())
    assert not run(session, team, file, said, top="heading_row = 1\n").refused
    file = table("# of all patients, 2020", HEAD, "A-17;Ode;male;70;2020-03-04")
    assert "heading_row" not in " ".join(run(session, team, file, said).sentences()), "prose is no headings"


@pytest.mark.parametrize("readme", [["This is the readme"], ["This is the readme", "", "x"], []])
def test_the_other_sheets_are_told_where_the_first_is_not_the_table(session, team, tmp_path, readme):
    with Workbook(tmp_path / "t.xlsx") as book:
        first, second, _ = (book.add_worksheet(name) for name in ("Readme", "Data 2020", "More"))
        first.write_row(0, 0, readme)
        first.write_row(1, 0, ["id", "number", "x"] if readme else [])
        for row, line in enumerate((HEAD, "A-1;Ode;male;70;2020-03-04")):
            second.write_row(row, 0, line.split(";"))
    try:
        said = " ".join(run(session, team, tmp_path / "t.xlsx").sentences())
    except RuleBroken as fault:
        said = str(fault)
    assert "“Data 2020”, “More”" in said
    assert 'sheet = "Data 2020"' in said
    for name in ("data 2020", "DATA 2020", " Data 2020 ", "2"):
        assert tables.read(tmp_path / "t.xlsx", sheet=name).headings == HEAD.split(";")


def test_two_sheets_that_differ_by_case_are_told_apart(tmp_path):
    with Workbook(tmp_path / "t.xlsx") as book:
        for name in ("Data", "Notes"):
            book.add_worksheet(name).write_row(0, 0, [name])
    with pytest.raises(RuleBroken, match=r"has no sheet “Dat”\. Its sheets: Data, Notes"):
        tables.read(tmp_path / "t.xlsx", sheet="Dat")
    assert tables.read(tmp_path / "t.xlsx", sheet="notes").headings == ["Notes"]
