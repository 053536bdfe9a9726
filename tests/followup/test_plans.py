"""The plan of visits follows the cells: their day, its correction, and every dose."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.administration.models import Administration
from clinic.followup.models import ContactAttempt, PlannedVisit
from clinic.protocols.demonstration import DEMONSTRATIONS
from tests.bedside import checked, given, released_product
from tests.factories import published, ready_for_harvest

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tests.factories import Team


@pytest.mark.rule(62)
def test_a_corrected_start_moves_the_visits_that_nobody_has_written_down(team: Team, session: Session) -> None:
    course = ready_for_harvest(team)
    cells = given(checked(course, released_product(course, team), team), team)
    planned = {plan.name: plan for plan in session.scalars(select(PlannedVisit))}
    first, seen = planned["Day 1 safety contact"], planned["Month 1"]
    before = {plan.name: (plan.opens_on, plan.due_on, plan.closes_on) for plan in planned.values()}
    at = clock.now()
    team.add(
        ContactAttempt.log(
            by=team.nurse, at=at, plan=seen, way="call", result="reached", performed_at=at, performed_by=team.nurse
        )
    )
    day = timedelta(days=1)
    cells.amend(by=team.nurse, at=at, reason="the day was wrong", performed_at=cells.performed_at - day)
    session.flush()
    session.expire_all()
    assert (first.opens_on, first.due_on, first.closes_on) == tuple(on - day for on in before[first.name])
    assert seen.due_on == before[seen.name][1]
    assert first.administration_id == cells.id
    assert len(session.scalars(select(PlannedVisit)).all()) == len(planned)


@pytest.mark.rule(62)
def test_each_dose_of_a_protocol_with_several_plans_its_visits(team: Team, session: Session) -> None:
    knee = DEMONSTRATIONS["BMAC-KNEE"]
    twice = knee.model_copy(update={"dose": knee.dose.model_copy(update={"doses": 2, "days_between": 30})})
    course = ready_for_harvest(team, version=published(team, "TWO-DOSES", content=twice))
    doses = []
    for back in (40, 40, 5):
        made = released_product(course, team)
        at = clock.now() - timedelta(days=back)
        facts = {"treatment": course, "product": made, "performed_at": at, "performed_by": team.nurse}
        one = Administration.log(
            by=team.nurse, at=clock.now(), verified_by_id=team.physician.id, route=course.route, **facts
        )
        team.add(one)
        for follow in Administration.when_started:
            follow(one, team.nurse)
        session.flush()
        doses.append(one)
    planned = session.scalars(select(PlannedVisit).order_by(PlannedVisit.number)).all()
    again = [plan for plan in planned if plan.administration_id == doses[2].id]
    assert not [plan for plan in planned if plan.administration_id == doses[1].id]
    assert again
    assert all(plan.name.endswith(" after dose 2") and plan.day > 0 for plan in again)
    assert {plan.day_zero for plan in again} == {clock.day(doses[2].performed_at, "Europe/Berlin")}
    assert len({plan.number for plan in planned}) == len(planned)
