"""A run of the laboratory leads from step to step, and says what is missing before it asks for a signature."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.processing.models import ProcessingRun
from tests.factories import PASSWORD, boxes, harvested, ready_for_harvest
from tests.reading import Page
from tests.safety.scenes import scene


@scene
def run(ward):
    """A run that was just started over 60 mL of marrow; its protocol filters and concentrates."""
    mine = ready_for_harvest(ward.team)
    bag = harvested(mine, ward.team).products[0]
    facts = {"performed_at": minutes(60), "performed_by_id": ward.team.technologist.id, "inputs": [bag.id]}
    facts |= {"received_intact": True, "received_temperature": "20"}
    assert ward.fill("technologist", f"/treatments/{mine.id}/processing/new", **facts).status_code == 303, ward.refused
    return ward.session.scalars(select(ProcessingRun)).one()


def minutes(ago):
    return clock.now() - timedelta(minutes=ago)


def step(ward, run, kind):
    facts = {"kind": kind, "performed_at": minutes(50), "performed_by_id": ward.team.technologist.id}
    return ward.fill("technologist", f"/runs/{run.id}/manipulations/new", **facts)


def containers(ward, run, volume="9"):
    facts = {"name": "MNC", "cell_type": "mnc", "container": "syringe", "alike": "1", "volume": volume}
    return ward.fill("technologist", f"/runs/{run.id}/outputs/new", **facts)


def end(ward, run, **facts):
    return ward.fill("technologist", f"/runs/{run.id}/end", **({"ended_at": minutes(5)} | facts))


def shown(ward, run, who="technologist"):
    page = Page.of(ward.browser(who).get(f"/runs/{run.id}").text)
    assert page.problems() == []
    return page


def next_title(ward, run, who="technologist"):
    html = ward.browser(who).get(f"/runs/{run.id}").text.partition('class="c-next')[2]
    return html.partition("<h2>")[2].partition("</h2>")[0]


def test_the_next_act_follows_the_order_of_the_work(ward, run):
    assert next_title(ward, run) == "Record the next step"
    assert "Next in the protocol: Filter." in shown(ward, run)
    assert step(ward, run, "filter").status_code == 303
    assert "Next in the protocol: Concentrate by centrifuge." in shown(ward, run)
    assert step(ward, run, "concentrate").status_code == 303
    assert next_title(ward, run) == "Record the containers"
    assert containers(ward, run).status_code == 303
    assert next_title(ward, run) == "Record end and balance"
    assert end(ward, run, waste_volume="51").status_code == 303
    assert next_title(ward, run) == "Sign the run"
    assert ward.sign("technologist", run).status_code == 303, ward.refused


def test_the_course_asks_for_the_same_next_act(ward, run):
    course = f"/treatments/{run.treatment_id}"
    assert "Record the next step" in ward.browser("technologist").get(course).text
    for kind in ("filter", "concentrate"):
        step(ward, run, kind)
    assert "Record the containers" in ward.browser("technologist").get(course).text
    containers(ward, run)
    assert "Record end and balance" in ward.browser("technologist").get(course).text


def test_what_a_rule_says_to_a_signature_stands_at_the_top_and_not_at_the_password(ward, run):
    answer = ward.sign("technologist", run)
    assert answer.status_code == 422
    assert "Record the containers first." in Page.of(answer.text).text
    assert "password-e" not in answer.text
    assert 'href="#password"' not in answer.text
    wrong = ward.fill("technologist", f"/records/{run.id}/signature", password="not this one")
    assert 'href="#password"' in wrong.text
    assert "password-e" in wrong.text


def test_a_balance_is_told_once_the_run_has_an_end(ward, post, run):
    assert "lost" not in shown(ward, run)
    for kind in ("filter", "concentrate"):
        step(ward, run, kind)
    browser = ward.browser("technologist")
    answer = post(browser, f"/runs/{run.id}/end", boxes("ended_at", minutes(5)))
    assert answer.status_code == 303
    assert "End saved. No container is recorded yet." in Page.of(browser.get(answer.location).text)
    assert "lost" in shown(ward, run)


@pytest.mark.rule(36)
def test_a_loss_without_a_reason_is_refused_at_its_box(ward, run):
    for kind in ("filter", "concentrate"):
        step(ward, run, kind)
    containers(ward, run)
    answer = end(ward, run)
    assert answer.status_code == 422
    assert 'href="#loss_reason"' in answer.text
    ward.said_no("85 % of the volume is lost")
    assert end(ward, run, loss_reason="bag leaked").status_code == 303, ward.refused


def test_steps_of_the_protocol_that_are_not_recorded_are_asked_for_and_answered_with_a_reason(ward, run):
    containers(ward, run)
    answer = end(ward, run, waste_volume="51")
    assert answer.status_code == 422
    ward.said_no("Steps of the protocol are not recorded: Filter, Concentrate by centrifuge.")
    assert end(ward, run, waste_volume="51", sure="closed system, both in one device").status_code == 303, ward.refused
    assert ward.sign("technologist", run).status_code == 303, ward.refused
    assert "closed system, both in one device" in shown(ward, run, "quality")


def test_a_run_whose_steps_are_missing_is_not_signed(ward, session, run):
    containers(ward, run)
    end(ward, run, waste_volume="51", sure="see the batch sheet")
    run.confirmed = {}
    session.flush()
    assert ward.fill("technologist", f"/records/{run.id}/signature", password=PASSWORD).status_code == 422
    ward.said_no("Steps of the protocol are not recorded: Filter, Concentrate by centrifuge.")


def test_steps_of_an_earlier_run_are_not_asked_for_again(ward, session, run):
    for kind in ("filter", "concentrate"):
        step(ward, run, kind)
    containers(ward, run)
    end(ward, run, waste_volume="51")
    made = session.get(ProcessingRun, run.id).outputs[0]
    url = f"/treatments/{run.treatment_id}/processing/new"
    facts = {"performed_at": minutes(4), "performed_by_id": ward.team.technologist.id, "inputs": [made.id]}
    assert ward.fill("technologist", url, **facts).status_code == 303, ward.refused
    second = next(one for one in session.scalars(select(ProcessingRun)) if one.id != run.id)
    assert next_title(ward, second) == "Record the containers"
