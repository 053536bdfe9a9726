"""What happened elsewhere is over: nobody has a task in its courses, and the visits still to come are planned."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.course_records import load
from clinic.followup.models import PlannedVisit
from clinic.pathway.judgement import judge
from clinic.pathway.patient_page import course_state, finished
from clinic.pathway.sweeping import disagreements
from clinic.patients.models import has_died
from clinic.products.models import Product
from clinic.release.product_state import state_of
from clinic.steps import State
from clinic.treatments.models import Treatment
from tests.exchange.test_import_given import GIVEN
from tests.exchange.test_import_refuses import ago, take, ward
from tests.factories import PASSWORD

__all__ = ["take", "ward"]
OLD = {
    **GIVEN,
    "harvest.performed_at": ago(500),
    "product.performed_at": ago(490),
    "administration.performed_at": ago(400),
}
NO_DATES = {
    **GIVEN, "harvest.performed_at": "na", "product.performed_at": "na", "weight.performed_at": "na",
    "administration.performed_at": "na", "administration.course_day": "0",
}  # fmt: skip
RECENT = {**GIVEN, "administration.performed_at": ago(40)}
DEAD = {"patient.died_on": ago(1)[:10]}


@pytest.fixture
def came_in(ward, take):
    """Import a row and return its course, its records, what each step says, and the tasks."""

    def run(row):
        report = take(row)
        assert not report.refused, report.sentences()
        course = ward.session.scalars(select(Treatment)).one()
        records = load(ward.session, [course.id])[course.id]
        standings = judge(records, clock.now())
        return (
            course,
            records,
            {one.step.name: one.progress for one in standings},
            [a for s in standings for a in s.actions],
        )

    return run


@pytest.mark.parametrize("row", [OLD, NO_DATES, RECENT | DEAD, DEAD, OLD | {"event.a.term": "Fever"}])
def test_a_course_that_is_over_is_settled_and_nobodys_task(ward, came_in, row):
    course, records, said, tasks = came_in(row)
    assert not tasks
    assert {one.state for one in said.values()} == {State.DONE}, said
    assert {said[step].word for step in ("consent", "eligibility")} == {"Not recorded"}
    done = finished(ward.session, [course], clock.now())
    assert course_state(course, done, died=has_died([course.patient]))[2] == (
        "Ended" if "patient.died_on" in row else "Finished"
    )
    if "administration.volume_given" in row:
        assert {state_of(records, one, clock.now()).value for one in records.of(Product)} == {"given"}
    assert not list(disagreements(ward.session, clock.now()))
    assert "is blocked, because" not in ward.browser("nurse").get(f"/treatments/{course.id}").text


def test_a_death_whose_day_nobody_knows_ends_the_course_too(ward, came_in):
    course, _records, said, tasks = came_in(NO_DATES | {"visit.v1.alive": "no", "visit.v1.course_day": "90"})
    assert course_state(course, (), died=has_died([course.patient]))[2] == "Ended"
    assert said["followup"].state is State.DONE
    assert not tasks
    listed = ward.browser("nurse").get("/patients").text
    assert "Died" in listed
    assert "Active" not in listed.partition("<tbody>")[2]  # above the table it is a filter


def test_visits_to_come_are_planned_and_none_in_the_past(ward, came_in):
    course, _records, said, tasks = came_in(RECENT)
    plans = ward.session.scalars(select(PlannedVisit).order_by(PlannedVisit.due_on)).all()
    zero = date.fromisoformat(RECENT["administration.performed_at"][:10])
    ahead = [
        visit for visit in course.says.visits if zero + timedelta(days=visit.day) > clock.today(ward.team.site.zone)
    ]
    assert [(plan.name, plan.due_on) for plan in plans] == [(v.name, zero + timedelta(days=v.day)) for v in ahead]
    assert 0 < len(plans) < len(course.says.visits)
    assert said["followup"].word == f"0 of {len(plans)} visits"
    assert not [task for task in tasks if "overdue" in task.title]
    with ward.later(days=500):
        late = judge(load(ward.session, [course.id])[course.id], clock.now())
        assert any("overdue" in task.title for one in late for task in one.actions), (
            "what is planned here is followed up"
        )


@pytest.mark.parametrize("more", [{"administration.performed_at": ago(40)[:7]}, {"patient.died_on": ago(1)[:10]}])
def test_nothing_is_planned_without_a_day_or_after_the_death(ward, came_in, more):
    came_in(RECENT | more)
    assert not ward.session.scalars(select(PlannedVisit)).all()


def test_a_visit_that_the_table_names_is_not_planned_again(ward, came_in):
    course, *_ = came_in(RECENT | {"visit.v1.name": "Month 3", "visit.v1.performed_at": ago(1)})
    names = set(ward.session.scalars(select(PlannedVisit.name)))
    assert names
    assert "Month 3" not in names
    assert "Month 3" in {visit.name for visit in course.says.visits}


def test_a_course_that_goes_on_here_is_not_settled(ward, came_in):
    course, *_ = came_in({})
    said = {one.step.name: one.progress for one in judge(load(ward.session, [course.id])[course.id], clock.now())}
    assert said["consent"].state is State.TO_DO
    ward.fill("physician", f"/records/{course.id}/signature", password=PASSWORD)
    tasks = [a for one in judge(load(ward.session, [course.id])[course.id], clock.now()) for a in one.actions]
    assert tasks, ward.refused
