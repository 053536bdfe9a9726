"""What is found in cells after they were given stands where everybody looks who cares for the patient (rule 43)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clinic import clock
from tests.factories import published, ready_for_harvest

pytestmark = [pytest.mark.rule(43), pytest.mark.hazard("H9")]
FOUND = [("sterility", {"outcome": "growth", "finding": "Cutibacterium"}), ("karyotype", {"outcome": "abnormal"})]


@pytest.fixture
def treated(ward):
    """Two bags of one run; the first one was given."""
    cord, donor = published(ward.team, "UC-MSC-RA"), ward.giver()
    course = ready_for_harvest(ward.team, code="UC-MSC-RA", donor=donor)
    mine, other = ward.banked(ward.donated(donor, cord), cord, bags=2)
    ward.assign(mine, course)
    ward.release(mine)
    ward.give(course, mine)
    given = ward.given(mine)
    assert given is not None, ward.refused
    return course, mine, other, given


def pages(course, given):
    return (
        f"/treatments/{course.id}", f"/patients/{course.patient_id}", f"/treatments/{course.id}/administrations",
        f"/administrations/{given.id}", f"/bedside-checks/{given.check_id}",
    )  # fmt: skip


@pytest.mark.parametrize(("test", "found"), FOUND)
@pytest.mark.parametrize("of", ["mine", "other"])
def test_every_page_about_the_patient_says_it_to_every_role(ward, treated, test, found, of):
    course, mine, other, given = treated
    for url in pages(course, given):
        assert "cells that this patient received" not in ward.browser("nurse").get(url).text, url
    bag, at = (mine, given.performed_at) if of == "mine" else (other, clock.now())
    answer = ward.result(bag, test, sampled_at=at - timedelta(days=15), performed_at=clock.now(), sure="read", **found)
    assert answer.status_code == 303, ward.refused
    for who in ("nurse", "physician", "quality", "technologist"):
        for url in pages(course, given):
            shown = ward.browser(who).get(url)
            assert shown.status_code == 200, (who, url)
            assert "cells that this patient received" in shown.text, (who, url)


def test_the_step_says_what_was_found(ward, treated):
    course, mine, _other, given = treated
    at = given.performed_at - timedelta(days=15)
    ward.result(mine, "sterility", outcome="growth", sampled_at=at, sure="read")
    rail = ward.browser("nurse").get(f"/treatments/{course.id}").text
    assert "Sterility (aerobic, anaerobic, fungal): Growth" in rail
