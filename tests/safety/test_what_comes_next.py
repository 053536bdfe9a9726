"""One next action, the same on Today and on the course's page: running cells come first, frozen cells are thawed."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.access import Role
from clinic.administration import step as giving
from clinic.course_records import of_course
from clinic.pathway.course import next_action
from clinic.release.models import Release
from clinic.steps import Action
from tests.bedside import released_product
from tests.factories import PASSWORD, ready_for_harvest
from tests.safety.reacting import adverse_event

HOUR = timedelta(hours=1)


def next_of(ward, course, who="nurse"):
    shown = ward.browser(who).get(f"/treatments/{course.id}").text
    return shown.partition("Your next action")[2].partition("</section>")[0]


def asked_of(ward, course):
    ward.session.commit()
    return {one.title for one in giving.actions(of_course(ward.session, course), clock.now())}


@pytest.mark.rule(54)
def test_nobody_is_sent_to_the_bedside_with_frozen_cells(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag = ward.verified(released_product(mine, ward.team, frozen_at=clock.now() - HOUR))
    assert asked_of(ward, mine) == {"Thaw the cells"}
    ward.move("technologist", bag, "thawed", performed_at=clock.now())
    assert asked_of(ward, mine) == {"Check at the bedside"}


@pytest.mark.hazard("H29")
@pytest.mark.parametrize("who", ["nurse", "physician"])
def test_running_cells_come_before_who_must_be_told_of_a_reaction(ward, who):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag = ward.verified(released_product(mine, ward.team))
    ward.session.commit()
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused
    adverse_event(ward, mine, "Urticaria", seriousness="undecided", performed_at=clock.now())
    assert "Stop giving these cells" in next_of(ward, mine, who)


def act(title, who, **more):
    return Action(title=title, why="", who=(who,), to=("pathway.today", {}), **more)


@pytest.mark.parametrize(("days", "tag"), [(14, "Waiting for quality staff"), (0, "Your next action")])
def test_what_is_due_in_two_weeks_is_not_next_while_somebody_else_has_to_act_now(ward, app, days, tag):
    now = clock.now()
    culture = act("Enter the culture result", Role.TECHNOLOGIST, due_at=now + timedelta(days=days), due_words="final")
    failing = act("Decide on the failing product", Role.QUALITY, danger=True)
    with app.test_request_context():
        found = next_action([SimpleNamespace(actions=[culture, failing])], ward.team.technologist, now)
    assert found["tag"] == tag


@pytest.mark.rule(44)
def test_nobody_is_sent_to_the_bedside_before_the_named_physician_has_acknowledged_the_release(ward):
    """Also of cells whose last hour runs: the check would refuse them."""
    mine = ready_for_harvest(ward.team)
    bag = ward.verified(released_product(mine, ward.team))
    answer = ward.decide(bag, "conditional", reason="culture pending", physician_told=ward.team.physician.id)
    ward.fill("quality", answer.location, password=PASSWORD)
    bag.expires_at = clock.now() + HOUR
    assert "Check at the bedside" not in asked_of(ward, mine)
    decided = ward.session.scalars(select(Release).order_by(Release.recorded_at.desc())).first()
    assert ward.sign("physician", decided).status_code == 303, ward.refused
    assert "Check at the bedside" in asked_of(ward, mine)


@pytest.mark.rule(44)
def test_a_condition_that_quality_replaced_keeps_nobody_from_the_bedside(ward):
    mine = ready_for_harvest(ward.team)
    bag = ward.verified(released_product(mine, ward.team))
    for who in (ward.team.physician, ward.team.physician2):
        answer = ward.decide(bag, "conditional", reason="culture pending", physician_told=who.id)
        ward.fill("quality", answer.location, password=PASSWORD)
    decided = ward.session.scalars(select(Release).order_by(Release.recorded_at.desc())).first()
    assert "Check at the bedside" not in asked_of(ward, mine)
    assert ward.sign("physician2", decided).status_code == 303, ward.refused
    assert "Check at the bedside" in asked_of(ward, mine)
    assert "Acknowledge the release" not in ward.browser("physician").get("/").text
