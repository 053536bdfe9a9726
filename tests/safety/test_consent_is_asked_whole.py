"""A consent counts for what was on the paper: when, by whom, for which version, site and side (rules 14 to 16, 26)."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.consent.models import Consent, Continuation
from clinic.consent.step import CONSENT
from clinic.course_records import of_course
from clinic.harvest.models import Harvest
from clinic.patients.donor_consent import DonorConsent
from tests.bedside import released_product
from tests.factories import consented, course, day_boxes, eligible, patient, published, ready_for_harvest
from tests.safety.driver import Sheet
from tests.safety.scenes import scene


@scene
def own(ward):
    mine = ready_for_harvest(ward.team)
    return ward.verified(released_product(mine, ward.team)), mine


def taken(ward, mine, *, who="physician", sure="", **typed):
    return ward.fill(
        who, f"/patients/{mine.patient_id}/consents/new?version={mine.protocol_version_id}", sure=sure,
        **({"scope": "treatment", "form_version": "3.2", "performed_by_id": ward.person(who).id} | typed),
    )  # fmt: skip


def newest(ward, mine) -> Consent:
    ward.session.expire_all()
    return max(mine.patient.consents, key=lambda one: one.recorded_at)


def reasons(ward, mine) -> list:
    ward.session.expire_all()
    return CONSENT.permission(of_course(ward.session, mine), clock.now())


@pytest.mark.rule(14)
@pytest.mark.hazard("H12")
def test_a_consent_moved_back_alone_does_not_allow_a_harvest_that_had_none(ward):
    mine = course(ward.team, signed=True)
    eligible(mine, ward.team)
    consent = consented(mine, ward.team, at=clock.now() - timedelta(hours=2))
    assert ward.amend("physician", consent, performed_at=clock.now() - timedelta(days=9)).status_code == 303
    ward.sign("physician", consent)
    assert "second person" in reasons(ward, mine)[0].because
    answer = ward.browser("nurse").get(f"/treatments/{mine.id}/harvests/new")
    assert answer.status_code == 409
    assert ward.session.scalar(select(Harvest)) is None
    assert ward.sign("nurse", consent).status_code == 303, ward.refused
    assert reasons(ward, mine) == []


@pytest.mark.rule(14)
def test_the_confirmation_of_a_second_person_alone_signs_for_nobody(ward):
    mine = course(ward.team, signed=True)
    consent = consented(mine, ward.team)
    ward.amend("physician", consent, performed_at=clock.now() - timedelta(days=19))
    ward.sign("nurse", consent)
    assert reasons(ward, mine)


@pytest.mark.rule(14)
def test_a_consent_moved_forward_needs_its_own_signature_only(ward):
    mine = course(ward.team, signed=True)
    consent = consented(mine, ward.team)
    ward.amend("physician", consent, performed_at=clock.now() - timedelta(days=1))
    assert ward.sign("physician", consent).status_code == 303
    assert reasons(ward, mine) == []


@pytest.mark.rule(14)
@pytest.mark.hazard("H12")
def test_the_signer_is_judged_again_when_the_birth_date_is_corrected(ward, own):
    bag, mine = own
    child = clock.today("Europe/Berlin").year - 15
    ward.amend("coordinator", mine.patient, **day_boxes("birth_date", date(child, 3, 1)))
    ward.give(mine, bag)
    ward.not_given(bag, "rule 14", "parents or a legal guardian")


@pytest.mark.rule(14)
@pytest.mark.hazard("H12")
def test_parents_do_not_sign_for_an_adult(ward):
    mine = course(ward.team, signed=True)
    answer = taken(ward, mine, signer="parents", signer_name="Peter and Maria Hill")
    assert answer.status_code == 422
    assert "an adult signs in person" in answer.text
    refused = taken(ward, mine, signer="guardian", signer_name="Maria Hill")
    assert refused.status_code == 422
    assert "why another person signs for an adult" in refused.text
    reason = "Court order of 3 May 2026, file 12/26"
    assert taken(ward, mine, signer="guardian", signer_name="Maria Hill", representation=reason).status_code == 303


@pytest.mark.rule(14)
@pytest.mark.hazard("H12")
def test_another_name_under_a_patients_own_consent_is_asked_about(ward):
    mine = course(ward.team, patient(ward.team, family_name="Hill", given_names="Anna"), signed=True)
    answer = taken(ward, mine, signer="patient", signer_name="Peter Hill")
    assert answer.status_code == 422
    assert "not the patient’s name" in answer.text
    assert taken(ward, mine, signer="patient", signer_name="Peter Hill", sure="maiden name").status_code == 303
    for name in ("HILL, Anna", "A. Hill", "anna hill", "the patient"):
        assert taken(ward, mine, signer="patient", signer_name=name).status_code == 303, name


@pytest.mark.rule(14)
@pytest.mark.hazard("H12")
def test_a_consent_is_not_older_than_the_version_that_was_explained(ward):
    version = published(ward.team, "BMAC-KNEE", at=clock.now() - timedelta(days=3))
    mine = course(ward.team, version=version, at=clock.now() - timedelta(days=2), signed=True)
    early = clock.now() - timedelta(days=3, hours=2)
    answer = taken(ward, mine, performed_at=early)
    assert answer.status_code == 422
    assert "was published later" in answer.text
    consent = consented(mine, ward.team, at=clock.now() - timedelta(days=1))
    refused = ward.amend("physician", consent, performed_at=early)
    assert "was published later" in refused.text


@pytest.mark.rule(16, by="http")
def test_a_course_under_a_retired_version_waits_for_a_decision(ward, own):
    bag, mine = own
    published(ward.team, "BMAC-KNEE", content=mine.says, at=clock.now() - timedelta(hours=1))
    ward.session.refresh(mine.protocol_version)
    if mine.protocol_version.retired_at is None:
        mine.protocol_version.retire(by=ward.team.director, at=clock.now() - timedelta(hours=1))
        ward.session.commit()
    ward.give(mine, bag)
    ward.not_given(bag, "rule 16", "was retired")
    url = f"/treatments/{mine.id}/continuation"
    assert ward.fill("nurse", url, reason="no difference for the knee").status_code == 403
    ward.fill("physician", url, reason="no difference for the knee", performed_by_id=ward.team.physician.id)
    assert reasons(ward, mine)
    ward.sign("physician", ward.session.scalars(select(Continuation)).one())
    assert reasons(ward, mine) == []
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused


@pytest.mark.rule(16, by="http")
@pytest.mark.parametrize("before", [False, True])
def test_a_version_that_is_retired_while_cells_run_stops_them_only_where_it_was_retired_before(ward, own, before):
    bag, mine = own
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused
    moment = ward.given(bag).performed_at - timedelta(minutes=5) if before else clock.now()
    mine.protocol_version.retire(by=ward.team.director, at=moment)
    ward.session.commit()
    with ward.later(minutes=5):
        assert reasons(ward, mine)[0].rule == 16, "what comes next waits for the decision"
        assert ("Stop giving these cells" in ward.browser("nurse").get("/").text) is before


@pytest.mark.rule(16)
def test_consenting_again_after_the_retirement_is_the_decision_of_the_patient(ward, own):
    _bag, mine = own
    mine.protocol_version.retire(by=ward.team.director, at=clock.now() - timedelta(hours=1))
    ward.session.commit()
    assert reasons(ward, mine)[0].rule == 16
    assert "Decide whether the course continues" in ward.browser("physician").get("/").text
    taken(ward, mine)
    ward.sign("physician", newest(ward, mine))
    assert reasons(ward, mine) == []


@pytest.mark.rule(26)
def test_a_consent_for_the_other_side_opens_nothing(ward):
    mine = course(ward.team, signed=True, body_site="knee", side="right")
    eligible(mine, ward.team)
    consented(mine, ward.team, side="left")
    found = reasons(ward, mine)
    assert (found[0].rule, "left knee" in found[0].because) == (26, True)
    assert ward.browser("nurse").get(f"/treatments/{mine.id}/harvests/new").status_code == 409


@pytest.mark.rule(26)
def test_an_order_amended_to_the_other_side_asks_for_consent_again(ward, own):
    bag, mine = own
    other = "left" if mine.side == "right" else "right"
    ward.amend("physician", mine, side=other)
    ward.sign("physician", mine)
    ward.give(mine, bag)
    ward.not_given(bag, "rule 26", f"the order names the {other}")


@pytest.mark.rule(26)
def test_the_form_of_a_consent_starts_with_the_site_of_the_order_and_asks_for_it(ward):
    mine = course(ward.team, signed=True, body_site="knee", side="left")
    assert taken(ward, mine).status_code == 303
    assert (newest(ward, mine).body_site, newest(ward, mine).side) == ("knee", "left")
    refused = taken(ward, mine, body_site="", side="")
    assert refused.status_code == 422
    assert "the order names the left knee" in refused.text


@pytest.mark.rule(15)
@pytest.mark.hazard("H13")
def test_a_withdrawal_ends_every_earlier_consent_and_nobody_is_sent_to_ask_again(ward, own):
    _bag, mine = own
    first = newest(ward, mine)
    taken(ward, mine)
    ward.sign("physician", newest(ward, mine))
    ward.fill("nurse", f"/consents/{newest(ward, mine).id}/withdrawal", performed_by_id=ward.team.nurse.id)
    assert first.standing(clock.now()).value == "withdrawn"
    found = reasons(ward, mine)
    assert (found[0].rule, found[0].fix_label) == (15, "Stop the course")
    today = ward.browser("coordinator").get("/").text
    assert "Obtain consent" not in today
    for who, page in (("nurse", f"/patients/{mine.patient_id}"), ("technologist", f"/treatments/{mine.id}")):
        assert "Consent withdrawn" in ward.browser(who).get(page).text


@pytest.mark.rule(15)
def test_research_withdrawn_once_is_withdrawn_for_every_earlier_research_consent(ward, own):
    _bag, mine = own
    for _turn in range(2):
        taken(ward, mine, scope="research", protocol="")
        ward.sign("physician", newest(ward, mine))
    ward.fill("nurse", f"/consents/{newest(ward, mine).id}/withdrawal", performed_by_id=ward.team.nurse.id)
    ward.session.expire_all()
    research = [one for one in mine.patient.consents if one.scope == "research"]
    assert len(research) == 2
    assert not any(one.current(clock.now()) for one in research)
    assert reasons(ward, mine) == []


@scene
def cord(ward):
    version, donor = published(ward.team, "UC-MSC-RA"), ward.giver(kind="cord", donor_number="CB-4471")
    (bag,) = ward.banked(ward.donated(donor, version), version)
    mine = ready_for_harvest(ward.team, code="UC-MSC-RA", donor=donor)
    ward.assign(bag, mine)
    ward.release(bag)
    return bag, mine, donor


def consent_of(ward, donor) -> DonorConsent:
    return ward.session.scalars(select(DonorConsent).where(DonorConsent.donor_id == donor.id)).one()


@pytest.mark.rule(14)
@pytest.mark.hazard("H12")
def test_cells_are_not_given_after_the_mother_withdrew(ward, cord):
    bag, mine, donor = cord
    assert (
        ward.amend("nurse", consent_of(ward, donor), withdrawn_at=clock.now() - timedelta(hours=1)).status_code == 303
    )
    ward.give(mine, bag)
    ward.not_given(bag, "rule 15", "withdrew the consent to donate")


@pytest.mark.rule(14)
@pytest.mark.hazard("H12")
def test_a_consent_to_donate_after_the_collection_covers_no_cells(ward, cord):
    bag, mine, donor = cord
    consent = consent_of(ward, donor)
    ward.amend("physician", consent, performed_at=clock.now() - timedelta(days=1))
    ward.sign("physician", consent)
    ward.give(mine, bag)
    ward.not_given(bag, "rule 14", "covers the collection")


@pytest.mark.rule(14)
def test_a_donation_to_the_bank_asks_for_consent_first(ward):
    donor = ward.giver()
    consent = consent_of(ward, donor)
    ward.amend("nurse", consent, form_version="D-9")
    url = f"/donors/{donor.id}/harvests/new"
    refused = ward.browser("nurse").get(url)
    assert refused.status_code == 409
    assert "consent to donate" in refused.text
    assert ward.sign("nurse", consent).status_code == 303, ward.refused
    shown = ward.browser("nurse").get(url)
    assert shown.status_code == 200, Sheet(shown.text).refusals
