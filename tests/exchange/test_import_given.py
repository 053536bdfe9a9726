"""An imported administration is asked what the bedside asks (rules 26, 50, 54, 59)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.administration.models import Administration
from clinic.patients.models import Patient, has_died
from clinic.products.models import Product
from clinic.release.results import QCResult
from tests.exchange.test_import_refuses import DAY, ago, take, text, ward

if TYPE_CHECKING:
    from collections.abc import Callable

    from clinic.exchange import importing

__all__ = ["take", "ward"]
GIVEN = {"administration.volume_given": "10"}


def facts_of(row: dict[str, Any]) -> dict[str, str]:
    given = {"administration.performed_at": ago(5)} | GIVEN
    return given | {name: one() if callable(one) else one for name, one in row.items()}


CONTRADICTING = [
    ({"administration.volume_given": "9", "administration.volume_wasted": "9"}, "administration.volume_given", 59),
    ({"administration.volume_issued": "12"}, "administration.volume_issued", 59),
    ({"administration.body_site": "knee", "administration.side": "left"}, "administration.body_site", 26),
    ({"patient.died_on": lambda: f"{clock.now() - 20 * DAY:%Y-%m-%d}"}, "administration.performed_at", 69),
    ({"administration.outcome": "voided"}, "administration.volume_given", 59),
    ({"administration.outcome": "aborted"}, "administration.outcome", 59),
    ({"product.expires_at": lambda: ago(61)}, "product.expires_at", 69),
]


@pytest.mark.rule(59)
@pytest.mark.rule(26)
@pytest.mark.parametrize(("row", "column", "rule"), CONTRADICTING)
def test_what_cannot_be_true_is_refused_by_row_and_column(
    take: Callable[..., importing.Report], row: dict[str, Any], column: str, rule: int
) -> None:
    report = take(facts_of(row), confirmed={f"rule {rule}": "seen"})
    assert (2, column) in [(fault.row, fault.column) for fault in report.problems], report.sentences()
    assert f"rule {rule}" in " ".join(report.sentences())


POSSIBLE = [
    ({"product.expires_at": lambda: ago(20)}, 50),
    (
        {
            "product.frozen_at": lambda: ago(50),
            "product.thawed_at": lambda: text(clock.now() - 5 * DAY - timedelta(hours=5)),
        },
        54,
    ),
    ({"product.amount": "7250"}, 52),
    ({"product.amount": "0.01"}, 52),
    ({"administration.weight_kg": "65"}, 51),
    ({"qc.sterility": "growth"}, 43),
    ({"qc.viability": "5"}, 40),
    ({"qc.endotoxin": "9000"}, 42),
    ({"harvest.volume": "30", "product.volume": "40"}, 36),
]


@pytest.mark.rule(40)
@pytest.mark.rule(43)
@pytest.mark.rule(50)
@pytest.mark.rule(51)
@pytest.mark.rule(52)
@pytest.mark.rule(54)
@pytest.mark.parametrize(("row", "rule"), POSSIBLE)
def test_what_was_against_a_limit_comes_in_when_it_is_confirmed(
    ward: Any, take: Callable[..., importing.Report], row: dict[str, Any], rule: int
) -> None:
    report = take(facts_of(row))
    assert len(report.problems) == 1, report.sentences()
    assert f"rule {rule}" in str(report.problems[0])
    report = take(facts_of(row), confirmed={f"rule {rule}": "Deviation 2019-07"})
    assert not report.refused, report.sentences()
    assert "Deviation 2019-07" in " ".join(report.sentences())
    kept = [ward.session.scalars(select(model)).all() for model in (Administration, Product, QCResult)]
    assert "Deviation 2019-07" in [said for rows in kept for one in rows for said in one.confirmed.values()]


def test_a_stopped_administration_uses_the_bag_up_even_where_nothing_was_given(
    ward: Any, take: Callable[..., importing.Report]
) -> None:
    assert not take(facts_of({"administration.volume_given": "0", "administration.outcome": "aborted"})).refused
    assert ward.session.scalars(select(Product)).one().given


DEAD = ({"visit.v1.alive": "no"}, {"event.e1.outcome": "fatal"}, {"event.e1.grade": "5"})


def told(row: dict[str, str], **more: str) -> dict[str, str]:
    """A row with a visit of ten days ago or an event."""
    event = {"event.e1.term": "Fever", "event.e1.performed_at": ago(12)} if any("event" in one for one in row) else {}
    visit = {} if event else {"visit.v1.performed_at": ago(10), "visit.v1.made": "made"}
    return event | visit | row | {name.replace("__", "."): value for name, value in more.items()}


@pytest.mark.rule(65)
@pytest.mark.parametrize("row", DEAD)
def test_a_death_needs_its_day_or_why_nobody_knows_it(
    ward: Any, take: Callable[..., importing.Report], row: dict[str, str]
) -> None:
    report = take(told(row))
    assert "patient.died_on" in " ".join(report.sentences())
    assert report.refused
    day = f"{clock.now() - 10 * DAY:%Y-%m-%d}"
    assert not take(told(row, patient__died_on=day, weight__performed_at=ago(20))).refused


@pytest.mark.rule(65)
@pytest.mark.parametrize("row", [
    {"event.e1.outcome": "fatal", "event.e1.ended_at": lambda: ago(9), "visit.v2.performed_at": lambda: ago(3)},
    {"visit.v1.alive": "no", "visit.v1.performed_at": lambda: ago(10), "visit.v2.performed_at": lambda: ago(3)},
    {"patient.died_on": lambda: f"{clock.now() - 30 * DAY:%Y-%m-%d}", "visit.v2.performed_at": lambda: ago(3)},
])  # fmt: skip
def test_nobody_is_seen_alive_after_the_death(take: Callable[..., importing.Report], row: dict[str, Any]) -> None:
    facts = {name: one() if callable(one) else one for name, one in row.items()}
    report = take(told(facts, visit__v2__made="made", weight__performed_at=ago(50)))
    assert "before the patient's death" in " ".join(report.sentences())


@pytest.mark.rule(23)
def test_a_death_whose_day_nobody_knows_counts_as_a_death(ward: Any, take: Callable[..., importing.Report]) -> None:
    assert not take(told({"visit.v1.alive": "no", "visit.v1.performed_at": "na", "visit.v1.course_day": "90"})).refused
    patient = ward.session.scalars(select(Patient)).one()
    assert has_died([patient])
    assert patient.death < clock.today("Europe/Berlin")


@pytest.mark.rule(11)
def test_the_same_person_twice_in_one_file_is_asked_about(take: Callable[..., importing.Report]) -> None:
    report = take({}, {})
    assert not report.refused
    assert "of row 2" in " ".join(report.notes)


ALLERGIC = {"patient.allergy_status": "present"}
IN_THE_BAG = [
    ({"patient.allergies": "DMSO (anaphylaxis)", "product.dmso_percent": "10"}, "patient.allergies", "DMSO"),
    ({"patient.allergies": "dimethyl sulfoxide", "product.cryo_medium": "CryoStor CS10"}, "patient.allergies", "DMSO"),
    ({"patient.allergies": "albumin", "product.vehicle": "Saline with 2 % HSA"}, "patient.allergies", "albumin"),
    ({"patient.allergies": "heparin (HIT)", "harvest.anticoagulant": "heparin"}, "patient.allergies", "heparin"),
    ({"patient.allergies": "trypsin", "product.vehicle": "Xylanol trypsin buffer"}, "patient.allergies", "trypsin"),
    ({"patient.allergies": "peanut", "product.vehicle": "Mixture 7"}, "patient.allergies", "compare"),
    ({"patient.allergies": "peanut"}, "patient.allergies", "container (albumin)"),
    (
        {
            "patient.allergy_status": "none_known", "product.dmso_percent": "10", "product.vehicle": "Saline",
            "treatment.comorbidities": "Anaphylaxis after DMSO",
        },
        "treatment.comorbidities", "DMSO",
    ),
]  # fmt: skip


@pytest.mark.rule(23)
@pytest.mark.parametrize(("row", "column", "word"), IN_THE_BAG)
def test_an_allergy_to_what_was_in_the_bag_is_asked_about(
    ward: Any, take: Callable[..., importing.Report], row: dict[str, Any], column: str, word: str
) -> None:
    facts = facts_of(ALLERGIC | row)
    report = take(facts)
    asked = [one for one in report.problems if one.ask == "rule 23"]
    assert report.problems == asked, report.sentences()
    assert {one.column for one in asked} == {column}
    assert word in " ".join(map(str, asked)), report.sentences()
    report = take(facts, confirmed={"rule 23": "Premedicated, Dr. Ode 2019"})
    assert not report.refused, report.sentences()
    assert "Premedicated, Dr. Ode 2019" in " ".join(report.notes)
    given = ward.session.scalars(select(Administration)).one()
    assert "Premedicated, Dr. Ode 2019" in given.confirmed.values()


@pytest.mark.rule(23)
@pytest.mark.parametrize("row", [
    {"patient.allergies": "DMSO", "product.vehicle": "Saline"},
    {"patient.allergies": "penicillin", "product.vehicle": "Saline", "product.dmso_percent": "10"},
    {"patient.allergy_status": "none_known", "product.dmso_percent": "10"},
    {"patient.allergy_status": "not_asked", "product.dmso_percent": "10"},
])  # fmt: skip
def test_an_allergy_to_something_else_is_not_asked_about(
    take: Callable[..., importing.Report], row: dict[str, Any]
) -> None:
    report = take(facts_of(ALLERGIC | row))
    assert not report.refused, report.sentences()


def test_an_allergy_without_an_administration_is_not_asked_about(take: Callable[..., importing.Report]) -> None:
    assert not take(ALLERGIC | {"patient.allergies": "DMSO", "product.dmso_percent": "10"}).refused


@pytest.mark.rule(65)
def test_a_death_of_a_visit_without_a_day_is_refused_where_the_table_has_days(take: Callable[..., Any]) -> None:
    report = take(facts_of({"visit.v1.alive": "no"}))
    assert "patient.died_on" in " ".join(report.sentences()), report.sentences()
    assert not take(facts_of({"visit.v1.alive": "no", "patient.died_on": f"{clock.now() - DAY:%Y-%m-%d}"})).refused


DIED = {"patient.died_on": lambda: f"{clock.now() - DAY:%Y-%m-%d}"}
SURVIVAL = [
    (DIED | {"score.o.survival_days": "2", "score.o.survival_status": "0"}, "score.survival_status"),
    (DIED | {"score.o.survival_status": "0"}, "score.survival_status"),
    (DIED | {"score.o.survival_days": "1", "score.o.survival_status": "1"}, "score.survival_days"),
    ({"score.o.survival_days": "3"}, "score.survival_days"),
    (DIED | {"score.o.survival_days": "4", "score.o.survival_status": "1"}, ""),
    ({"score.o.survival_days": "3", "score.p.survival_status": "0"}, ""),
]


@pytest.mark.rule(65)
@pytest.mark.parametrize(("row", "ask"), SURVIVAL)
def test_scores_of_survival_do_not_contradict_the_day_of_death(take: Any, row: dict[str, Any], ask: str) -> None:
    more = {"visit.o.performed_at": ago(1), "visit.p.performed_at": ago(1)} if "patient.died_on" not in row else {}
    report = take(facts_of(row | {"weight.performed_at": ago(6)} | more))
    assert {one.ask for one in report.problems} == ({ask} if ask else set()), report.sentences()
    if ask:
        assert not take(facts_of(row | {"weight.performed_at": ago(6)} | more), confirmed={ask: "Two sources"}).refused
