"""Stories that the histories found, over HTTP: corrected there and back again, held in the bank."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from clinic import clock
from clinic.processing.models import ProcessingRun
from clinic.records import Meaning
from tests.bedside import released_product
from tests.factories import PASSWORD, consented, course, eligible, published, ready_for_harvest


def corrected(ward, record, by, **changes):
    """Amend a record, and change nothing else in it: a form would also cut the seconds off the scene's moments."""
    record.amend(changes, by=ward.person(by), at=clock.now(), reason="slip of the pen")
    ward.team.add(record)


@pytest.mark.rule(46, by="amendment")
@pytest.mark.parametrize("confirmed", [False, True])
def test_a_result_corrected_to_a_bad_one_and_back_again_does_not_revive_the_release(ward, confirmed):
    mine = ready_for_harvest(ward.team)
    bag = released_product(mine, ward.team)
    first = ward.results(bag, "viability")[0]
    was = first.value
    corrected(ward, first, "technologist", value=Decimal(40))
    corrected(ward, first, "technologist", value=was)
    if confirmed:
        ward.sign("technologist2", first)
    ward.session.refresh(first)
    assert first.value == was
    ward.give(mine, bag)
    ward.not_given(bag, "rule 46", "no longer valid", "amended after", "second signature")


@pytest.mark.rule(46)
def test_quality_decides_again_on_a_result_that_a_second_person_confirmed(ward):
    mine = ready_for_harvest(ward.team)
    bag = released_product(mine, ward.team)
    first = ward.results(bag, "viability")[0]
    was = first.value
    corrected(ward, first, "technologist", value=Decimal(40))
    corrected(ward, first, "technologist", value=was)
    ward.sign("technologist2", first)
    waits = [spec.test for spec in mine.says.qc if spec.may_be_pending]
    assert waits
    ward.decide(bag, "conditional", "quality", reason="culture pending", physician_told="Dr I. Novak, 08:10")
    (last,) = [one for one in ward.session.scalars(_decisions(bag)) if not one.signed]
    ward.sign("quality", last)
    ward.sign("physician", last)  # who was informed
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused


def _decisions(bag):
    from sqlalchemy import select  # noqa: PLC0415 - of this story only

    from clinic.release.models import Release  # noqa: PLC0415

    return select(Release).where(Release.product_id == bag.id)


@pytest.mark.rule(23)
def test_an_older_signature_confirms_no_later_correction_of_an_eligibility(ward):
    """Both physicians signed a yes; one makes it a no and a yes again: nobody else has confirmed that."""
    mine = course(ward.team, signed=True)
    consented(mine, ward.team)
    decision = eligible(mine, ward.team)
    ward.stands(decision, "physician2")
    assert decision.allows
    corrected(ward, decision, "physician", eligible=False, reasons="an infection was found")
    corrected(ward, decision, "physician", eligible=True, reasons=None)
    ward.session.refresh(decision)
    assert decision.eligible
    assert not decision.allows


@pytest.mark.rule(14)
def test_an_older_signature_confirms_no_later_prolongation_of_a_consent(ward):
    mine = course(ward.team, signed=True)
    end = (clock.now() + timedelta(days=30)).date()
    consent = consented(mine, ward.team, expires_on=end)
    ward.stands(consent, ("physician2", Meaning.VERIFICATION))
    for on in (end - timedelta(days=29), end):
        corrected(ward, consent, "physician", expires_on=on)
    ward.session.refresh(consent)
    assert consent.expires_on == end, ward.refused
    assert not consent.current(clock.now())


@pytest.mark.rule(50)
@pytest.mark.parametrize("decision", ["hold", "reject"])
def test_a_donation_that_no_protocol_has_yet_can_be_held_or_rejected(ward, decision):
    cord = published(ward.team, "UC-MSC-RA")
    donation = ward.donated(ward.giver(), cord)
    answer = ward.decide(donation, decision, reason="alarm of the freezer", sure="yes")
    assert answer.status_code == 303, ward.refused
    assert ward.tag(donation) in {"On hold", "Rejected"}


@pytest.mark.rule(14)
def test_a_second_person_confirms_a_prolonged_consent_on_its_page(ward):
    mine = course(ward.team, signed=True)
    end = (clock.now() + timedelta(days=30)).date()
    consent = consented(mine, ward.team, expires_on=end)
    corrected(ward, consent, "physician", expires_on=end + timedelta(days=30))
    ward.sign("physician", consent)
    ward.session.refresh(consent)
    assert not consent.current(clock.now())
    ward.sign("physician2", consent)
    ward.session.expire_all()
    assert consent.current(clock.now()), ward.refused


@pytest.mark.rule(14)
def test_a_consent_that_only_another_person_signed_is_not_valid(ward):
    """The history: its end was corrected, and the person who obtained it has not signed the correction."""
    mine = ready_for_harvest(ward.team)
    bag = released_product(mine, ward.team)
    ward.session.commit()  # what happened before the correction had its permission
    consent = mine.patient.consents[0]
    corrected(ward, consent, "physician", expires_on=(clock.now() + timedelta(days=1)).date())
    ward.stands(consent, ("physician2", Meaning.VERIFICATION))
    assert not consent.current(clock.now())
    ward.give(mine, bag)
    ward.not_given(bag, "consent")


@pytest.mark.rule(45)
@pytest.mark.rule(50)
@pytest.mark.parametrize("decision", ["hold", "reject"])
def test_what_was_made_of_a_held_container_is_released_by_two_others_with_a_reason(ward, decision):
    mine = ready_for_harvest(ward.team)
    bag = released_product(mine, ward.team, released=False)
    ward.verified(bag)
    donation = ward.session.get(ProcessingRun, bag.run_id).inputs[0].product
    ward.decide(donation, decision, reason="alarm of the freezer")
    said = {"decision": "conditional", "physician_told": ward.team.physician.printed_name}
    assert "what it was made from" in ward.decide(bag, who="quality2", **said).text
    same = ward.decide(bag, who="quality", reason="the alarm was a test", **said)
    assert "Two other people decide" in same.text
    made = ward.decide(bag, who="quality2", reason="the alarm was a test", **said)
    assert made.status_code == 303, ward.refused
    ward.fill("quality2", made.location, password=PASSWORD)
    assert not ward.tag(bag).startswith("Released"), "quality alone does not overturn it"
    ward.fill("director", made.location, password=PASSWORD)
    assert ward.tag(bag).startswith("Released")
    ward.fill("physician", made.location, password=PASSWORD)  # acknowledges the condition
    ward.give(mine, bag)
    assert ward.given(bag), ward.refused
