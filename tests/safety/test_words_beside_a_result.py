"""Growth that is told of beside any result, in whatever box, holds the bag and what shares its cells (43, H29)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clinic import clock
from clinic.protocols.catalogues import QC_TESTS
from clinic.release.germ_words import tells_of_growth
from clinic.release.laboratory_words import understood
from tests.factories import PASSWORD, day_boxes
from tests.safety.test_a_no_to_one_bag import bags

__all__ = ["bags"]
pytestmark = [pytest.mark.rule(43), pytest.mark.hazard("H29")]
YEAST = "budding yeast between the cells, confirmed by microbiology"


@pytest.mark.parametrize(
    ("box", "words"),
    [("finding", YEAST), ("finding", "clumps, 3 CFU on settle plate"), ("method", "from a bottle that signalled")],
)
def test_what_is_told_beside_a_new_viability_holds_the_bag_and_its_sister(ward, bags, box, words):
    bag, sister, mine = bags
    typed = {"viability_value": "92", f"viability_{box}": words, "viability_why": "seen by two"}
    url = f"/products/{bag.id}/results?test=viability"
    answer = ward.fill("technologist", url, **(typed | {"viability_why": ""}))
    assert answer.status_code == 422
    ward.said_no(f"tells of growth: “{words}”")
    assert ward.fill("technologist", url, **typed).status_code == 303, ward.refused
    for one in (bag, sister):
        assert ward.tag(one) == "In quarantine"
        ward.give(mine, one)
        ward.not_given(one, "release is no longer valid")
    page = ward.browser("quality2").get(f"/products/{sister.id}/release").text
    assert words in page
    assert ward.decide(sister, "conforms", "quality2").status_code == 422
    ward.said_no("Reason: required")
    answer = ward.decide(sister, "conforms", "quality2", reason="Read anew by two, the dye had crystals")
    ward.fill("quality2", answer.location, password=PASSWORD)
    ward.give(mine, sister)
    assert ward.given(sister) is not None, ward.refused


@pytest.mark.parametrize("box", ["finding", "note", "method"])
@pytest.mark.parametrize("test", ["viability", "cd73", "endotoxin"])
def test_what_is_added_to_any_result_of_the_sister_holds_the_bag(ward, bags, box, test):
    bag, sister, mine = bags
    told = ward.results(sister, test)[0]
    assert ward.amend("technologist", told, **{box: "E. coli in the well"}).status_code == 303, ward.refused
    ward.sign("technologist2", told)
    ward.give(mine, bag)
    ward.not_given(bag, "release is no longer valid")


def test_who_takes_the_words_back_frees_nothing_alone(ward, bags):
    bag, sister, mine = bags
    told = ward.results(sister, "viability")[0]
    assert ward.amend("technologist", told, note=YEAST).status_code == 303, ward.refused
    assert ward.amend("technologist", told, note="").status_code == 303, ward.refused
    ward.give(mine, bag)
    ward.not_given(bag, "waiting for a second signature", "release is no longer valid")


@pytest.mark.parametrize("words", ["Trypan blue", "few clumps, no microorganisms", "cells grew to confluence before"])
def test_plain_words_beside_a_viability_hold_nothing(ward, bags, words):
    bag, sister, mine = bags
    answer = ward.result(bag, "viability", value="92", finding=words)
    assert answer.status_code == 303, ward.refused
    ward.give(mine, sister)
    assert ward.given(sister) is not None, ward.refused


@pytest.mark.parametrize(
    "note",
    [
        "Bottle signalled on day 3, subculture: budding forms, identification sent", "aerobic bottle: + at 36 h",
        "Ct 22 for mycoplasma; microbiology calls back", "a call from the laboratory, see their letter",
        "No growth was reported by mistake; microbiology called: result withdrawn",
    ],
)  # fmt: skip
@pytest.mark.parametrize("test", ["sterility", "gram_stain", "endotoxin"])
def test_whatever_is_added_to_a_test_for_germs_waits_for_a_second_person(ward, bags, test, note):
    bag, sister, mine = bags
    told = ward.results(sister, test)[0]
    assert ward.amend("technologist", told, note=note).status_code == 303, ward.refused
    assert ward.tag(bag) in {"On hold", "In quarantine"}
    ward.give(mine, bag)
    ward.not_given(bag, "second signature", "no longer valid")


@pytest.mark.parametrize(("test", "box"), [("sterility", "note"), ("endotoxin", "method"), ("mycoplasma", "sample")])
def test_what_nobody_understands_is_not_freed_by_a_second_signature_alone(ward, bags, test, box):
    bag, sister, mine = bags
    told = ward.results(sister, test)[0]
    assert ward.amend("technologist", told, **{box: "Bottle B lit up on day 4"}).status_code == 303, ward.refused
    ward.sign("technologist", told)
    ward.sign("technologist2", told)
    assert ward.tag(bag) != "Released"
    ward.give(mine, bag)
    ward.not_given(bag, "release is no longer valid")
    answer = ward.decide(bag, "conforms", "quality2", reason="Bottle B was read anew: it had stood in the light")
    ward.fill("quality2", answer.location, password=PASSWORD)
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused


@pytest.mark.parametrize(
    ("test", "read", "words"),
    [
        ("sterility", "no_growth", "Bottle B lit up on day 4"), ("sterility", "no_growth", "TTD 16 h, score 2.3"),
        ("endotoxin", "0.2", "out of specification, LAL repeat pending"),
    ],
)  # fmt: skip
def test_a_method_that_nobody_understands_is_asked_about_at_once(ward, bags, test, read, words):
    bag, _sister, _mine = bags
    kind = "value" if test == "endotoxin" else "outcome"
    typed = {f"{test}_{kind}": read, f"{test}_method": words}
    typed |= day_boxes("sampled_at", clock.day(clock.now(), "Europe/Berlin") - timedelta(days=30))
    typed |= {"sampled_at-t": "10:00"}
    url = f"/products/{bag.id}/results?test={test}"
    assert ward.fill("technologist", url, **typed).status_code == 422
    ward.said_no(f"not understood: “{words}”")
    assert ward.fill("technologist", url, **typed, **{f"{test}_why": "as they wrote"}).status_code == 303, ward.refused
    assert ward.tag(bag) == "In quarantine"


@pytest.mark.parametrize(
    "words",
    [
        None, "BacT/ALERT, both bottles", "BACTEC FX, 14 days", "Direct inoculation, USP <71>", "Ph. Eur. 2.6.27",
        "LAL, kinetic chromogenic", "Gel clot, sensitivity 0.03 EU/mL", "Recombinant factor C",
        "Endosafe PTS, lot A1234",
        "Automated culture, 14 days", "PCR", "Microscopy", "final product, 10 mL, aerobic and anaerobic", "S 7",
        "Supernatant of the last wash, 2 x 5 ml", "No growth so far after 7 days",
        "no growth in either bottle on day 14",
        "negative, read by M. Weber on 12 Nov 2026", "Repeat not needed", "membrane filtration at 22 °C and 32 °C",
        "No growth, final read pending", "Gram stain: no organisms seen", "turbidimetric, dilution 1:100",
        "2026-SN-0042",
    ],
)  # fmt: skip
def test_words_of_a_method_are_understood(words):
    assert understood(words)


@pytest.mark.parametrize(
    "words",
    [
        "Bottle B lit up on day 4", "TTD 16 h, score 2.3", "out of specification", "LAL repeat pending", "16 h",
        "day 4", "Bottle 2: see letter", "they phoned", "Bottle rang", "two of four", "not negative",
        "no longer sterile",
        "12 EU/mL", "bottle 2 ?", "see Mr Weber", "not clear", "Ct 31", "not within limits",
    ],
)  # fmt: skip
def test_all_other_words_are_not(words):
    assert not understood(words)


def test_a_plain_note_that_a_second_person_confirms_frees_the_family(ward, bags):
    bag, sister, mine = bags
    told = ward.results(sister, "sterility")[0]
    assert ward.amend("technologist", told, method="BacT/ALERT, both bottles").status_code == 303, ward.refused
    assert ward.tag(bag) == "On hold"
    ward.sign("technologist", told)
    assert ward.tag(bag) == "On hold"
    ward.sign("technologist2", told)
    assert ward.tag(bag) == "Released"
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused


@pytest.mark.parametrize(
    ("words", "of_cells", "of_culture"),
    [
        ("Oil Red O positive, Alizarin Red positive", False, True), ("42 colonies of fibroblasts", False, True),
        ("opalescent suspension, homogeneous", False, True), ("contaminating red cells 2 %", False, True),
        ("multiplicity of infection 5", False, True), ("culture bottle positive", True, True),
        ("budding forms", True, True), ("Bottle 2 ++", True, True), ("result withdrawn", True, True),
        ("Gram positive cocci", True, True), ("hyphae", True, True), ("0 CFU", False, False), ("<1 CFU", False, False),
        ("moving dots between the cells, medium yellow overnight, mycoplasma suspected", True, True),
        ("black dots multiply", True, True), ("foul smell", True, True), ("medium turned yellow", True, True),
        ("pH dropped to 6.6", True, True), ("no smell, no moving dots", False, False), ("pH 7.2", False, False),
        ("12 cfu/plate", True, True), ("46,XY[20]", False, False), ("47,XY,+8[3]/46,XY[17]", False, False),
        ("BacT/ALERT", False, False), ("no Ct", False, False), ("CD73 93+ of 100", False, False),
    ],
)  # fmt: skip
def test_words_of_the_cells_tell_of_germs_beside_a_culture_only(words, of_cells, of_culture):
    assert tells_of_growth(words, of_cells=True) is of_cells
    assert tells_of_growth(words) is of_culture


def test_colonies_are_those_of_the_cells_where_these_are_counted():
    assert {key for key, test in QC_TESTS.items() if test.counts_colonies} == {"cfu_f", "cfu_gm"}
    assert not tells_of_growth("42 CFU, colonies round", of_cells=True, colonies=True)
    assert tells_of_growth("42 CFU, and mould on a dish", of_cells=True, colonies=True)
