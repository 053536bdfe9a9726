"""The course by date and the rail above it: whose step it is, since when, and what comes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clinic import clock, wording
from clinic.course_records import load
from clinic.pathway.course import rail
from clinic.pathway.course_chart import LEFT, RIGHT, course_chart
from clinic.pathway.judgement import judge
from tests.bedside import released_product
from tests.factories import course, harvested, ready_for_harvest


@pytest.fixture
def seen(app, session):
    """Return the rail and the chart of a course, by the titles of the steps."""

    def look(begun):
        session.commit()
        records, at = load(session, [begun.id])[begun.id], clock.now()
        found = judge(records, at)
        chart = course_chart(found, records)
        drawn = {row.label: row for row in chart.rows} if chart else {}
        with app.test_request_context():
            return {one["title"]: one for one in rail(found, records, at)}, drawn

    return look


def test_a_signed_step_names_who_signed_and_when(team, seen):
    begun = ready_for_harvest(team)
    signed_at = harvested(begun, team).signatures[-1].signed_at
    steps, _drawn = seen(begun)
    day = wording.short_day(clock.day(signed_at, "Europe/Berlin"))
    assert steps["Harvest"]["state_word"] == "Signed"
    assert steps["Harvest"]["by"] == f"{team.physician.printed_name}, {day}"


def test_an_amended_harvest_offers_its_signature_first(team, session, client_as, page, seen):
    begun = ready_for_harvest(team)
    harvest = harvested(begun, team)
    harvest.amend(by=team.physician, at=clock.now(), reason="read the wrong line", passes=12)
    steps, _drawn = seen(begun)
    assert steps["Harvest"]["state_word"] == "Amended, not signed"
    shown = page(client_as("physician"), f"/treatments/{begun.id}")
    assert "Sign the harvest" in shown
    assert "amended after it was signed" in shown


def test_a_step_without_a_day_stands_at_no_day(team, seen):
    begun = ready_for_harvest(team)
    _steps, drawn = seen(begun)
    assert drawn["Release"].marks == []
    assert drawn["Release"].word == "Blocked"


def test_every_mark_lies_on_the_drawing_and_names_its_figure(team, seen):
    begun = ready_for_harvest(team)
    released_product(begun, team)
    _steps, drawn = seen(begun)
    for row in drawn.values():
        assert all(LEFT <= mark.x <= RIGHT for mark in row.marks)
    assert any("mL" in mark.text for mark in drawn["Harvest"].marks)


def test_a_planned_harvest_is_drawn_ahead(team, seen):
    begun = ready_for_harvest(team)
    begun.planned_on = clock.today("Europe/Berlin") + timedelta(days=12)
    steps, drawn = seen(begun)
    assert [mark.kind for mark in drawn["Harvest"].marks] == ["plan"]
    assert steps["Harvest"]["by"] == f"planned, {wording.short_day(begun.planned_on)}"


def test_nothing_is_drawn_before_anything_has_a_day(team, seen):
    assert seen(course(team))[1] == {}


def test_the_course_names_the_drafts_of_who_looks(team, client_as, page, post):
    begun = ready_for_harvest(team)
    nurse, form = client_as("nurse"), f"/treatments/{begun.id}/harvests/new"
    shown = page(nurse, form)
    sent = post(
        nurse,
        form,
        {"volume": "61", "do": "draft", "draft_title": "Record a harvest", "typed_by": shown.hidden["typed_by"]},
    )
    assert sent.status_code == 303
    assert "unfinished draft in this course" in page(nurse, f"/treatments/{begun.id}")
    assert form in page(nurse, f"/treatments/{begun.id}").links
    assert "unfinished draft" not in page(client_as("physician"), f"/treatments/{begun.id}")
