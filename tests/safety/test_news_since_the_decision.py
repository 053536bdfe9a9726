"""Whatever the deciding physician could not read stops the cells until a physician has read it (rule 23, H27, H29)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clinic import clock
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.models import FollowUpVisit
from clinic.pathway.sweeping import disagreements
from tests.bedside import released_product
from tests.factories import consented, course, patient, ready_for_harvest
from tests.safety.driver import Sheet
from tests.safety.reacting import adverse_event, assess, decide, newest
from tests.safety.recipients import two_recipients
from tests.safety.scenes import scene
from tests.safety.test_two_records_of_one_person import merge

pytestmark = pytest.mark.rule(23)
NOT_ELIGIBLE = {"eligible": False, "concerns": "patient", "reasons": "Too frail after the stroke of last month"}


@scene
def mine(ward):
    """A course whose bag is released."""
    begun = ready_for_harvest(ward.team)
    return begun, ward.verified(released_product(begun, ward.team))


@scene
def sisters(ward):
    """Two patients, each with a bag of the same donation; the first patient got hers."""
    return two_recipients(ward)


# two records of one person


def an_alert(ward, other):
    said = {"text": "Cardiologist wants to see her first", "may_go_on": "no"}
    assert ward.fill("nurse", f"/patients/{other.patient_id}/alerts/new", **said).status_code == 303, ward.refused
    return "Cardiologist"


def a_no(ward, other):
    no = decide(ward, other, **NOT_ELIGIBLE)
    assert ward.sign("physician", no).status_code == 303, ward.refused
    return "Too frail"


def a_stop(ward, other):
    said = {"reason": "Acute myeloid leukemia found, no more cells", "performed_at": clock.now()}
    assert ward.fill("physician", f"/treatments/{other.id}/stop", sure="seen", **said).status_code == 303, ward.refused
    return "leukemia"


def an_event(ward, other):
    adverse_event(ward, other, "Ventricular tachycardia", serious=["life_threatening"])
    return "Ventricular tachycardia"


def an_assessed_event(ward, other):
    assess(ward, adverse_event(ward, other, "Heart attack", serious=["life_threatening"]), grade="3")
    return "Heart attack"


@pytest.mark.hazard("H27")
@pytest.mark.parametrize("write", [an_alert, a_no, a_stop, an_event, an_assessed_event])
def test_what_came_in_by_a_merge_after_the_decision_is_news(ward, mine, write):
    course_here, bag = mine
    other = course(ward.team, patient(ward.team), signed=True)
    consented(other, ward.team)
    ward.session.commit()
    said = write(ward, other)
    with ward.later(minutes=5):
        assert ward.sign("physician", decide(ward, course_here)).status_code == 303, ward.refused
        assert ward.check(course_here, bag).clear, ward.refused
        merge(ward, course_here, other.patient)
    with ward.later(minutes=10):
        ward.give(course_here, bag)
        ward.not_given(bag, said)
        assert list(disagreements(ward.session, clock.now())) == []
        assert ward.sign("physician", decide(ward, course_here)).status_code == 303, ward.refused
        ward.give(course_here, bag)
    assert ward.given(bag) is not None, ward.refused


# events


@pytest.mark.parametrize(
    "typed",
    [
        {"term": "Ventricular fibrillation", "serious": ["life_threatening"]},
        {"term": "Hypotension, resuscitation", "seriousness": "undecided"},
        {"term": "Hip fracture", "serious": ["hospitalisation"], "outcome": "resolved"},
    ],
)
def test_a_grave_event_that_was_over_and_that_nobody_had_written_is_news(ward, mine, typed):
    begun, bag = mine
    with ward.later(minutes=5):
        assert ward.sign("physician", decide(ward, begun)).status_code == 303, ward.refused
    with ward.later(minutes=10):
        then = {"performed_at": clock.now() - timedelta(hours=6), "ended_at": clock.now() - timedelta(hours=4)}
        adverse_event(ward, begun, **({"outcome": "sequelae"} | typed | then))
        ward.give(begun, bag)
        ward.not_given(bag, "Adverse event")
    with ward.later(minutes=20):
        told = newest(ward, AdverseEvent)
        assess(ward, told, **({"serious": ["life_threatening"]} if told.serious is None else {}))
        ward.give(begun, bag)
    assert ward.given(bag) is not None, ward.refused


@pytest.mark.hazard("H29")
def test_an_event_on_another_course_of_the_recipient_holds_the_family(ward, sisters):
    bags, (hers, his) = sisters
    second = course(ward.team, hers.patient, signed=True)
    ward.session.commit()
    with ward.later(minutes=10):
        event = adverse_event(ward, second, "Septic shock", serious=["life_threatening"])
        assert ward.tag(bags[1]) == "On hold"
        assert list(disagreements(ward.session, clock.now())) == []
        ward.give(his, bags[1])
        ward.not_given(bags[1], "Septic shock")
    with ward.later(minutes=20):
        assess(ward, event, grade="4")
        assert ward.tag(bags[1]) == "Released"
        assert list(disagreements(ward.session, clock.now())) == []
        ward.give(his, bags[1])
    assert ward.given(bags[1]) is not None, ward.refused


@pytest.mark.hazard("H29")
@pytest.mark.parametrize(
    ("term", "grade", "cells", "holds"),
    [
        ("Bacteremia, E. coli in two bottles", "2", "possible", True),
        ("Septic arthritis of the knee", "3", "unassessable", True),
        ("Kidney failure", "4", "certain", True),
        ("MRSA in the blood", "3", "possible", True),
        ("Gram-negative rods in the aspirate", "2", "possible", True),
        ("Urinary infection, E. coli", "2", "possible", False),
        ("Helicobacter breath test negative", "1", "possible", False),
        ("Bacteremia, line infection", "3", "unlikely", False),
        ("Pain at the patella", "2", "possible", False),
        ("Fever, blood cultures negative", "2", "possible", False),
    ],
)
def test_germs_and_high_grades_hold_the_family_whatever_they_are_called(ward, sisters, term, grade, cells, holds):
    bags, (hers, _his) = sisters
    with ward.later(minutes=10):
        event = adverse_event(ward, hers, term)
    with ward.later(minutes=20):
        assess(ward, event, grade=grade, from_cells=cells)
        assert (ward.tag(bags[1]) == "On hold") is holds, ward.tag(bags[1])


@pytest.mark.hazard("H29")
def test_what_became_worse_since_it_was_signed_is_assessed_again(ward, sisters):
    bags, (hers, _his) = sisters
    with ward.later(minutes=10):
        event = adverse_event(ward, hers, "Headache", outcome="resolved")
        assess(ward, event, grade="1", **dict.fromkeys(("from_cells", "from_harvest", "from_delivery"), "unrelated"))
        assert ward.tag(bags[1]) == "Released"
    with ward.later(minutes=20):
        ward.amend("nurse", event, narrative="The blood culture grew Staphylococcus aureus")
        assert ward.tag(bags[1]) == "On hold"
        assert list(disagreements(ward.session, clock.now())) == []
    with ward.later(minutes=30):
        assert ward.sign("physician2", event).status_code == 303, ward.refused
        assert ward.tag(bags[1]) == "Released"


@pytest.mark.hazard("H29")
def test_what_was_before_the_cells_speaks_against_none(ward, sisters):
    bags, (hers, _his) = sisters
    with ward.later(minutes=10):
        then = {"performed_at": clock.now() - timedelta(hours=7), "ended_at": clock.now() - timedelta(hours=5)}
        adverse_event(ward, hers, "Ventricular fibrillation", serious=["life_threatening"], outcome="resolved", **then)
        assert ward.tag(bags[1]) == "Released"


def test_a_high_grade_of_what_is_not_serious_is_asked_about(ward, sisters):
    _bags, (hers, _his) = sisters
    event = adverse_event(ward, hers, "Kidney failure")
    causes = dict.fromkeys(("from_cells", "from_harvest", "from_delivery"), "unlikely")
    facts = {"grade": "4", "expected": "unexpected"} | causes
    assert ward.fill("physician", f"/adverse-events/{event.id}/assessment", **facts).status_code == 422
    ward.said_no("no criterion of seriousness applies")


# visits


def visit(ward, of, notes, *, new_symptoms=True):
    """A contact at which the patient tells of something new, as a planned one asks after a first dose."""
    made = FollowUpVisit.log(
        by=ward.team.nurse, at=clock.now(), treatment=of, name="Call", made="made", alive=True, notes=notes,
        performed_at=clock.now(), performed_by=ward.team.nurse, new_symptoms=new_symptoms,
    )  # fmt: skip
    ward.team.add(made)
    ward.session.commit()
    return made


def test_new_symptoms_of_a_visit_stop_until_they_are_reported(ward, mine):
    begun, bag = mine
    with ward.later(minutes=5):
        told = visit(ward, begun, notes="Fever of 40, chills and a seizure; ambulance called")
        ward.give(begun, bag)
        ward.not_given(bag, "told of new symptoms")
        assert ward.amend("nurse", told, why="Wrong patient on the phone", new_symptoms="no").status_code == 303
        ward.give(begun, bag)
        ward.not_given(bag, "told of new symptoms")
    with ward.later(minutes=10):
        adverse_event(ward, begun, "Toothache")
        ward.give(begun, bag)
        ward.not_given(bag, "told of new symptoms")
        assess(ward, newest(ward, AdverseEvent), grade="3")
        ward.give(begun, bag)
        ward.not_given(bag, "told of new symptoms")
    with ward.later(minutes=15):
        assess(ward, adverse_event(ward, begun, "Seizure with fever", outcome="resolved", symptoms_of=told.id))
        ward.give(begun, bag)
    assert ward.given(bag) is not None, ward.refused


def test_symptoms_that_a_correction_tells_of_are_answered_by_no_earlier_event(ward, mine):
    begun, bag = mine
    with ward.later(minutes=5):
        told = visit(ward, begun, notes="Numb face, cannot close the eye", new_symptoms=False)
        assess(ward, adverse_event(ward, begun, "Splinter in the finger", outcome="resolved"))
    with ward.later(minutes=10):
        assert ward.amend("nurse", told, new_symptoms="yes").status_code == 303, ward.refused
        ward.give(begun, bag)
        ward.not_given(bag, "told of new symptoms")
    with ward.later(minutes=15):
        assess(ward, adverse_event(ward, begun, "Splinter in the toe", outcome="resolved"))
        ward.give(begun, bag)
        ward.not_given(bag, "told of new symptoms")
    with ward.later(minutes=20):
        assess(ward, adverse_event(ward, begun, "Bell's palsy", outcome="resolved", symptoms_of=told.id))
        ward.give(begun, bag)
    assert ward.given(bag) is not None, ward.refused


@pytest.mark.hazard("H27")
def test_an_infection_in_the_order_of_the_other_record_is_asked_about(ward, mine):
    begun, bag = mine
    other = course(ward.team, patient(ward.team), signed=True, comorbidities="Liver abscess")
    ward.session.commit()
    merge(ward, begun, other.patient)
    ward.session.expire_all()
    check = ward.check(begun, bag)
    assert any(line["left"] == "Liver abscess" for line in check.warnings), check.evidence


@pytest.mark.parametrize("by_physician", [True, False])
def test_mild_new_symptoms_are_answered_by_a_report_or_a_decision(ward, mine, by_physician):
    begun, bag = mine
    with ward.later(minutes=5):
        told = visit(ward, begun, notes="Slight headache in the morning")
    with ward.later(minutes=10):
        if by_physician:
            ward.sign("physician", decide(ward, begun))
        else:
            more = {"outcome": "resolved", "ended_at": clock.now(), "symptoms_of": told.id}
            adverse_event(ward, begun, "Headache", **more)
        ward.give(begun, bag)
    assert ward.given(bag) is not None, ward.refused


# a form that was open while something was written


def a_visit(ward, begun):
    return visit(ward, begun, notes="Legs paralysed since noon").name


@pytest.mark.parametrize("write", [an_alert, an_event, a_visit])
def test_a_decision_whose_form_was_opened_before_is_read_again(ward, mine, write):
    begun, _bag = mine
    url, browser = f"/treatments/{begun.id}/eligibility/new", ward.browser("physician")
    said = {
        "active_infection": ["no"], "pregnancy": ["not_applicable"], "malignancy": ["no"], "eligible": ["yes"],
    }  # fmt: skip
    opened = Sheet(browser.get(url).text).form(said)
    told = write(ward, begun)
    sent = {name: values for name, values in (opened | said).items() if name not in {"do", "q"}}
    answer = browser.post(url, data=sent)
    assert answer.status_code == 422
    assert "Written since you opened this form" in answer.text
    assert told in answer.text
    again = Sheet(answer.text).form(said)
    answer = browser.post(url, data={n: v for n, v in (again | said).items() if n not in {"do", "q"}})
    assert answer.status_code == 303 or "Written since" not in answer.text
