"""A history is taken as it was; who corrects it here is asked what every correction is, and allergies do not end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.administration.known_facts import known_allergies
from clinic.course_records import of_course
from clinic.errors import RuleBroken
from clinic.patients.models import Alert
from clinic.records import Origin
from tests.bedside import checked, given, released_product
from tests.factories import day_boxes, ready_for_harvest

SAID = "Anaphylaxis to human albumin"


@pytest.mark.rule(26)
@pytest.mark.rule(50)
@pytest.mark.rule(59)
@pytest.mark.parametrize("origin", list(Origin))
def test_an_administration_is_not_corrected_to_what_the_clinic_would_refuse(team, origin):
    course = ready_for_harvest(team)
    bag = released_product(course, team)
    made = given(checked(course, bag, team), team)
    made.finish(at=clock.now(), ended_at=clock.now(), volume_given=made.volume_issued, weight=None)
    made.origin = origin
    team.database.commit()
    late, wrong = bag.expires_at + timedelta(minutes=1), [({"side": "left"}, 26), ({"volume_wasted": bag.volume}, 59)]
    for changes, rule in [*wrong, ({"performed_at": late, "ended_at": late}, 50)]:
        with pytest.raises(RuleBroken) as refused:
            made.amend(by=team.nurse, at=late + timedelta(hours=1), reason="misread", **changes)
        assert f"rule {rule}" in str([str(p) for p in refused.value.problems]) + str(refused.value)
        team.database.rollback()


@pytest.mark.rule(23)
def test_an_alert_of_an_allergy_has_no_end_date(ward):
    course = ready_for_harvest(ward.team)
    ward.session.commit()
    today = clock.today("Europe/Berlin")
    url = f"/patients/{course.patient_id}/alerts/new"
    ward.fill("nurse", url, text=SAID, **day_boxes("until_on", today + timedelta(days=1)))
    ward.said_no("rule 23")
    assert ward.session.scalar(select(Alert)) is None
    ward.fill("nurse", url, text="Visitor badge 12", **day_boxes("until_on", today + timedelta(days=1)))
    alert = ward.session.scalars(select(Alert)).one()
    assert ward.amend("nurse", alert, text=SAID).status_code == 422


@pytest.mark.rule(23)
def test_an_allergy_whose_alert_was_written_with_an_end_date_is_still_asked_at_the_bedside(ward):
    course = ready_for_harvest(ward.team)
    at = clock.now()
    alert = Alert.log(by=ward.team.nurse, at=at, patient=course.patient, patient_id=course.patient_id, text=SAID)
    alert.until_on = clock.today("Europe/Berlin") - timedelta(days=3)
    ward.team.add(alert)
    ward.session.commit()
    assert SAID in known_allergies(of_course(ward.session, course), at)
