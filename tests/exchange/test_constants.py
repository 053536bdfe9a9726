"""Constants complete a record of which a cell tells; alone they make none, unless the mapping has no column for it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.exchange import import_rows, importing, mapping
from clinic.exchange.import_constants import Told
from clinic.followup.adverse_events import AdverseEvent
from clinic.followup.models import FollowUpVisit
from tests.exchange.test_import_refuses import ward
from tests.exchange.test_increments import known, more, take
from tests.factories import published

__all__ = ["known", "more", "take", "ward"]
DOCS = (Path(__file__).resolve().parents[2] / "docs" / "importing.md").read_text()


def test_the_worked_example_of_whole_courses_invents_no_event(session, team, table):
    published(team, "UC-MSC-RA")
    session.commit()
    lines, toml = re.findall(r"```(?:toml)?\n(.*?)```", DOCS.split("### Worked example: whole courses")[1], re.DOTALL)[
        :2
    ]
    said = mapping.parsed(toml, "doc.toml")
    file = table(raw=lines.encode())
    report = importing.run(session, "courses", file, said, team.coordinator, clock.now(), dry_run=False)
    assert not report.refused, report.sentences()
    (event,) = session.scalars(select(AdverseEvent))
    assert (event.treatment.patient.record_number, event.term, event.grade) == ("OLD-21", "Rash", "2")


def facts(constants, columns, cells, kind="courses", default=""):
    """The targets of which a row says something, with the constants of records that are made."""
    targets = {f"c{number}": {"to": to} for number, to in enumerate(columns)}
    if default:
        targets["c0"]["default"] = default
    said = mapping.Mapping(kind=kind, source="old", missing=("na",), constants=constants, columns=targets)
    given = import_rows.given(2, 1, dict(zip(targets, cells, strict=True)), said, [])
    found = Told(said).kept(given)
    return {".".join(part for part in (at.part, at.key, at.name) if part) for at, one in found.items() if one.text}


RASH = {"event.rash.term": "Rash", "event.rash.serious": "none"}
GIVEN = {"administration.outcome": "completed", "administration.volume_given": "10"}
SEEN = {"visit.m3.alive": "yes", "visit.m3.made": "made"}


@pytest.mark.parametrize(("constants", "columns"), [
    (RASH, ["event.rash.grade", "event.rash.performed_at"]),
    (SEEN, ["visit.m3.performed_at", "score.m3.spo2"]), (SEEN, ["score.m3.spo2"]),
    ({"score.m3.spo2": "97"}, ["visit.m3.performed_at"]), ({"score.m3.spo2": "97"}, ["score.m3.spo2"]),
    ({"weight.kg": "70"}, ["weight.performed_at"]), ({"weight.kg": "70"}, ["weight.kg"]),
    ({"qc.sterility": "no_growth"}, ["qc.sampled_at"]), ({"qc.viability": "90"}, ["qc.viability"]),
    (GIVEN, ["administration.performed_at"]), (GIVEN, ["product.volume", "harvest.performed_at"]),
    ({"product.measure": "viable_cells", "harvest.volume": "30", "qc.sterility": "no_growth"}, ["product.volume"]),
])  # fmt: skip
@pytest.mark.parametrize("empty", ["", "na"])
def test_a_record_of_which_no_cell_tells_is_not_made(constants, columns, empty):
    assert facts(constants, columns, [empty] * len(columns)) == set()
    told = facts(constants, columns, ["1", *[empty] * (len(columns) - 1)])
    assert {*constants, columns[0]} <= told or empty == "na"


@pytest.mark.parametrize(("constants", "columns"), [
    (RASH, ["event.fever.grade"]), (SEEN, ["visit.m6.performed_at"]), (GIVEN, ["patient.sex"]),
    ({"weight.kg": "70"}, ["patient.sex"]), ({"qc.sterility": "no_growth"}, ["patient.sex"]),
    ({"treatment.protocol": "BM-MSC-MS", "donor.kind": "unrelated"}, ["donor.donor_number", "treatment.diagnosis"]),
])  # fmt: skip
def test_what_has_no_column_is_said_of_every_row(constants, columns):
    assert facts(constants, columns, [""] * len(columns)) == set(constants)


def test_a_constant_alone_has_no_container_where_its_cells_are_empty():
    cells = {"harvest.volume": "30", "administration.outcome": "completed"}
    columns = ["product.volume", "administration.performed_at"]
    assert facts(cells, columns, ["10", ""]) == {"harvest.volume", "product.volume"}
    assert facts(cells, columns, ["", "2020-03-04"]) == {*cells, "administration.performed_at"}


@pytest.mark.parametrize(("column", "made"), [
    ("event.a.grade", False), ("administration.outcome", False), ("weight.kg", True), ("score.m3.spo2", True),
])  # fmt: skip
def test_what_is_taken_where_a_cell_is_empty_tells_of_a_single_figure_alone(column, made):
    assert facts({}, [column], [""], default="1") == ({column} if made else set())


@pytest.mark.parametrize(("kind", "constants", "row", "model"), [
    ("events", {"event.term": "Rash"}, {"event.grade": "", "event.performed_at": ""}, AdverseEvent),
    ("scores", {"visit.name": "Month 1"}, {"score.spo2": "", "visit.performed_at": ""}, FollowUpVisit),
    ("scores", {"visit.name": "Month 1", "score.instrument": "spo2"}, {"score.value": ""}, FollowUpVisit),
])  # fmt: skip
@pytest.mark.usefixtures("known")
def test_a_row_of_one_thing_that_says_nothing_of_it_makes_none(ward, more, kind, constants, row, model):
    before = len(ward.session.scalars(select(model)).all())
    report = more(kind, {"patient.record_number": "OLD-0", **row}, constants=constants)
    assert "say nothing of one" in " ".join(report.notes)
    assert len(ward.session.scalars(select(model)).all()) == before


@pytest.mark.usefixtures("known")
def test_a_code_in_a_score_is_kept_with_the_visit_that_the_mapping_names(ward, more):
    constants = {"visit.name": "Month 9", "visit.performed_at": "2020-04-04", "visit.alive": "yes"}
    more("scores", {"patient.record_number": "OLD-0", "score.spo2": "na"}, constants=constants, missing=("na",))
    (visit,) = ward.session.scalars(select(FollowUpVisit).where(FollowUpVisit.name == "Month 9"))
    assert (visit.performed_at is None, visit.alive, visit.not_recorded["spo2"]) == (
        False,
        None,
        "not in the old system",
    )
