"""No run takes cells of which nobody says that container and label were right at the receipt (rule 34)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.processing.models import ProcessingRun
from tests.factories import harvested, ready_for_harvest

pytestmark = pytest.mark.rule(34)


@pytest.fixture
def marrow(ward):
    course = ready_for_harvest(ward.team)
    return course, harvested(course, ward.team).products[0]


def start(ward, marrow, **typed):
    course, bag = marrow
    url = f"/treatments/{course.id}/processing/new"
    facts = {"inputs": [bag.id], "performed_at": clock.now() - timedelta(minutes=10)}
    return ward.fill("technologist", url, **(facts | typed))


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ({}, "receipt"), ({"received_intact": True}, "Temperature at receipt"),
        ({"received_intact": False, "received_temperature": "20"}, "goes into no run"),
        ({"received_intact": True, "received_temperature": "4"}, "out of range"),
        ({"received_intact": True, "received_temperature": "41"}, "out of range"),
    ],
)  # fmt: skip
def test_a_run_asks_for_the_receipt_of_what_has_none(ward, marrow, typed, word):
    assert start(ward, marrow, **typed).status_code == 422
    ward.said_no(word)
    assert ward.session.scalar(select(ProcessingRun)) is None
    assert not marrow[1].movements


def test_the_start_of_the_run_records_the_receipt(ward, marrow):
    assert start(ward, marrow, received_intact=True, received_temperature="20").status_code == 303, ward.refused
    (receipt,) = [move for move in marrow[1].movements if move.kind == "received"]
    assert receipt.intact
    assert receipt.temperature == 20


def test_a_receipt_says_whether_container_and_label_were_right(ward, marrow):
    bag = marrow[1]
    assert ward.move("technologist", bag, "received", place="Laboratory", temperature="20").status_code == 422
    ward.said_no("rule 34", "arrived intact")
    at = clock.now() - timedelta(minutes=20)
    told = {"place": "Laboratory", "temperature": "20", "intact": True, "performed_at": at}
    answer = ward.move("technologist", bag, "received", **told)
    assert answer.status_code == 303, ward.refused
    assert "received_intact" not in ward.browser("technologist").get(f"/treatments/{marrow[0].id}/processing/new").text
    assert start(ward, marrow).status_code == 303, ward.refused


def test_an_input_that_is_added_later_is_received_as_well(ward, marrow):
    course, _bag = marrow
    start(ward, marrow, received_intact=True, received_temperature="20")
    run = ward.session.scalars(select(ProcessingRun)).one()
    second = harvested(course, ward.team, side="left").products[0]
    url = f"/runs/{run.id}/inputs/new"
    assert ward.fill("technologist", url, product_id=second.id).status_code == 422
    ward.said_no("rule 34")
    told = {"received_intact": True, "received_temperature": "20"}
    assert ward.fill("technologist", url, product_id=second.id, **told).status_code == 303, ward.refused
