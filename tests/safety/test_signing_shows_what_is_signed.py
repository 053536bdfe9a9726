"""Whoever signs reads the whole record first; several records are signed with one password, all or none."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from clinic import clock
from clinic.demo import laboratory
from clinic.processing.models import ProcessingRun
from clinic.records import Signature
from clinic.release.models import Release
from tests import bedside
from tests.bedside import checked, given, released_product
from tests.factories import PASSWORD, harvested, ready_for_harvest
from tests.reading import Page
from tests.safety.driver import Sheet

DECISION = "conditional"
"""A culture takes fourteen days."""


@pytest.fixture
def bags(team):
    """Three containers of one verified run, tested, of cells collected this morning."""
    course, at = ready_for_harvest(team), clock.now() - timedelta(hours=3)
    harvest = harvested(course, team, at=at - timedelta(hours=1))
    run = laboratory.process(
        team, course, harvest.products, at, until=at + timedelta(minutes=30), vehicle=None, kinds=["wash", "formulate"]
    )
    made = at + timedelta(minutes=30)
    amounts = [course.says.dose.usual] * 3
    found = laboratory.fill(team, run, made, volume=Decimal(10), amounts=amounts, counted=True)
    laboratory.close_run(team, run, made)
    for bag in found:
        for spec in course.says.qc:
            bedside.tested(bag, team, course.protocol_version, spec, value=None, at=made)
    return found


def shown(ward, who, record):
    answer = ward.browser(who).get(f"/records/{record.id}/signature")
    assert answer.status_code == 200
    page = Page.of(answer.text)
    assert page.problems() == []
    return page.text


def signed(session, record):
    session.expire_all()
    return session.scalar(select(func.count()).select_from(Signature).where(Signature.record_id == record.id))


def decided(ward, bags):
    told = ward.team.physician.id
    for bag in bags:
        assert ward.decide(bag, DECISION, reason="Culture pending", physician_told=told).status_code == 303
    return list(ward.session.scalars(select(Release).order_by(Release.recorded_at, Release.id)))


def test_who_signs_a_run_reads_inputs_steps_lots_counts_and_containers(ward, session, bags):
    run = session.get(ProcessingRun, bags[0].run_id)
    step = run.manipulations[0]
    told = [run.inputs[0].product_id, step.headline(), f"Lot {step.lot}", step.equipment, bags[0].id, bags[2].id]
    text = shown(ward, "technologist2", run)
    for words in (*told, "Balance", "Viability"):
        assert words in text, words


def test_who_signs_a_release_reads_product_patient_course_results_and_limits(ward, team, session, bags):
    decision = decided(ward, bags[:1])[0]
    text = shown(ward, "quality", decision)
    course = bags[0].treatment
    for told in (bags[0].id, course.patient.display_name, course.title, "Viability", "Within", "decision"):
        assert told in text, told


def test_who_signs_an_administration_reads_the_vital_signs(ward, team):
    course = ready_for_harvest(team)
    record = given(checked(course, released_product(course, team), team), team)
    vitals = record.vital_signs[0]
    text = shown(ward, "physician", record)
    assert "Vital signs" in text
    assert f"{vitals.spo2} %" in text


def test_who_signs_an_administration_first_reads_which_cells_were_given_and_on_which_check(ward, team):
    course = ready_for_harvest(team)
    bag = released_product(course, team)
    record = given(checked(course, bag, team), team, confirmed={"warnings": "Read the number aloud"})
    text = shown(ward, "physician", record)
    assert "Sign the administration" in text
    what = text.partition("What you sign")[2]
    check = record.bedside_check
    for told in (bag.id, "Use before", check.done_by, check.second_person.printed_name, "“Read the number aloud”"):
        assert -1 < what.find(told) < what.find("Route"), told


def test_sister_bags_are_released_with_one_password_each_with_its_own_signature(ward, session, bags):
    decisions = decided(ward, bags)
    text = shown(ward, "quality", decisions[0])
    assert all(bag.id in text for bag in bags)
    also = [one.id for one in decisions[1:]]
    url = f"/records/{decisions[0].id}/signature"
    assert ward.fill("quality", url, password=PASSWORD, also=also).status_code == 303
    assert [signed(session, one) for one in decisions] == [1, 1, 1]
    assert {ward.tag(bag) for bag in bags} == {"Released, result pending"}


def test_only_the_record_that_was_opened_is_signed_until_another_is_ticked(ward, session, bags):
    decisions = decided(ward, bags)
    assert ward.fill("quality", f"/records/{decisions[0].id}/signature", password=PASSWORD).status_code == 303
    assert [signed(session, one) for one in decisions] == [1, 0, 0]


def test_a_wrong_password_loses_no_tick(ward, bags):
    decisions = decided(ward, bags)
    answer = ward.fill(
        "quality", f"/records/{decisions[0].id}/signature", password="not this one", also=[decisions[2].id]
    )
    assert answer.status_code == 422
    assert Sheet(answer.text).form(["password"])["also"] == [decisions[2].id]


def test_a_bag_that_is_not_ticked_stays_unsigned(ward, session, bags):
    decisions = decided(ward, bags)
    also = [decisions[1].id]
    assert (
        ward.fill("quality", f"/records/{decisions[0].id}/signature", password=PASSWORD, also=also).status_code == 303
    )
    assert [signed(session, one) for one in decisions] == [1, 1, 0]


@pytest.mark.hazard("H18")
@pytest.mark.parametrize("wrong", ["version", "password", "growth"])
def test_if_one_of_them_cannot_be_signed_none_is(ward, session, bags, wrong):
    decisions = decided(ward, bags)
    url, browser = f"/records/{decisions[0].id}/signature", ward.browser("quality")
    sent = Sheet(browser.get(url).text).form(["password"]) | {"password": [PASSWORD]}
    sent["also"] = [one.id for one in decisions[1:]]
    if wrong == "version":
        sent[f"version-{decisions[2].id}"] = ["99"]
    elif wrong == "password":
        sent["password"] = ["not this one"]
    else:
        ward.result(bags[2], "sterility", outcome="growth", finding="Staphylococcus")
    assert browser.post(url, data=sent).status_code in {409, 422}
    assert [signed(session, one) for one in decisions] == [0, 0, 0]


def test_nothing_that_is_not_offered_is_signed_along(ward, session, bags):
    decisions = decided(ward, bags)
    run = session.get(ProcessingRun, bags[0].run_id)
    before = signed(session, run)
    ward.fill("quality", f"/records/{decisions[0].id}/signature", password=PASSWORD, also=[run.id, "RL-000000000"])
    assert signed(session, run) == before
    assert [signed(session, one) for one in decisions] == [1, 0, 0]
