"""A test for germs whose finding names something, or whose note tells of growth, is not clean or pending (rule 43)."""

from __future__ import annotations

import pytest

from clinic.protocols.catalogues import QC_TESTS
from clinic.release.germ_words import names_something, not_known_yet, tells_of_growth
from tests.bedside import released_product
from tests.factories import ready_for_harvest
from tests.safety.scenes import scene

pytestmark = [pytest.mark.rule(43), pytest.mark.hazard("H9")]
LOOKING = [key for key, test in QC_TESTS.items() if test.nothing_found is not None]
RELEASED = "Released, result pending"
STOP = "Stop giving these cells"


@scene
def own(ward):
    mine = ready_for_harvest(ward.team)
    return ward.verified(released_product(mine, ward.team)), mine


def test_the_tests_that_look_for_what_must_not_be_there_are_known():
    assert LOOKING == ["gram_stain", "sterility", "mycoplasma", "replicating_virus"]


@pytest.mark.parametrize("test", LOOKING)
def test_a_clean_outcome_with_a_finding_that_names_something_is_refused_at_the_box(ward, own, test):
    bag, _mine = own
    clean, known = QC_TESTS[test].nothing_found, len(ward.results(bag, test))
    answer = ward.result(bag, test, outcome=clean, finding="Serratia marcescens")
    assert answer.status_code == 422
    ward.said_no("Finding names “Serratia marcescens”")
    assert f'id="{test}_finding-error"' in answer.text or f"#{test}_finding" in answer.text
    assert len(ward.results(bag, test)) == known
    assert ward.result(bag, test, outcome=clean, finding="none seen").status_code == 303, ward.refused


def test_a_finding_beside_a_pending_culture_asks_for_the_outcome_also_by_amendment(ward, own):
    bag, _mine = own
    culture = ward.results(bag, "sterility")[-1]
    answer = ward.amend("technologist", culture, finding="gram negative rods, day 3")
    assert answer.status_code in {409, 422}
    ward.said_no("Choose growth, or clear the finding")
    grown = ward.result(bag, "sterility", outcome="growth", finding="gram negative rods")
    assert grown.status_code == 303, ward.refused
    assert ward.tag(bag) == "On hold"


def test_a_note_of_growth_beside_a_clean_or_pending_outcome_wants_a_reason(ward, own):
    bag, _mine = own
    culture = ward.results(bag, "sterility")[-1]
    note = "day 3: turbid, rods seen"
    answer = ward.fill("technologist", f"/records/{culture.id}/amendment", amend_reason="late", note=note)
    assert answer.status_code in {409, 422}
    ward.said_no("note tells of growth")
    assert ward.amend("technologist", culture, why="of the positive plate", note=note).status_code == 303, ward.refused
    other = ward.results(bag, "gram_stain")[-1]
    note = "no organisms, read twice"
    answer = ward.fill("technologist", f"/records/{other.id}/amendment", amend_reason="late", note=note)
    assert answer.status_code == 303, ward.refused


AWAITED = (
    "pending",
    "awaited",
    "Not yet known",
    "preliminary only",
    "no growth, final read pending",
    "TBC",
    "to follow",
)


@pytest.mark.rule(44)
@pytest.mark.parametrize("finding", AWAITED)
def test_a_clean_outcome_whose_finding_is_not_known_yet_is_refused_at_the_box(ward, own, finding):
    bag, _mine = own
    known = len(ward.results(bag, "gram_stain"))
    answer = ward.result(bag, "gram_stain", outcome=QC_TESTS["gram_stain"].nothing_found, finding=finding)
    assert answer.status_code == 422
    ward.said_no("Finding says that it is not known yet", "Result still pending")
    assert 'id="gram_stain_finding-error"' in answer.text or "#gram_stain_finding" in answer.text
    assert len(ward.results(bag, "gram_stain")) == known
    stain = ward.results(bag, "gram_stain")[-1]
    assert ward.amend("technologist", stain, finding=finding).status_code in {409, 422}


@pytest.mark.rule(44)
def test_an_earlier_result_whose_finding_is_not_known_yet_counts_as_pending(ward, own):
    bag, _mine = own
    stain = ward.results(bag, "gram_stain")[-1]
    assert stain.verdict.value == "within"
    stain.finding = "pending"
    assert stain.verdict.value == "pending"


@pytest.mark.parametrize(
    ("finding", "early", "awaited"),
    [
        ("pending", True, True), ("awaited", True, True), ("not yet read", True, True),
        ("no growth, final read pending", True, False), ("preliminary", True, False),
        ("interim: no growth", True, False),
        ("no growth", False, False), (None, False, False), ("none seen", False, False),
        ("nothing pending", False, False),
        ("No growth after 14 days, final", False, False), ("NGTD", False, False), ("Still negative", False, False),
        ("steht noch aus", False, True), ("inconclusive", False, True), ("results to follow", False, True),
    ],
)  # fmt: skip
def test_a_finding_that_is_not_known_yet_is_told_from_nothing(finding, early, awaited):
    assert not_known_yet(finding, early=early) is awaited


@pytest.mark.parametrize("running", [False, True])
@pytest.mark.parametrize("test", ["sterility", "gram_stain"])
def test_a_contradicting_result_of_earlier_years_counts_as_growth(ward, own, test, running):
    bag, mine = own
    if running:
        ward.give(mine, bag)
        assert ward.given(bag), ward.refused
    ward.results(bag, test)[-1].finding = "Bacillus cereus"
    ward.session.commit()
    ward.fill("nurse", f"/patients/{mine.patient_id}/alerts/new", text="Wears glasses")  # judged anew
    if running:
        assert STOP in ward.browser("nurse").get("/").text
        return
    assert ward.tag(bag) == "On hold"
    ward.give(mine, bag)
    ward.not_given(bag, "Bacillus cereus")
    assert ward.decide(bag, "conforms").status_code in {409, 422}


def test_the_finding_of_such_a_result_is_cleared_by_two_people(ward, own):
    bag, _mine = own
    culture = ward.results(bag, "sterility")[-1]
    culture.finding = "Bacillus cereus"
    ward.session.commit()
    assert ward.amend("technologist", culture, finding=None).status_code == 303, ward.refused
    ward.session.expire_all()
    assert culture.unconfirmed is not None
    assert "Released" not in ward.tag(bag)


@pytest.mark.parametrize(
    "said",
    [
        "Pseudomonas aeruginosa", "gram negative rods, day 3", "growth in the anaerobic bottle", "Gram negative",
        "positive",
        "no growth aerobic, growth anaerobic", "no growth until day 9; then turbid", "coagulase negative staphylococci",
        "not sterile", "none in aerobic but Bacillus in anaerobic", "something", "1 CFU", "no longer clear",
        "no growth in 1 of 2 bottles", "no growth on TSB and Bacillus on FTM", "non-fermenting gram negative rod",
        "non-albicans Candida", "no growth/Staph epidermidis", "K. pneumoniae ESBL not detected", "Negative cocci",
        "PCR ct 28", "none in bottle 1 and Staph in bottle 2", "Bacillus not confirmed",
        "negative control contaminated",
        "below the limit of 10 CFU: 5 CFU Micrococcus", "Nocardia", "no growth aerobic yeast anaerobic", "10 CFU",
        "not detected in all bottles", "no growth by day 2 seen day 3", "no culture", "growth pending",
        "Staph not found", "No growth in the anaerobic bottle", "No aerobic growth", "Aerobic bottle negative",
        "No growth on plate 1", "No growth of fungi", "No fungal growth", "no fungi seen",
        "Anaerobic: no growth", "No growth (aerobic)", "No growth in the first bottle", "No growth at 30-35 degrees",
        "No yeasts", "many cells, bacteria", "moderate growth", "yeast cells", "Kein Wachstum aerob",
        "no growth aerobically",
    ],
)  # fmt: skip
def test_what_is_not_plainly_nothing_names_something(said):
    assert names_something(said)


@pytest.mark.parametrize(
    "said",
    [
        None, "", "-", "none", "No growth after 14 days", "negative", "Negative (PCR)", "not detected", "sterile",
        "n/a",
        "no organisms seen", "no bacteria or mould", "nothing grew", "0 CFU", "<1 CFU", "NGTD", "complies", "ND", "–",
        "Not detected (<10 CFU/mL)", "none seen", "Mycoplasma DNA not detected", "aerobic negative, anaerobic negative",
        "Growth: none", "culture pending", "No growth after 14 days in both bottles", "negative for mycoplasma",
        "No growth, day 14, BacT/ALERT, aerobic and anaerobic", "No organisms seen, moderate neutrophils",
        "Nothing grew after 14 days at 30-35 and 20-25 degrees", "Culture remains negative at final read",
        "Few white cells, no bacteria", "Kein Wachstum", "Kein Wachstum nach 14 Tagen", "no bacteria, no fungi",
        "Still negative",
    ],
)  # fmt: skip
def test_what_is_plainly_nothing_names_nothing(said):
    assert not names_something(said)


@pytest.mark.parametrize(
    ("note", "tells"),
    [
        ("Pseudomonas aeruginosa grew on day 9", True), ("gram positive cocci in clusters seen", True),
        ("No growth on day 5, but turbid on day 7", True), ("growth cannot be excluded", True), ("yeast", True),
        ("bottle positive at 30 h", True), ("colonies on one plate", True), ("mould", True), (None, False),
        ("no growth after 14 days", False), ("nothing grew", False), ("positive control grew as expected", False),
        ("growth promotion test passed", False), ("neither growth nor turbidity", False), ("read again", False),
        ("Serratia marcescens in both bottles", True), ("Bottle 2 positive", True), ("not sterile", True),
        ("Listeria", True), ("micrococcus", True), ("no growth", False), ("negative", False), ("not positive", False),
        ("CD34 positive cells 80 %", False), ("contamination excluded", False), ("call the ward if it grows", False),
        ("cells grow well", False),
        ("GPC in clusters", True), ("C. acnes day 12", True), ("CoNS", True), ("haze in bottle 2", True), ("GNR", True),
        ("no growth aerobic, GPR anaerobic", True), ("hazy", True), ("bottle flagged day 3", True), ("AFB seen", True),
        ("S. epidermidis", True), ("coag-neg staph", True), ("Bacillus", True), ("Keime in Flasche 2", True),
        ("aerob kein Wachstum, anaerob trüb", True), ("Schimmel auf der Platte", True), ("infected", True),
        ("No growth day 7; day 12: Gram-positive rods", True), ("c. diff", True), ("Hefen", True), ("pellicle", True),
        ("kein Wachstum", False), ("keine Keime", False), ("no haze", False), ("without turbidity", False),
        ("read by Isabella", False), ("sample from bag 2", False), ("incubated at 35 degrees", False),
        ("Dr. Novak informed", False), ("sent by courier on Monday", False), ("volume 10 mL, BacT/ALERT", False),
    ],
)  # fmt: skip
def test_a_note_tells_of_growth_or_denies_it(note, tells):
    assert tells_of_growth(note) is tells
