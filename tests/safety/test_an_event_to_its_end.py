"""An adverse event from the nurse's report to the physician's closing: who reviews, who is told, what leaves."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta

import pytest
import time_machine
from sqlalchemy import select

from clinic import clock
from clinic.course_records import of_course
from clinic.exchange.withheld import Withheld
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.closing import is_closed
from clinic.followup.event_records import EventNotification, EventUpdate
from clinic.followup.step import actions
from tests.bedside import released_product
from tests.factories import PASSWORD, boxes, day_boxes, ready_for_harvest
from tests.pathway.test_page_and_list_agree import Outline
from tests.safety.driver import Sheet
from tests.safety.recipients import two_recipients
from tests.safety.scenes import scene

ASSESSED = {
    "grade": "4", "expected": "unexpected", "from_cells": "possible", "from_harvest": "unlikely",
    "from_delivery": "probable", "from_drug": "unlikely", "from_disease": "possible",
}  # fmt: skip
OF_CELLS = {"Notify the laboratory", "Notify the donor's physician", "Notify the physicians of other patients"}


@pytest.fixture(autouse=True)
def morning():
    """A story lasts some hours: it begins in the morning, so that it ends on the same day."""
    with time_machine.travel(clock.now().replace(hour=8, minute=0, second=0), tick=True):
        yield


def tasks(ward, course):
    ward.session.expire_all()
    return {one.title for one in actions(of_course(ward.session, course), clock.now())}


@scene
def reported(ward):
    """Sepsis after a bag of a donor whose other bag another patient waits for; a nurse reported it just now."""
    bags, courses = two_recipients(ward)
    said = boxes("performed_at", clock.now()) | day_boxes("aware_on", clock.today("Europe/Berlin"))
    name = ward.team.nurse.printed_name.split()[-1]
    said |= {"term": "Sepsis", "serious": ["life_threatening"], "outcome": "ongoing", "narrative": f"{name} saw it."}
    url = f"/treatments/{courses[0].id}/adverse-events/new"
    assert ward.fill("nurse", url, performed_by_id=ward.team.nurse.id, **said).status_code == 303, ward.refused
    return ward.session.scalars(select(AdverseEvent)).one(), courses[0], bags[1]


def assessed(ward, event, **changed):
    ward.fill("physician", f"/adverse-events/{event.id}/assessment", **(ASSESSED | changed))
    assert ward.sign("physician", event).status_code == 303, ward.refused


def told(ward, event, recipient, who="nurse", **said):
    url = f"/adverse-events/{event.id}/notifications/new?recipient={recipient}"
    return ward.fill(who, url, performed_by_id=ward.team.nurse.id, **said)


@pytest.mark.rule(67)
@pytest.mark.hazard("H29")
def test_everybody_who_must_be_told_is_on_today_until_the_record_of_it_is_there(ward, reported):
    event, course, bag = reported
    assert tasks(ward, course) >= {*OF_CELLS, "Send the report", "Assess and sign the event"}
    today = ward.browser("physician").get("/").text
    assert "Notify the laboratory: Sepsis, serious" in today
    page = ward.browser("physician").get(f"/adverse-events/{event.id}").text
    assert f'href="/products/{bag.id}"' in page, "the other bag, its state and its recipient"
    assert told(ward, event, "laboratory").status_code == 422
    ward.said_no("Enter who was told", "rule 67")
    assert told(ward, event, "laboratory", whom="Cell laboratory", way="phone").status_code == 303
    assert "Notify the laboratory" not in tasks(ward, course)
    assert "Notify the laboratory: Sepsis, serious" not in ward.browser("physician").get("/").text
    assert "not_needed" not in ward.browser("nurse").get(f"/adverse-events/{event.id}/notifications/new").text
    both = {"whom": "Dr Far", "way": "phone", "not_needed": "The donor has no physician."}
    assert told(ward, event, "donor_physician", "quality", **both).status_code == 422
    assert told(ward, event, "donor_physician", "quality", not_needed=both["not_needed"]).status_code == 303
    assert "Notify the donor's physician" not in tasks(ward, course)
    with ward.later(days=2):
        left = [one for one in actions(of_course(ward.session, course), clock.now()) if "other patients" in one.title]
        assert left[0].danger
        assert left[0].due_at < clock.now(), "late, and still in red"


@pytest.mark.rule(67)
def test_a_report_is_on_today_once_and_cells_whose_time_ends_come_before_it(ward, reported):
    html = ward.browser("physician").get("/").text
    page = Outline(html)
    red, mine = ([line.text for line in page.items[part]] for part in ("h-serious", "h-mine"))
    for title in ("Send the report", "Notify the laboratory"):
        assert len([line for line in red if title in line]) == 1, title
        assert not [line for line in mine if title in line], title
    bag = released_product(ready_for_harvest(ward.team), ward.team)
    bag.expires_at = clock.now() + timedelta(minutes=50)
    ward.team.add(bag)
    for who in ("nurse", "physician"):
        html = ward.browser(who).get("/").text
        assert html.index('id="mine"') < html.index('id="serious"'), who
    calm = ward.browser("coordinator").get("/").text
    assert calm.index('id="serious"') < calm.index('id="mine"')


@pytest.mark.rule(67)
def test_all_who_must_be_told_are_in_red_the_soonest_first_and_nobody_is_led_to_a_refusal(ward, reported):
    event, course, _bag = reported
    notify = f"/adverse-events/{event.id}/notifications/new?recipient=laboratory"
    for page in (f"/adverse-events/{event.id}", f"/treatments/{course.id}"):
        board = ward.browser("nurse").get(page).text.partition('class="c-sae"')[2].partition("</section>")[0]
        assert -1 < board.find(notify.partition("?")[0]) < board.find("donor"), page
        assert board.find("aboratory") < board.find("7<small>"), page
        assert "Waiting for physician or quality staff" in board, "the report to the authority"
    for who in ("technologist", "inspector"):
        for page in ("/", f"/adverse-events/{event.id}", f"/treatments/{course.id}"):
            boards = ward.browser(who).get(page).text.split('class="c-sae"')[1:]  # cells that run are stopped, too
            board = next(one for one in boards if "h-stop" not in one).partition("</section>")[0]
            assert board
            assert "Waiting for nurse or physician" in board, (who, page)
            for url in re.findall(r'<a [^>]*href="([^"]+)"', board):
                assert ward.browser(who).get(url.replace("&amp;", "&")).status_code == 200, (who, page, url)


@pytest.mark.rule(66)
def test_whether_an_event_is_serious_is_answered_and_may_be_left_to_a_physician(ward, reported):
    _event, course, _bag = reported
    url = f"/treatments/{course.id}/adverse-events/new"
    said = boxes("performed_at", clock.now()) | day_boxes("aware_on", clock.today("Europe/Berlin"))
    said |= {"term": "Rash", "outcome": "ongoing", "performed_by_id": ward.team.nurse.id}
    wrong = [{}, {"seriousness": "yes"}, {"seriousness": "no", "serious": ["hospitalisation"]}]
    for told_so in wrong:
        assert ward.fill("nurse", url, **said, **told_so).status_code == 422, told_so
        ward.said_no("at least one reason" if told_so == {"seriousness": "yes"} else "Is it serious?")
    assert ward.fill("nurse", url, **said, seriousness="undecided").status_code == 303, ward.refused
    open_one = ward.session.scalars(select(AdverseEvent).where(AdverseEvent.term == "Rash")).one()
    assert open_one.serious is None
    shown = ward.browser("nurse").get(f"/adverse-events/{open_one.id}").text
    assert "counts as serious until a physician decides" in shown
    assert open_one.report_due_on is not None, "it counts as serious until a physician decides"
    assess = f"/adverse-events/{open_one.id}/assessment"
    assert ward.fill("physician", assess, **ASSESSED | {"grade": "2"}).status_code == 422
    assert ward.fill("physician", assess, **ASSESSED | {"grade": "2"}, seriousness="no").status_code == 303, (
        ward.refused
    )
    ward.session.expire_all()
    assert open_one.serious == []


@pytest.mark.rule(67)
def test_nobody_need_be_told_of_cells_that_a_physician_finds_unlikely_and_a_correction_alone_ends_nothing(
    ward, reported
):
    event, course, _bag = reported
    assessed(ward, event, from_cells="unlikely", from_delivery="unlikely", expected="expected")
    assert not tasks(ward, course) & {*OF_CELLS, "Send the report"}
    ward.amend("physician", event, from_cells="probable")
    ward.sign("physician", event)
    assert tasks(ward, course) >= OF_CELLS
    ward.amend("nurse", event, from_cells="unlikely")
    ward.sign("physician", event)
    ward.amend("physician", event, from_cells="possible")
    ward.amend("physician", event, from_cells="unlikely", serious=[], outcome="resolved")
    ward.sign("physician", event)
    assert tasks(ward, course) >= OF_CELLS, "who weakened it alone silences nobody"
    ward.sign("physician2", event)
    assert not tasks(ward, course) & OF_CELLS


@pytest.mark.rule(64)
@pytest.mark.rule(67)
def test_a_grave_event_is_reviewed_by_two_physicians_told_of_and_closed_by_one_and_opens_again(ward, reported):
    event, course, _bag = reported
    closing, shown = f"/adverse-events/{event.id}/closing", f"/adverse-events/{event.id}"
    end = {"outcome": "resolved", "said": "Recovered, cultures negative.", "password": PASSWORD}
    ward.fill("physician", closing, **end)
    ward.said_no("must assess and sign", "Notify the laboratory first", "says another outcome")
    assessed(ward, event)
    assert "Review the event" in tasks(ward, course)
    assert "Second review due" in ward.browser("physician").get(shown).text
    for who in ("laboratory", "recipients", "donor_physician", "ethics"):
        told(ward, event, who, whom="Somebody", way="letter")
    sent = day_boxes("reported_on", clock.today("Europe/Berlin")) | {"reported_to": "Authority, 26-114"}
    ward.fill("quality", f"{shown}/report", **sent)
    news = {"said": "Afebrile since noon.", "outcome": "resolved", "performed_by_id": ward.team.nurse.id}
    with ward.later(hours=2):
        assert ward.fill("nurse", f"{shown}/updates/new", **news).status_code == 422
        ward.said_no("End: required, because the outcome is “Resolved”")
        news |= boxes("ended_at", clock.now())
        assert ward.fill("nurse", f"{shown}/updates/new", **news).status_code == 303, ward.refused
        ward.session.expire_all()
        assert (event.outcome, event.serious) == ("resolved", ["life_threatening"])
        assert event.amendments[-1].reason == "Follow-up report 1: Afebrile since noon."
        assert "<del>Ongoing</del> <ins>Resolved</ins>" in ward.browser("nurse").get(shown).text
        page, by = ward.browser("physician").get(shown).text, ward.team.physician.printed_name
        assert page.count(f"Assessed and signed by {by}, ") == 2
        assert "Follow-up report 1 is not signed yet." in page
        assert "No physician has assessed it" not in page
        assert "Assess and sign the event" in tasks(ward, course)
        assert "since noon.”." not in page
        assert "Send the follow-up report" in tasks(ward, course)
        told(ward, event, "authority", whom="Authority", way="portal", **boxes("performed_at", clock.now()))
        ward.sign("physician", event)
        assert ward.fill("physician", closing, **end).status_code == 422
        ward.said_no("second physician must review")
        ward.sign("physician2", event)
        assert "Close the event" in tasks(ward, course)
        assert ward.browser("nurse").get(closing).status_code == 403
        assert ward.fill("physician", closing, **(end | {"password": "wrong-password"})).status_code != 303
        assert ward.fill("physician", closing, **end).status_code == 303, ward.refused
        ward.session.expire_all()
        assert is_closed(event)
        assert ward.session.scalars(select(EventUpdate)).all()[-1].signed
        assert "Close the event" not in tasks(ward, course)
        assert ward.fill("quality", f"{shown}/reopening", said="").status_code == 422
        assert ward.fill("quality", f"{shown}/reopening", said="Fever again.").status_code == 303
        ward.session.expire_all()
        assert not is_closed(event)
        assert ward.fill("quality", f"{shown}/reopening", said="Twice.").status_code == 422


@pytest.mark.rule(73)
def test_an_event_leaves_as_e2b_data_that_says_what_is_recorded_and_why_the_rest_is_missing(ward, reported):
    event, course, bag = reported
    assessed(ward, event)
    other = bag.treatment.patient
    news(ward, event, f"As in {other.family_name.upper()}, {other.given_names}.")
    text = ward.browser("quality").get(f"/adverse-events/{event.id}/e2b.json").text
    case, patient = json.loads(text), course.patient
    for name in (
        patient.family_name,
        patient.given_names,
        ward.team.nurse.printed_name,
        ward.team.physician.printed_name,
    ):
        assert not re.search(rf"\b{re.escape(name)}\b", text), name  # the short "Bo" is also in "Body Weight"
    assert case["D"]["D.1.1.3"]["value"] == patient.record_number
    (reaction,), (drug,) = case["E.i"], case["G.k"]
    assert [one for one, said in reaction.items() if one.startswith("E.i.3.2") and "value" in said] == ["E.i.3.2b"]
    read = {number: said.get("value", said.get("nullFlavor")) for number, said in reaction.items()}
    assert (read["E.i.1.1a"], read["E.i.7"], read["E.i.8"], read["E.i.2.1b"]) == ("Sepsis", "3", True, "NI")
    assert read["E.i.4"] == clock.local(event.performed_at, "Europe/Berlin").isoformat()
    assert (case["C"]["C.1.4"]["value"], case["C"]["C.1.7"]["value"]) == (event.aware_on.isoformat(), True)
    (judged,) = drug["G.k.9.i"]
    assert [one["G.k.9.i.2.r.3"]["value"] for one in judged["G.k.9.i.2.r"]] == ["Possible", "Probable"]
    assert drug["G.k.1"]["value"] == "1"
    assert "Related to the disease: Possible; Expectedness: Unexpected" in case["H"]["H.4"]["value"]
    assert case["H"]["H.1"]["value"] == "[name removed] saw it.\nAs in [name removed]."
    assert re.match(r"[3-9] words of free texts", case["withheld"])
    assert all(("value" in one) != ("nullFlavor" in one) for one in _elements(case))


def _elements(part):
    if isinstance(part, list):
        return [found for one in part for found in _elements(one)]
    if "name" in part:
        return [part]
    return [
        found for key, one in part.items() if key not in {"standard", "missing", "withheld"} for found in _elements(one)
    ]


NAMES = ["Dr Anna O'Hara", "Bo Li", "Kunibert Henschel", "Dr Ivo Novák", "Jörg Müller-Weiß", "June May"]
BORN = [date(1965, 12, 7)]


@pytest.mark.parametrize("text", [
    "henschel", "Henschels Knie", "KUNIBERT", "_Henschel_", "Frau_Henschel", "Henschel2", "Hensch\u00adel", "Dr Novak",
    "NOVÁK", "Nova\u0301k", "Müller", "MUELLER", "muller", "Weiss", "Weißens", "Mueller Weiss", "May", "May's", "Li",
    "Henschel, Kunibert", "O’Hara", "OHara", "O Hara", "1965-12-07", "7.12.1965", "07/12/65", "12/7/1965",
    "7 December 1965", "7. Dez. 1965", "Dec 7, 1965", "07DEC1965", "19651207", "7th of December 1965", "Mary Rose Ode",
    "rose-ode, mary", "Ode, Mary Rose",
])  # fmt: skip
def test_a_name_or_day_of_birth_is_taken_out_however_it_is_written(text):
    free = Withheld(NAMES, BORN, ["Mary Rose Ode"])
    said = free(f"Seen by {text}; fever.") or ""
    left = re.sub(r"Seen by|\[(name|date of birth) removed\]|; fever\.|Frau|Knie|Dr\b|[\W_]|2", "", said)
    assert (left, free.words > 0) == ("", True), said


@pytest.mark.parametrize("text", [
    "She may be discharged, Harare was far.", "Novavax given; menschel; 65 mL on 2026-12-07.",
    "lid and bone, rose 1965.", "Mary came, so did Ode.",
])  # fmt: skip
def test_what_is_no_name_stays(text):
    assert Withheld(NAMES, BORN, ["Mary Rose Ode"])(text) == text


def test_names_are_taken_out_of_a_free_text_whole_and_counted():
    free = Withheld(["Dr Anna O'Hara", "Bo Li"])
    assert free("Dr Anna O'Hara saw Bo Li; O'Hara called Anna. Harare was far.") == (
        "[name removed] saw [name removed]; [name removed] called [name removed]. Harare was far."
    )
    assert free.words == 9


def test_a_notification_is_never_before_the_day_on_which_the_clinic_knew(ward, reported):
    event, _course, _bag = reported
    early = boxes("performed_at", clock.now() - timedelta(days=2))
    assert told(ward, event, "ethics", whom="Board", way="email", **early).status_code == 422
    ward.said_no("is before “Date we became aware”")
    assert ward.session.scalars(select(EventNotification)).all() == []


def news(ward, event, said="Back with severe sepsis. Do not close."):
    """A follow-up report that changes no fact of the event."""
    url = f"/adverse-events/{event.id}/updates/new"
    assert ward.fill("nurse", url, said=said, performed_by_id=ward.team.nurse.id).status_code == 303, ward.refused


@pytest.mark.rule(64)
@pytest.mark.hazard("H18")
@pytest.mark.parametrize("act", ["closing", "reopening", "assessment", "report", "amendment", "signature"])
def test_nothing_is_decided_on_an_event_over_a_report_that_came_after_the_page_was_opened(ward, reported, act):
    event, _course, _bag = reported
    urls = {"amendment": f"/records/{event.id}/amendment", "signature": f"/records/{event.id}/signature"}
    url = urls.get(act, f"/adverse-events/{event.id}/{act}")
    if act in {"signature", "closing"}:
        ward.fill("physician", f"/adverse-events/{event.id}/assessment", **ASSESSED)
    who = ward.browser("quality" if act in {"reopening", "report"} else "physician")
    opened = Sheet(who.get(url).text).form(["version"])
    sent = opened | {"said": ["Over."], "outcome": ["resolved"], "amend_reason": ["slip"], "password": ["wrong"]}
    sent |= {name: [value] for name, value in ASSESSED.items()} | day_boxes("reported_on", clock.today("Europe/Berlin"))
    again = who.post(url, data=sent | {"reported_to": [""], "said": [""], "term": [""], "grade": ["9"]})
    news(ward, event)
    for form in (opened, Sheet(again.text).form(["version"]) if again.status_code == 422 else opened):
        sent |= {"reported_to": ["Authority"], "password": [PASSWORD], "idempotency_key": form["idempotency_key"]}
        answer = who.post(url, data=sent | {"version": form["version"]})
        assert answer.status_code == 409, "nor when the form was sent back for a fault in between"
        assert "Back with severe sepsis" in answer.text, "the page shows what came in"
    if act == "signature":
        assert "Back with severe sepsis" in who.get(url).text, "who signs reads the reports too"


@pytest.mark.rule(67)
def test_a_notification_names_a_container_of_the_same_cells_and_the_authority_is_never_excused(ward, reported):
    event, course, bag = reported
    version = course.protocol_version
    other = ward.banked(ward.donated(ward.giver(), version), version)[0]
    said = {"whom": "Clinic South", "way": "phone"}
    assert told(ward, event, f"facility&product={other.id}", **said).status_code == 409
    ward.said_no("no cells in common")
    assert told(ward, event, f"facility&product={bag.id}", **said).status_code == 303, ward.refused
    assert told(ward, event, f"laboratory&product={bag.id}", **said).status_code == 409
    for who in ("physician", "quality"):
        assert told(ward, event, "authority", who, not_needed="Not this time.").status_code == 422
        ward.said_no("is always told", "rule 67")
    assert told(ward, event, "authority", "quality", **said).status_code == 303, ward.refused
