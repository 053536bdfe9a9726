"""Who consents is judged by every record of the person, and by the minute in which it was written (rules 14 to 18)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.consent.display import STANDINGS
from clinic.consent.models import Consent, Standing
from clinic.course_records import of_course
from clinic.patients.donor_consent import DonorConsent
from clinic.patients.donor_screening import excused
from clinic.patients.donors import Donor
from clinic.patients.doubted import is_after
from clinic.processing.step import donors_usable
from tests.bedside import released_product
from tests.factories import patient, published, ready_for_harvest
from tests.safety.scenes import scene
from tests.safety.test_two_records_of_one_person import merge
from tests.safety.test_urgent_need_is_confirmed import determined, last_of

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.mark.rule(14)
@pytest.mark.hazard("H12", "H27")
def test_a_consent_is_signed_by_who_may_sign_for_the_youngest_of_the_records(ward):
    mine = ready_for_harvest(ward.team)
    bag = ward.verified(released_product(mine, ward.team))
    young = patient(ward.team, birth_date=date(2012, 5, 5))
    ward.session.commit()
    merge(ward, mine, young)
    ward.give(mine, bag)
    ward.not_given(bag, "parents or a legal guardian sign for a child")
    facts = {"scope": "treatment", "form_version": "4", "protocol": mine.protocol_version_id}
    facts |= {"body_site": mine.body_site, "side": mine.side, "performed_by_id": ward.team.nurse.id}
    url, name = f"/patients/{mine.patient_id}/consents/new", mine.patient.display_name
    assert ward.fill("nurse", url, sure="x", signer="patient", signer_name=name, **facts).status_code == 422
    answer = ward.fill("nurse", url, sure="mother", signer="parents", signer_name="Vera Lind", **facts)
    assert answer.status_code == 303, ward.refused
    last = ward.session.scalars(select(Consent).order_by(Consent.recorded_at.desc())).first()
    ward.sign("nurse", last)
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused


@scene
def brother(ward):
    """A relative of eight years who is to donate, and the patient."""
    named = patient(ward.team)
    return ward.giver(kind="related", donor_number=None, relation="sibling", relative_of=named, age_years=Decimal(8))


@pytest.mark.rule(14)
@pytest.mark.hazard("H12")
def test_a_child_does_not_consent_to_donate(ward, brother):
    ward.session.commit()
    (parents,) = brother.consents
    assert parents.given_by == "parents"
    url = f"/donors/{brother.id}/consents/new"
    shown = ward.browser("nurse").get(url).text
    assert 'value="parents" checked' in shown or 'value="parents" selected' in shown
    answer = ward.fill("nurse", url, sure="x", given_by="donor", form_version="2")
    assert answer.status_code == 422
    ward.said_no("8 years old: parents or a legal guardian")
    assert ward.amend("nurse", parents, given_by="donor").status_code == 422
    assert ward.fill("nurse", url, sure="x", given_by="guardian", form_version="2").status_code == 303, ward.refused


@pytest.mark.rule(14)
def test_the_age_of_a_donor_decides_whenever_it_is_learned(ward):
    version, donor = published(ward.team, "UC-MSC-RA"), ward.giver(age_years=Decimal(20))
    mine = ready_for_harvest(ward.team, code="UC-MSC-RA", donor=donor)
    (bag,) = ward.banked(ward.donated(donor, version), version)
    ward.session.commit()
    ward.assign(bag, mine)
    ward.release(bag)
    ward.amend("coordinator", donor, age_years="8")
    ward.give(mine, bag)
    ward.not_given(bag, "8 years old", "rule 14")
    ward.amend("coordinator", donor, age_years="20")
    ward.give(mine, bag)
    ward.not_given(bag, "8 years old", "rule 14")


@pytest.mark.rule(14)
@pytest.mark.parametrize(
    ("kind", "age", "giver", "valid"),
    [
        ("related", "8", "donor", False), ("related", "17.9", "donor", False), ("related", "18", "donor", True),
        ("unrelated", "17", "donor", False), ("related", "18", "parents", True), ("related", "40", "parents", False),
        ("related", "40", "guardian", True), ("related", None, "donor", True), ("cord", "0", "mother", True),
        ("related", "3", "mother", True),
    ],
)  # fmt: skip
def test_by_age_and_kind(kind, age, giver, valid):
    donor = Donor(kind=kind, age_years=None if age is None else Decimal(age))
    fault = DonorConsent(donor=donor, given_by=giver, origin="clinic").giver_fault()
    assert (not fault) is valid, fault


@pytest.mark.rule(18)
@pytest.mark.hazard("H27")
def test_an_urgent_need_of_the_other_number_is_this_persons(ward):
    version, donor = published(ward.team, "UC-MSC-RA"), ward.giver()
    mine, other = ready_for_harvest(ward.team, code="UC-MSC-RA", donor=donor), patient(ward.team)
    (bag,) = ward.banked(ward.donated(donor, version), version)
    ward.session.commit()
    merge(ward, mine, other)
    assert determined(ward, mine, donor, urgent_for=other.record_number).status_code == 303, ward.refused
    need = last_of(ward, donor)
    assert [ward.sign(who, need).status_code for who in ("physician", "physician2")] == [303, 303], ward.refused
    records = of_course(ward.session, mine)
    assert excused(need, records.patient)
    assert not donors_usable(records, [bag], clock.now())


@pytest.mark.rule(15)
@pytest.mark.parametrize(
    ("moment", "written", "after"),
    [(0, 30, True), (0, -30, False), (1, -90, True), (-1, 90, False)],
    ids=["later entry", "earlier entry", "later minute", "earlier minute"],
)
def test_within_a_minute_what_was_written_later_is_later(moment, written, after):
    mine = NOON + timedelta(minutes=moment)
    assert is_after(mine, NOON + timedelta(seconds=written), NOON, NOON) is after


@pytest.mark.rule(15)
def test_a_consent_in_the_minute_of_the_withdrawal_is_a_new_consent(ward):
    mine = ready_for_harvest(ward.team)
    (old,) = mine.patient.consents
    ward.session.commit()
    now = clock.now().replace(second=0, microsecond=0)
    ward.fill("nurse", f"/consents/{old.id}/withdrawal", performed_at=now, performed_by_id=ward.team.nurse.id)
    facts = {"scope": "treatment", "form_version": "4", "protocol": mine.protocol_version_id, "signer": "patient"}
    facts |= {"body_site": mine.body_site, "side": mine.side, "performed_by_id": ward.team.nurse.id}
    facts |= {"signer_name": mine.patient.display_name, "performed_at": now}
    answer = ward.fill("nurse", f"/patients/{mine.patient_id}/consents/new", sure="x", **facts)
    assert answer.status_code == 303, ward.refused
    new = next(one for one in ward.session.scalars(select(Consent)) if one.id != old.id)
    ward.sign("nurse", new)
    ward.session.expire_all()
    assert old.withdrawal is not None
    assert new.standing(clock.now()).value == "valid"
    assert "Consent withdrawn" not in ward.browser("nurse").get(f"/treatments/{mine.id}/harvests/new").text


def test_a_page_has_a_word_for_every_standing():
    assert set(STANDINGS) == set(Standing)
