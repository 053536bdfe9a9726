"""A donor who is not eligible is used in urgent need when the informed physician confirms it by signature (rule 18)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clinic import clock
from clinic.course_records import of_course
from clinic.eligibility.step import actions
from clinic.patients.donors import says_why
from clinic.protocols.catalogues import MARKERS
from tests.factories import day_boxes, published, ready_for_harvest

NEED = "Relapse, no other donor can be found in time"


@pytest.fixture
def scene(ward):
    """Banked cells of an unrelated donor for a course."""
    version, donor = published(ward.team, "UC-MSC-RA"), ward.giver()
    mine = ready_for_harvest(ward.team, code="UC-MSC-RA", donor=donor)
    (bag,) = ward.banked(ward.donated(donor, version), version)
    ward.session.commit()
    return bag, mine, donor


def determined(ward, mine, donor, **typed):
    """The physician writes over HTTP that a donor is reactive for HIV and needed all the same."""
    markers = {f"marker_{key}": "negative" for key in MARKERS} | {"marker_hiv_nat": "reactive"}
    taken = day_boxes("sample_taken_on", clock.day(clock.now() - timedelta(days=40), "Europe/Berlin"))
    said = {"urgent_need": NEED, "physician_told": ward.team.physician2.id, "urgent_for": mine.patient.record_number}
    return ward.fill(
        "physician", f"/donors/{donor.id}/eligibility/new", sure="seen", outcome="ineligible", **markers, **taken,
        **(said | typed),
    )  # fmt: skip


def last_of(ward, donor):
    ward.session.expire_all()
    return max(donor.eligibilities, key=lambda one: one.recorded_at)


def give(ward, bag, mine):
    ward.assign(bag, mine)
    ward.release(bag)
    ward.give(mine, bag)


WRONG = [
    pytest.param({"urgent_need": "aa bb"}, "why no other donor", id="no real words"),
    pytest.param({"urgent_need": "ok ok ok"}, "why no other donor", id="one word"),
    pytest.param({"urgent_need": ""}, "why no other donor", id="no need"),
    pytest.param({"physician_told": "Nobody"}, "", id="nobody"),
    pytest.param({"physician_told": ""}, "choose a physician", id="no physician"),
]


@pytest.mark.rule(18)
@pytest.mark.parametrize(("typed", "says"), WRONG)
def test_a_need_says_why_and_names_a_physician(ward, scene, typed, says):
    _bag, mine, donor = scene
    known = len(donor.eligibilities)
    assert determined(ward, mine, donor, **typed).status_code == 422
    ward.said_no(says)
    ward.session.expire_all()
    assert len(donor.eligibilities) == known


@pytest.mark.rule(18)
def test_the_informed_physician_is_another_one(ward, scene):
    _bag, mine, donor = scene
    assert determined(ward, mine, donor, physician_told=ward.team.physician.id).status_code == 422
    ward.said_no("another physician")


@pytest.mark.rule(18)
@pytest.mark.hazard("H14")
def test_a_need_counts_when_the_informed_physician_has_signed(ward, scene):
    bag, mine, donor = scene
    assert determined(ward, mine, donor).status_code == 303, ward.refused
    one = last_of(ward, donor)
    assert (one.physician_told, one.told_id) == (ward.team.physician2.printed_name, ward.team.physician2.id)
    ward.sign("physician", one)
    give(ward, bag, mine)
    ward.not_given(bag, "has not confirmed it")
    (waits,) = [act for act in actions(of_course(ward.session, mine), clock.now()) if "urgent need" in act.title]
    assert waits.is_for(ward.team.physician2)
    assert not waits.is_for(ward.team.physician)
    assert "Confirm the urgent need" in ward.browser("physician2").get("/").text
    assert ward.sign("physician2", one).status_code == 303, ward.refused
    give(ward, bag, mine)
    assert ward.given(bag) is not None, ward.refused


@pytest.mark.rule(18)
def test_the_informed_physician_alone_does_not_determine(ward, scene):
    bag, mine, donor = scene
    determined(ward, mine, donor)
    ward.sign("physician2", last_of(ward, donor))
    give(ward, bag, mine)
    ward.not_given(bag, "rule 18")


@pytest.mark.rule(18)
def test_an_amended_need_is_confirmed_again(ward, scene):
    bag, mine, donor = scene
    determined(ward, mine, donor)
    one = last_of(ward, donor)
    ward.sign("physician", one)
    ward.sign("physician2", one)
    assert ward.amend("physician", one, urgent_need="aa bb").status_code == 422
    assert ward.amend("physician", one, urgent_need="Another need that nobody saw").status_code == 303
    ward.sign("physician", one)
    give(ward, bag, mine)
    ward.not_given(bag, "has not confirmed it")


@pytest.mark.rule(18)
def test_no_need_is_added_by_amendment(ward, scene):
    bag, mine, donor = scene
    determined(ward, mine, donor, urgent_need="", physician_told="", urgent_for="")
    one = last_of(ward, donor)
    assert ward.amend("physician", one, urgent_need=NEED).status_code == 422
    ward.sign("physician", one)
    give(ward, bag, mine)
    ward.not_given(bag, "rule 18")


@pytest.mark.rule(18)
def test_a_need_from_before_stays_as_it_was_recorded(ward, scene):
    bag, mine, donor = scene
    one = ward.determine(donor, "ineligible", signed=False, syphilis="reactive")
    one.urgent_need, one.physician_told, one.urgent_for = "relapse, no donor", "Dr I. Novak", mine.patient
    ward.stands(one, "physician")
    ward.session.commit()
    give(ward, bag, mine)
    assert ward.given(bag) is not None, ward.refused


@pytest.mark.parametrize("said", ["aa bb", "x", "ok ok", "xxx yyy", "n. a.", "", "   "])
def test_some_texts_say_nothing(said):
    assert not says_why(said)


@pytest.mark.parametrize("said", [NEED, "GVHD progressive", "рецидив, другого донора нет", "relapse, no donor"])
def test_others_do(said):
    assert says_why(said)
