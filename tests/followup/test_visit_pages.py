"""What the form of a visit says first, and what a planned contact asks."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import select

from clinic import clock
from clinic.followup.models import FollowUpVisit, PlannedVisit
from clinic.followup.step import actions
from tests.factories import boxes
from tests.judging import records_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from clinic.treatments.models import Treatment
    from tests.factories import Team
from tests.followup.test_pages import event, treated

__all__ = ["treated"]


def test_a_visit_says_first_that_its_window_closed_and_names_the_baseline(team, client_as, session, treated):
    before = FollowUpVisit.log(
        by=team.nurse, at=clock.now(), treatment=treated, name="Baseline", made="made", alive=True,
        performed_at=clock.now() - timedelta(days=400), performed_by_id=team.nurse.id,
    )  # fmt: skip
    session.add(before)
    before.score("vas_pain_cm", by=team.nurse, at=clock.now(), value=Decimal(7))
    plan = session.scalars(select(PlannedVisit).where(PlannedVisit.treatment_id == treated.id)).all()[-1]
    plan.instruments = ["vas_pain_cm"]
    on = clock.today("Europe/Berlin")
    plan.opens_on, plan.due_on, plan.closes_on = (on - timedelta(days=days) for days in (21, 14, 7))
    session.commit()
    shown = client_as("nurse").get(f"/planned-visits/{plan.id}/visit").text
    assert shown.index("This window closed 7 days ago") < shown.index("<fieldset")
    assert "Baseline: 7" in shown


def test_a_visit_within_its_window_says_nothing_first(client_as, page, session, treated):
    plan = session.scalars(select(PlannedVisit).where(PlannedVisit.treatment_id == treated.id)).all()[-1]
    on = clock.today("Europe/Berlin")
    plan.opens_on = plan.due_on = plan.closes_on = on
    session.commit()
    assert "This window" not in page(client_as("nurse"), f"/planned-visits/{plan.id}/visit").text


def test_a_planned_contact_asks_for_new_symptoms_and_leads_to_the_report(
    treated: Treatment, team: Team, session: Session, client_as: Callable, post: Callable, page: Callable
) -> None:
    contact = session.scalars(select(PlannedVisit).where(PlannedVisit.name == "Day 1 safety contact")).one()
    nurse, address = client_as("nurse"), f"/planned-visits/{contact.id}/visit"
    form = boxes("performed_at", clock.now()) | {"performed_by_id": team.nurse.id, "made": "made", "alive": "yes"}
    form |= {"performed_at-sure": "yes", "performed_at-why": "Called on the way home."}
    refused = post(nurse, address, form)
    assert refused.status_code == 422
    assert "New symptom or event: required" in refused.text
    answer = post(nurse, address, form | {"new_symptoms": "yes"})
    told = session.scalars(select(FollowUpVisit).where(FollowUpVisit.new_symptoms.is_(True))).one()
    assert answer.location == f"/treatments/{treated.id}/adverse-events/new?visit={told.id}"
    waits = [one.title for one in actions(records_of(treated), clock.now())]
    assert "Report the adverse event" in waits
    assert post(nurse, answer.location, event(team)).status_code == 303
    waits = [one.title for one in actions(records_of(treated), clock.now())]
    assert "Report the adverse event" not in waits
