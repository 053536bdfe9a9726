"""While cells are given: the running page, events, the end, stopping early, and what may be taken back."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.administration.dose_change import DoseChange
from clinic.administration.events import InfusionEvent
from clinic.administration.models import Administration
from clinic.administration.monitoring import monitoring
from clinic.course_records import of_course
from clinic.followup.models import PlannedVisit
from clinic.release.product_state import state_of
from tests.bedside import released_product
from tests.factories import PASSWORD, ready_for_harvest
from tests.safety.driver import VITALS, Ward
from tests.safety.scanning import checks, text
from tests.safety.scenes import scene


@scene
def own(ward: Ward):
    """A released bag of a patient's own cells, and its course."""
    mine = ready_for_harvest(ward.team)
    return ward.verified(released_product(mine, ward.team)), mine


# running


@pytest.fixture
def begun(ward, own):
    bag, mine = own
    ward.give(mine, bag)
    made = ward.given(bag)
    assert made, ward.refused
    return made


def test_the_running_page_has_its_clocks_and_its_acts(ward, begun):
    shown = text(ward, f"/administrations/{begun.id}")
    for word in (
        "Running for",
        "Vital signs",
        "15 minutes",
        "Record the end",
        "Stop early",
        "Void",
        "Interrupt",
        "Reaction",
    ):
        assert word in shown, word


def _primary(ward, made):
    """The filled button of the running page."""
    shown = text(ward, f"/administrations/{made.id}").partition("What was recorded")[0]
    (found,) = re.findall(r"c-btn--go[^>]*>(?:<svg.*?</svg>)?([^<]+)<", shown)
    return found


@pytest.mark.rule(57)
def test_the_most_urgent_act_of_the_running_page_is_its_filled_button(ward, begun):
    assert _primary(ward, begun) == "Record the end of the injection"
    with ward.later(minutes=16):
        assert _primary(ward, begun) == "Vital signs"
        shown = text(ward, f"/administrations/{begun.id}")
        assert "Abort" not in shown
        acts = shown.partition("c-run")[2].partition("</dl>")[2]
        assert acts.index("Stop early") < acts.index("Vital signs") < acts.index(">Reaction") < acts.index("Void")
        assert "due now" in shown
        ward.fill("nurse", f"/administrations/{begun.id}/vital-signs", **VITALS)
        assert _primary(ward, begun) == "Record the end of the injection"
    page = text(ward, f"/administrations/{begun.id}/abort")
    assert "Stop the administration" not in page
    assert page.count("Stop early") >= 2


@pytest.mark.rule(57)
def test_one_set_of_vital_signs_answers_one_planned_set_the_oldest_due(ward, begun):
    start = begun.performed_at
    with ward.later(minutes=31):
        assert [one.words for one in monitoring(begun, clock.now())] == ["due now", "planned", "planned"]
        for _set in range(2):
            ward.fill("nurse", f"/administrations/{begun.id}/vital-signs", **VITALS)
        ward.session.expire_all()
        first, *rest = monitoring(begun, clock.now())
        assert re.fullmatch("done, 1[56] min late", first.words)
        assert [one.words for one in rest] == ["planned", "planned"]
        assert ward.end(begun, ended_at=clock.now(), volume_given="10").status_code == 303, ward.refused
        ward.session.expire_all()
        assert [one.words for one in monitoring(begun, clock.now())][1:] == ["done", "planned"]
    begun.ended_at = start + timedelta(minutes=2)
    assert [one.label for one in monitoring(begun, clock.now())] == ["At the end", "1 hour after the end"]


def test_an_adverse_event_can_be_reported_from_the_top_while_it_runs_and_afterwards(ward, begun):
    url = f"/administrations/{begun.id}"
    for _state in ("runs", "ended"):
        head = text(ward, url).partition('class="c-head"')[2].partition("c-sheet")[0]
        assert "Report an adverse event" in head
        ward.end(begun, ended_at=clock.now() + timedelta(minutes=1), volume_given="10")


def test_rate_interruption_and_reaction_are_recorded_in_their_order(ward, begun):
    at = f"/administrations/{begun.id}"
    assert ward.fill("nurse", f"{at}/events/rate", rate="20").status_code == 303
    assert ward.fill("nurse", f"{at}/events/resumed").status_code == 422
    ward.said_no("was not interrupted")
    assert ward.fill("nurse", f"{at}/events/stopped").status_code == 422
    assert ward.fill("nurse", f"{at}/events/stopped", reason="chills").status_code == 303
    assert "Resume" in text(ward, at)
    assert ward.fill("nurse", f"{at}/events/stopped", reason="again").status_code == 422
    assert ward.fill("nurse", f"{at}/events/resumed", rate="10").status_code == 303
    assert ward.fill("nurse", f"{at}/events/reaction", signs="chills", measures="paused").status_code == 303
    shown = text(ward, at)
    assert "Call the physician" in shown
    assert "20 mL/h" in shown
    kinds = [one.kind for one in ward.session.scalars(select(InfusionEvent).order_by(InfusionEvent.recorded_at))]
    assert kinds == ["rate", "stopped", "resumed", "reaction"]


def _said_of_events(ward, mine):
    """What the timeline says of each event, and what Today asks the nurse to do about events."""
    lines = text(ward, f"/patients/{mine.patient_id}/timeline").split('<details class="c-ev')
    tags = [
        re.findall(r'c-tag[^>]*">.*?</svg>([^<]+)</span>', line) for line in lines if f"<b>{InfusionEvent.NOUN}" in line
    ]
    return [tag[0] for tag in tags], text(ward, "/").count('Sign the events<span class="visually-hidden">')


def test_the_end_begins_with_the_signs_of_the_reaction_and_says_what_is_filled_in(ward, begun):
    at = f"/administrations/{begun.id}"
    ward.fill("nurse", f"{at}/events/reaction", signs="chills", measures="paused")
    for form in ("end", "abort"):
        shown = text(ward, f"{at}/{form}")
        assert ">chills</textarea>" in shown
        assert "Leave blank until the end" not in shown
    assert ">Prefilled: whole dose<" in text(ward, f"{at}/end")
    ward.fill("nurse", f"{at}/end", sure="one short injection", volume_given="10")
    assert "Reaction: Reaction" not in text(ward, f"/records/{begun.id}/signature")


@pytest.mark.rule(51)
def test_a_weight_of_today_is_not_nought_days_old(ward, own):
    bag, mine = own
    ward.fill("nurse", f"/patients/{mine.patient_id}/weights/new", kg="72,5")
    check = ward.check(mine, bag)
    (said,) = [line["left"] for line in check.evidence if line["check"] == "Weight"]
    assert said == "72.5 kg, weighed today"


@pytest.mark.rule(70)
def test_what_happened_is_read_and_signed_with_the_administration(ward, own, begun):
    _bag, mine = own
    at = f"/administrations/{begun.id}"
    ward.fill("nurse", f"{at}/events/reaction", signs="chills and flushing", measures="paused")
    ward.fill("nurse", f"{at}/end", sure="one short injection", volume_given="10")
    ward.session.expire_all()
    shown = text(ward, f"/records/{begun.id}/signature")
    assert "chills and flushing" in shown
    assert "Oxygen saturation" in shown
    assert _said_of_events(ward, mine) == (["Not signed"], 0)
    assert ward.sign("nurse", begun).status_code == 303
    ward.session.expire_all()
    assert [len(one.present_signatures) for one in begun.events] == [1]
    assert _said_of_events(ward, mine) == (["Signed"], 0)
    verifying = text(ward, f"/records/{begun.id}/signature", "physician")
    assert "chills and flushing" in verifying
    assert 'name="also"' not in verifying


@pytest.mark.rule(70)
def test_an_event_that_is_recorded_or_corrected_after_the_signature_waits_for_one(ward, own, begun):
    _bag, mine = own
    at = f"/administrations/{begun.id}"
    ward.fill("nurse", f"{at}/end", sure="one short injection", volume_given="10")
    ward.session.expire_all()
    ward.sign("nurse", begun)
    for signs in ("chills", "rash"):
        ward.fill("nurse", f"{at}/events/reaction", signs=signs)
    ward.session.expire_all()
    assert begun.signed
    assert _said_of_events(ward, mine) == (["Not signed", "Not signed"], 1)
    assert "Review and sign the events" in text(ward, at)
    assert ward.sign("nurse", begun.events[0]).status_code == 303
    ward.session.expire_all()
    assert _said_of_events(ward, mine) == (["Signed", "Signed"], 0)
    changed = ward.fill("nurse", f"/records/{begun.events[0].id}/amendment", measures="cooled", amend_reason="left out")
    assert changed.status_code == 303
    ward.session.expire_all()
    assert sorted(_said_of_events(ward, mine)[0]) == ["Signed", "Signed before the amendment"]
    assert _said_of_events(ward, mine)[1] == 1


@pytest.mark.parametrize(
    ("code", "act", "first", "other"),
    [
        ("BMAC-KNEE", "injection", "Get intravenous access", ("infusion", "saline", "Change the rate")),
        ("BM-MSC-MS", "infusion", "Keep the line open with saline", ("injection",)),
    ],
)
def test_the_pages_of_giving_speak_of_the_route(ward, code, act, first, other):
    mine = ready_for_harvest(ward.team, code=code)
    bag = ward.verified(released_product(mine, ward.team))
    ward.give(mine, bag)
    at = f"/administrations/{ward.given(bag).id}"
    reaction, running = (text(ward, url) for url in (f"{at}/events/reaction", at))
    assert f"Stop the {act}. {first}" in reaction
    assert reaction.index("Do this first") < reaction.index("Signs and symptoms")
    assert "Before you begin" not in reaction
    assert f"Record the end of the {act}" in running
    assert f"Record the end of the {act}" in text(ward, f"{at}/end")
    for word in other:
        assert word not in reaction
        assert word not in running.partition("What was recorded")[0]


@pytest.mark.rule(59)
@pytest.mark.hazard("H16")
def test_nothing_given_is_not_given(ward, begun):
    answer = ward.end(begun, volume_given="0", volume_wasted="10", partial_reason="broke")
    assert answer.status_code == 422
    ward.said_no("rule 59")
    ward.fill("nurse", f"/administrations/{begun.id}/abort", volume_given="0", because="line broke", rest="discarded")
    ward.session.expire_all()
    assert begun.outcome == "aborted"
    assert (begun.volume_given, begun.volume_wasted) == (0, 10)
    assert not begun.counts


@pytest.mark.rule(59)
def test_stopping_early_keeps_what_was_given_and_what_becomes_of_the_rest(ward, own, begun):
    bag, mine = own
    answer = ward.fill(
        "nurse", f"/administrations/{begun.id}/abort", volume_given="4", because="anaphylaxis", rest="returned"
    )
    assert answer.status_code == 303, answer.text
    ward.session.expire_all()
    assert (begun.volume_given, begun.volume_returned, begun.dose) == (4, 6, bag.amount * 4 / 10)
    assert state_of(of_course(ward.session, mine), bag, clock.now()).label == "Given"
    check = ward.check(mine, bag)
    assert not check.clear
    ward.said_no("given already")
    assert ward.move("technologist", bag, "stored", place="fridge").status_code >= 400
    assert ward.move("quality", bag, "discarded", reason="remainder").status_code == 303
    assert state_of(of_course(ward.session, mine), bag, clock.now()).label == "Given"


@pytest.mark.hazard("H15")
def test_a_start_by_mistake_is_voided_by_two_and_the_bag_may_be_given(ward, own, begun):
    bag, mine = own
    at, said = f"/administrations/{begun.id}/void", {"because": "wrong room", "own_password": PASSWORD}
    two = {"second_person_id": ward.team.physician.id, "password": PASSWORD}
    assert ward.fill("nurse", at, **said, **two, untouched="no").status_code == 422
    ward.said_no("Stop early instead")
    assert ward.fill("nurse", at, **said, **(two | {"password": "no"}), untouched="yes").status_code == 422
    assert ward.fill("nurse", at, **said, **two, untouched="yes").status_code == 303
    ward.session.expire_all()
    assert begun.voided
    assert len(begun.present_signatures) == 2
    assert ward.session.scalars(select(PlannedVisit)).all() == []
    assert "voided" in text(ward, f"/administrations/{begun.id}")
    with ward.later(minutes=2):
        ward.give(mine, bag)
        found = ward.session.scalars(select(Administration).where(Administration.product_id == bag.id)).all()
    assert [one.voided for one in sorted(found, key=lambda one: one.recorded_at)] == [True, False], ward.refused
    assert len(ward.session.scalars(select(PlannedVisit)).all()) == len(mine.says.visits)


@pytest.mark.hazard("H15")
def test_what_has_an_end_is_not_voided(ward, begun):
    ward.end(begun, volume_given="10")
    answer = ward.fill(
        "nurse", f"/administrations/{begun.id}/void", because="x", untouched="yes", own_password=PASSWORD,
        second_person_id=ward.team.physician.id, password=PASSWORD,
    )  # fmt: skip
    assert answer.status_code == 422
    ward.said_no("already recorded")


# another dose


@pytest.mark.rule(52)
def test_a_reduced_dose_needs_a_physicians_signature_with_a_reason(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    now = clock.now()
    bag = released_product(
        mine, ward.team, amount="36", frozen_at=now - timedelta(hours=3), thawed_at=now - timedelta(minutes=5)
    )
    ward.give(mine, bag)
    ward.not_given(bag, "rule 52")
    (check,) = checks(ward)
    assert "Approve another dose" in text(ward, f"/bedside-checks/{check.id}")
    url = f"/treatments/{mine.id}/dose-change"
    assert ward.browser("nurse").get(url).status_code == 403
    assert ward.fill("physician", url, low="0.4", high="0.6").status_code == 422
    answer = ward.fill("physician", url, low="0.4", high="0.6", reason="renal failure")
    assert answer.status_code == 303
    ward.give(mine, bag)
    ward.not_given(bag, "rule 52")
    (change,) = ward.session.scalars(select(DoseChange)).all()
    ward.sign("physician", change)
    ward.give(mine, bag)
    assert ward.given(bag), ward.refused
    other = released_product(
        mine, ward.team, amount="200", frozen_at=now - timedelta(hours=3), thawed_at=now - timedelta(minutes=5)
    )
    ward.give(mine, other)
    ward.not_given(other, "rule 52")
