"""A course is judged alike alone and in a turn with others: what strangers have changes nothing of what is said."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.course_records import in_turns, load
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.models import FollowUpVisit
from clinic.pathway.projection import lines_of
from clinic.pathway.sweeping import disagreements
from clinic.treatments.models import Treatment
from tests.demonstration import AT
from tests.factories import course, eligible, patient, ready_for_harvest


def said(records, at):
    """Return the stored lines of a course without the ids that are drawn for them."""
    return [{name: value for name, value in line.items() if name != "id"} for line in lines_of(records, at)]


@pytest.mark.slow
def test_every_course_of_the_demonstration_is_judged_alike_alone_and_in_turn(demonstration):
    ids = sorted(demonstration.scalars(select(Treatment.id)))
    together = {records.course.id: said(records, AT) for records in in_turns(demonstration, ids)}
    differing = [one for one in ids if said(load(demonstration, [one])[one], AT) != together[one]]
    assert differing == []


def test_a_visit_before_any_cells_asks_the_same_whoever_else_is_judged(session, team):
    """Other patients had events; this one told of symptoms and has no cells yet."""
    theirs = ready_for_harvest(team)
    team.add(AdverseEvent.log(
        by=team.nurse, at=clock.now(), treatment=theirs, term="Fever", outcome="ongoing", serious=[],
        performed_at=clock.now(), performed_by=team.nurse, aware_on=clock.today("Europe/Berlin"),
    ))  # fmt: skip
    mine = course(team, patient(team), signed=True)
    eligible(mine, team)
    session.commit()
    visit = FollowUpVisit.log(
        by=team.nurse, at=clock.now(), treatment=mine, name="Call", made="made", alive=True, new_symptoms=True,
        performed_at=clock.now() + timedelta(seconds=1), performed_by=team.nurse, notes="Numb arm",
    )  # fmt: skip
    team.add(visit)
    session.commit()
    at = clock.now()
    assert list(disagreements(session, at)) == []
    alone = said(load(session, [mine.id])[mine.id], at)
    together = load(session, [mine.id, theirs.id])
    assert said(together[mine.id], at) == alone
    assert {line["title"] for line in alone} >= {"Report the adverse event", "Decide after the reaction"}
