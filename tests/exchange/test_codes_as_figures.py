"""A code is the same code in every writing that programs give a figure: 99, 99.0, 99,00; and 2.0 is the choice 2."""

from __future__ import annotations

import pytest

from clinic.errors import RuleBroken
from clinic.exchange import import_rows, mapping, parse_cell
from clinic.exchange.import_targets import Slot, slot
from clinic.exchange.parse_cell import NotThat, code_of, one_of, yes_no


def read(target, cell, **how):
    """Return what one cell says of a fact, and what is wrong with it."""
    top = {name: how.pop(name) for name in ("top_missing", "top_decimal") if name in how}
    said = mapping.Mapping(
        kind="courses", source="Old", columns={"c": [{"to": target, **how}]},
        missing=top.get("top_missing", ()), decimal=top.get("top_decimal", ""),
    )  # fmt: skip
    problems = []
    found = import_rows.given(2, 1, {"c": cell}, said, problems)
    (one,) = (one for place, one in found.items() if place.name != "key")
    return one, problems


@pytest.mark.parametrize("cell", ["99", "99.0", "99,0", "99.00", "99,000000", "+99", "9.9e1", "9,9E+01", "099"])
@pytest.mark.parametrize("target", ["score.m6.koos_pain", "weight.kg", "treatment.age_years", "qc.viability"])
def test_a_code_for_not_recorded_is_compared_as_a_figure(cell, target):
    for how in ({"top_missing": ("99",)}, {"missing": ("99",)}, {"missing": ("99.0",)}):
        one, problems = read(target, cell, **how)
        assert (one.text, problems) == (None, []), how


@pytest.mark.parametrize("cell", ["-1", "-1.0", "−1,0", "-1 kg", "-1.0 kg"])
def test_a_negative_code_may_have_decimals_and_a_unit(cell):
    assert read("weight.kg", cell, missing=("-1",), default="60")[0].text == "60"
    assert read("weight.kg", "-2.0", missing=("-1",))[0].text == "-2.0"


@pytest.mark.parametrize(
    ("cell", "decimal", "missing"), [("1.000", ",", ("1",)), ("1,000", ".", ("1",)), ("99.5", "", ("99",)),
                                     ("<99", "", ("99",)), ("990", "", ("99",))]
)  # fmt: skip
def test_what_is_another_figure_is_no_code(cell, decimal, missing):
    assert read("harvest.lidocaine_mg", cell, top_decimal=decimal, missing=missing)[0].text is not None


def test_what_a_mapping_translates_is_found_in_every_writing():
    assert read("weight.kg", "999.0", values={"999": "61"})[0].text == "61"
    assert read("patient.sex", "1.0", values={"1": "male", "2": "female"})[0].text == "male"
    assert read("patient.sex", "2,0", values={"1": "male", "2": "female"})[0].text == "female"
    for cell in ("01", "1.0", "1,00", "1.000", "+1"):
        assert read("patient.sex", cell, values={"1": "male", "2": "female"})[0].text == "male"
        assert read("event.e.expected", cell, top_missing=("1",))[0].text is None
    assert read("patient.abo", "0.0", values={"0": "O", "00": "AB"})[0].text == "O"
    assert read("patient.abo", "00", values={"0": "O", "00": "AB"})[0].text == "AB"
    one, _ = read("score.m6.anc_recovery", "1.000.000", never="1000000", decimal=",")
    assert one.never


@pytest.mark.parametrize(
    "target", ["patient.sex", "patient.birth_date", "patient.family_name", "patient.record_number"]
)
def test_a_code_in_a_column_of_no_figures_may_have_the_decimals_of_a_program(target):
    assert read(target, "99.0", top_missing=("99",))[0].text is None


def test_a_number_of_a_patient_is_no_figure():
    """007 and 7 are two patients."""
    assert read("patient.record_number", "007", top_missing=("7",))[0].text == "007"
    assert read("patient.record_number", "7.000", top_missing=("7",))[0].text == "7.000"


@pytest.mark.parametrize("said", ["2.0", "2,0", "2.00", "02", "2"])
def test_a_choice_that_is_a_whole_number_is_read_with_decimals(said):
    for target in ("event.e.grade", "treatment.asa_class"):
        assert one_of(said, dict(slot(target, "courses").fact.choices)) == "2"
    with pytest.raises(NotThat):
        one_of("2.5", {"2": "Two"})
    with pytest.raises(NotThat):
        one_of("2.000", {"2": "Two"})


def test_yes_and_no_with_decimals_are_read():
    assert (yes_no("1.0"), yes_no("0,0")) == (True, False)
    with pytest.raises(NotThat):
        yes_no("1.5")


@pytest.mark.parametrize(("happened", "text", "by_day"), [
    ("1.0", "40", None), ("0.0", None, 40), ("1,0", "40", None), ("9.0", None, None),
])  # fmt: skip
def test_whether_something_happened_is_read_with_decimals(happened, text, by_day):
    pair = {"score.o.survival_days": {"time": "days", "happened": "dead"}}
    said = mapping.Mapping(kind="courses", source="Old", pairs=pair, missing=("9", "999"))
    problems = []
    found = import_rows.given(2, 1, {"days": "40", "dead": happened}, said, problems)
    place = Slot(part="score", key="o", name="survival_days")
    assert (found[place].text, found[place].by_day, problems) == (text, by_day, [])
    status = found.get(Slot(part="score", key="o", name="survival_status"))
    assert (status.text if status else None) == {"1": "1", "0": "0"}.get(happened[0])
    found = import_rows.given(2, 1, {"days": "999.0", "dead": "1"}, said, problems)
    assert (found[place].text, problems) == (None, [])


def test_parts_of_a_text_that_are_not_recorded_are_left_out():
    said = mapping.Mapping(
        kind="courses", source="Old", missing=("99",), texts={"treatment.diagnosis": {"a": "Stage", "b": "Risk"}}
    )
    (one,) = import_rows.given(2, 1, {"a": "99.0", "b": "high"}, said, []).values()
    assert one.text == "Risk: high"


def test_a_code_is_found_in_its_own_writing_first():
    assert code_of("99.0", ("99", "99.0"), figures=True) == "99.0"
    assert code_of("99.0", ("99",)) == code_of("99,0", ("99",), ",", figures=True) == "99"
    assert code_of("NA", ("99",), figures=True) == code_of("", ("99",)) == ""


@pytest.mark.parametrize(("cell", "text"), [
    ("KH;LB", "hospitalisation; life_threatening"), ("KH; LB", "hospitalisation; life_threatening"),
    ("KH", "hospitalisation"), ("KH;fatal", "hospitalisation; fatal"), ("KH;LB;", "both"),
    ("1.0;2", "fatal; disability"),
])  # fmt: skip
def test_values_translate_each_part_of_a_list(cell, text):
    values = {"KH": "hospitalisation", "LB": "life_threatening", "KH;LB;": "both", "1": "fatal", "2": "disability"}
    assert read("event.e.serious", cell, values=values)[0].text == text
    assert read("patient.family_name", "KH;LB", values=values)[0].text == "KH;LB", "a text is no list"


def test_a_list_that_is_written_otherwise_is_told_how_one_is_written():
    place = slot("event.e.serious", "courses")
    column = place.model.__table__.columns["serious"]
    for cell in ("fatal, disability", "fatal/disability", "fatal disability"):
        with pytest.raises(NotThat, match="separated by ;"):
            parse_cell.cell(cell, column, place.fact, "UTC")


@pytest.mark.parametrize(("text", "decimal"), [("7,25E+07", ""), ("7,25E+07", ","), ("7.25E+07", ""), ("7,25e7", ",")])
def test_a_power_of_ten_with_a_decimal_comma_is_read(text, decimal):
    one, problems = read("product.amount", text, top_decimal=decimal)
    assert parse_cell.number(one.text) == 72_500_000, problems


@pytest.mark.parametrize(("text", "said"), [
    ("05.02.1970", "1970-02-05"), ("1970-02", "1970-02"), ("1970", "1970"), ("1970-02~", "1970-02~"), ("70", None),
    ("1970-02-05", None), ("31.02.1970", None), ("", None),
])  # fmt: skip
def test_a_column_may_have_several_ways_of_writing_days(text, said):
    patterns = ["DD.MM.YYYY", "YYYY-MM", "YYYY"]
    for written in (patterns, tuple(patterns), "DD.MM.YYYY; YYYY-MM;YYYY"):
        one, problems = read("patient.birth_date", text, date=written)
        assert (one.text, len(problems)) == (said, int(said is None and text != ""))
        assert not problems or "DD.MM.YYYY or YYYY-MM or YYYY" in problems[0].expected


def test_a_day_that_two_ways_read_differently_is_asked_about():
    both = ["DD/MM/YYYY", "MM/DD/YYYY"]
    assert read("patient.birth_date", "25/02/1970", date=both)[0].text == "1970-02-25"
    assert read("patient.birth_date", "02/02/1970", date=both)[0].text == "1970-02-02"
    one, problems = read("patient.birth_date", "03/02/1970", date=both)
    assert one.text is None
    assert "only one of DD/MM/YYYY and MM/DD/YYYY reads" in problems[0].expected


def test_ways_of_writing_days_are_checked_and_kept():
    said = 'kind = "patients"\nsource = "x"\n[columns]\na = {{ to = "patient.birth_date", date = {} }}\n'
    kept = mapping.parsed(said.format('["DD.MM.YYYY", "YYYY-MM"]'), "m").kept()
    assert kept["columns"]["a"][0]["date"] == "DD.MM.YYYY; YYYY-MM"
    assert mapping.Mapping.model_validate(kept).kept() == kept
    with pytest.raises(RuleBroken, match="no way to write a day"):
        mapping.parsed(said.format('["DD.MM.YYYY", "week"]'), "m")
