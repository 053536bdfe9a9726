"""The catalogues: what may be chosen, and what a score may be."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic.protocols import catalogues
from clinic.protocols.catalogue import Catalogue, Entry
from clinic.protocols.catalogues import (
    BODY_SITES,
    CELL_TYPES,
    CLEAN,
    CONDITIONS,
    COUNTS,
    DOSE_MEASURES,
    FIELDS,
    HARVESTS,
    INSTRUMENTS,
    MANIPULATIONS,
    METHODS,
    QC_TESTS,
    ROUTES,
    SOURCES,
    UCUM,
    Delivery,
    change,
    class_name,
    labels,
    responder,
    score_fault,
    threshold,
    values,
)
from clinic.protocols.qc_tests import QCTest

D = Decimal
NAMES = ("BODY_SITES", "CELL_TYPES", "CONDITIONS", "INSTRUMENTS", "METHODS", "QC_TESTS", "ROUTES", "SOURCES")


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_is_found_under_its_own_key_and_its_label_is_its_own(name: str) -> None:
    entries = getattr(catalogues, name)
    assert all(key == entry.key for key, entry in entries.items())
    assert len(set(labels(entries).values())) == len(entries)
    assert all(label.strip() == label and label for label in labels(entries).values())


def test_a_key_given_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="knee"):
        Catalogue(Entry(key="knee", label="Knee"), Entry(key="knee", label="Other knee"))


def test_no_embryonic_source_is_offered() -> None:
    assert set(SOURCES) == {"bone_marrow", "adipose_tissue", "cord_tissue", "cord_blood", "peripheral_blood"}
    said = " ".join(f"{key} {label}" for name in NAMES for key, label in labels(getattr(catalogues, name)).items())
    assert "embryo" not in said.lower()
    assert "fetal" not in said.lower()


def test_every_source_can_be_collected() -> None:
    assert {source.harvest for source in SOURCES.values()} == set(HARVESTS)
    assert {method.harvest for method in METHODS.values()} == set(HARVESTS)
    assert all(site in BODY_SITES for source in SOURCES.values() for site in source.sites)


def test_class_names_are_given_only_where_one_is_established() -> None:
    assert class_name("hsc", "bone_marrow") == "HPC, Marrow"
    assert class_name("msc", "cord_tissue") == "MSC, Cord Tissue"
    assert class_name("ev", "cord_tissue") == ""
    assert all(key in CELL_TYPES for source in SOURCES.values() for key in source.class_names)


def test_every_way_of_giving_cells_has_routes_and_every_route_a_place() -> None:
    assert {route.group for route in ROUTES.values()} == set(Delivery)
    assert all(route.sites and set(route.sites) <= set(BODY_SITES) for route in ROUTES.values())
    assert all(route.adverse_events for route in ROUTES.values())


@pytest.mark.rule(26)
def test_a_side_is_asked_for_where_the_body_has_two() -> None:
    assert ROUTES["intra_articular"].sided
    assert CONDITIONS["osteoarthritis"].sided
    assert not BODY_SITES["spinal_canal"].sided
    assert not CONDITIONS["lupus"].sided


@pytest.mark.rule(42)
def test_what_reaches_the_nervous_system_has_the_stricter_endotoxin_limit() -> None:
    strict = {route.key for route in ROUTES.values() if route.endotoxin_limit == D("0.2")}
    assert strict == {"intrathecal", "intraspinal", "intracerebral"}
    assert ROUTES["intravenous"].endotoxin_limit == 5


@pytest.mark.rule(55)
def test_targeted_routes_into_nerve_heart_and_artery_need_their_own_release() -> None:
    needing = {route.key for route in ROUTES.values() if route.own_release}
    assert {"intrathecal", "intracoronary"} <= needing
    assert "intravenous" not in needing


def test_every_field_of_medicine_has_conditions() -> None:
    assert {condition.field for condition in CONDITIONS.values()} == set(FIELDS)
    assert all(site in BODY_SITES for condition in CONDITIONS.values() for site in condition.sites)


@pytest.mark.rule(74)
def test_all_of_wellness_is_marked_unproven_and_nothing_else() -> None:
    assert all(condition.unproven == (condition.field == "wellness") for condition in CONDITIONS.values())


@pytest.mark.parametrize("key", QC_TESTS)
def test_a_test_is_either_measured_or_has_outcomes(key: str) -> None:
    test = QC_TESTS[key]
    measured = bool(test.unit) and test.possible is not None
    assert measured != (test.outcomes is not None)
    if measured:
        assert test.unit in UCUM
        low, high = test.scale
        assert D(low) < D(high)


@pytest.mark.rule(44)
def test_sterility_is_final_on_day_14() -> None:
    assert QC_TESTS["sterility"].final_after_days == 14
    assert set(QC_TESTS["sterility"].outcomes or {}) == {"no_growth", "growth"}


@pytest.mark.rule(39)
def test_a_cd34_dose_in_the_wrong_power_of_ten_is_asked_about() -> None:
    for expected in (QC_TESTS["cd34_dose"].expected, DOSE_MEASURES["cd34"].expected):
        assert expected is not None
        assert D("9.72") in expected
        assert D("57.78") in expected
        assert D("972") not in expected
        assert D("0.0972") not in expected


@pytest.mark.rule(22)
def test_culture_enzyme_and_gene_are_more_than_minimal_and_centrifuge_is_not() -> None:
    more = {key for key, manipulation in MANIPULATIONS.items() if manipulation.more_than_minimal}
    assert {"expand", "digest", "transduce", "bioprint"} <= more
    assert not more & {"receive", "concentrate", "wash", "cryopreserve", "thaw", "split", "pool", "select"}


@pytest.mark.parametrize("key", INSTRUMENTS)
@pytest.mark.rule(63)
def test_both_ends_of_an_instrument_are_scores_of_it(key: str) -> None:
    instrument = INSTRUMENTS[key]
    low, high = instrument.range.low, instrument.range.high
    assert low is not None
    assert high is not None
    assert score_fault(instrument, low) is None
    assert score_fault(instrument, high) is None
    for outside in (low - instrument.step, high + instrument.step):
        fault = score_fault(instrument, outside)
        assert fault is not None
        assert instrument.label in fault
    if instrument.grades:
        assert {int(value) for value in values(instrument)} == set(instrument.grades)


@pytest.mark.parametrize("key", INSTRUMENTS)
def test_an_mcid_has_a_source(key: str) -> None:
    instrument = INSTRUMENTS[key]
    has = instrument.mcid is not None or instrument.mcid_percent is not None
    assert has == bool(instrument.mcid_source)


@pytest.mark.rule(63)
def test_edss_has_no_half_point_and_nothing_between_its_steps() -> None:
    edss = INSTRUMENTS["edss"]
    assert score_fault(edss, D("0.5")) == "EDSS has no 0.5."
    assert "steps of 0.5" in (score_fault(edss, D("3.25")) or "")
    assert D("0.5") not in values(edss)
    assert len(values(edss)) == 20
    assert all(score_fault(edss, value) is None for value in values(edss))


@pytest.mark.parametrize("bad", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.rule(63)
def test_a_score_is_a_number(bad: str) -> None:
    assert score_fault(INSTRUMENTS["nihss"], D(bad)) == "NIHSS needs a number."


@pytest.mark.rule(63)
def test_two_instruments_are_called_cdai_and_are_not_mixed_up() -> None:
    rheumatoid, crohn = INSTRUMENTS["ra_cdai"], INSTRUMENTS["crohn_cdai"]
    assert rheumatoid.label != crohn.label
    assert "rheumatoid" in rheumatoid.label
    assert "Crohn" in crohn.label
    assert score_fault(crohn, D(220)) is None
    assert score_fault(rheumatoid, D(220)) is not None


def test_koos_has_five_subscales_and_no_total() -> None:
    assert [key for key in INSTRUMENTS if key.startswith("koos")] == [
        "koos_pain", "koos_symptoms", "koos_adl", "koos_sport", "koos_qol",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("key", "baseline", "value", "gained", "responds"),
    [
        ("vas_pain_cm", "7", "5.25", "1.75", True),
        ("vas_pain_cm", "7", "5.3", "1.7", False),
        ("koos_qol", "40", "48", "8", True),
        ("koos_qol", "48", "40", "-8", False),
        ("womac", "50", "44", "6", True),
        ("womac", "50", "45", "5", False),
        ("womac", "0", "0", "0", False),
        ("das28", "5.0", "3.8", "1.2", False),
        ("das28", "5.0", "3.79", "1.21", True),
        ("edss", "5.5", "5", "0.5", False),
        ("edss", "6", "5.5", "0.5", True),
        ("asia", "0", "1", "1", True),
        ("nyha", "3", "2", "1", True),
        ("nihss", "12", "4", "8", None),
    ],
)
@pytest.mark.rule(63)
def test_change_knows_which_way_is_better(
    key: str, baseline: str, value: str, gained: str, responds: bool | None
) -> None:
    instrument = INSTRUMENTS[key]
    assert change(instrument, D(baseline), D(value)) == D(gained)
    assert responder(instrument, D(baseline), D(value)) is responds


def test_a_grade_is_read_as_its_letter() -> None:
    assert INSTRUMENTS["asia"].words(D(2)) == "C"
    assert INSTRUMENTS["nyha"].words(D("3.0")) == "III"
    assert INSTRUMENTS["paco2"].words(D("37.9")) == "37.9 mmHg"
    assert INSTRUMENTS["edss"].words(D("6.5")) == "6.5"


@given(st.sampled_from(sorted(INSTRUMENTS)), st.data())
@pytest.mark.rule(63)
def test_change_there_and_back_is_nothing_and_no_worsening_responds(key: str, data: st.DataObject) -> None:
    instrument = INSTRUMENTS[key]
    low, high = instrument.range.low, instrument.range.high
    assert low is not None
    assert high is not None
    scores = st.integers(0, int((high - low) / instrument.step)).map(lambda n: low + n * instrument.step)
    before, after = data.draw(scores), data.draw(scores)
    assert change(instrument, before, after) == -change(instrument, after, before)
    if change(instrument, before, after) <= 0:
        assert not responder(instrument, before, after)
    assert (responder(instrument, before, after) is None) == (threshold(instrument, before) is None)


# Published figures that the instruments must be able to hold.
@pytest.mark.parametrize(
    ("key", "figures"),
    [
        # J Transl Med 2020, doi 10.1186/s12967-020-02568-6, Table 1
        ("paco2", "37.9 68 59 38.6 38 32.8 28.6 39.8"),
        ("hco3", "29.1 41.3 47.2 29.5"),
        ("spo2", "75 91 70 91 100 95 99 97"),
        ("oxygen_flow", "0.5 1.0 0"),
        # UCI data set 565, smallest and largest
        ("anc_recovery", "9 26"),
        ("platelet_recovery", "9 285"),
        ("acute_gvhd_3_4_day", "10 100"),
        ("survival_days", "6 3364"),
    ],
)
def test_published_outcomes_can_be_written_down(key: str, figures: str) -> None:
    assert [score_fault(INSTRUMENTS[key], D(figure)) for figure in figures.split()] == [None] * len(figures.split())


@pytest.mark.parametrize("missing", ["in_doses", "rule", "shared", "usual", "tested_anew_after_opening"])
def test_a_test_that_does_not_say_its_place_and_its_rule_is_refused(missing: str) -> None:
    says: dict[str, Any] = {
        "key": "lactate", "label": "Lactate", "in_doses": False, "rule": None, "shared": False, "usual": None,
        "tested_anew_after_opening": True,
    }  # fmt: skip
    del says[missing]
    with pytest.raises(TypeError, match=missing):
        QCTest(**says)


@pytest.mark.rule(43)
def test_a_test_with_outcomes_says_which_one_is_clean() -> None:
    says: dict[str, Any] = {
        "key": "yeast", "label": "Yeast", "in_doses": False, "rule": 43, "outcomes": {"no": "No"}, "shared": True,
        "usual": "no", "tested_anew_after_opening": True,
    }  # fmt: skip
    with pytest.raises(TypeError, match="yeast: say which outcome is clean"):
        QCTest(**says)
    with pytest.raises(TypeError, match="yeast: say which outcome is clean"):
        QCTest(**says, clean="none")
    assert QCTest(**says, clean="no").clean == "no"
    with pytest.raises(TypeError, match="germs are in all"):
        QCTest(**(says | {"shared": False}), clean="no")
    with pytest.raises(TypeError, match="yes is not one of its outcomes"):
        QCTest(**(says | {"usual": "yes"}), clean="no")
    assert CLEAN == {"gram_stain": "no_organisms", "sterility": "no_growth", "mycoplasma": "negative"}


def test_each_line_says_what_is_tested_anew_after_an_open_step() -> None:
    anew = {key for key, test in QC_TESTS.items() if test.shared and test.tested_anew_after_opening}
    assert anew == {"sterility", "gram_stain", "endotoxin"}
    with pytest.raises(TypeError, match="one container alone is tested anew"):
        QCTest(
            key="lactate", label="Lactate", in_doses=False, rule=None, shared=False, usual=None,
            tested_anew_after_opening=False,
        )  # fmt: skip


def test_each_line_says_what_it_counts() -> None:
    counts = {key: test.counts for key, test in QC_TESTS.items() if test.counts is not None}
    assert {key: (one.what, one.per) for key, one in counts.items()} == {
        "tnc": ("tnc", ""), "tnc_dose_8": ("tnc", "kg"), "tnc_dose_7": ("tnc", "kg"), "cd34_count": ("cd34", ""),
        "cd34_concentration": ("cd34", "mL"), "cd34_dose": ("cd34", "kg"),
        "particle_concentration": ("particles", "mL"),
    }  # fmt: skip
    powers = dict(zip("⁶⁷⁸⁹", (6, 7, 8, 9), strict=True))
    assert all(one.each == 10 ** powers[QC_TESTS[key].unit[3]] for key, one in counts.items())


def test_what_the_laboratory_counts_for_a_dose_is_a_count_or_nothing() -> None:
    assert all(measure.count in {"", *COUNTS} for measure in DOSE_MEASURES.values())
    assert {key for key, measure in DOSE_MEASURES.items() if not measure.count} == {"constructs"}
