"""An alert that stops, written since the decision, stops the collection from the patient's own body too (1, 15, 23)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from clinic import clock
from clinic.harvest.models import Harvest
from clinic.patients.models import Alert
from tests.downtime.papers import harvest as on_paper
from tests.factories import harvested, ready_for_harvest
from tests.safety.reacting import decide, newest
from tests.safety.scenes import scene
from tests.safety.test_groups_and_sums import collect, harvests
from tests.safety.test_whoever_writes_an_alert_says import closed
from tests.safety.test_written_since_the_decision import alert

AGAIN = "Decide on the eligibility again"
BLOCKED = "An alert was written after the decision on eligibility"


@scene
def mine(ward) -> Any:
    return ready_for_harvest(ward.team)


def form(ward, course):
    return ward.browser("nurse").get(f"/treatments/{course.id}/harvests/new")


@pytest.mark.rule(1, 15, 23)
@pytest.mark.parametrize(
    ("text", "answer"), [("HOLD", "no"), ("K 7.2", "unknown"), ("Identity in doubt", "yes"), ("Cardiac arrest", "yes")]
)
def test_no_cells_are_collected_until_a_physician_has_decided_again(ward, mine, text, answer):
    opened = form(ward, mine)
    assert opened.status_code == 200, opened.text
    with ward.later(minutes=5):
        alert(ward, mine, text, may_go_on=answer)
        assert form(ward, mine).status_code == 409
        assert BLOCKED in form(ward, mine).text
        assert AGAIN in ward.browser("physician").get(f"/treatments/{mine.id}").text
        assert AGAIN in ward.browser("physician").get("/").text
        assert "Record the harvest" not in ward.browser("nurse").get("/").text
        collect(ward, mine)
        assert harvests(ward, mine) == []
        ward.said_no(BLOCKED)
    with ward.later(minutes=10):
        ward.sign("physician", decide(ward, mine))
    with ward.later(minutes=15):
        assert form(ward, mine).status_code == 200


@pytest.mark.rule(15, 23)
def test_a_caution_stops_no_harvest_and_a_physician_may_close_what_does(ward, mine):
    alert(ward, mine, "Sits badly", may_go_on="yes")
    assert form(ward, mine).status_code == 200
    alert(ward, mine, "Sits very badly", may_go_on="no")
    assert form(ward, mine).status_code == 409
    closed(ward, "physician")
    assert form(ward, mine).status_code == 200


@pytest.mark.rule(15, 23)
@pytest.mark.parametrize("earlier", [False, True], ids=["the alert was later", "the alert was earlier"])
def test_a_harvest_on_paper_is_signed_unless_it_began_after_the_alert(ward, mine, earlier):
    ward.session.add(
        Alert.log(
            by=ward.team.nurse, at=clock.now() - timedelta(hours=8 if earlier else 2), patient=mine.patient,
            text="HOLD", may_go_on="no",
        )
    )  # fmt: skip
    ward.session.commit()
    answer = on_paper(ward, mine)
    assert answer.status_code == 303, ward.refused
    taken = harvests(ward, mine)[0]
    physician = ward.browser("physician").get("/").text
    assert (AGAIN in physician) is earlier
    signed = ward.sign("physician", taken)
    assert (signed.status_code == 303) is not earlier, ward.refused
    if earlier:
        ward.said_no(BLOCKED)
        ward.sign("physician", decide(ward, mine))
        assert ward.sign("physician", taken).status_code == 303, ward.refused


@pytest.mark.rule(15, 23)
def test_the_laboratory_goes_on_with_cells_that_are_outside_the_body(ward, mine):
    harvested(mine, ward.team)
    assert newest(ward, Harvest).signed
    alert(ward, mine, "HOLD", may_go_on="no")
    assert ward.browser("technologist").get(f"/treatments/{mine.id}/processing/new").status_code == 200
