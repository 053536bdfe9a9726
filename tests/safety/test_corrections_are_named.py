"""A correction that a second person confirms is named wherever it holds something, and is that person's next act."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from clinic.harvest.models import Harvest
from clinic.model import Model
from clinic.records import Record
from clinic.release.results import QCResult
from tests.bedside import released_product
from tests.factories import PASSWORD, ready_for_harvest
from tests.reading import Page
from tests.safety.driver import Sheet
from tests.safety.scenes import scene


@scene
def bag(ward):
    """A released bag of own cells."""
    return released_product(ready_for_harvest(ward.team), ward.team)


@pytest.mark.rule(45)
def test_the_next_act_of_the_second_physician_is_to_confirm_a_corrected_harvest(ward, bag):
    harvest = ward.session.scalars(select(Harvest)).one()
    before = harvest.volume
    assert ward.amend("physician", harvest, volume=str(before + 10)).status_code == 303, ward.refused
    course = Page.of(ward.browser("physician2").get(f"/treatments/{bag.treatment_id}").text)
    assert "Your next action Confirm the correction" in course.text
    assert "Add containers" not in course.text
    assert (
        "Your next action Confirm the correction"
        not in ward.browser("physician").get(f"/treatments/{bag.treatment_id}").text
    )
    product = Page.of(ward.browser("quality").get(f"/products/{bag.id}").text)
    words = f"Harvest volume corrected ({before:f} → {before + 10:f} mL); waiting for a second signature."
    assert words in product.text, product.text[:2000]
    assert "Reason for the hold" in product


@pytest.mark.rule(45)
def test_a_correction_says_what_it_holds(ward, bag):
    result = ward.session.scalars(select(QCResult).where(QCResult.test == "viability")).first()
    browser, url = ward.browser("technologist"), f"/records/{result.id}/amendment"
    typed = {"value": ["88"], "amend_reason": ["misread"]}
    answer = browser.post(url, data=Sheet(browser.get(url).text).form(typed) | typed)
    assert answer.status_code == 303, Page.of(answer.text).text[:1500]
    told = Page.of(browser.get(answer.location).text)
    assert f"The release is no longer valid: {bag.name} {bag.division}." in told.text
    assert "Confirm the correction" in ward.browser("technologist2").get(f"/treatments/{bag.treatment_id}").text


@pytest.mark.rule(45)
@pytest.mark.parametrize("last", ["physician", "physician2"])
def test_who_corrected_confirms_by_no_signature_under_the_correction_of_somebody_else(ward, bag, last):
    harvest = ward.session.scalars(select(Harvest)).one()
    assert ward.amend("physician", harvest, volume=str(harvest.volume + 10)).status_code == 303, ward.refused
    ended = harvest.ended_at + timedelta(minutes=5)
    assert ward.amend("physician2", harvest, ended_at=ended).status_code == 303, ward.refused
    ward.sign(last, harvest)
    ward.session.expire_all()
    assert harvest.signed
    assert harvest.unconfirmed is not None
    assert harvest.unconfirmed.amended_by.id == ward.person(last).id
    ward.sign({"physician": "physician2", "physician2": "physician"}[last], harvest)
    ward.session.expire_all()
    assert harvest.unconfirmed is None


def test_every_record_that_people_sign_is_confirmed_by_the_one_reading():
    kinds = [kind.class_ for kind in Model.registry.mappers if issubclass(kind.class_, Record)]
    assert len(kinds) > 10
    assert [kind.__name__ for kind in kinds if "unconfirmed" in vars(kind) or "is_confirmed" in vars(kind)] == []


def test_a_failing_figure_stands_at_the_top_of_the_product_and_an_amount_has_its_unit(ward, page):
    mine = ready_for_harvest(ward.team)
    bag = released_product(mine, ward.team, results={"viability": Decimal(61)}, released=False)
    shown = page(ward.browser("technologist"), f"/products/{bag.id}")
    top = shown.text.partition("Product summary")[0]
    assert "Viability 61 %, limit 70 % or more" in top
    assert f"Amount {bag.amount.normalize():f} ×10⁸" in shown.text.replace(" × ", " ×").replace("10 8", "10⁸")
    assert "No movements yet" in shown
    for verb in ("Receive", "Store", "Issue", "Hand over", "Ship", "Discard"):
        assert f" {verb} " in shown.text, verb
    for done in ("Received", "Stored", "Shipped"):
        assert f" {done} " not in shown.text, done


def test_results_are_read_until_somebody_adds_some(ward, page):
    bag = released_product(ready_for_harvest(ward.team), ward.team, released=False)
    browser = ward.browser("technologist")
    read = page(browser, f"/products/{bag.id}/results")
    assert "viability_value" not in read.values
    assert f"/products/{bag.id}/results?add=1" in read.links
    sheet = page(browser, f"/products/{bag.id}/results?add=1")
    assert "viability_value" in sheet.values
    assert "gram_stain_outcome" in sheet.values
    assert "Add results" not in page(ward.browser("quality"), f"/products/{bag.id}/results?add=1")


def test_a_verified_run_is_called_verified(ward, post):
    bag = released_product(ready_for_harvest(ward.team), ward.team, released=False)
    browser, url = ward.browser("technologist2"), f"/records/{bag.run_id}/signature"
    version = Page.of(browser.get(url).text).hidden["version"]
    answer = post(browser, url, password=PASSWORD, version=version)
    assert answer.status_code == 303
    assert "Run verified." in Page.of(browser.get(answer.location).text)


@pytest.mark.rule(45)
def test_a_corrected_harvest_says_which_containers_are_on_hold(ward, bag):
    harvest = ward.session.scalars(select(Harvest)).one()
    browser, url = ward.browser("physician"), f"/records/{harvest.id}/amendment"
    typed = {"volume": [str(harvest.volume + 1)], "amend_reason": ["misread"]}
    answer = browser.post(url, data=Sheet(browser.get(url).text).form(typed) | typed)
    assert answer.status_code == 303, Page.of(answer.text).text[:1500]
    told = Page.of(browser.get(answer.location).text).text
    assert f"on hold until a second person signs the correction: {bag.name} {bag.division}." in told, told
