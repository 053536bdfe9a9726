"""What a cell means is taken where its row or its column tells, and its fault is said once, with a way out."""

from __future__ import annotations

import pytest

from clinic.exchange import import_rows, mapping, parse_cell
from clinic.exchange.parse_cell import NotThat, moment, one_of
from clinic.exchange.written_days import dated
from tests.exchange.test_import_refuses import take, ward
from tests.exchange.test_increments import known, more, score

__all__ = ["known", "more", "take", "ward"]


@pytest.mark.parametrize(
    ("how", "cell", "text"),
    [
        ({"as": "percent_of_one"}, "<0.05", "<5.00"), ({"as": "percent_of_one"}, ">0.95", ">95.00"),
        ({"as": "percent_of_one"}, "0.95", "95.00"), ({"as": "percent_of_one"}, "<0,05", "<5.00"),
        ({"factor": "100"}, "<0,05", "<5.00"), ({"factor": "100"}, "≥ 0.95", "≥95.00"),
        ({"factor": "1000"}, "<0,05 %", None),
    ],
)  # fmt: skip
def test_a_sign_before_a_figure_stays_when_it_is_converted(how, cell, text):
    said = mapping.Mapping(kind="courses", source="Old", columns={"c": [{"to": "qc.viability", **how}]})
    problems = []
    (given,) = import_rows.given(2, 1, {"c": cell}, said, problems).values()
    assert (given.text, bool(problems)) == (text, text is None)


@pytest.mark.parametrize("value", ["97 %", "97%"])
def test_a_score_of_a_long_table_may_have_the_unit_of_its_instrument(known, more, value):
    assert more("scores", score(score_instrument="spo2", score_value=value)).made["Score"] == 1


def test_another_unit_is_told_once(known, more):
    report = more("scores", score(score_instrument="spo2", score_value="97 mg"), refused=True)
    assert ["a figure in %" in one.expected for one in report.problems] == [True], report.sentences()
    report = more("scores", score(score_instrument="spo2", score_value="high"), refused=True)
    assert len(report.problems) == 1, report.sentences()


def test_a_number_among_choices_names_the_setting():
    with pytest.raises(NotThat, match="say under “values” which of them “0” is"):
        one_of("0", {"A": "A", "O": "O"})


def test_a_time_that_the_clock_skipped_or_showed_twice_says_so():
    with pytest.raises(NotThat, match=r"02:30 did not exist on this day.*Correct it"):
        moment("2020-03-29 02:30", "Europe/Berlin")
    with pytest.raises(NotThat, match=r"with its offset.*02:30 occurred twice"):
        moment("2020-10-25 02:30", "Europe/Berlin")
    assert moment("2020-10-25T02:30+02:00", "Europe/Berlin").isoformat() == "2020-10-25T02:30:00+02:00"
    assert dated("2020-10-25T02:30+02:00", "DD.MM.YYYY hh:mm") == "2020-10-25T02:30+02:00"
    assert parse_cell.day("2020-10-25T02:30+02:00").day == 25
