"""The page of a release says who decides, offers what can be decided, and names each fault at its box."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from clinic import clock, wording
from clinic.release.models import Release
from tests.bedside import released_product
from tests.factories import PASSWORD, boxes, ready_for_harvest
from tests.reading import Page
from tests.safety.scenes import scene


@scene
def bag(ward):
    """A verified bag whose viability is 61 %."""
    mine = ready_for_harvest(ward.team)
    return ward.verified(released_product(mine, ward.team, results={"viability": Decimal(61)}, released=False))


@scene
def good(ward):
    """A verified bag that conforms but for a pending culture."""
    return ward.verified(released_product(ready_for_harvest(ward.team), ward.team, released=False))


def shown(ward, bag, who="quality"):
    page = Page.of(ward.browser(who).get(f"/products/{bag.id}/release").text)
    assert page.problems() == []
    return page


def offered(page):
    return {box["value"] for box in page.inputs if box.get("name") == "decision"}


@pytest.mark.rule(40)
def test_quality_decides_on_a_failing_result(ward, bag):
    page = shown(ward, bag)
    assert "Quality decides: reject, hold or exception" in page
    assert "Viability is 61 %; the protocol requires 70 % or more." in page
    assert "yet, because" not in page
    assert offered(page) == {"exceptional", "hold", "reject"}
    html = page.html.partition("Still open")[2].partition("</section>")[0]
    assert "Viability" not in html


@pytest.mark.rule(50)
def test_a_course_says_of_the_product_on_hold_itself_that_it_is(ward, good):
    ward.decide(good, "hold", reason="Seal loose. Recount ordered.")
    page = Page.of(ward.browser("quality").get(f"/treatments/{good.treatment_id}").text)
    assert f"{good.name} {good.division} is on hold: Seal loose. Recount ordered. Quality decides." in page
    assert "which shares cells with this product" not in page


@pytest.mark.rule(43)
def test_growth_can_only_be_rejected_or_held(ward, bag):
    ward.result(bag, "sterility", outcome="growth", finding="Staphylococcus")
    page = shown(ward, bag)
    assert "Quality decides: reject or hold" in page
    assert offered(page) == {"hold", "reject"}


@pytest.mark.rule(44)
def test_a_condition_is_offered_where_a_culture_is_pending(ward, good):
    assert offered(shown(ward, good)) == {"conditional", "exceptional", "hold", "reject"}


def test_after_a_decision_the_page_is_read_until_it_is_changed(ward, good):
    told = {"reason": "culture runs", "physician_told": ward.team.physician.id}
    assert 'class="c-save"' in shown(ward, good).html
    answer = ward.decide(good, "conditional", **told)
    assert answer.status_code == 303, ward.refused
    ward.fill("quality", answer.location, password=PASSWORD)
    page = shown(ward, good)
    assert "Change the decision" in page
    assert 'class="c-save"' not in page.html
    assert ward.decide(good, "hold", reason="bag looks cloudy").status_code == 303, ward.refused
    assert len(list(ward.session.scalars(select(Release)))) == 2


def test_every_fault_of_an_exception_has_its_box(ward, bag):
    answer = ward.decide(bag, "exceptional")
    assert answer.status_code == 422
    for box in ("reason", "physician_told", "requested_by_id", "benefit_risk", "patient_told", "follow_up_plan"):
        assert f'id="{box}-e"' in answer.text, box
    assert "#main" not in answer.text.partition("c-errsum")[2].partition("</ul>")[0]


def test_a_decision_that_the_results_do_not_carry_is_refused_at_its_box(ward, bag):
    ward.result(bag, "gram_stain", outcome="organisms", finding="cocci")
    answer = ward.decide(bag, "conforms")
    summary = answer.text.partition("c-errsum")[2].partition("</ul>")[0]
    assert answer.status_code == 422
    assert summary.count("<li>") >= 2
    assert "#main" not in summary


def test_nothing_that_a_rule_can_ask_for_is_called_optional(ward, bag):
    assert "(optional)" not in shown(ward, bag)
    sheet = ward.browser("technologist").get(f"/products/{bag.id}/results?add=1").text
    assert "Sample taken at" in sheet
    assert "Sample taken at <span" not in sheet


@pytest.mark.rule(44)
def test_faults_of_the_worksheet_have_their_boxes(ward, post, bag):
    browser, url = ward.browser("technologist"), f"/products/{bag.id}/results"
    me = ward.team.technologist.id
    answer = post(browser, url, boxes("performed_at", clock.now()), performed_by_id=me, sterility_outcome="no_growth")
    summary = answer.text.partition("c-errsum")[2].partition("</ul>")[0]
    assert (answer.status_code, "#sampled_at-d" in summary, "#main" in summary) == (422, True, False)
    sampled = boxes("performed_at", clock.now()) | boxes("sampled_at", clock.now() - timedelta(minutes=5))
    wrong = post(browser, url, sampled, performed_by_id=me, viability_value="161")
    assert "#viability_value" in wrong.text


def test_a_row_more_keeps_what_was_typed_and_saves_nothing(ward, post, bag):
    browser, url = ward.browser("technologist"), f"/products/{bag.id}/results"
    read_at = boxes("performed_at", clock.now() - timedelta(minutes=40))
    before = len(ward.results(bag, "viability"))
    typed = {"do": "row", "another": "potency", "viability_value": "95", "viability_method": "7-AAD", "sample": "S 7"}
    answer = post(browser, url, read_at, **typed)
    sheet = Page.of(answer.text)
    assert (answer.status_code, sheet.problems()) == (200, [])
    kept = ("viability_value", "viability_method", "sample", "performed_at-t")
    assert [sheet.values[name] for name in kept] == ["95", "7-AAD", "S 7", read_at["performed_at-t"]]
    (row,) = [one for one in sheet.inputs if "autofocus" in one]
    assert (row["name"], sheet.values[row["name"]], sheet.values["another"]) == ("potency_value", "", "")
    assert re.search(r'name="potency_comparator".*?</select>', answer.text)[0].count('value="=" selected') == 1
    assert ("post", f"{url}?test=potency") in sheet.actions
    assert len(ward.results(bag, "viability")) == before
    unnamed = post(browser, url, read_at, do="row", another="", viability_value="95")
    assert unnamed.status_code == 422
    assert "Another test: choose the test for the new row" in unnamed.text
    assert Page.of(unnamed.text).values["viability_value"] == "95"


def test_what_is_wrong_is_not_hidden_in_a_closed_part(ward, post, bag):
    browser, url = ward.browser("technologist"), f"/products/{bag.id}/results?test=cd34_dose"
    sampled = boxes("performed_at", clock.now()) | boxes("sampled_at", clock.now() - timedelta(minutes=5))
    me = ward.team.technologist.id
    answer = post(browser, url, sampled, performed_by_id=me, cd34_dose_value="4000", viability_value="95")
    assert answer.status_code == 422
    row = answer.text.partition('id="t-cd34_dose"')[2].partition('class="c-sheetrow"')[0]
    asked = row.partition('<fieldset class="c-sure')[2].partition("</fieldset>")[0]
    assert "Is this right?" in asked
    assert 'name="cd34_dose_why"' in asked
    assert row.count('name="cd34_dose_why"') == 1
    assert "The limit is " in asked
    assert "Reason for an unusual value" not in asked
    assert 'href="#cd34_dose_why"' in answer.text


@pytest.mark.rule(44)
def test_a_culture_that_is_too_young_says_from_when_it_is_final(ward, good):
    ward.result(good, "sterility", outcome="no_growth")
    (one,) = ward.results(good, "sterility")[-1:]
    assert one.interim
    ward.decide(good, "conforms")
    ward.said_no(f"so far” is final from {wording.moment(one.final_at, one.zone)} on")


@pytest.mark.rule(50)
def test_a_condition_on_cells_without_an_end_names_the_end_alone(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    one = ward.verified(released_product(mine, ward.team, released=False, expires_at=None))
    ward.decide(one, "conditional", reason="culture", physician_told=ward.team.physician.id)
    ward.said_no("until when")
    assert "allows to be pending" not in " ".join(ward.refused)
