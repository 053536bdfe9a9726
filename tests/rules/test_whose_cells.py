"""Rules of patients, donors, consent and orders, typed into their forms and brought in by a correction."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.consent.models import Consent
from clinic.patients.donors import Donor
from clinic.protocols.content import Relation
from clinic.protocols.demonstration import DEMONSTRATIONS
from clinic.release.step import cells_usable
from tests.bedside import released_product
from tests.factories import consented, course, day_boxes, patient, published, ready_for_harvest
from tests.judging import records_of

DAY = timedelta(days=1)


@pytest.fixture
def own(ward):
    """A released bag of a patient's own cells, and its course."""
    mine = ready_for_harvest(ward.team)
    return ward.verified(released_product(mine, ward.team)), mine


@pytest.fixture
def cord(ward):
    """A released bag out of the bank, its course, its donor; both people's groups are known and agree."""
    version, donor = published(ward.team, "UC-MSC-RA"), ward.giver()
    (bag,) = ward.banked(ward.donated(donor, version), version)
    mine = ready_for_harvest(ward.team, code="UC-MSC-RA", donor=donor)
    typings = ward.group(donor, "O", "negative"), ward.group(mine.patient, "A", "positive")
    ward.assign(bag, mine)
    ward.release(bag)
    return bag, mine, donor, typings


def names(ward, course, donor, **more):
    """Name the donor of a course on its page; a donor who was named before is corrected with the reason."""
    return ward.fill("physician", f"/treatments/{course.id}/donor", donor_id=donor.id, **more)


def related(ward, relation="sibling", of=None, name="Berta Lind"):
    """A relative who is eligible."""
    return ward.giver(kind="related", donor_number=None, name=name, relation=relation, relative_of=of)


@pytest.mark.rule(4, 22, by=("http", "amendment"))
@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("rule", [4, 22])
def test_a_donor_who_cannot_donate_for_this_course_is_not_named(ward, rule, before):
    says = DEMONSTRATIONS["UC-MSC-RA"]
    if rule == 22:
        says = DEMONSTRATIONS["HPC-A-AUTO"].model_copy(update={"relations": (Relation.ALLOGENEIC,)})
    version = published(ward.team, "DONORS", content=says)
    mine = course(ward.team, version=version, relation="allogeneic")
    wrong = related(ward, of=patient(ward.team)) if rule == 4 else related(ward, "cousin", of=mine.patient)
    if before:
        assert names(ward, mine, related(ward, of=mine.patient, name="Chidi Okpara")).status_code == 303, ward.refused
    named = mine.donor_id
    assert names(ward, mine, wrong, reason="the first one fell ill").status_code in {409, 422}
    ward.said_no(f"rule {rule}")
    ward.session.refresh(mine)
    assert mine.donor_id == named


@pytest.mark.rule(3, by="amendment")
def test_a_patient_who_is_the_own_donor_replaces_no_donor_of_another_course(ward, own):
    other = course(ward.team, code="UC-MSC-RA")
    first = ward.giver()
    assert names(ward, other, first).status_code == 303, ward.refused
    theirs = ward.session.scalar(select(Donor).where(Donor.kind == "self"))
    assert names(ward, other, theirs, reason="a better match").status_code in {409, 422}
    ward.said_no("rule 3", "choose from the list")
    assert other.donor_id == first.id


@pytest.mark.rule(10, by="amendment")
def test_a_donor_number_is_not_corrected_into_a_record_number(ward):
    donor, who = ward.giver(), patient(ward.team)
    ward.session.commit()
    url = f"/records/{donor.id}/amendment"
    assert ward.fill("coordinator", url, donor_number=f"D-{who.record_number}", amend_reason="x").status_code == 422
    ward.said_no("rule 10")


@pytest.mark.rule(14, by="http")
def test_without_consent_no_cells_are_collected(ward):
    mine = course(ward.team, signed=True)
    assert ward.fill("nurse", f"/treatments/{mine.id}/harvests/new").status_code == 409
    ward.said_no("rule 14")


@pytest.mark.rule(14, by="amendment")
def test_a_corrected_consent_counts_again_when_it_is_signed_again(ward, own):
    bag, mine = own
    consent = mine.patient.consents[-1]
    ward.amend("physician", consent, form_version="2.0")
    ward.give(mine, bag)
    ward.not_given(bag, "rule 14")
    ward.refused.clear()
    ward.amend("physician", consent, **day_boxes("expires_on", (clock.now() - 2 * DAY).date()))
    ward.sign("physician", consent)
    ward.give(mine, bag)
    ward.not_given(bag, "rule 14")


@pytest.mark.rule(17, by=("http", "amendment"))
def test_a_determination_that_is_corrected_to_a_no_counts_at_once(ward, cord):
    bag, mine, donor, _typings = cord
    last = donor.eligibilities[-1]
    ward.amend("physician", last, outcome="incomplete")
    ward.give(mine, bag)
    ward.not_given(bag, "rule 17", "rule 18")
    ward.amend("physician", last, outcome="eligible")
    ward.refused.clear()
    ward.give(mine, bag)
    ward.not_given(bag, "rule 17", "rule 18")


@pytest.mark.rule(17, by="http")
def test_banked_cells_of_a_donor_whom_nobody_determined_are_not_released(ward):
    version, donor = published(ward.team, "UC-MSC-RA"), ward.giver(signed=False)
    (bag,) = ward.banked(ward.donated(donor, version), version)
    ward.assign(bag, ready_for_harvest(ward.team, code="UC-MSC-RA"))
    ward.release(bag)
    ward.said_no("rule 17")
    assert ward.tag(bag) != "Released"


@pytest.mark.rule(18, by=("http", "amendment"))
def test_an_urgent_need_is_not_corrected_into_one_that_says_no_more_why(ward, cord):
    bag, mine, donor, _typings = cord
    one = ward.determine(donor, "ineligible", signed=False, syphilis="reactive")
    one.urgent_need, one.physician_told, one.urgent_for = "relapse, no other donor", "Dr I. Novak", mine.patient
    ward.stands(one, "physician")
    ward.session.commit()
    assert 18 not in {reason.rule for reason in donor_reasons(ward, mine, bag)}
    assert ward.amend("physician", one, urgent_need="").status_code == 422
    ward.said_no("rule 18")
    ward.session.refresh(one)
    assert one.urgent_need == "relapse, no other donor"


def donor_reasons(ward, mine, bag):
    """What speaks against the donors of a bag now."""
    ward.session.expire_all()
    return cells_usable(records_of(mine), bag, clock.now())


@pytest.mark.rule(19, by="amendment")
def test_a_blood_sample_that_is_corrected_to_be_too_old_does_not_count(ward, cord):
    bag, mine, donor, _typings = cord
    one = donor.eligibilities[-1]
    ward.amend("physician", one, **day_boxes("sample_taken_on", (clock.now() - 200 * DAY).date()))
    ward.sign("physician", one)
    ward.sign("physician2", one)
    ward.give(mine, bag)
    ward.not_given(bag, "rule 19")


@pytest.mark.rule(19, by="http")
def test_a_marker_that_the_protocol_asks_for_is_tested(ward):
    version, donor = published(ward.team, "UC-MSC-RA"), ward.giver(markers={"hiv_nat": "not_done"})
    (bag,) = ward.banked(ward.donated(donor, version), version)
    ward.assign(bag, ready_for_harvest(ward.team, code="UC-MSC-RA"))
    ward.release(bag)
    ward.said_no("rule 19")
    assert ward.tag(bag) != "Released"


@pytest.mark.rule(20, by="amendment")
@pytest.mark.rule(21, by="amendment")
@pytest.mark.parametrize(("which", "rule"), [(slice(0, 1), 20), (slice(0, 2), 21)])
def test_a_corrected_blood_group_is_compared_again(ward, cord, which, rule):
    bag, mine, _donor, (given, _taken) = cord
    for one, who in zip(given[which], ("technologist", "technologist2"), strict=False):
        ward.amend("technologist", one, abo="B", rhd="positive")
        ward.sign(who, one)
    ward.begin(ward.check(mine, bag), because="")
    ward.not_given(bag, f"rule {rule}")


@pytest.mark.rule(26, by=("http", "amendment"))
def test_an_order_for_a_knee_says_which(ward):
    mine = course(ward.team, body_site="knee", side="right", signed=True)
    assert ward.amend("physician", mine, side="").status_code == 422
    ward.said_no("rule 26")
    consented(mine, ward.team)
    ward.session.commit()
    assert ward.session.scalar(select(Consent)) is not None
    url = f"/patients/{mine.patient_id}/treatments/new/{mine.protocol_version_id}"
    typed = {"condition": "knee_osteoarthritis", "body_site": "knee", "side": "", "source": "bone_marrow"}
    assert ward.fill("physician", url, **typed).status_code == 422
