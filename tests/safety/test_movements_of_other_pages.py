"""A movement that has no form of its own says where it is recorded; a container that a run may not take says why."""

from __future__ import annotations

import html
from datetime import timedelta

import pytest

from clinic import clock
from tests.factories import harvested, ready_for_harvest
from tests.safety.bench import begun


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("remainder", "with the end of its administration"),
        ("given", "recorded at the bedside"),
        ("assigned", "with “Assign” on its page"),
        ("lost", "Choose one on its page: received, stored"),
        ("", "Choose one on its page"),
    ],
)
def test_a_movement_that_is_recorded_elsewhere_says_where(ward, kind, said):
    bag = harvested(ready_for_harvest(ward.team), ward.team).products[0]
    answer = ward.browser("technologist").get(f"/products/{bag.id}/movements?kind={kind}")
    assert answer.status_code == 404
    assert said in html.unescape(answer.text)


@pytest.mark.rule(37)
def test_a_container_of_another_course_says_why_it_is_not_offered(ward):
    at = clock.now() - timedelta(hours=5)
    mine, other = (ready_for_harvest(ward.team, code="BM-MSC-MS") for _ in range(2))
    harvested(mine, ward.team, at=at)
    foreign = harvested(other, ward.team, at=at).products[0]
    assert begun(ward, mine, foreign) is None
    ward.said_no("different patients' cells are never put together")
    ward.said_no("assign the container to the course first")
    ward.said_no("rule 37")
