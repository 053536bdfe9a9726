"""What is corrected, known and summed around a giving."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.administration.vital_signs import VitalSigns
from clinic.eligibility.medication import ANTICOAGULANTS, named
from clinic.followup.adverse_events import AdverseEvent
from clinic.identifiers import new_id
from clinic.patients.models import Alert
from clinic.protocols.demonstration import DEMONSTRATIONS
from tests.bedside import checked, given, released_product
from tests.factories import consented, course, eligible, published, ready_for_harvest
from tests.safety.driver import VITALS, Ward
from tests.safety.scanning import checks, scan, text
from tests.safety.scenes import scene


@scene
def own(ward: Ward):
    """A released bag of a patient's own cells, and its course."""
    mine = ready_for_harvest(ward.team)
    return ward.verified(released_product(mine, ward.team)), mine


@pytest.fixture
def begun(ward, own):
    bag, mine = own
    ward.give(mine, bag)
    made = ward.given(bag)
    assert made, ward.refused
    return made


# amendments are judged as entries are


@pytest.mark.rule(26, by="amendment")
@pytest.mark.rule(55, by="amendment")
@pytest.mark.parametrize("wrong", [{"side": "left"}, {"body_site": "hip"}, {"route": "intravenous"}])
def test_an_administration_is_not_amended_to_another_place(ward, begun, wrong):
    ward.end(begun, volume_given="10")
    ward.sign("nurse", begun)
    ward.refused.clear()
    answer = ward.amend("nurse", begun, **wrong)
    assert answer.status_code in {409, 422}
    ward.said_no("rule 26", "rule 55")
    ward.session.expire_all()
    assert (begun.side, begun.body_site, begun.route) == ("right", "knee", "intra_articular")


@pytest.mark.rule(54, by="amendment")
def test_a_start_is_not_amended_past_the_thaw_limit(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    now = clock.now()
    bag = released_product(mine, ward.team, frozen_at=now - timedelta(hours=3), thawed_at=now - timedelta(minutes=20))
    ward.give(mine, bag)
    made = ward.given(bag)
    assert made, ward.refused
    with ward.later(hours=3):
        ward.end(made, ended_at=now + timedelta(minutes=20), volume_given="10")
        ward.refused.clear()
        answer = ward.amend(
            "nurse", made, performed_at=now + timedelta(minutes=90), ended_at=now + timedelta(minutes=95)
        )
        assert answer.status_code in {409, 422}
    ward.said_no("rule 54")


@pytest.mark.rule(54)
def test_an_end_after_the_thaw_limit_asks_why_and_takes_the_answer(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    now = clock.now()
    bag = released_product(mine, ward.team, frozen_at=now - timedelta(hours=3), thawed_at=now - timedelta(minutes=20))
    ward.give(mine, bag)
    made = ward.given(bag)
    with ward.later(hours=2):
        assert ward.end(made, volume_given="10").status_code == 422
        ward.said_no("rule 54")
        answer = ward.fill("nurse", f"/administrations/{made.id}/end", sure="slow flow", volume_given="10")
        assert answer.status_code == 303
    ward.session.expire_all()
    assert made.confirmed["ended_at"] == "slow flow"


@pytest.mark.rule(51)
def test_a_weight_that_is_corrected_afterwards_leaves_a_sentence_at_the_dose(ward, begun):
    mine = begun.treatment
    ward.end(begun, volume_given="10")
    weight = mine.patient.weights[-1]
    ward.amend("nurse", weight, kg="17.5")
    shown = text(ward, f"/administrations/{begun.id}")
    assert "The dose was computed with 72.5 kg; the weight is now 17.5 kg." in shown


@pytest.mark.rule(57)
def test_old_vital_signs_do_not_count(ward, own, begun):
    _bag, _mine = own
    signs = VITALS | {"performed_at": clock.now() - timedelta(days=400)}
    answer = ward.fill("nurse", f"/administrations/{begun.id}/vital-signs", **signs)
    assert answer.status_code == 422
    ward.said_no("rule 57")
    (before,) = ward.session.scalars(select(VitalSigns)).all()
    ward.refused.clear()
    assert ward.amend("nurse", before, performed_at=clock.now() - timedelta(days=400)).status_code in {409, 422}
    ward.said_no("rule 57")


@pytest.mark.rule(57)
def test_vital_signs_of_more_than_an_hour_ago_stop_the_gate(ward, own):
    bag, mine = own
    check = checked(mine, bag, ward.team)
    check.vital_signs.performed_at = clock.now() - timedelta(hours=2)
    ward.session.commit()
    ward.begin(check)
    ward.not_given(bag, "too old")


@pytest.mark.rule(69)
def test_no_day_of_death_before_the_cells_were_given(ward, begun):
    answer = ward.amend("physician", begun.treatment.patient, died_on=clock.now() - timedelta(days=2))
    assert answer.status_code >= 400
    assert begun.treatment.patient.died_on is None


# what is known of the patient


@pytest.mark.rule(23)
def test_an_allergy_that_is_not_understood_is_compared_by_a_person(ward, own):
    bag, mine = own
    bag.vehicle = "Ringer's lactate with 2 % albumin"
    mine.patient.allergy_status, mine.patient.allergies = "present", "Zyphoxin, penicillin"
    ward.session.commit()
    check = checked(mine, bag, ward.team)
    asked = [line["check"] for line in check.warnings if line["rule"] == 23]
    assert asked == ["Compare the allergy with the bag: Zyphoxin"]


@pytest.mark.rule(23)
def test_an_alert_counts_without_the_word_allergy(ward, own):
    bag, mine = own
    bag.vehicle = "Saline with albumin"
    alert = Alert.log(by=ward.team.nurse, at=clock.now(), patient=mine.patient, text="Human albumin!!")
    ward.team.add(alert)
    assert 23 in {r["rule"] for r in checked(mine, bag, ward.team).reasons}


@pytest.mark.rule(24)
def test_asacol_is_not_aspirin():
    assert named("Asacol 800 mg", ANTICOAGULANTS) == []
    assert named("ASA 100", ANTICOAGULANTS) == ["asa"]


@pytest.mark.rule(23)
def test_an_earlier_anaphylaxis_stops_until_a_physician_decides_again(ward, own):
    bag, mine = own
    at = clock.now() - timedelta(days=1)
    event = AdverseEvent.log(
        by=ward.team.nurse, at=at, treatment=mine, performed_at=at, performed_by=ward.team.nurse, term="Anaphylaxis",
        aware_on=clock.day(at, "Europe/Berlin"), grade="4", from_cells="probable", from_harvest="unlikely",
        from_delivery="unlikely", expected="unexpected", outcome="resolved",
        confirmed={"performed_at": "to the sedation before the harvest", "grade": "over after one dose of adrenaline"},
    )  # fmt: skip
    ward.team.add(event)
    ward.give(mine, bag)
    ward.not_given(bag, "Earlier reaction")
    eligible(mine, ward.team, at=clock.now() - timedelta(minutes=10))
    check = checked(mine, bag, ward.team)
    assert check.clear, check.reasons
    assert "Earlier reaction" in {line["check"] for line in check.warnings}


# sums are per person


@pytest.mark.rule(53, by="http")
def test_a_frozen_bag_without_its_dmso_cannot_be_judged(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    now = clock.now()
    bag = released_product(
        mine, ward.team, frozen_at=now - timedelta(hours=3), thawed_at=now - timedelta(minutes=5), dmso_percent=None
    )
    ward.give(mine, bag)
    ward.not_given(bag, "rule 53")


@pytest.mark.rule(42)
def test_endotoxin_adds_up_over_the_bags_of_an_hour(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    now = clock.now()
    thawed = {"frozen_at": now - timedelta(hours=3), "thawed_at": now - timedelta(minutes=5), "amount": "50"}
    bags = [
        released_product(mine, ward.team, volume="60", results={"endotoxin": Decimal("4.5")}, **thawed) for _n in (1, 2)
    ]
    given(checked(mine, bags[0], ward.team), ward.team, because="half a dose each")
    check = checked(mine, bags[1], ward.team)
    assert 42 in {r["rule"] for r in check.reasons}
    assert "last hour" in next(line["left"] for line in check.evidence if line["check"] == "Endotoxin")


@pytest.mark.rule(61)
def test_cells_of_another_course_an_hour_ago_ask_for_a_reason(ward, own):
    bag, mine = own
    other = course(ward.team, mine.patient, signed=True)
    consented(other, ward.team)
    eligible(other, ward.team)
    more = released_product(other, ward.team, amount="0.01")
    given(checked(mine, bag, ward.team), ward.team, because="first half of the dose")
    check = checked(other, more, ward.team)
    lines = {line["check"] for line in check.evidence if line["rule"] == 61 and line["warning"]}
    assert "Days since the last cells" in lines


@pytest.mark.rule(52)
def test_a_dose_in_two_bags_is_given_where_the_protocol_has_two_doses(ward):
    once = DEMONSTRATIONS["BM-MSC-MS"]
    twice = once.model_copy(update={"dose": once.dose.model_copy(update={"doses": 2, "days_between": 30})})
    published(ward.team, "BM-MSC-MS", content=twice)
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    assert mine.says.dose.doses == 2
    now = clock.now()
    thawed = {"frozen_at": now - timedelta(hours=3), "thawed_at": now - timedelta(minutes=5), "amount": "40"}
    bags = [released_product(mine, ward.team, **thawed) for _n in (1, 2)]
    for bag in bags:
        ward.give(mine, bag)
        assert ward.given(bag), ward.refused
    assert "all containers within 24 hours" in text(ward, f"/administrations/{ward.given(bags[1]).id}")


@pytest.mark.hazard("H7")
def test_a_code_of_nothing_is_a_refusal_that_is_kept(ward, own):
    _bag, mine = own
    answer = scan(ward, mine, mine.patient_id, new_id("PR"))
    assert answer.status_code == 303
    assert len(checks(ward)) == 1


@pytest.mark.rule(52, by="http")
def test_a_part_of_a_container_is_checked_as_the_dose_and_no_more_is_given_on_that_check(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag = ward.verified(released_product(mine, ward.team, amount="200"))
    assert ward.check(mine, bag).clear is False
    ward.said_no("rule 52")
    check = ward.check(mine, bag, volume="5")
    assert check.clear, check.reasons
    assert ward.begin(check, volume_issued="10").status_code in {409, 422}
    ward.said_no("Check again with the volume")
    assert ward.begin(check).status_code == 303, ward.refused
    record = ward.given(bag)
    assert record.volume_issued == Decimal(5)
    more = {"ended_at": clock.now(), "volume_given": "10", "volume_wasted": "0", "volume_returned": "0"}
    assert ward.end(record, **more).status_code in {409, 422}


@pytest.mark.rule(23)
@pytest.mark.parametrize("text", ["Never give these cells", "No cells before the director has called"])
def test_an_order_not_to_give_is_no_allergy_to_compare(ward, own, text):
    bag, mine = own
    ward.session.add(Alert.log(by=ward.team.nurse, at=clock.now(), patient=mine.patient, text=text))
    bag.vehicle = "Plasma-Lyte with something"
    ward.session.commit()
    check = checked(mine, bag, ward.team)
    assert not [line for line in check.warnings if line["check"].startswith("Compare the allergy")]
