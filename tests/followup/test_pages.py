"""Follow-up in a browser: the baseline, a planned visit, contacts, adverse events, and what the worklist asks."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.access import Role
from clinic.administration.models import Administration
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.models import FollowUpVisit, PlannedVisit
from clinic.followup.step import OPEN, OVERDUE, actions
from tests.bedside import checked, given, released_product
from tests.factories import boxes, day_boxes, ready_for_harvest
from tests.judging import records_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from clinic.treatments.models import Treatment
    from tests.factories import Team


CAUSES = ("from_cells", "from_harvest", "from_delivery")


@pytest.fixture
def treated(team: Team) -> Treatment:
    """A course whose cells were given just now."""
    course = ready_for_harvest(team)
    given(checked(course, released_product(course, team), team), team)
    return course


def event(team: Team, **more: Any) -> dict[str, Any]:
    """The form of an adverse event, filled in."""
    return (
        boxes("performed_at", clock.now())
        | day_boxes("aware_on", clock.today("Europe/Berlin"))
        | {
            "performed_by_id": team.nurse.id,
            "term": "Septic arthritis",
            "grade": "3",
            "serious": ["hospitalisation"],
            "from_cells": "possible",
            "from_harvest": "unlikely",
            "from_delivery": "probable",
            "expected": "unexpected",
            "outcome": "ongoing",
        }
        | ({"seriousness": "no"} if more.get("serious") == [] else {})
        | more
    )


def test_the_baseline_is_read_before_the_cells_and_not_planned_again(
    team: Team, session: Session, client_as: Callable, post: Callable, page: Callable
) -> None:
    course = ready_for_harvest(team)
    nurse, at = client_as("nurse"), f"/treatments/{course.id}/visits"
    assert "Record the baseline" in page(nurse, at)
    assert "lower is better" in page(nurse, f"{at}/new")
    form = boxes("performed_at", clock.now()) | {
        "performed_by_id": team.nurse.id,
        "name": "Baseline",
        "made": "made",
        "alive": "yes",
        "score_vas_pain_cm": "7,2",
        "score_womac": "52",
    }
    answer = post(nurse, f"{at}/new", form)
    assert answer.status_code == 303, answer.text
    assert "7.2 cm" in page(nurse, answer.location)
    given(checked(course, released_product(course, team), team), team)
    names = session.scalars(select(PlannedVisit.name).order_by(PlannedVisit.number)).all()
    assert names[0] == "Day 1 safety contact"
    assert "Month 24" in page(client_as("inspector"), at)


@pytest.mark.rule(63)
def test_a_planned_visit_is_written_down_with_its_change_since_baseline(
    treated: Treatment, team: Team, session: Session, client_as: Callable, post: Callable, page: Callable
) -> None:
    at = clock.now()
    first = FollowUpVisit.log(by=team.nurse, at=at, treatment=treated, performed_at=at, performed_by=team.nurse)
    first.score("vas_pain_cm", by=team.nurse, at=at, value=Decimal(7))
    team.add(first)
    month = session.scalars(select(PlannedVisit).where(PlannedVisit.name == "Month 3")).one()
    nurse, form = (
        client_as("nurse"),
        boxes("performed_at", at)
        | {"performed_by_id": team.nurse.id, "made": "made", "alive": "yes", "score_vas_pain_cm": "10.5"}
        | {"new_symptoms": "no"},
    )
    address = f"/planned-visits/{month.id}/visit"
    page(nurse, address)
    refused = post(nurse, address, form)
    assert refused.status_code == 422
    assert "10.5 is outside" in refused.text
    form |= {"score_vas_pain_cm": "3"}
    asked = post(nurse, address, form)
    assert asked.status_code == 422
    assert "is outside the window of this visit" in asked.text
    form |= {"performed_at-sure": "yes", "performed_at-why": "She came early, before a journey."}
    answer = post(nurse, address, form)
    shown = page(nurse, answer.location)
    assert "4 better than baseline (7 cm); at least the MCID" in shown
    assert "Month 3, outside its window" in shown
    schedule = page(nurse, f"/treatments/{treated.id}/visits")
    assert "Data table" in schedule
    assert "outside its window" in schedule
    assert post(nurse, address, form).status_code == 409


@pytest.mark.rule(62, by="http")
def test_after_three_contacts_without_an_answer_the_patient_may_be_called_lost(
    treated: Treatment, team: Team, session: Session, client_as: Callable, post: Callable, page: Callable
) -> None:
    month = session.scalars(select(PlannedVisit).where(PlannedVisit.name == "Month 1")).one()
    coordinator, address = client_as("coordinator"), f"/planned-visits/{month.id}"
    lost = boxes("performed_at", clock.now()) | {
        "performed_by_id": team.coordinator.id,
        "made": "lost",
        "missed_reason": "no answer",
        "alive": "yes",
    }
    assert "needs 3 contacts" in post(coordinator, f"{address}/visit", lost).text
    for _ in range(3):
        contact = boxes("performed_at", clock.now()) | {
            "performed_by_id": team.coordinator.id,
            "way": "call",
            "result": "not_reached",
        }
        assert post(coordinator, f"{address}/contacts", contact).status_code == 303
    assert "Call: Not reached" in page(coordinator, f"{address}/contacts")
    assert post(coordinator, f"{address}/visit", lost).status_code == 303
    assert "Missed" in page(coordinator, f"/treatments/{treated.id}/visits")


@pytest.mark.rule(67)
def test_a_serious_unexpected_event_starts_its_clock(
    treated: Treatment, team: Team, session: Session, client_as: Callable, post: Callable, page: Callable
) -> None:
    nurse, at = client_as("nurse"), f"/treatments/{treated.id}/adverse-events"
    form = page(nurse, f"{at}/new")
    assert 'value="Joint effusion"' in form.html
    answer = post(nurse, f"{at}/new", event(team))
    assert answer.status_code == 303, answer.text
    shown = page(nurse, answer.location)
    assert "Day 0 of 15" in shown
    assert "Counts as unexpected and related until" in shown
    assert "Serious" in page(client_as("quality"), at)
    session.expire_all()
    running = [one for one in actions(records_of(treated), clock.now()) if one.since is not None]
    assert {one.title for one in running} == {"Send the report", "Notify the laboratory", "Notify the ethics board"}
    (line,) = [one for one in running if one.title == "Send the report"]
    assert (line.due_at - line.since).days == 15
    assert "Septic arthritis" in line.why
    assert treated.patient.record_number in page(client_as("physician"), "/")


@pytest.mark.rule(67)
@pytest.mark.parametrize(("serious", "days"), [("life_threatening", 7), ("hospitalisation", 15), (None, 0)])
def test_a_running_report_stands_on_every_page_about_the_patient(
    treated: Treatment, team: Team, session: Session, client_as: Callable, post: Callable, serious: str, days: int
) -> None:
    told = event(team, term="Anaphylaxis", serious=[serious] if serious else [])
    assert post(client_as("nurse"), f"/treatments/{treated.id}/adverse-events/new", told).status_code == 303
    cells = session.scalars(select(Administration)).one()
    browser = client_as("physician")
    pages = [f"/patients/{treated.patient_id}", f"/treatments/{treated.id}", f"/administrations/{cells.id}"]
    for address in ["/", *pages]:
        board = browser.get(address).text.partition('<section class="c-sae" id="serious"')[2].partition("</section>")[0]
        assert ("Anaphylaxis" in board) is bool(days), address
        own, told_too, _rest = board.partition("Notify the ")
        whole = address in {"/", f"/treatments/{treated.id}"}  # there everybody else who must be told has a row as well
        later = board if whole else own
        assert later.count("<i></i>") == (2 * days + 1 if whole and days else days), address
        assert bool(told_too) is (whole and bool(days)), address
    made = session.scalars(select(AdverseEvent)).one()
    if days:
        sent = day_boxes("reported_on", clock.today("Europe/Berlin")) | {
            "reported_to": "FDA, 1",
            "version": str(made.version),
        }
        assert post(client_as("quality"), f"/adverse-events/{made.id}/report", sent).status_code == 303
    left = {"/": "Serious, unexpected", pages[1]: "Authority or sponsor", f"/adverse-events/{made.id}": "days · send"}
    for address in ["/", *pages]:
        text = browser.get(address).text
        assert (left.get(address, 'id="serious"') if days else 'id="serious"') not in text, address


@pytest.mark.rule(65)
def test_a_death_is_written_into_the_patients_record_with_the_event(
    treated: Treatment, team: Team, session: Session, client_as: Callable, post: Callable
) -> None:
    physician, at = client_as("physician"), f"/treatments/{treated.id}/adverse-events/new"
    fatal = event(team, grade="5", outcome="fatal", serious=["death"])
    assert "Died on: required" in post(physician, at, fatal).text
    session.expire_all()
    assert treated.patient.died_on is None
    assert post(physician, at, fatal | day_boxes("died_on", clock.today("Europe/Berlin"))).status_code == 303
    session.expire_all()
    assert treated.patient.died_on == clock.today("Europe/Berlin")


@pytest.mark.rule(64)
def test_a_report_from_the_page_of_the_cells_begins_with_the_reaction(
    treated: Treatment, team: Team, session: Session, client_as: Callable, post: Callable, page: Callable
) -> None:
    nurse, cells = client_as("nurse"), session.scalars(select(Administration)).one()
    happened = (clock.now() + timedelta(minutes=1)).replace(second=0, microsecond=0)  # after the seconds of the start
    said = {
        "performed_by_id": team.nurse.id,
        "signs": "chills, flushing",
        "severity": "mild",
        "measures": "clemastine 2 mg",
    }
    answer = post(nurse, f"/administrations/{cells.id}/events/reaction", said | boxes("performed_at", happened))
    assert answer.status_code == 303, answer.text
    shown = page(nurse, f"/administrations/{cells.id}")
    (url,) = {link for link in shown.links if "/adverse-events/new" in link}
    asked = page(nurse, url)
    when = boxes("performed_at", happened)
    filled = {"term": "chills, flushing"} | {name: when[name] for name in when if not name.endswith("-m")}
    assert {name: asked.values[name] for name in filled} == filled
    assert ">clemastine 2 mg</textarea>" in asked.html
    assert post(nurse, url, event(team, term="Chills")).status_code == 303
    made = session.scalars(select(AdverseEvent)).one()
    assert (made.term, made.administration_id) == ("Chills", cells.id)
    other = ready_for_harvest(team)
    session.commit()
    assert nurse.get(url.replace(treated.id, other.id)).status_code == 404


@pytest.mark.rule(68, by="http")
def test_an_onset_before_the_first_procedure_asks_once(
    treated: Treatment, team: Team, session: Session, client_as: Callable, post: Callable
) -> None:
    nurse, at = client_as("nurse"), f"/treatments/{treated.id}/adverse-events/new"
    early = event(team) | boxes("performed_at", clock.now() - timedelta(days=40))
    asked = post(nurse, at, early)
    assert asked.status_code == 422
    assert "before the first procedure. Is this right?" in asked.text
    sure = early | {"performed_at-sure": "yes", "performed_at-why": "symptoms began at home"}
    assert post(nurse, at, sure).status_code == 303
    assert session.scalars(select(AdverseEvent)).one().confirmed == {"performed_at": "symptoms began at home"}


@pytest.mark.rule(62)
def test_visits_are_overdue_or_open_by_their_windows(treated: Treatment) -> None:
    titles = [(line.title, line.danger) for line in actions(records_of(treated), clock.now() + timedelta(days=33))]
    assert titles.count((OVERDUE, False)) == 3, "late, and no danger: red is for harm and legal clocks"
    assert titles.count((OPEN, False)) == 1


def test_an_event_waits_on_the_physicians_list_until_it_is_signed(
    treated: Treatment, team: Team, session: Session, client_as: Callable, post: Callable
) -> None:
    nurse, course = client_as("nurse"), treated.id
    assert (
        post(
            nurse, f"/treatments/{course}/adverse-events/new", event(team, expected="expected", serious=[])
        ).status_code
        == 303
    )
    told = session.scalars(select(AdverseEvent)).one()
    (line,) = [one for one in actions(records_of(treated), clock.now()) if one.title == "Assess and sign the event"]
    assert (line.who, line.to) == ((Role.PHYSICIAN,), ("events.show", {"event_id": told.id}))
    told.assess(at=clock.now(), grade="2", expected="expected", **dict.fromkeys(CAUSES, "possible"))
    told.sign(by=team.physician, at=clock.now())
    session.flush()
    assert "Assess and sign the event" not in {line.title for line in actions(records_of(treated), clock.now())}


@pytest.mark.rule(64)
@pytest.mark.rule(67)
def test_a_nurse_reports_a_physician_assesses_and_quality_sends_the_report(
    treated: Treatment, team: Team, session: Session, client_as: Callable, post: Callable, page: Callable
) -> None:
    nurse, course = client_as("nurse"), f"/treatments/{treated.id}/adverse-events"
    asked = page(nurse, f"{course}/new")
    assert not {"grade", "expected", *CAUSES} & set(asked.values)
    assert "Grades (CTCAE" not in asked
    shown = post(nurse, f"{course}/new", event(team)).location
    told = session.scalars(select(AdverseEvent)).one()
    assert told.unassessed, "a nurse's form asks for no judgment, and none is taken from it"
    assert "Day 0 of 15" in page(nurse, shown), "a serious event has its deadline before anybody has assessed it"
    assert "Assess the event" not in page(nurse, shown)
    assert nurse.get(f"{shown}/assessment").status_code == 403
    assert nurse.get(f"{shown}/report").status_code == 403
    physician = client_as("physician")
    assert f"{shown}/assessment" in page(physician, shown).links
    assessing = page(physician, f"{shown}/assessment")
    for said in ("Grades (CTCAE", "Septic arthritis", "New or prolonged hospitalization", team.nurse.printed_name):
        assert said in assessing, said
    assert "optional" not in assessing.text
    signature = f"/records/{told.id}/signature"
    refused = post(physician, signature, password="wrong-password")
    assert refused.status_code != 303
    judged = {"grade": "3", "expected": "unexpected", "version": str(told.version)} | dict.fromkeys(CAUSES, "possible")
    half = post(physician, f"{shown}/assessment", judged | {"expected": ""})
    assert half.status_code == 422
    assert "Expectedness: required (rule 64)" in half.text
    assert post(physician, f"{shown}/assessment", judged).location == signature
    session.expire_all()
    told.sign(by=team.physician, at=clock.now())
    session.commit()
    quality = client_as("quality")
    sent = day_boxes("reported_on", clock.today("Europe/Berlin")) | {"version": str(told.version)}
    assert "optional" not in page(quality, f"{shown}/report").text
    half = post(quality, f"{shown}/report", sent)
    assert half.status_code == 422
    assert "Report sent to: required" in half.text
    assert post(quality, f"{shown}/report", sent | {"reported_to": "Authority, 26-114"}).status_code == 303
    session.expire_all()
    assert told.report_due_on is None
    assert not told.signed, "a physician signs the event as it is now"


@pytest.mark.rule(67)
def test_a_nurse_who_calls_an_event_expected_afterwards_stops_no_clock(
    treated: Treatment, team: Team, session: Session, client_as: Callable, post: Callable, page: Callable
) -> None:
    physician = client_as("physician")
    shown = post(physician, f"/treatments/{treated.id}/adverse-events/new", event(team)).location
    told = session.scalars(select(AdverseEvent)).one()
    told.sign(by=team.physician, at=clock.now())
    session.commit()
    nurse, amendment = client_as("nurse"), f"/records/{told.id}/amendment"
    boxes_of = event(team, expected="expected") | {"version": str(told.version), "amend_reason": "it is in the leaflet"}
    assert post(nurse, amendment, boxes_of).status_code == 303
    session.expire_all()
    assert told.expected == "expected"
    assert "Day 0 of 15" in page(nurse, shown)
    titles = {line.title for line in actions(records_of(treated), clock.now())}
    assert {"Send the report", "Assess and sign the event"} <= titles
    told.sign(by=team.physician, at=clock.now())
    session.commit()
    assert "day 0 of" not in page(nurse, shown), "a physician confirmed it"


@pytest.mark.hazard("H35")
def test_the_worklist_is_kept_to_the_site(
    treated: Treatment, client_as: Callable, page: Callable, time_machine: Any
) -> None:
    time_machine.move_to(clock.now() + timedelta(days=33))
    number = treated.patient.record_number
    assert number not in page(client_as("nurse", site="south"), "/")
    assert number in page(client_as("nurse"), "/")
    titles = [one.title for one in actions(records_of(treated), clock.now())]
    assert titles.count(OVERDUE) == 3


def test_the_steps_pages_are_closed_to_who_does_not_do_them(treated: Treatment, client_as: Callable) -> None:
    assert client_as("technologist").get(f"/treatments/{treated.id}/visits/new").status_code == 403
    assert client_as("administrator").get(f"/treatments/{treated.id}/visits").status_code == 403
    assert client_as("coordinator").get(f"/treatments/{treated.id}/adverse-events/new").status_code == 403
    assert client_as("nurse", site="south").get(f"/treatments/{treated.id}/visits").status_code == 404


def test_the_schedule_is_read_by_as_many_queries_for_one_visit_as_for_three(
    treated: Treatment, team: Team, session: Session, client_as: Callable, queries: Callable
) -> None:
    nurse, counts, at = client_as("nurse"), [], clock.now()
    over = session.scalars(select(Administration)).one()  # while cells run, each page asks whether to stop them
    over.ended_at, over.volume_given = at, Decimal(1)
    session.commit()
    plans = session.scalars(select(PlannedVisit).order_by(PlannedVisit.number)).all()
    for chosen in (plans[:1], plans[1:3]):
        for plan in chosen:
            facts = {"performed_at": at, "performed_by": team.nurse, "plan_id": plan.id, "name": plan.name}
            made = FollowUpVisit.log(by=team.nurse, at=at, treatment=treated, **facts)
            made.score("nrs_pain", by=team.nurse, at=at, value=Decimal(3))
            team.add(made)
        nurse.get(f"/treatments/{treated.id}/visits")
        count = queries()
        assert nurse.get(f"/treatments/{treated.id}/visits").status_code == 200
        counts.append(count())
    assert counts[0] == counts[1] <= 20
