"""Scores in grades: a table writes figures or words, and both are the same score."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import select

from clinic.exchange import parse_cell
from clinic.followup.models import OutcomeScore
from clinic.patients.donors import Donor
from clinic.protocols.catalogues import INSTRUMENTS, values
from tests.exchange.test_import_refuses import ago, take, ward
from tests.exchange.test_increments import ONE, more

__all__ = ["more", "take", "ward"]


@pytest.mark.parametrize(("instrument", "text", "value"), [
    ("nyha", "III", 3), ("nyha", " iv ", 4), ("nyha", "2", 2), ("asia", "c", 2), ("acute_gvhd", "None", 0),
    ("response", "CR", 3), ("response", "partial  Response", 2), ("response", "NR", 1), ("response", "PD", 0),
    ("relapse", "Yes", 1), ("survival_status", "Dead", 1), ("chronic_gvhd_severity", "Moderate", 2),
    ("acute_gvhd_skin", "3", 3),
])  # fmt: skip
def test_a_grade_comes_in_as_its_word_or_its_figure(ward, take, instrument, text, value):
    report = take(ONE | {"visit.v1.performed_at": "na", f"score.v1.{instrument}": text})
    assert not report.refused, report.sentences()
    (score,) = ward.session.scalars(select(OutcomeScore))
    assert (score.instrument, score.value) == (instrument, Decimal(value))


@pytest.mark.parametrize(("instrument", "text", "said"), [
    ("nyha", "severe", "one of I, II, III, IV"), ("response", "XR", "complete response (CR)"),
    ("nyha", "7", "NYHA class"), ("acute_gvhd_skin", "II", "a number"),
])  # fmt: skip
def test_what_is_no_grade_is_refused_with_the_grades(ward, take, instrument, text, said):
    report = take(ONE | {"visit.v1.performed_at": "na", f"score.v1.{instrument}": text})
    assert report.refused
    assert said in " ".join(report.sentences())
    assert not ward.session.scalars(select(OutcomeScore)).all()


def test_a_table_of_one_score_a_row_may_write_words(ward, take, more):
    assert not take(ONE | {"row.key": "17"}).refused
    row = {"course.key": "17", "visit.name": "Week 2", "visit.performed_at": ago(3)}
    report = more("scores", row | {"score.instrument": "response", "score.value": "cr"})
    assert not report.refused, report.sentences()
    assert [one.value for one in ward.session.scalars(select(OutcomeScore))] == [Decimal(3)]


def test_a_fault_of_a_score_in_a_long_table_names_the_column_of_the_score(ward, take, more):
    assert not take(ONE | {"row.key": "17"}).refused
    row = {"course.key": "17", "visit.name": "Week 2", "visit.performed_at": ago(3)}
    for instrument, value, column in (
        ("nyha", "<5", "score.value"), ("spo2", "140", "score.value"), ("spo2", "", "score.value"),
        ("pulse of life", "5", "score.instrument"),
    ):  # fmt: skip
        report = more("scores", row | {"score.instrument": instrument, "score.value": value}, refused=True)
        written = instrument if column == "score.instrument" else value
        assert {(one.column, one.value) for one in report.problems} == {(column, written)}, report.sentences()


def test_each_word_of_each_grade_means_its_own_value():
    for instrument in INSTRUMENTS.values():
        for value in values(instrument) if instrument.grades else ():
            assert parse_cell.score(instrument.words(value).upper(), instrument) == value
        assert set((instrument.said or {}).values()) <= {int(one) for one in values(instrument)}


def test_a_relative_of_unknown_kin_comes_in_as_such(ward, take):
    report = take({"donor.kind": "related", "donor.name": "Vera Ode", "donor.relation": "unknown"}, donor=True)
    assert not report.refused, report.sentences()
    assert ward.session.scalars(select(Donor.relation)).all() == ["unknown"]


@pytest.mark.parametrize("said", ["unrelated", "Not related"])
def test_an_event_not_related_to_anything_comes_in_as_such(ward, take, said):
    event = {"event.e1.term": "Fever", "event.e1.serious": "none", "event.e1.from_cells": said}
    report = take(ONE | event)
    assert not report.refused, report.sentences()
