"""A file whose rows are written in two encodings is refused where the second one begins."""

from __future__ import annotations

import pytest

from clinic.exchange.spoiled import as_utf_8
from tests.exchange.test_cells import CONSTANT, FACTS, HEAD, run


def test_a_row_in_utf_8_of_a_file_in_windows_1252_is_refused(session, team, table):
    lines = [HEAD, "A-1;Müller;male;70;2020-03-04", "A-2;Schäfer;male;70;2020-03-04"]
    raw = "\n".join(lines[:2]).encode() + b"\n" + lines[2].encode("windows-1252")
    report = run(session, team, table(raw=raw), CONSTANT + FACTS, top='encoding = "windows-1252"\n')
    assert [(one.row, one.column) for one in report.problems] == [(2, "name")], report.sentences()
    assert "“Müller”" in str(report.problems[0])


def test_a_file_in_one_encoding_comes_in(session, team, table):
    raw = f"{HEAD}\nA-1;Müller-Ångström;male;70;2020-03-04".encode("windows-1252")
    assert not run(session, team, table(raw=raw), CONSTANT + FACTS, top='encoding = "windows-1252"\n').refused


@pytest.mark.parametrize(("text", "encoding", "read"), [
    ("MÃ¼ller", "windows-1252", "Müller"), ("10 Âµg", "iso-8859-1", "10 µg"),
    ("JosÃ© MuÃ±oz", "windows-1252", "José Muñoz"),
    ("Müller", "windows-1252", ""), ("5 µg, 37 °C", "windows-1252", ""), ("Сёмга", "windows-1251", ""),
    ("Ode", "cp850", ""),
    ("Łódź, Žižek, Đžida", "windows-1250", ""),
])  # fmt: skip
def test_pairs_of_utf_8_are_known(text, encoding, read):
    assert as_utf_8(text, encoding) == read
