"""What is known of a person counts in every course; what reached the patient is not void."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine

from clinic import clock
from clinic.administration.step import doses_given
from clinic.course_records import of_course
from clinic.demo import laboratory
from clinic.eligibility.models import Eligibility
from clinic.patients.models import Alert
from tests.bedside import VITALS, released_product
from tests.bedside import tested as record_result
from tests.factories import PASSWORD, day_boxes, harvested, patient, published, ready_for_harvest
from tests.safety.reacting import adverse_event, decide, newest, reaction
from tests.safety.scenes import scene


@scene
def two_bags(ward):
    """One patient with two bags of a donor's cells; the first one is being given."""
    cord, donor = published(ward.team, "UC-MSC-RA"), ward.giver()
    bags = ward.banked(ward.donated(donor, cord), cord, bags=2, amount="36.25")
    mine = ready_for_harvest(ward.team, code="UC-MSC-RA", donor=donor)
    for bag in bags:
        ward.assign(bag, mine)
        ward.release(bag)
    ward.give(mine, bags[0])
    assert ward.given(bags[0]) is not None, ward.refused
    return bags, mine


# what is known of a person counts in every course


@scene
def frozen_bag(ward):
    """A patient's second course, with a bag in 10 % DMSO; the first course is the patient's other one."""
    person = patient(ward.team)
    other = ready_for_harvest(ward.team, person)
    mine = ready_for_harvest(ward.team, person, code="BM-MSC-MS")
    bag = dmso_bag(ward, mine)
    return bag, mine, other


def dmso_bag(ward, course):
    bag = released_product(
        course, ward.team, frozen_at=clock.now() - timedelta(hours=1), thawed_at=clock.now() - timedelta(minutes=2),
        cryo_medium="CryoStor CS10", dmso_percent=Decimal(10),
    )  # fmt: skip
    ward.session.commit()
    return bag


@pytest.mark.rule(23)
@pytest.mark.hazard("H25")
@pytest.mark.parametrize("allergy", ["DMSO: anaphylaxis", "dimethyl sulfoxide", "DMSO, urticaria"])
def test_an_allergy_on_another_course_is_compared(ward, frozen_bag, allergy):
    bag, mine, other = frozen_bag
    decide(ward, other, eligible=False, additive_allergy=allergy)
    decide(ward, mine, who="physician2")
    ward.sign("physician2", newest(ward, Eligibility))
    ward.give(mine, bag)
    ward.not_given(bag, "warns of a component")


@pytest.mark.rule(23)
@pytest.mark.parametrize(
    ("no", "asks"),
    [
        ({"active_infection": True}, True),
        ({"reasons": "pregnancy test positive"}, True),
        ({"malignancy": True}, True),
        ({"reasons": "sepsis since yesterday"}, True),
        ({"reasons": "the knee is not swollen any more"}, True),
        ({"reasons": "the knee is not swollen any more", "concerns": "course"}, False),
    ],
)
@pytest.mark.parametrize("signed", [True, False])
def test_a_no_for_the_person_on_another_course_asks_for_a_new_decision(ward, frozen_bag, no, asks, signed):
    bag, mine, other = frozen_bag
    one = decide(ward, other, eligible=False, **no)
    if signed:
        ward.sign("physician", one)
    ward.give(mine, bag)
    if not asks:
        assert ward.given(bag) is not None, ward.refused
        return
    ward.not_given(bag, "other course")
    with ward.later(minutes=3):
        ward.sign("physician2", decide(ward, mine, who="physician2"))
        ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused


# what the harvest put in is a component


CONFIRMED = {"confirmed": {"anticoagulant_volume": "by the surgeon's order", "anticoagulant": "by the order"}}


def collected(ward, allergies, vehicle=None, **harvest):
    """A container of a patient with an allergy; how it was collected is told."""
    course = ready_for_harvest(ward.team, patient(ward.team, allergy_status="present", allergies=allergies))
    made = clock.now() - timedelta(hours=2)
    taken = harvested(course, ward.team, at=made - timedelta(hours=1, minutes=10), **harvest)
    run = laboratory.process(
        ward.team, course, taken.products, made - timedelta(minutes=10), until=made, vehicle=vehicle
    )
    (bag,) = laboratory.fill(ward.team, run, made, volume=Decimal(10), name="Cells to give", amounts=[Decimal(6)])
    laboratory.close_run(ward.team, run, made, verified=True)
    for spec in course.says.qc:
        record_result(bag, ward.team, course.protocol_version, spec, value=None, at=made)
    laboratory.release(ward.team, course, bag, made, decision="conditional")
    ward.session.commit()
    return course, bag


@pytest.mark.rule(23)
@pytest.mark.parametrize(
    ("allergy", "harvest"),
    [
        ("heparin (HIT 2021)", {"anticoagulant": "heparin", **CONFIRMED}),
        ("enoxaparin", {"anticoagulant": "acd_a_heparin", **CONFIRMED}),
        ("citrate", {"anticoagulant": "acd_a"}), ("ACD-A", {"anticoagulant": "cpd"}),
        ("lidocaine (anaphylaxis)", {"lidocaine_mg": Decimal(100)}),
    ],
)  # fmt: skip
def test_what_was_added_at_the_harvest_is_in_the_bag(ward, allergy, harvest):
    course, bag = collected(ward, allergy, vehicle="Saline", **harvest)
    ward.give(course, bag)
    ward.not_given(bag, "warns of a component")


@pytest.mark.rule(23)
@pytest.mark.parametrize(
    ("allergy", "vehicle"), [("albumin (anaphylaxis)", None), ("gelatin", None), ("lidocaine (anaphylaxis)", "Saline")]
)
def test_what_nobody_knows_of_the_bag_a_person_compares(ward, allergy, vehicle):
    course, bag = collected(ward, allergy, vehicle=vehicle)
    check = ward.check(course, bag)
    asked = [line for line in check.evidence if "llerg" in line["check"]]
    assert asked
    assert all(line["warning"] for line in asked), asked
    ward.begin(check, because="")
    ward.not_given(bag, "Compare the allergy")


@pytest.mark.rule(23)
def test_an_allergy_to_what_is_not_in_a_known_bag_agrees(ward):
    course, bag = collected(ward, "albumin", vehicle="Saline", anticoagulant="none")
    ward.give(course, bag, because="")
    assert ward.given(bag) is not None, ward.refused


# an alert about an allergy is not ended by one person


def alert_about(ward, course, text):
    answer = ward.fill("physician", f"/patients/{course.patient_id}/alerts/new", text=text)
    assert answer.status_code == 303, ward.refused
    return newest(ward, Alert)


@pytest.mark.rule(23)
@pytest.mark.hazard("H25")
@pytest.mark.parametrize("how", ["closed", "reworded", "shortened"])
@pytest.mark.parametrize("text", ["Anaphylaxis to DMSO 2019", "No cryoprotectant with DMSO!!"])
def test_an_alert_about_an_allergy_counts_until_a_second_person_confirms_its_end(ward, how, text):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag = dmso_bag(ward, mine)
    alert = alert_about(ward, mine, text)
    with ward.later(days=1):
        yesterday = day_boxes("until_on", clock.today("Europe/Berlin"))
        done = {
            "closed": lambda: ward.fill("coordinator", f"/alerts/{alert.id}/closing", reason="no longer applies"),
            "reworded": lambda: ward.amend("coordinator", alert, text="Prefers tea"),
            "shortened": lambda: ward.amend("coordinator", alert, **yesterday),
        }[how]()
        assert done.status_code == 303, ward.refused
    with ward.later(days=2):
        ward.check(mine, bag)
        ward.not_given(bag, "has not confirmed")
        alert = newest(ward, Alert)
        url = f"/patients/{mine.patient_id}/corrections/{alert.unconfirmed[0].id}"
        assert ward.fill("coordinator2", url, password=PASSWORD).status_code >= 400
        assert f"{alert.unconfirmed[0].id}" in ward.browser("nurse").get(f"/patients/{mine.patient_id}/alerts").text
        assert "Confirm the correction" in ward.browser("nurse").get(f"/patients/{mine.patient_id}").text
        assert ward.fill("nurse", url, password=PASSWORD).status_code == 303, ward.refused
        check = ward.check(mine, bag)
    assert not any("warns of a component" in reason["because"] for reason in check.reasons)


@pytest.mark.rule(23)
def test_any_other_alert_is_closed_by_one_person(ward):
    mine = ready_for_harvest(ward.team)
    alert = alert_about(ward, mine, "Hard of hearing")
    ward.fill("coordinator", f"/alerts/{alert.id}/closing", reason="has a hearing aid")
    alert = newest(ward, Alert)
    assert not alert.unconfirmed
    assert not alert.shown_on(clock.today("Europe/Berlin"))


# what reached the patient is not void


def void(ward, given):
    answers = {"because": "pressed by mistake", "untouched": "yes", "own_password": PASSWORD, "password": PASSWORD}
    url = f"/administrations/{given.id}/void"
    return ward.fill("nurse", url, second_person_id=ward.team.physician.id, **answers)


@pytest.mark.rule(59)
@pytest.mark.hazard("H15")
@pytest.mark.parametrize("what", ["reaction", "rate", "vital signs", "late", "event"])
def test_a_start_after_which_something_happened_is_not_void(ward, two_bags, what):
    (first, _second), mine = two_bags
    given = ward.given(first)
    with ward.later(minutes=20 if what == "late" else 5):
        if what == "reaction":
            reaction(ward, given, "anaphylaxis")
        elif what == "rate":
            done = ward.fill("nurse", f"/administrations/{given.id}/events/rate", rate="50", performed_at=clock.now())
            assert done.status_code == 303, ward.refused
        elif what == "vital signs":
            signs = VITALS | {"performed_at": clock.now()}
            done = ward.fill("nurse", f"/administrations/{given.id}/vital-signs", sure="seen", **signs)
            assert done.status_code == 303, ward.refused
        elif what == "event":
            adverse_event(ward, mine, "anaphylaxis", serious=["life_threatening"])
        assert void(ward, given).status_code >= 400
        ward.said_no("Stop early instead")
        assert not ward.given(first).voided


@pytest.mark.rule(59)
def test_a_start_by_mistake_is_void_within_a_quarter_of_an_hour(ward, two_bags):
    given = ward.given(two_bags[0][0])
    with ward.later(minutes=10):
        assert void(ward, given).status_code == 303, ward.refused


# a dose in several bags is one giving, and two joints are two places


@pytest.mark.rule(23)
@pytest.mark.parametrize(("amount", "passes"), [("36.25", True), ("72.5", False)])
def test_the_bags_of_one_dose_are_one_giving_across_midnight(ward, amount, passes):
    cord, donor = published(ward.team, "UC-MSC-RA"), ward.giver()
    bags = ward.banked(ward.donated(donor, cord), cord, bags=2, amount=amount)
    mine = ready_for_harvest(ward.team, code="UC-MSC-RA", donor=donor)
    for bag in bags:
        ward.assign(bag, mine)
        ward.release(bag)
    late = clock.now().replace(hour=22, minute=40)  # 23:40 at the clinic
    with time_machine.travel(late, tick=True):
        ward.give(mine, bags[0])
        with ward.later(minutes=10):
            ward.end(ward.given(bags[0]))
    with time_machine.travel(late + timedelta(minutes=30), tick=True):
        ward.give(mine, bags[1])
    assert (ward.given(bags[1]) is not None) is passes, ward.refused
    assert doses_given(of_course(ward.session, mine)) == 1
    if not passes:
        ward.said_no("Decide again before the next dose")
    else:  # the page of either bag shows the sum of both
        shown = ward.browser("nurse").get(f"/administrations/{ward.given(bags[1]).id}").text
        whole = shown.partition("This dose, all containers within 24 hours")[2].partition("</p>")[0]
        said = re.sub(r"<[^>]+>|\s+", "", whole)
        assert said.count("+") == 1, said
        assert said.endswith("=1×106/kg"), said


@pytest.mark.rule(52)
@pytest.mark.parametrize(("sides", "passes"), [(("right", "left"), True), (("right", "right"), False)])
def test_the_dose_of_a_joint_is_summed_per_joint(ward, sides, passes):
    person = patient(ward.team)
    bags = []
    for side in sides:
        course = ready_for_harvest(ward.team, person, code="BM-MSC-KNEE", side=side)
        bags.append(released_product(course, ward.team, amount="100"))
        ward.give(course, bags[-1])
    assert ward.given(bags[0]) is not None, ward.refused
    assert (ward.given(bags[1]) is not None) is passes, ward.refused
    if not passes:
        ward.said_no("rule 52")
