"""What is added to an adverse event, or made graver, after a physician answered for it (H29; rules 23, 43, 64)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clinic import clock
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.event_records import EventUpdate
from clinic.pathway.sweeping import disagreements
from clinic.records import Origin
from tests.factories import course, patient
from tests.safety.reacting import adverse_event, assess, decide, newest
from tests.safety.test_news_since_the_decision import merge, mine, sisters, visit

__all__ = ["mine", "sisters"]
pytestmark = pytest.mark.hazard("H29")


def added(ward, event, said, who="nurse", **more):
    """Add a follow-up report to an event."""
    facts = {"said": said, "performed_at": clock.now(), "outcome": event.outcome} | more
    answer = ward.fill(who, f"/adverse-events/{event.id}/updates/new", sure="seen", **facts)
    assert answer.status_code == 303, ward.refused
    return newest(ward, EventUpdate)


def signed_event(ward, course, term="Fever", serious=("hospitalisation",), **assessed):
    event = adverse_event(ward, course, term, serious=list(serious), outcome="resolved", ended_at=clock.now())
    assess(ward, event, **assessed)
    return newest(ward, AdverseEvent)


@pytest.mark.rule(43)
@pytest.mark.parametrize("said", ["S. aureus grew in the blood culture", "Intubated on the ICU", "Much worse today"])
def test_a_follow_up_report_holds_the_family_until_a_physician_has_signed_it(ward, sisters, said):
    bags, (hers, his) = sisters
    with ward.later(minutes=10):
        event = signed_event(ward, hers)
    with ward.later(minutes=20):
        report = added(ward, event, said)
        ward.give(his, bags[1])
        ward.not_given(bags[1], "not assessed by a physician yet")
        assert "Read and sign what was added" in ward.browser("physician").get("/").text
        shown = ward.browser("physician").get(f"/adverse-events/{event.id}").text
        assert f"/records/{report.id}/signature" in shown
        for who in ("nurse", "quality", "technologist"):
            for url in ("/", f"/treatments/{hers.id}", f"/adverse-events/{event.id}"):
                assert f"/records/{report.id}/signature" not in ward.browser(who).get(url).text, (who, url)
    with ward.later(minutes=30):
        assert ward.sign("physician", report).status_code == 303, ward.refused
        assert "Read and sign what was added" not in ward.browser("physician").get("/").text
        ward.give(his, bags[1])
    assert ward.given(bags[1]) is not None, ward.refused


@pytest.mark.rule(43)
def test_germs_in_a_follow_up_report_hold_until_they_are_unlikely_from_the_cells(ward, sisters):
    bags, (hers, his) = sisters
    with ward.later(minutes=10):
        event = signed_event(ward, hers, "Fever", serious=(), from_cells="possible")
        report = added(ward, event, "Klebsiella grew in the blood culture")
        assert ward.sign("physician", report).status_code == 303, ward.refused
    with ward.later(minutes=20):
        ward.give(his, bags[1])
    ward.not_given(bags[1], "not shown to be unlikely from the cells")


@pytest.mark.rule(23)
def test_a_follow_up_report_after_the_decision_stops_the_patient_s_own_next_bag(ward, mine):
    begun, bag = mine
    with ward.later(minutes=5):
        event = signed_event(ward, begun, "Headache", serious=())
        ward.sign("physician", decide(ward, begun))
    with ward.later(minutes=10):
        report = added(ward, event, "Septic shock, intubated", outcome="ongoing")
        ward.give(begun, bag)
        ward.not_given(bag, "Headache")
    with ward.later(minutes=15):
        assert ward.sign("physician", report).status_code == 303, ward.refused
        assert ward.sign("physician", newest(ward, AdverseEvent)).status_code == 303, ward.refused
        ward.give(begun, bag)
    assert ward.given(bag) is not None, ward.refused


@pytest.mark.rule(23)
@pytest.mark.parametrize("change", [
    {"narrative": "Unconscious, intubated, septic shock"}, {"action": "Transferred to the ICU, intubated"},
    {"outcome": "ongoing"},
])  # fmt: skip
def test_what_an_event_says_more_after_the_decision_is_news(ward, mine, change):
    begun, bag = mine
    with ward.later(minutes=5):
        event = adverse_event(ward, begun, "Headache", outcome="resolved")
        ward.sign("physician", decide(ward, begun))
    with ward.later(minutes=10):
        assert ward.amend("nurse", event, **change).status_code == 303, ward.refused
        ward.give(begun, bag)
    ward.not_given(bag, "Headache")


@pytest.mark.rule(23)
def test_a_slip_of_the_pen_is_no_news(ward, mine):
    begun, bag = mine
    with ward.later(minutes=5):
        event = adverse_event(ward, begun, "Headache", outcome="resolved", narrative="After the injecton, for an hour")
        ward.sign("physician", decide(ward, begun))
    with ward.later(minutes=10):
        changed = ward.amend("nurse", event, narrative="After the injection, for an hour")
        assert changed.status_code == 303, ward.refused
        ward.give(begun, bag)
    assert ward.given(bag) is not None, ward.refused


@pytest.mark.rule(23)
def test_a_note_of_a_visit_that_says_more_after_the_decision_is_news(ward, mine):
    begun, bag = mine
    with ward.later(minutes=5):
        told = visit(ward, begun, notes="Slight headache")
        ward.sign("physician", decide(ward, begun))
    with ward.later(minutes=10):
        changed = ward.amend("nurse", told, notes="Legs paralysed since noon, seizure, ambulance called")
        assert changed.status_code == 303, ward.refused
        ward.give(begun, bag)
    ward.not_given(bag, "told of new symptoms")


@pytest.mark.rule(43)
@pytest.mark.parametrize("change", [
    {"narrative": "Aspirate grew the same organism as the other bag"}, {"term": "Multi-organ failure"},
    {"narrative": "Coma, intubated, noradrenaline"},
    {"serious": ["hospitalisation", "disability"]},
])  # fmt: skip
def test_whatever_is_changed_of_a_signed_serious_event_holds_until_it_is_signed_again(ward, sisters, change):
    bags, (hers, his) = sisters
    with ward.later(minutes=10):
        event = signed_event(ward, hers)
    with ward.later(minutes=20):
        assert ward.amend("nurse", event, **change).status_code == 303, ward.refused
        ward.give(his, bags[1])
        ward.not_given(bags[1], "not assessed by a physician yet")
    with ward.later(minutes=30):
        assert ward.sign("physician", newest(ward, AdverseEvent)).status_code == 303, ward.refused
        ward.give(his, bags[1])
    assert ward.given(bags[1]) is not None, ward.refused


@pytest.mark.rule(23)
@pytest.mark.parametrize(("note", "term"), [
    ("Numb right hand, cannot grip", "Pain at the right knee"), ("Burning legs in the kitchen", "Kitchen burn"),
    ("", "Toe nail"), ("Yellow eyes, dark urine", "Splinter in the finger"),
])  # fmt: skip
def test_an_event_that_is_something_else_answers_no_visit(ward, mine, note, term):
    begun, bag = mine
    with ward.later(minutes=5):
        told = visit(ward, begun, notes=note)
        assess(ward, adverse_event(ward, begun, term, outcome="resolved", ended_at=clock.now()))
        assert "Report the adverse event" in ward.browser("nurse").get("/").text
        ward.give(begun, bag)
        ward.not_given(bag, "told of new symptoms")
    with ward.later(minutes=10):
        more = {"outcome": "resolved", "ended_at": clock.now(), "symptoms_of": told.id}
        assess(ward, adverse_event(ward, begun, "What she told", **more))
        assert "Report the adverse event" not in ward.browser("nurse").get("/").text
        ward.give(begun, bag)
    assert ward.given(bag) is not None, ward.refused


@pytest.mark.rule(23)
def test_a_note_that_is_written_anew_after_its_event_was_signed_asks_again(ward, mine):
    begun, bag = mine
    with ward.later(minutes=5):
        told = visit(ward, begun, notes="Slight headache")
        assess(ward, adverse_event(ward, begun, "Headache", outcome="resolved", symptoms_of=told.id))
    with ward.later(minutes=10):
        assert ward.amend("nurse", told, notes="Eyes yellow, cannot see").status_code == 303, ward.refused
        ward.give(begun, bag)
    ward.not_given(bag, "told of new symptoms")


@pytest.mark.rule(23)
@pytest.mark.rule(45)
def test_two_nurses_do_not_take_back_what_a_patient_told(ward, mine):
    begun, bag = mine
    with ward.later(minutes=5):
        told = visit(ward, begun, notes="Cannot move the left arm")
        assert ward.amend("nurse", told, why="Another patient", new_symptoms="no").status_code == 303, ward.refused
        assert ward.sign("nurse2", told).status_code == 303, ward.refused
        ward.give(begun, bag)
        ward.not_given(bag, "told of new symptoms")
    with ward.later(minutes=10):
        assert ward.sign("physician", told).status_code == 303, ward.refused
        ward.give(begun, bag)
    assert ward.given(bag) is not None, ward.refused


@pytest.mark.rule(64)
def test_which_visit_told_of_it_is_asked_and_can_be_corrected(ward, mine):
    begun, _bag = mine
    with ward.later(minutes=5):
        told = visit(ward, begun, notes="Yellow eyes")
        url = f"/treatments/{begun.id}/adverse-events/new"
        facts = {"term": "Jaundice", "outcome": "ongoing", "seriousness": "no", "performed_at": clock.now()}
        refused = ward.fill("nurse", url, **facts)
        assert refused.status_code == 422
        assert "Was this reported at a visit? Choose the visit" in refused.text
        event = adverse_event(ward, begun, "Jaundice")
        assert ward.amend("nurse", event, symptoms_of=told.id).status_code == 303, ward.refused
        shown = ward.browser("physician").get(f"/adverse-events/{event.id}").text
        assert "Yellow eyes" in shown
        assert ward.amend("nurse", event, symptoms_of="VI-NOBODYS00").status_code == 422


@pytest.mark.hazard("H27")
@pytest.mark.rule(23)
def test_what_was_signed_on_the_other_record_before_the_merge_answers_nothing_here(ward, mine):
    begun, bag = mine
    with ward.later(minutes=5):
        visit(ward, begun, notes="Yellow eyes")
    elsewhere = course(ward.team, patient(ward.team), signed=True)
    ward.session.commit()
    with ward.later(minutes=10):
        assess(ward, adverse_event(ward, elsewhere, "Toe nail", outcome="resolved", ended_at=clock.now()))
        merge(ward, begun, elsewhere.patient)
        ward.session.expire_all()
        ward.give(begun, bag)
    ward.not_given(bag, "told of new symptoms")


@pytest.mark.rule(43)
@pytest.mark.parametrize(("before", "after"), [
    ("Seen at home, afebrile", "Seen at home, febrile"), ("Asymptomatic", "Symptomatic"),
    ("Blood culture: -", "Blood culture: +"), ("Lactate < 2", "Lactate > 2"), ("Joint warm", "Joint worn"),
])  # fmt: skip
def test_a_letter_or_a_sign_can_say_the_opposite(ward, sisters, before, after):
    bags, (hers, his) = sisters
    with ward.later(minutes=10):
        event = adverse_event(ward, hers, "Fever", serious=["hospitalisation"], narrative=before, outcome="resolved")
        assess(ward, event)
    with ward.later(minutes=20):
        for text in dict.fromkeys((after.replace("worn", "worm"), after)):  # two slips are more than one
            assert ward.amend("nurse", newest(ward, AdverseEvent), narrative=text).status_code == 303, ward.refused
        ward.give(his, bags[1])
    ward.not_given(bags[1], "not assessed by a physician yet")


@pytest.mark.rule(43)
@pytest.mark.parametrize("said", ["Cardiac arrest, resuscitated, now on the ICU", "Intubated, in a coma"])
def test_a_grave_report_on_an_event_that_was_not_serious_holds_the_family(ward, sisters, said):
    bags, (hers, his) = sisters
    with ward.later(minutes=10):
        event = adverse_event(ward, hers, "Headache", outcome="resolved", ended_at=clock.now())
        assess(ward, event, grade="1")
        event = newest(ward, AdverseEvent)
    with ward.later(minutes=20):
        report = added(ward, event, said)
        ward.give(his, bags[1])
        ward.not_given(bags[1], "not assessed by a physician yet")
    with ward.later(minutes=30):
        assert ward.sign("physician", report).status_code == 303, ward.refused
        ward.give(his, bags[1])
    assert ward.given(bags[1]) is not None, ward.refused


@pytest.mark.rule(23)
def test_an_event_that_is_corrected_for_another_reason_answers_no_visit(ward, mine):
    begun, bag = mine
    with ward.later(minutes=5):
        nail = adverse_event(ward, begun, "Toe nail", outcome="resolved", ended_at=clock.now())
        told = visit(ward, begun, notes="Slight headache")
        headache = adverse_event(ward, begun, "Headache", outcome="resolved", symptoms_of=told.id)
        assess(ward, headache)
    with ward.later(minutes=10):
        assert ward.amend("nurse", told, notes="Eyes yellow, dark urine").status_code == 303, ward.refused
        assert ward.amend("nurse", nail, action="Plaster").status_code == 303, ward.refused
        assert ward.amend("nurse", headache, narrative="At home").status_code == 303, ward.refused
        assess(ward, nail)
        assert ward.sign("physician", headache).status_code == 303, ward.refused
        ward.give(begun, bag)
    ward.not_given(bag, "told of new symptoms")


@pytest.mark.rule(23)
def test_a_physician_who_signs_a_milder_event_has_read_the_grave_note(ward, mine):
    begun, bag = mine
    with ward.later(minutes=5):
        told = visit(ward, begun, notes="Chest pain, on the ICU for a night")
        event = adverse_event(ward, begun, "Angina", outcome="resolved", ended_at=clock.now(), symptoms_of=told.id)
        assert "Report the adverse event" not in ward.browser("nurse").get("/").text
        ward.give(begun, bag)
        ward.not_given(bag, "A physician signs the adverse event that was reported of it")
        assess(ward, event, grade="2")
        ward.give(begun, bag)
    assert ward.given(bag) is not None, ward.refused


@pytest.mark.rule(23)
def test_a_decision_answers_every_visit_before_it(ward, mine):
    begun, bag = mine
    with ward.later(minutes=5):
        visit(ward, begun, notes="Seizure at noon")
        told = visit(ward, begun, notes="Slight headache")
        assert ward.amend("nurse", told, new_symptoms="").status_code == 303, ward.refused
        adverse_event(ward, begun, "Headache", outcome="resolved", ended_at=clock.now(), symptoms_of=told.id)
    with ward.later(minutes=10):
        ward.sign("physician", decide(ward, begun))
        assert "Report the adverse event" not in ward.browser("nurse").get("/").text
        ward.give(begun, bag)
    assert ward.given(bag) is not None, ward.refused


@pytest.mark.hazard("H27")
def test_a_merge_judges_what_shares_cells_with_the_other_record_s(ward, sisters):
    """A record with a serious event becomes the recipient's."""
    _bags, (hers, _his) = sisters
    with ward.later(minutes=10):
        elsewhere = course(ward.team, patient(ward.team), signed=True)
        ward.session.commit()
        adverse_event(ward, elsewhere, "Sepsis", serious=["life_threatening"])
        merge(ward, hers, elsewhere.patient)
        ward.session.expire_all()
        assert list(disagreements(ward.session, clock.now())) == []


def test_what_is_added_to_an_imported_event_is_read_by_a_physician(ward, mine):
    begun, _bag = mine
    with ward.later(minutes=5):
        event = AdverseEvent.log(
            by=ward.team.nurse, at=clock.now(), treatment=begun, term="Fever", outcome="ongoing", serious=[],
            performed_at=clock.now() - timedelta(minutes=2), performed_by=ward.team.nurse, origin=Origin.IMPORTED,
            aware_on=clock.today("Europe/Berlin"),
        )  # fmt: skip
        ward.team.add(event)
        ward.session.commit()
        added(ward, event, "Worse")
        assert "Assess and sign the event" in ward.browser("physician").get("/").text
        assess(ward, event)
    with ward.later(minutes=10):
        report = added(ward, newest(ward, AdverseEvent), "Worse again")
        assert "Read and sign what was added" in ward.browser("physician").get("/").text
        shown = ward.browser("physician").get(f"/adverse-events/{event.id}").text
        assert f"/records/{report.id}/signature" in shown
        assert ward.sign("physician", report).status_code == 303, ward.refused
        assert "Read and sign what was added" not in ward.browser("physician").get("/").text
