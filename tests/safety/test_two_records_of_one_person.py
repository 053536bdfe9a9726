"""Two records are one person's when two people say so; pages and gates then ask both, and two people undo it (H27)."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.access import Role
from clinic.administration.models import BedsideCheck
from clinic.consent.models import Consent, Withdrawal
from clinic.demo import laboratory
from clinic.errors import RuleBroken
from clinic.exchange import exporting
from clinic.exchange.datasets import datasets
from clinic.ledger.listener import set_actor
from clinic.ledger.verify import verify
from clinic.notices import Notice
from clinic.pathway.sweeping import disagreements
from clinic.patients import merging
from clinic.patients.merging import PatientMerge
from clinic.patients.models import Alert, Patient, same_person
from tests.bedside import released_product
from tests.databases import both_databases
from tests.factories import PASSWORD, patient, ready_for_harvest
from tests.safety.scenes import scene

WHY = "Identity card seen; the patient confirms both numbers"
APART = "The name of the second record was misheard; the card says which one is right"


@scene
def mine(ward):
    return ready_for_harvest(ward.team)


@scene
def other(ward):
    return patient(ward.team)


def propose(ward, mine, other, who="coordinator"):
    url = f"/patients/{mine.patient_id}/merges/new"
    answer = ward.fill(who, url, number=other.record_number, reason=WHY, sure=APART)
    assert answer.status_code == 303, ward.refused
    return ward.session.scalars(select(PatientMerge).order_by(PatientMerge.recorded_at.desc())).first()


def confirm(ward, one, who="quality"):
    return ward.fill(who, f"/merges/{one.id}/confirmation", password=PASSWORD)


def merge(ward, mine, other):
    one = propose(ward, mine, other)
    assert confirm(ward, one).status_code == 303, ward.refused
    return one


def undo(ward, one):
    assert ward.fill("coordinator", f"/merges/{one.id}/undo", reason="Two people after all").status_code == 303
    assert confirm(ward, one, "physician").status_code == 303, ward.refused


def warn(ward, whose, text):
    set_actor(ward.session, ward.team.nurse.id)
    ward.session.add(Alert.log(by=ward.team.nurse, at=clock.now(), patient=whose, text=text))
    ward.session.commit()


def allergic(ward, whose, text="human albumin (anaphylaxis)"):
    set_actor(ward.session, ward.team.nurse.id)
    whose.amend(
        by=ward.team.nurse, at=clock.now(), reason="asked", allergy_status="present", allergies=text,
        allergies_asked_on=clock.today("Europe/Berlin"),
    )  # fmt: skip
    ward.session.commit()


@both_databases
@pytest.mark.hazard("H27")
def test_one_proposes_and_another_confirms_and_until_then_nothing_counts(ward, mine, other, page):
    warn(ward, other, "Difficult veins")
    one = propose(ward, mine, other)
    told = ward.session.scalars(select(Notice.user_id)).all()
    assert ward.team.quality.id in told
    assert "Difficult veins" not in page(ward.browser("nurse"), f"/treatments/{mine.id}")
    assert same_person(ward.session, {other.id}) == {other.id}
    assert ward.fill("quality", f"/merges/{one.id}/confirmation", password="wrong").status_code == 422
    assert confirm(ward, one).status_code == 303, ward.refused
    assert same_person(ward.session, {other.id}) == {other.id, mine.patient_id}
    for url in (f"/treatments/{mine.id}", f"/patients/{mine.patient_id}", f"/patients/{other.id}"):
        shown = page(ward.browser("nurse"), url)
        assert "Same person as" in shown, url
        assert "Difficult veins" in shown, url
    assert verify(ward.session) == []


@pytest.mark.hazard("H27")
@pytest.mark.hazard("H25")
def test_who_proposed_does_not_confirm_and_who_asked_to_undo_does_not_undo(ward, mine, other):
    one = propose(ward, mine, other, "physician")
    assert confirm(ward, one, "physician").status_code == 422
    ward.said_no("A second person confirms it")
    assert confirm(ward, one, "physician2").status_code == 303, ward.refused
    assert ward.fill("quality", f"/merges/{one.id}/undo", reason="wrong person").status_code == 303
    assert same_person(ward.session, {other.id}) == {other.id, mine.patient_id}
    assert confirm(ward, one, "quality").status_code == 422
    assert confirm(ward, one, "quality2").status_code == 303, ward.refused
    assert same_person(ward.session, {other.id}) == {other.id}


@pytest.mark.hazard("H27")
@pytest.mark.rule(23)
def test_an_allergy_on_the_other_number_stops_the_cells_and_after_the_undo_no_more(ward, mine, other):
    bag = released_product(mine, ward.team, released=False)
    ward.verified(bag).vehicle = "Saline with 2 % human albumin"
    laboratory.release(ward.team, mine, bag, clock.now() - timedelta(minutes=30), decision="conditional")
    allergic(ward, other)
    clear = ward.check(mine, bag)
    assert clear.clear, ward.refused
    one = merge(ward, mine, other)
    ward.begin(clear)
    ward.not_given(bag, "warns of a component")
    check = ward.check(mine, bag)
    assert not check.clear
    assert [reason["rule"] for reason in check.reasons] == [23]
    undo(ward, one)
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused


@pytest.mark.hazard("H27")
@pytest.mark.rule(23)
def test_the_death_on_the_other_number_stops_the_cells(ward, mine, other):
    bag = released_product(mine, ward.team)
    merge(ward, mine, other)
    set_actor(ward.session, ward.team.physician.id)
    other.amend(by=ward.team.physician, at=clock.now(), reason="told", died_on=clock.today("Europe/Berlin"))
    ward.session.commit()
    ward.give(mine, bag)
    ward.not_given(bag, "has died")


@pytest.mark.hazard("H27")
@pytest.mark.rule(15)
def test_a_consent_withdrawn_under_the_other_number_locks_the_course(ward, mine, other):
    bag = released_product(mine, ward.team)
    consent = ward.session.scalars(select(Consent).where(Consent.patient_id == mine.patient_id)).first()
    at = clock.now() - timedelta(minutes=5)
    set_actor(ward.session, ward.team.physician.id)
    same = {"scope": "treatment", "protocol_version": consent.protocol_version, "form_version": "3.1"}
    theirs = Consent.log(
        by=ward.team.physician, at=at, performed_by=ward.team.physician, performed_at=at - timedelta(days=3),
        patient=other, signer="patient", signer_name=other.display_name, **same,
    )  # fmt: skip
    ward.session.add(theirs)
    ward.session.flush()
    gone = Withdrawal.log(
        by=ward.team.physician, at=at, performed_by=ward.team.physician, performed_at=at, consent=theirs,
        consent_id=theirs.id, patient_id=other.id, reason="no more",
    )  # fmt: skip
    ward.session.add(gone)
    ward.session.commit()
    one = merge(ward, mine, other)
    ward.give(mine, bag)
    ward.not_given(bag, "withdrawn", "rule 15")
    undo(ward, one)
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused


@pytest.mark.hazard("H27")
@pytest.mark.hazard("H1")
@pytest.mark.rule(1)
def test_the_other_wristband_is_taken_only_while_the_merge_is_confirmed(ward, mine, other):
    bag = released_product(mine, ward.team)

    def scanned() -> bool:
        ward.fill("nurse", f"/treatments/{mine.id}/bedside", patient_scan=other.id, product_scan=bag.id)
        found = ward.session.scalars(select(BedsideCheck).order_by(BedsideCheck.recorded_at.desc())).first()
        return found is not None and any(reason["rule"] == 1 for reason in found.reasons)

    one = propose(ward, mine, other)
    assert scanned()
    confirm(ward, one)
    before = len(ward.session.scalars(select(BedsideCheck)).all())
    ward.fill("nurse", f"/treatments/{mine.id}/bedside", patient_scan=other.id, product_scan=bag.id)
    assert len(ward.session.scalars(select(BedsideCheck)).all()) == before
    undo(ward, one)
    assert scanned()


@pytest.mark.rule(3)
@pytest.mark.hazard("H27")
def test_own_cells_go_to_the_other_number_only_while_the_merge_is_confirmed(ward, mine, other):
    bag = released_product(mine, ward.team)
    bag.treatment, bag.treatment_id = None, None
    theirs = ready_for_harvest(ward.team, other)
    ward.session.commit()
    ward.assign(bag, theirs)
    ward.session.expire_all()
    assert bag.treatment_id is None, "before the merge"
    one = merge(ward, mine, other)
    assert ward.assign(bag, theirs).status_code == 303, ward.refused
    ward.release(bag)
    assert {line["rule"] for line in scanned(ward, theirs, bag).reasons}.isdisjoint({1, 3}), ward.refused
    undo(ward, one)
    assert 3 in {line["rule"] for line in scanned(ward, theirs, bag).reasons}


def scanned(ward, course, bag):
    ward.check(course, bag)
    ward.session.expire_all()
    return ward.session.scalars(select(BedsideCheck).order_by(BedsideCheck.recorded_at.desc())).first()


@pytest.mark.hazard("H27")
def test_either_number_finds_the_record_that_goes_on(ward, mine, other, post):
    def found(number):
        browser = ward.browser("nurse")
        answer = post(browser, "/patients", q=number)
        return browser.get(answer.location).text if answer.status_code == 303 else answer.text

    assert mine.patient_id not in found(other.record_number)
    one = merge(ward, mine, other)
    for number in (other.record_number, mine.patient.record_number):
        assert f"/patients/{mine.patient_id}" in found(number)
    assert "Merged into" in found(other.record_number)
    undo(ward, one)
    assert mine.patient_id not in found(other.record_number)


@both_databases
@pytest.mark.hazard("H27")
def test_a_merge_and_its_undoing_leave_every_exported_byte_as_it_was(ward, mine, other):
    released_product(mine, ward.team)
    own = ready_for_harvest(ward.team, other)
    released_product(own, ward.team)
    ward.session.commit()
    before = exported(ward)
    one = merge(ward, mine, other)
    undo(ward, one)
    assert exported(ward) == before
    assert list(disagreements(ward.session, clock.now())) == []
    assert verify(ward.session) == []


def exported(ward):
    """Every data set but those that keep the merge itself and its signatures, as bytes of CSV."""
    ward.session.expire_all()
    left_out = {"patient-merges", "signatures"}
    return {
        name: "".join(map(str, exporting.chunks(ward.session, name, "csv", exporting.Choice())))
        for name in datasets()
        if name not in left_out
    }


@pytest.mark.hazard("H27")
def test_a_record_is_merged_once_and_never_with_itself(ward, mine, other):
    third = patient(ward.team)
    merge(ward, mine, other)
    for where, number in ((third.id, other.record_number), (other.id, third.record_number)):
        assert ward.fill("coordinator", f"/patients/{where}/merges/new", number=number, reason=WHY).status_code == 422
    ward.said_no("takes part in another merge")
    own = mine.patient.record_number
    url = f"/patients/{mine.patient_id}/merges/new"
    assert ward.fill("coordinator", url, number=own, reason=WHY).status_code == 422
    ward.said_no("This is the same record")
    assert ward.fill("coordinator", url, number="MRN-none", reason=WHY).status_code == 422
    assert ward.fill("coordinator", url, number=third.record_number, reason="").status_code == 422
    assert ward.fill("coordinator", url, number=third.record_number, reason=WHY, sure=APART).status_code == 303
    assert confirm(ward, merging.of_patient(ward.session, third)[0]).status_code == 303
    assert same_person(ward.session, {other.id}) == {other.id, third.id, mine.patient_id}


@pytest.mark.hazard("H27")
def test_a_proposal_that_nobody_confirmed_is_withdrawn_at_once(ward, mine, other):
    one = propose(ward, mine, other)
    assert ward.fill("nurse", f"/merges/{one.id}/undo", reason="typed the wrong number").status_code == 303
    assert confirm(ward, one).status_code == 422
    assert same_person(ward.session, {other.id}) == {other.id}
    with pytest.raises(RuleBroken, match="not proposed by technologist"):
        merging.propose(
            ward.session, mine.patient, other, by=ward.team.technologist, at=clock.now(), reason=WHY
        )  # fmt: skip


@pytest.mark.hazard("H35")
def test_a_patient_of_another_clinic_is_not_merged(ward, mine, southern_team):
    theirs = patient(southern_team, record_number="SOUTH-1")
    southern_team.database.commit()
    url = f"/patients/{mine.patient_id}/merges/new"
    for number in ("SOUTH-1", theirs.id):
        assert ward.fill("coordinator", url, number=number, reason=WHY).status_code == 422
    ward.said_no("No single patient of this clinic")


@pytest.mark.parametrize("role", list(Role))
def test_who_proposes_and_who_confirms(ward, mine, other, client_as, role):
    one, browser = propose(ward, mine, other), client_as(role)
    proposes = role in {Role.COORDINATOR, Role.NURSE, Role.PHYSICIAN, Role.QUALITY}
    confirms = role in {Role.QUALITY, Role.PHYSICIAN}
    reads = role is not Role.ADMINISTRATOR
    for url, allowed in (
        (f"/merges/{one.id}", reads), (f"/merges/{one.id}/confirmation", confirms),
        (f"/merges/{one.id}/undo", proposes), (f"/patients/{mine.patient_id}/merges/new", proposes),
    ):  # fmt: skip
        assert browser.get(url).status_code == (200 if allowed else 403), url


@pytest.mark.rule(11)
@pytest.mark.hazard("H27")
def test_records_that_contradict_each_other_are_asked_about_and_shown_where_the_password_goes(ward, mine):
    child = patient(ward.team, birth_date=date(2012, 5, 5), sex="other")
    ward.session.commit()
    url, facts = f"/patients/{mine.patient_id}/merges/new", {"number": child.record_number, "reason": WHY}
    answer = ward.fill("coordinator", url, **facts)
    assert answer.status_code == 422
    for said in ("The records contradict each other", "5 May 2012", "other", "Are they the same person?"):
        assert said in answer.text, said
    assert not ward.session.scalars(select(PatientMerge)).all()
    one = propose(ward, mine, child)
    shown = ward.browser("quality").get(f"/merges/{one.id}/confirmation").text
    for said in (mine.patient.display_name, child.display_name, "5 May 2012", child.record_number, APART):
        assert said in shown, said
    assert confirm(ward, one).status_code == 303, ward.refused


@pytest.mark.rule(11)
@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, 0), ({"sex": "male"}, 1), ({"sex": "unknown"}, 0), ({"birth_date": date(1980, 3, 3)}, 1),
        ({"birth_date": None}, 0), ({"given_names": "Vera Maria"}, 0), ({"family_name": "Quistt"}, 0),
        ({"family_name": "Ottersen", "given_names": "Bo"}, 1), ({"abo": "B"}, 1), ({"died_on": date(2026, 1, 1)}, 0),
        ({"birth_date": date(1980, 1, 1), "precision": {"birth_date": "year"}}, 0),
        ({"birth_date": date(1981, 1, 1), "precision": {"birth_date": "year"}}, 1),
    ],
)  # fmt: skip
def test_what_contradicts(facts, said):
    same = {"family_name": "Quist", "given_names": "Vera", "birth_date": date(1980, 3, 2), "sex": "female", "abo": "A"}
    assert len(merging.contradictions(Patient(**same), Patient(**(same | facts)))) == said
