"""Cells that expired, or whose consent is withdrawn: quality holds or rejects them, and nobody is sent to process."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from clinic import wording
from clinic.eligibility.models import Eligibility
from tests.bedside import released_product
from tests.factories import harvested, ready_for_harvest
from tests.reading import Page
from tests.safety.moments import minutes
from tests.safety.scenes import scene


@scene
def fresh(ward):
    """A signed harvest in one bag, which nobody has processed."""
    mine = ready_for_harvest(ward.team)
    return mine, harvested(mine, ward.team).products[0]


@scene
def made(ward):
    """A verified bag, not decided on."""
    return ward.verified(released_product(ready_for_harvest(ward.team), ward.team, released=False))


def release_page(ward, bag):
    page = Page.of(ward.browser("quality").get(f"/products/{bag.id}/release").text)
    assert page.problems() == []
    return page


def offered(page):
    return {box["value"] for box in page.inputs if box.get("name") == "decision"}


@pytest.mark.rule(50)
def test_the_release_page_says_first_that_the_cells_expired(ward, made):
    end = wording.moment(made.end, made.zone)
    with ward.later(days=2):
        page = release_page(ward, made)
        assert f"The product expired at {end}." in page
        assert "Quality decides: reject or hold" in page
        assert "Still open" not in page
        assert offered(page) == {"hold", "reject"}


@pytest.mark.rule(15)
def test_the_release_page_says_first_that_the_consent_is_withdrawn(ward, fresh):
    mine, bag = fresh
    ward.fill("nurse", f"/consents/{mine.patient.consents[-1].id}/withdrawal", performed_at=minutes(5))
    page = release_page(ward, bag)
    assert "Quality decides: reject or hold" in page
    assert "withdrew" in page.html.partition("Quality decides")[2].partition("</div>")[0]
    assert "Still open" not in page
    assert offered(page) == {"hold", "reject"}
    assert ward.decide(bag, "accept", reason="still good").status_code in {409, 422}
    ward.said_no("Hold or reject")
    assert ward.decide(bag, "reject", reason="consent withdrawn").status_code == 303, ward.refused


@pytest.mark.rule(50)
def test_starting_cells_that_expired_are_a_task_of_quality_and_of_nobody_else(ward, fresh):
    mine, bag = fresh
    assert "Process the cells" in ward.browser("technologist").get("/").text
    with ward.later(days=4):
        assert "Process the cells" not in ward.browser("technologist").get("/").text
        course = ward.browser("quality").get(f"/treatments/{mine.id}").text
        assert "Decide on the expired cells" in course
        answer = ward.browser("technologist").get(f"/treatments/{mine.id}/processing/new")
        assert answer.status_code == 409
        assert "Expired cells are not processed." in answer.text
        assert "expired at" in answer.text
        assert ward.decide(bag, "reject", reason="expired").status_code == 303, ward.refused


@pytest.mark.rule(50)
def test_the_form_says_which_bag_is_too_old_to_be_offered(ward, fresh):
    mine, old = fresh
    old.expires_at = minutes(1)
    harvested(mine, ward.team, at=minutes(150), side="left")
    ward.session.commit()
    page = Page.of(ward.browser("technologist").get(f"/treatments/{mine.id}/processing/new").text)
    assert f"Not offered: {old.name} {old.division or ''}".strip() in page
    assert all(box.get("value") != old.id for box in page.inputs if box.get("name") == "inputs")


@pytest.mark.rule(23)
def test_what_a_physician_can_still_decide_stays_open_with_its_way_out(ward, made):
    decided = ward.session.scalars(select(Eligibility).where(Eligibility.treatment_id == made.treatment_id)).one()
    assert ward.amend("physician", decided, anti_inflammatory="Ibuprofen, last week").status_code == 303, ward.refused
    page = release_page(ward, made)
    assert "Still open" in page
    assert "rule 23" in page.html.partition("Still open")[2].partition("</section>")[0]
    assert "reject or hold" not in page
