"""Stage and cause of an adverse event: every kind of story once, without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from clinic.reports.tabulation import Began, _causes, _stage

HARVEST = 0.0
GIVEN = 10.0


def began(day: float, known: str = "") -> Began:
    at = datetime(2026, 3, 1, 10, tzinfo=UTC) + timedelta(days=day)
    return Began(at.replace(hour=0) if known else at, at.date(), known)


@pytest.mark.parametrize(("stage", "event", "harvests", "doses"), [
    ("before", began(-1), [HARVEST], [GIVEN]),
    ("before", began(-1), [HARVEST], []),
    ("before", began(3), [], []),
    ("harvest", began(0), [HARVEST], [GIVEN]),
    ("harvest", began(1), [HARVEST], [GIVEN]),
    ("between", began(1.01), [HARVEST], [GIVEN]),
    ("between", began(5), [HARVEST], []),
    ("giving", began(0.2), [HARVEST], [0.1]),
    ("giving", began(11), [HARVEST], [GIVEN]),
    ("follow-up", began(11.01), [HARVEST], [GIVEN]),
    ("giving", began(30), [HARVEST], [GIVEN, 29.5]),
    ("harvest", began(30), [HARVEST, 29.5], [GIVEN]),
    ("follow-up", began(40), [HARVEST, 30], [GIVEN]),
    # a day without a time of day compares as a day, not as its midnight
    ("giving", began(10, "day"), [HARVEST], [GIVEN]),
    ("follow-up", began(11, "day"), [HARVEST], [GIVEN]),
    ("harvest", began(0, "day"), [HARVEST], [GIVEN]),
])  # fmt: skip
def test_the_stage_is_that_of_the_latest_thing_done(stage, event, harvests, doses):
    steps = [[began(day) for day in days] for days in (harvests, doses)]
    assert _stage(event, None, *steps, banked=bool(doses)) == stage


def test_cells_of_the_bank_were_harvested_before_the_course():
    assert _stage(began(3), None, [], [began(GIVEN)], banked=True) == "between"
    assert _stage(began(3), None, [], [], banked=True) == "between"


@pytest.mark.parametrize(
    ("course_day", "stage"), [(None, "unknown"), (-3, "unknown"), (0, "giving"), (40, "follow-up")]
)
def test_a_history_without_a_calendar_tells_by_its_day(course_day, stage):
    assert _stage(None, course_day, [], [None], banked=True) == stage


def test_a_date_that_is_missing_is_not_guessed():
    assert _stage(began(3), None, [], [None], banked=True) == "unknown"
    assert _stage(began(3), None, [None], [], banked=True) == "unknown"
    assert _stage(began(30), None, [None], [began(GIVEN)], banked=True) == "follow-up"


@pytest.mark.parametrize(("told", "columns"), [
    ({}, ["open"]),
    ({"from_disease": "probable"}, ["disease", "open"]),
    (dict.fromkeys(("from_cells", "from_harvest", "from_delivery"), "unlikely"), ["unrelated"]),
    ({"from_cells": "unlikely", "from_harvest": "unlikely", "from_delivery": "unlikely", "from_drug": "certain"},
     ["drug"]),
    ({"from_cells": "unrelated", "from_harvest": "unrelated", "from_delivery": "unlikely"}, ["unrelated"]),
    ({"from_cells": "unassessable", "from_harvest": "unlikely", "from_delivery": "unlikely"}, ["open"]),
    ({"from_cells": "unclassified", "from_harvest": "unlikely", "from_delivery": "possible"}, ["delivery"]),
    ({"from_cells": "possible", "from_harvest": "possible", "from_delivery": "certain", "from_disease": "unlikely"},
     ["cells", "harvest", "delivery"]),
])  # fmt: skip
def test_every_event_has_a_cause_or_says_that_nobody_assessed_it(told, columns):
    names = ("from_cells", "from_harvest", "from_delivery", "from_drug", "from_disease")
    assert _causes(SimpleNamespace(**dict.fromkeys(names) | told)) == columns
