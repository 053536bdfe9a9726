"""Nothing says until when cells may be used: somebody sets the date; it is no failing result and no correction."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clinic import clock
from tests.bedside import released_product
from tests.factories import harvested, ready_for_harvest
from tests.reading import Page
from tests.safety.bench import begun
from tests.safety.moments import minutes
from tests.safety.scenes import scene

FIRST_END = timedelta(hours=8)


@scene
def bag(ward):
    """A verified bag under a protocol that sets no time for fresh cells; nobody set one."""
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    return ward.verified(released_product(mine, ward.team, released=False, expires_at=None))


def release_page(ward, bag, who="quality"):
    return Page.of(ward.browser(who).get(f"/products/{bag.id}/release").text)


@pytest.mark.rule(50)
def test_the_laboratory_is_asked_to_set_the_date_that_is_missing(ward, bag):
    today = ward.browser("technologist").get(f"/treatments/{bag.treatment_id}").text
    assert "Set “Use before”" in today
    assert f"/records/{bag.id}/amendment" in today
    for page in (today, ward.browser("quality").get(f"/products/{bag.id}").text):
        assert "failing product" not in page
        assert "out of limits" not in page


@pytest.mark.rule(50)
def test_the_release_page_lists_the_date_as_missing_and_offers_no_exception(ward, bag):
    page = release_page(ward, bag)
    assert "Quality decides" not in page
    for who, where in (("quality", f"/products/{bag.id}"), ("technologist", f"/records/{bag.id}/amendment")):
        missing = release_page(ward, bag, who).html.partition("Still open")[2].partition("</section>")[0]
        assert "Nothing says until when" in missing
        assert f'href="{where}"' in missing
    assert {box["value"] for box in page.inputs if box.get("name") == "decision"} == {"hold", "reject"}


@pytest.mark.rule(50)
def test_no_exception_releases_what_nothing_says_the_end_of(ward, bag):
    told = {"physician_told": ward.team.physician.id, "benefit_risk": "benefit outweighs", "patient_told": "yes"}
    ward.decide(bag, "exceptional", reason="the only cells", follow_up_plan="daily counts", **told)
    ward.said_no("until when")


@pytest.mark.rule(50)
@pytest.mark.hazard("H10")
def test_the_first_date_waits_for_a_second_person_too(ward, bag):
    assert ward.amend("technologist", bag, expires_at=clock.now() + FIRST_END).status_code == 303
    ward.session.expire_all()
    assert not bag.without_end
    assert bag.unconfirmed is not None
    assert ward.tag(bag) == "On hold"
    ward.sign("technologist2", bag)
    assert ward.tag(bag) == "In quarantine", ward.refused
    assert "Nothing says until when" not in release_page(ward, bag)


@pytest.mark.rule(50)
@pytest.mark.hazard("H10")
def test_every_later_date_waits_for_a_second_person(ward, bag):
    end = clock.now() + FIRST_END
    assert ward.amend("technologist", bag, expires_at=end).status_code == 303
    assert ward.amend("technologist", bag, expires_at=end + timedelta(days=2)).status_code == 303
    ward.session.expire_all()
    assert bag.unconfirmed is not None
    assert ward.tag(bag) == "On hold"


@pytest.mark.rule(50)
@pytest.mark.hazard("H10")
def test_a_date_that_was_taken_away_is_not_set_anew_by_one_person(ward, bag):
    end = clock.now() + FIRST_END
    ward.amend("technologist", bag, expires_at=end)
    taken_away = {f"expires_at-{part}": "" for part in "dmyt"}
    assert ward.amend("technologist", bag, **taken_away).status_code == 303, ward.refused
    ward.session.expire_all()
    removed = bag.critical_corrections()[-1]
    ward.sign("quality", bag)
    assert ward.amend("technologist", bag, expires_at=end + timedelta(days=9)).status_code == 303
    ward.session.expire_all()
    assert bag.unconfirmed is not None
    assert bag.unconfirmed is not removed


@pytest.mark.rule(50)
@pytest.mark.parametrize(("code", "asked"), [("BM-MSC-MS", True), ("BMAC-KNEE", False)])
def test_the_run_asks_for_the_date_where_its_protocol_sets_none(ward, code, asked):
    mine = ready_for_harvest(ward.team, code=code)
    run = begun(ward, mine, harvested(mine, ward.team).products[0])
    page = Page.of(ward.browser("technologist").get(f"/runs/{run.id}/outputs/new").text)
    assert any(box.get("name") == "expires_at-d" for box in page.inputs) is asked
    end = minutes(-240)
    typed = {"expires_at": end} if asked else {}
    facts = {"name": "Cells", "container": "syringe", "alike": "2", "volume": "9"}
    ward.fill("technologist", f"/runs/{run.id}/outputs/new", **(facts | typed))
    ward.session.expire_all()
    assert [one.without_end for one in run.outputs] == [False, False], ward.refused
    assert [one.expires_at == end for one in run.outputs] == [asked, asked]
