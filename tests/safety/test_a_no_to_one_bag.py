"""What is decided on, or found on, one bag reaches what shares its cells, unless it is of that bag alone (H9, H29)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clinic import clock
from clinic.products.reasons import of_one_container, speaks_of_the_cells
from tests.factories import PASSWORD, published
from tests.safety.recipients import recipient
from tests.safety.scenes import scene

pytestmark = [pytest.mark.rule(50), pytest.mark.hazard("H9"), pytest.mark.hazard("H29")]
STOP = "Stop giving these cells"
OF_CELLS = ["contaminated, mould seen in the bag", "label of another patient on it", "rest of it smelled; Aspergillus?"]


@scene
def bags(ward):
    """A released bag, its released sister, both for one patient."""
    cord = published(ward.team, "UC-MSC-RA")
    donor = ward.giver()
    bag, sister = ward.banked(ward.donated(donor, cord), cord, bags=2)
    mine = recipient(ward, donor)
    for one in (bag, sister):
        ward.assign(one, mine)
        ward.release(one)
    return bag, sister, mine


def stops(ward):
    return STOP in ward.browser("nurse").get("/").text


def found(ward, bag, how, reason):
    """Say of one bag why it is not used."""
    if how in {"reject", "hold"}:
        answer = ward.decide(bag, how, reason=reason)
    elif how == "discarded":
        answer = ward.move("technologist", bag, how, reason=reason, performed_at=clock.now())
    else:
        answer = ward.move(
            "technologist", bag, how, intact=False, reason=reason, place="Laboratory", temperature="-150",
            performed_at=clock.now(),
        )  # fmt: skip
    assert answer.status_code == 303, ward.refused


@pytest.mark.parametrize("how", ["reject", "hold", "discarded", "received"])
@pytest.mark.parametrize("reason", OF_CELLS)
def test_what_one_bag_is_refused_for_holds_its_sister(ward, bags, how, reason):
    bag, sister, mine = bags
    assert ward.tag(sister) == "Released"
    found(ward, bag, how, reason)
    assert ward.tag(sister) == "On hold"
    ward.give(mine, sister)
    ward.not_given(sister, reason)


@pytest.mark.parametrize("how", ["reject", "discarded"])
@pytest.mark.parametrize(
    "reason",
    [
        "expired",
        "bag leaked",
        "one of the two bags leaks",
        "thawed, not needed any more",
        "volume too low",
        "patient withdrew",
        "no clots, only torn",
    ],
)  # fmt: skip
def test_what_is_of_the_bag_alone_holds_no_other(ward, bags, how, reason):
    bag, sister, mine = bags
    found(ward, bag, how, reason)
    assert ward.tag(sister) == "Released"
    ward.give(mine, sister)
    assert ward.given(sister), ward.refused


@pytest.mark.hazard("H31")
@pytest.mark.parametrize(
    "reason",
    [
        "Storage temperature above limits for 5 hours", "Thawed during transport", "All bags leak",
        "Viability below limits in all samples", "No label on two bags", "Warm on arrival",
        "transport delayed by 2 hours", "Fridge failed",
    ],
)  # fmt: skip
def test_what_befell_all_that_lay_together_holds_its_sister(ward, bags, reason):
    bag, sister, mine = bags
    found(ward, bag, "hold", reason)
    assert ward.tag(sister) == "On hold"
    ward.give(mine, sister)
    ward.not_given(sister, reason)


def test_an_unknown_reason_of_quality_holds_what_came_from_the_same_run(ward, bags):
    bag, sister, _mine = bags
    found(ward, bag, "reject", "Schlieren")
    assert ward.tag(sister) == "On hold"


@pytest.mark.parametrize("how", ["reject", "hold", "discarded"])
def test_cells_that_run_are_stopped_when_their_sister_is_refused(ward, bags, how):
    bag, sister, mine = bags
    ward.give(mine, sister)
    assert ward.given(sister), ward.refused
    assert not stops(ward)
    found(ward, bag, how, OF_CELLS[1])
    assert stops(ward)


def test_quality_decides_on_cells_that_run_and_the_stop_ends_with_its_signature(ward, bags):
    bag, sister, mine = bags
    ward.give(mine, sister)
    found(ward, bag, "discarded", "Schlieren")
    assert stops(ward)
    assert ward.decide(sister, "conforms").status_code in {409, 422}
    answer = ward.decide(sister, "conforms", reason="Streaks of DMSO; its own culture has no growth")
    assert answer.status_code == 303, ward.refused
    assert stops(ward)
    assert ward.fill("quality", answer.location, password=PASSWORD).status_code == 303, ward.refused
    assert not stops(ward)
    given = ward.given(sister)
    assert ward.end(given, ended_at=clock.now(), volume_given=str(sister.volume)).status_code == 303, ward.refused
    assert ward.decide(sister, "conforms", reason="again").status_code in {409, 422}


def test_cells_that_run_in_another_patient_are_stopped_too(ward):
    cord = published(ward.team, "UC-MSC-RA")
    donor = ward.giver()
    bag, sister = ward.banked(ward.donated(donor, cord), cord, bags=2)
    theirs = recipient(ward, donor)
    ward.assign(sister, theirs)
    ward.release(sister)
    ward.give(theirs, sister)
    assert ward.given(sister), ward.refused
    assert not stops(ward)
    found(ward, bag, "hold", OF_CELLS[0])
    assert stops(ward)


@pytest.mark.parametrize(("reason", "held"), [("clots and mould seen in the bag", True), ("cannula clotted", False)])
def test_what_was_seen_when_giving_stopped_counts_for_the_sister(ward, bags, reason, held):
    bag, sister, mine = bags
    ward.give(mine, bag)
    given = ward.given(bag)
    answer = ward.fill(
        "nurse", f"/administrations/{given.id}/abort", sure="seen", because=reason, rest="discarded", volume_given="1",
        ended_at=clock.now(),
    )  # fmt: skip
    assert answer.status_code == 303, ward.refused
    assert ward.tag(sister) == ("On hold" if held else "Released")
    ward.give(mine, sister)
    assert (ward.given(sister) is None) is held, ward.refused
    if held:
        ward.said_no(reason)


def test_quality_decides_on_the_sister_anew_with_a_reason_and_a_signature(ward, bags):
    bag, sister, mine = bags
    found(ward, bag, "reject", OF_CELLS[1])
    assert ward.decide(sister, "conforms", "quality2").status_code in {409, 422}
    ward.said_no("Quality decides on this container, too")
    answer = ward.decide(
        sister, "conforms", "quality2", reason="Its own label and its type were read again: they are right"
    )
    assert answer.status_code == 303, ward.refused
    assert "Released" not in ward.tag(sister)
    ward.fill("quality2", answer.location, password=PASSWORD)
    assert ward.tag(sister) == "Released"
    ward.give(mine, sister)
    assert ward.given(sister), ward.refused


def test_a_second_thing_that_is_found_holds_it_again(ward, bags):
    bag, sister, _mine = bags
    found(ward, bag, "hold", OF_CELLS[1])
    answer = ward.decide(sister, "conforms", "quality2", reason="Label read again")
    ward.fill("quality2", answer.location, password=PASSWORD)
    assert ward.tag(sister) == "Released", ward.refused
    found(ward, bag, "discarded", OF_CELLS[0])
    assert ward.tag(sister) == "On hold"


def test_a_correction_of_the_reason_does_not_free_the_sister(ward, bags):
    bag, sister, _mine = bags
    found(ward, bag, "discarded", OF_CELLS[0])
    assert ward.amend("technologist", bag.movements[-1], reason="expired").status_code == 303, ward.refused
    assert ward.tag(sister) == "On hold"


def test_a_sister_that_is_not_released_yet_shows_it_on_its_pages(ward):
    cord = published(ward.team, "UC-MSC-RA")
    donor = ward.giver()
    bag, sister = ward.banked(ward.donated(donor, cord), cord, bags=2)
    ward.assign(sister, recipient(ward, donor))
    found(ward, bag, "reject", "fungus seen in the bag")
    assert ward.tag(sister) == "On hold"
    for page in (f"/products/{sister.id}", f"/products/{sister.id}/release"):
        assert "fungus seen in the bag" in ward.browser("quality").get(page).text
    assert "reject, hold or release with a reason" in ward.browser("quality").get(f"/products/{sister.id}/release").text


@pytest.mark.parametrize(
    "said",
    [
        *OF_CELLS, "mixed up", "bag looks cloudy", "not needed and mouldy", "contamination cannot be excluded",
        "turbid",
        "name of another patient", "black spots", "a hair in the bag", "wrong cells", "swapped with the next bag",
        "empty bag, but the label was another patient's", "no clots but turbid", "leftovers, green", "E. coli grew",
    ],
)  # fmt: skip
def test_a_reason_that_speaks_of_the_cells(said):
    assert speaks_of_the_cells(said)
    assert not of_one_container(said)


@pytest.mark.parametrize(
    "said",
    [
        "empty bag", "rest of the bag", "expired", "dropped", "Not needed", "Expiry date passed", "surplus",
        "End of treatment, patient in remission", "needs a new label", "Label smeared", "accidentally thawed",
        "Bag punctured during spiking", "surgery cancelled", "Clotted line", "waiting for the courier's paperwork",
        "thawed, rest not usable", "patient died", "storage contract ended", "time after thaw over", "low volume",
        "no clots, no mould", "contamination was excluded; bag leaked", "label torn", "cannula clotted",
        "dose too small",
        "patient has an infection", "cells grew too slowly", "Viability 61 % below the limit",
        "reserved for another patient",
    ],
)  # fmt: skip
def test_a_reason_of_one_container_alone(said):
    assert not speaks_of_the_cells(said)
    assert of_one_container(said)


@pytest.mark.parametrize(
    "said",
    [
        "donor wrong", "run failed", "culture failed", "medium failed test", "freezer failure", "power cut in tank",
        "patient mistake: harvest entered under another", "medium expired before use", "see the file", "Listeria",
        "patient died of sepsis", "freezer alarm during the night", "bag swollen with gas", "endotoxin 400 EU/mL",
    ],
)  # fmt: skip
def test_a_reason_that_is_not_plainly_of_one_container(said):
    assert not of_one_container(said)


@pytest.mark.parametrize(
    "said",
    [
        "gas in the bag", "crystals", "glass splinter", "belongs to Mrs Meyer", "DIN of A. Meyer on the bag", "a worm",
        "name of another patient", "Serratia marcescens", "Listeria", "patient saw black spots in the bag",
        "turbid, patient informed", "clots when the patient was connected", "identity of patient doubtful",
    ],
)  # fmt: skip
def test_a_giving_that_stopped_for_the_cells_speaks_of_them(said):
    assert speaks_of_the_cells(said)


@pytest.mark.parametrize(
    "said",
    [
        "Patient turned yellow", "patient has black eye", "blood clot in the patient's leg", "allergic reaction",
        "patient smelled of alcohol", "patient confused with pain", "hair of patient caught in line",
    ],
)  # fmt: skip
def test_a_giving_that_stopped_for_the_patient_says_nothing_of_the_cells(said):
    assert not speaks_of_the_cells(said)


@pytest.mark.parametrize("how", ["reject", "hold", "discarded", "received"])
@pytest.mark.parametrize("reason", ["donor wrong", "freezer failure"])
def test_an_unknown_word_holds_the_sister_whoever_writes_it(ward, bags, how, reason):
    bag, sister, _mine = bags
    found(ward, bag, how, reason)
    assert ward.tag(sister) == "On hold"


@pytest.mark.parametrize("reason", ["Serratia", "donor wrong"])
def test_an_unknown_word_reaches_a_cousin_by_a_common_parent(ward, reason):
    cord, day = published(ward.team, "UC-MSC-RA"), timedelta(days=1)
    donor, at = ward.giver(), clock.now() - 39 * day
    first, second = ward.banked(ward.donated(donor, cord), cord, volume="20", bags=2, untested=True, at=at)
    (bag,) = ward.banked(first, cord, at=at + timedelta(hours=4), volume="10")
    (cousin,) = ward.banked(second, cord, at=at + timedelta(hours=3), volume="10")
    ward.assign(cousin, recipient(ward, donor))
    ward.release(cousin)
    assert ward.tag(cousin) == "Released", ward.refused
    found(ward, bag, "discarded", reason)
    assert ward.tag(cousin) == "On hold"


@pytest.mark.rule(43)
@pytest.mark.parametrize(
    ("said", "alone"),
    [
        ("Patient no longer needs it", True), ("The recipient does not need it", True), ("Residue after use", True),
        ("Residue seen in the bag", False), ("White residue after use", False), ("Awaiting label", False),
        ("Patient no longer needs it, cloudy", False), ("Residue after use, another patient's label", False),
    ],
)  # fmt: skip
def test_what_is_plainly_said_of_one_bag_holds_no_other(said, alone):
    assert of_one_container(said) is alone


@pytest.mark.rule(43)
@pytest.mark.parametrize("outcome", ["growth", "corrected to growth"])
def test_no_exception_releases_what_shares_cells_with_germs(ward, bags, outcome):
    bag, sister, _mine = bags
    if outcome == "growth":
        ward.result(bag, "sterility", outcome="growth", finding="cocci")
    else:
        ward.result(bag, "gram_stain", outcome="no_organisms")
        (first,) = ward.results(bag, "gram_stain")[-1:]
        ward.amend("technologist", first, outcome="organisms", finding="cocci")
        ward.sign("technologist2", first)
    people = {"requested_by_id": ward.team.physician.id, "physician_told": ward.team.physician.id}
    answer = ward.decide(
        sister, "exceptional", reason="the only cells left", benefit_risk="outweighs", patient_told=True,
        follow_up_plan="cultures daily", **people,
    )  # fmt: skip
    assert answer.status_code == 422
    ward.said_no("No exception can release this")
    ward.said_no("rule 43")
