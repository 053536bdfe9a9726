"""Days of which only the month or the year is known contradict only what they cannot be, and read as they are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from clinic.followup.adverse_events import AdverseEvent
from clinic.patients.models import Patient
from clinic.release.results import QCResult
from tests.exchange.test_import_refuses import take, ward
from tests.exchange.test_increments import more

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["more", "take", "ward"]
COURSE = {
    "patient.birth_date": "1980-03-02", "weight.performed_at": "2020-05-09", "harvest.performed_at": "2020-05-08",
    "product.performed_at": "2020-05-09", "administration.performed_at": "2020-05-10",
    "administration.volume_given": "10",
}  # fmt: skip
YOUNG = {"patient.birth_date": "2020-05-03", "weight.kg": "3.4", "product.amount": "3.4"}
FITS = {
    "died in that year": {"patient.died_on": "2020"},
    "died in that month": {"patient.died_on": "2020-05"},
    "given in the month of the birth": YOUNG | {
        "weight.performed_at": "2020-05", "harvest.performed_at": "2020-05", "product.performed_at": "2020-05",
        "administration.performed_at": "2020-05",
    },
    "weighed in the month of the birth": {"patient.birth_date": "2020-03-05", "weight.performed_at": "2020-03",
                                          "weight.kg": "4", "product.amount": "4"},
    "the end of the harvest": {"harvest.ended_at": "2020-05"},
    "an event in the month of the cells": {"event.e.term": "Fever", "event.e.performed_at": "2020-05"},
    "an event that ended in its month": {"event.e.term": "Fever", "event.e.performed_at": "2020-05-20",
                                         "event.e.ended_at": "2020-05"},
    "an event that ended with the death": {"patient.died_on": "2020-06-03", "event.e.term": "Sepsis",
                                           "event.e.performed_at": "2020-06-01", "event.e.outcome": "fatal",
                                           "event.e.ended_at": "2020-06-03 12:00"},
    "an event that ended in the month of the death": {
        "patient.died_on": "2020-06", "event.e.term": "Fever", "event.e.performed_at": "2020-06",
        "event.e.ended_at": "2020-06-30",
    },
    "a visit in the month of the death": {"patient.died_on": "2020-06-03", "visit.v.performed_at": "2020-06",
                                          "visit.v.alive": "yes", "score.v.koos_pain": "50"},
    "a visit in the year of the death": {"patient.died_on": "2020", "visit.v.performed_at": "2020-09-01",
                                         "visit.v.alive": "yes", "score.v.koos_pain": "50"},
    "survival that ends in the month of the death": {"patient.died_on": "2020-06", "score.v.survival_days": "30",
                                                     "score.v.survival_status": "1"},
    "a sample of the month": {"qc.sampled_at": "2020-05", "qc.viability": "95"},
    "thawed in the month of the freezing": {"product.frozen_at": "2020-05-09", "product.thawed_at": "2020-05",
                                            "product.expires_at": "2020-06"},
}  # fmt: skip


@pytest.mark.rule(69, by="import")
@pytest.mark.rule(65)
@pytest.mark.rule(68)
@pytest.mark.parametrize("name", FITS)
def test_what_can_be_true_on_some_day_comes_in(take: Callable[..., Any], name: str) -> None:
    report = take(COURSE | FITS[name])
    assert not report.refused, report.sentences()


WRONG = [
    ({"patient.died_on": "2020-04"}, "administration.performed_at", "", 69),
    ({"patient.died_on": "2019"}, "administration.performed_at", "", 69),
    ({"weight.performed_at": "1980-02"}, "weight.performed_at", "Feb 1980", 69),
    ({"harvest.ended_at": "2020-04"}, "harvest.ended_at", "Apr 2020", 69),
    ({"event.e.term": "Fever", "event.e.performed_at": "2999"}, "event.e.performed_at", "", 69),
    ({"event.e.term": "Fever", "event.e.performed_at": "2100-05"}, "event.e.performed_at", "May 2100", 69),
    ({"event.e.term": "Fever", "event.e.performed_at": "2020-06", "event.e.ended_at": "2020-05"}, "event.e.ended_at",
     "May 2020", 69),
    ({"patient.died_on": "2020-06", "event.e.term": "Fever", "event.e.performed_at": "2020-05-20",
      "event.e.ended_at": "2020-07-01 10:00"}, "event.e.ended_at", "Jun 2020", 69),
    ({"patient.died_on": "2020-06", "event.e.term": "Fever", "event.e.performed_at": "2020-05-20",
      "event.e.outcome": "fatal", "event.e.ended_at": "2020-07"}, "event.e.ended_at", "Jun 2020", 69),
    ({"patient.died_on": "2020-06", "visit.v.performed_at": "2020-07", "score.v.koos_pain": "50"},
     "visit.v.alive", "Jun 2020", 69),
    ({"patient.died_on": "2020-06", "score.v.survival_days": "60", "score.v.survival_status": "1"},
     "score.v.survival_days", "22 to 51 days", 65),
    ({"patient.died_on": "2020-06", "score.v.survival_days": "30", "score.v.survival_status": "0"},
     "score.v.survival_status", "Jun 2020", 65),
    ({"qc.sampled_at": "2020-04", "qc.viability": "95"}, "qc.sampled_at", "", 69),
]  # fmt: skip


@pytest.mark.rule(69, by="import")
@pytest.mark.parametrize(("facts", "column", "said", "rule"), WRONG)
def test_what_is_wrong_on_every_day_is_refused_in_words_of_what_is_known(take, facts, column, said, rule):
    report = take(COURSE | facts)
    found = [str(one) for one in report.problems if one.column == column]
    assert any(said in one for one in found), report.sentences()
    assert f"rule {rule}" in " ".join(found) or "four digits" in " ".join(found)
    assert "1 Jan " not in " ".join(report.sentences())
    assert " 1 " not in " ".join(found).replace("after 1 ", "")


def test_what_is_known_in_part_stays_so(ward, take):
    take(COURSE | {"patient.died_on": "2020", "qc.sampled_at": "2020-05", "qc.viability": "95",
                   "event.e.term": "Fever", "event.e.performed_at": "2020-05"})  # fmt: skip
    patient, event, result = (ward.session.scalars(select(kind)).one() for kind in (Patient, AdverseEvent, QCResult))
    assert patient.precision_of("died_on") == "year"
    assert event.precision_of("performed_at") == "month"
    assert result.precision_of("sampled_at") == "month"


@pytest.mark.rule(68)
def test_an_onset_is_before_the_first_procedure_only_where_all_of_its_month_is(take, more):
    take(COURSE | {"row.key": "17"})
    onset = {"course.key": "17", "event.term": "Fever", "event.performed_at": "2020-05"}
    more("events", onset)
    report = more("events", onset | {"event.performed_at": "2020-04"}, refused=True)
    assert "8 May 2020" in str(report.problems[0])
    assert "rule 68" in str(report.problems[0])


@pytest.mark.rule(11, by="import")
@pytest.mark.parametrize(("first", "second", "asked"), [
    ("1980", "1980-05-03", True), ("1980-05-03", "1980", True), ("1980-05", "1980-05-03", True),
    ("1980", "1981-05-03", False), ("1980-05", "1980-06", False), ("1980", "1980", True),
])  # fmt: skip
def test_who_may_be_registered_already_is_asked_of_birth_dates_known_in_part(take, first, second, asked):
    take({"patient.birth_date": first})
    report = take({"patient.birth_date": second, "patient.record_number": "NEW-1"}, {"patient.birth_date": first,
                  "patient.record_number": "NEW-2", "patient.family_name": "Brandt"})  # fmt: skip
    notes = [str(one) for one in report.notes if "may be the same patient" in str(one)]
    assert len(notes) == int(asked), report.notes
    assert not [one for one in notes if "1 Jan 1980" in one or "1 May 1980" in one], "no day is made up"
