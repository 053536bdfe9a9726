"""What the given cells contained is corrected after the giving: a physician acknowledges the dose (rules 40, 52)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from clinic import clock
from clinic.documents import making
from clinic.documents.of_people import COURSE, SUMMARY
from tests.bedside import released_product
from tests.factories import ready_for_harvest
from tests.reading import Page
from tests.safety.scenes import scene

BAND, TASK = "given to this patient", "Acknowledge what was corrected after giving"


@scene
def treated(ward):
    """A bag of own cells that was given."""
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag = ward.verified(released_product(mine, ward.team))
    ward.give(mine, bag)
    given = ward.given(bag)
    assert given is not None, ward.refused
    return mine, bag, given


def today(ward, who):
    return ward.browser(who).get("/").text


def printed(ward, what, record):
    ward.session.expire_all()
    found = what.sections(making.source_of(ward.session, record, None, {}))
    return " ".join(block.strong + " ".join(block.text) for section in found for block in section.blocks)


def shown(ward, mine, given):
    urls = (f"/treatments/{mine.id}", f"/patients/{mine.patient_id}", f"/administrations/{given.id}")
    return all(BAND in ward.browser(who).get(url).text for who in ("nurse", "physician") for url in urls)


@pytest.mark.rule(52, by="amendment")
@pytest.mark.parametrize(("name", "times"), [("amount", "10"), ("volume", "0.1")])
def test_a_corrected_amount_is_seen_and_acknowledged(ward, treated, name, times):
    mine, bag, given = treated
    assert BAND not in ward.browser("nurse").get(f"/patients/{mine.patient_id}").text
    value = bag.amount * 10 if name == "amount" else bag.volume * 10
    assert ward.amend("technologist", bag, **{name: str(value)}).status_code == 303, ward.refused
    assert shown(ward, mine, given)
    text = Page.of(ward.browser("nurse").get(f"/treatments/{mine.id}").text).text
    assert f"{times} times the recorded" in text, text[:1500]
    assert TASK in today(ward, "physician")
    assert "Confirm the correction" in today(ward, "technologist2")
    for what, record in ((COURSE, mine), (SUMMARY, mine.patient)):
        said = printed(ward, what, record)
        assert BAND in said
        assert "Dose by what is recorded now" in said
    assert ward.sign("physician", bag).status_code == 303, ward.refused
    assert TASK not in today(ward, "physician")
    assert "Acknowledged by" in ward.browser("nurse").get(f"/treatments/{mine.id}").text
    assert "Confirm the correction" in today(ward, "technologist2")  # the physician confirms no figure
    assert ward.sign("technologist2", bag).status_code == 303, ward.refused
    assert "Confirm the correction" not in today(ward, "technologist2")


@pytest.mark.rule(40, by="amendment")
def test_a_corrected_viability_is_seen_and_acknowledged(ward, treated):
    mine, bag, given = treated
    (result,) = ward.results(bag, "viability")
    assert ward.amend("technologist", result, value="41").status_code == 303, ward.refused
    assert shown(ward, mine, given)
    assert TASK in today(ward, "physician")
    assert BAND in printed(ward, COURSE, mine)
    assert ward.sign("physician", result).status_code == 303, ward.refused
    assert TASK not in today(ward, "physician")


@pytest.mark.rule(40)
def test_a_failing_result_that_comes_later_is_seen(ward, treated):
    mine, bag, given = treated
    at = given.performed_at - timedelta(minutes=30)
    answer = ward.result(bag, "viability", value="41", sampled_at=at, performed_at=clock.now(), sure="read again")
    assert answer.status_code == 303, ward.refused
    assert shown(ward, mine, given)
    assert TASK in today(ward, "physician")


def test_what_changes_nothing_of_the_dose_asks_nobody(ward, treated):
    mine, bag, _given = treated
    amount = bag.amount
    ward.amend("technologist", bag, amount=str(amount * Decimal("1.01")))
    ward.amend("technologist2", bag, name="MSC, Marrow, washed")
    assert TASK not in today(ward, "physician")
    assert BAND not in ward.browser("nurse").get(f"/patients/{mine.patient_id}").text
    ward.amend("technologist", bag, amount=str(amount * 10))
    assert TASK in today(ward, "physician")
    ward.amend("technologist", bag, amount=str(amount))  # it was right after all
    assert TASK not in today(ward, "physician")


def test_a_physician_acknowledges_only_what_was_given(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag = ward.verified(released_product(mine, ward.team))
    ward.amend("technologist", bag, amount=str(bag.amount * 2))
    assert ward.sign("physician", bag).status_code >= 400
    assert bag.unconfirmed is not None
