"""What a table does not say stays not recorded: on pages, in exports, in reports and in judgement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.downtime.kit import allergies_asked
from clinic.exchange import exporting
from clinic.exchange.exporting import Choice
from clinic.exchange.import_targets import KINDS, PARTS, Slot, slot
from clinic.fields import fields_of
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.event_rules import against_cells, clock_days
from clinic.followup.models import FollowUpVisit
from clinic.patients.models import Patient
from clinic.patients.whole_person import not_asked
from clinic.record_display import facts
from tests.exchange.test_import_given import GIVEN
from tests.exchange.test_import_refuses import ago, take, ward

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["take", "ward"]

NAMED = {"visit.name"}
"""What an import says of every record: a visit has the name that the mapping gives it, else its key."""


def importable() -> Iterator[tuple[str, str]]:
    """Each part and fact that a column may go to."""
    for part, model in PARTS.items():
        key = "a." if part in {"visit", "event"} else ""
        yield from ((part, name) for name in fields_of(model) if slot(f"{part}.{key}{name}", "courses") is not None)


USUAL = [
    (part, name)
    for part, name in importable()
    if "usual" in PARTS[part].__table__.columns[name].info and f"{part}.{name}" not in NAMED
]


def test_no_fact_that_a_table_may_give_has_a_value_that_the_database_would_fill_in():
    filled = [
        f"{part}.{name}"
        for part, name in importable()
        if (column := PARTS[part].__table__.columns[name]).default is not None or column.server_default is not None
    ]
    assert not filled
    assert ("visit", "alive") in USUAL
    assert KINDS["courses"] > set(PARTS)


SPARSE = {
    **GIVEN, "administration.performed_at": lambda: ago(5), "patient.allergy_status": "na",
    "visit.v1.notes": "Telephoned", "event.e1.term": "Fever", "event.e1.outcome": "resolved",
}  # fmt: skip


@pytest.fixture
def sparse(ward, take) -> dict[str, Any]:
    """The records of a row that says next to nothing, by part."""
    report = take({name: one() if callable(one) else one for name, one in SPARSE.items()})
    assert not report.refused, report.sentences()
    return {
        part: ward.session.scalars(select(model).where(model.origin == "imported")).first()
        for part, model in PARTS.items()
    }


def test_what_a_row_does_not_say_is_not_recorded_with_its_reason(ward, sparse):
    assert len(USUAL) >= 5
    for part, name in USUAL:
        record, label = sparse[part], fields_of(PARTS[part])[name].label
        assert getattr(record, name) is None, (part, name)
        assert record.not_recorded[name] == "not in the old system"
        assert (label, "", "not in the old system") in facts(record, "Etc/UTC")
        data = next(one for one in exporting.datasets().values() if one.model is PARTS[part])
        (row,) = exporting.rows(ward.session, data, Choice())
        told = dict(zip(exporting.heading(data, Choice()), row, strict=True))
        assert told[fields_of(PARTS[part])[name].heading] is None
        assert f"{name}: not in the old system" in told["Not recorded, because"]
    for part in ("patient", "visit", "event", "harvest", "treatment"):
        assert sparse[part].headline()
    for page in (f"/patients/{sparse['patient'].id}", f"/treatments/{sparse['treatment'].id}"):
        shown = ward.browser("nurse").get(page).text
        assert "No known allergies" not in shown
        assert "Allergies not recorded" in shown
    listed = ward.browser("nurse").get(f"/treatments/{sparse['treatment'].id}/adverse-events").text
    assert '<td data-th="Serious">not recorded</td>' in listed


def test_what_a_row_says_comes_in_as_it_says(ward, take):
    said = {
        "patient.allergy_status": "none_known", "visit.v1.alive": "yes", "visit.v1.made": "made",
        "harvest.containers": "2", "event.e1.term": "Fever", "event.e1.serious": "none",
    }  # fmt: skip
    assert not take(said).refused
    visit, event = (ward.session.scalars(select(kind)).one() for kind in (FollowUpVisit, AdverseEvent))
    assert (visit.alive, visit.made, event.serious) == (True, "made", [])
    data = exporting.datasets()["adverse-events"]
    (row,) = exporting.rows(ward.session, data, Choice())
    assert "none" in row, "known not to be serious is not the same as not known"


CODES = {
    "patient.abo": "na", "patient.rhd": "na", "donor.cmv": "na", "event.e1.grade": "na", "event.e1.ended_at": "na",
}  # fmt: skip


def test_a_code_for_not_recorded_stays_with_its_reason_where_a_fact_may_be_missing(ward, take):
    """Somebody looked for it and did not find it, which an empty cell does not say."""
    said = {"donor.donor_number": "D-1", "event.e1.term": "Fever", "administration.performed_at": ago(5)} | GIVEN
    report = take(said | CODES, said | {"donor.donor_number": "D-2"} | dict.fromkeys(CODES, ""), donor=True)
    assert not report.refused, report.sentences()
    for target in CODES:
        part, name = target.partition(".")[0], target.rpartition(".")[2]
        model = PARTS[part]
        found = ward.session.scalars(select(model).where(model.origin == "imported"))
        assert sorted(one.not_recorded.get(name, "") for one in found) == ["", "not in the old system"], target
    data = exporting.datasets()["adverse-events"]
    told = "".join(exporting.chunks(ward.session, data.name, "csv", Choice()))
    assert "grade: not in the old system" in told


def test_a_visit_with_a_score_or_a_day_took_place(ward, take):
    assert not take({"visit.v1.performed_at": ago(3)}, {"visit.v1.performed_at": "na", "score.v1.spo2": "97"}).refused
    assert [one.made for one in ward.session.scalars(select(FollowUpVisit))] == ["made", "made"]


def test_judgement_takes_unknown_as_unknown_and_never_as_the_safe_answer():
    event = {"serious": None, "grade": None, "outcome": "resolved", "from_harvest": None, "from_delivery": None}
    event |= {"expected": None, "reported_on": None, "term": "Swelling"}
    assert "seriousness is not recorded" in against_cells(event | {"from_cells": None})
    assert "certainly" in against_cells(event | {"from_cells": "certain"})
    assert not against_cells(event | {"from_cells": "certain", "serious": []})
    dead = event | {"serious": ["death"], "grade": "5"}
    assert [bool(against_cells(dead | {"from_cells": one})) for one in ("possible", "unlikely", "unrelated")] == [
        True, False, False,
    ]  # fmt: skip
    assert (
        clock_days(event | {"from_cells": "unrelated", "from_harvest": "unrelated", "from_delivery": "unlikely"})
        is None
    )
    assert clock_days(event | {"from_cells": "possible"}) == 15
    assert clock_days(event | {"from_cells": "possible", "serious": []}) is None
    assert not_asked([Patient(origin="imported", allergy_status=None)])
    assert allergies_asked(None) == "NOT RECORDED"


def test_a_correction_of_something_else_says_nothing_about_what_is_not_recorded(ward, sparse):
    event = sparse["event"]
    ward.fill("physician", f"/records/{event.id}/amendment", outcome="sequelae", amend_reason="The discharge letter")
    ward.session.refresh(event)
    assert (event.outcome, event.serious) == ("sequelae", None), ward.refused
    ward.fill("physician", f"/records/{event.id}/amendment", serious=["none"], amend_reason="Asked the hospital")
    ward.session.refresh(event)
    assert event.serious == [], ward.refused


def test_a_record_of_this_clinic_says_what_is_usual(team):
    assert FollowUpVisit(recorded_by=team.nurse, recorded_at=clock.now()).alive is True
    assert Slot(part="visit", key="a", name="alive").fact is not None
