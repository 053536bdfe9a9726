"""A donor who is recorded already is asked about before a second record is made (rules 11, 17; hazard H27)."""

from __future__ import annotations

import csv

import pytest
from sqlalchemy import func, select

from clinic import clock
from clinic.exchange import importing
from clinic.patients.donors import Donor
from tests.factories import patient, published

BERTA = {"kind": "related", "name": "Berta Lind", "relation": "sibling", "sex": "female"}


@pytest.fixture
def taker(ward):
    one = patient(ward.team)
    ward.session.commit()
    return one


def added(ward, taker, **typed):
    return ward.fill("physician", "/donors/new", **(BERTA | {"patient_number": taker.record_number} | typed))


def donors(ward):
    ward.session.expire_all()
    return list(ward.session.scalars(select(Donor).order_by(Donor.recorded_at)))


SAME = [
    pytest.param({}, id="the same"),
    pytest.param({"name": "LIND, Berta"}, id="other order"),
    pytest.param({"name": "Bertha Lind"}, id="other spelling"),
    pytest.param({"name": "B. Lind"}, id="initial"),
    pytest.param({"relation": "half_sibling"}, id="other relation"),
]


@pytest.mark.rule(17)
@pytest.mark.hazard("H27")
@pytest.mark.parametrize("typed", SAME)
def test_a_similar_donor_is_asked_about(ward, taker, typed):
    assert added(ward, taker).status_code == 303, ward.refused
    (first,) = donors(ward)
    again = added(ward, taker, **typed)
    assert again.status_code == 422
    assert "Is this the same person?" in again.text
    assert f"/donors/{first.id}" in again.text
    assert added(ward, taker, **typed, same_person="yes").status_code == 422
    assert added(ward, taker, **typed, same_person="no", same_why="").status_code == 422
    assert len(donors(ward)) == 1
    apart = {"same_person": "no", "same_why": "Twin sisters, identity cards seen"}
    assert added(ward, taker, **typed, **apart).status_code == 303, ward.refused
    assert donors(ward)[-1].confirmed["name"] == "Twin sisters, identity cards seen"


@pytest.mark.rule(17)
def test_a_relative_of_another_name_is_another_donor(ward, taker):
    assert added(ward, taker).status_code == 303
    assert added(ward, taker, name="Anton Lind").status_code == 303, ward.refused


@pytest.mark.rule(17)
def test_a_donor_does_not_become_another_ones_second_record_by_amendment(ward, taker):
    added(ward, taker)
    added(ward, taker, name="Anton Lind")
    second = next(one for one in donors(ward) if one.name == "Anton Lind")
    url = f"/records/{second.id}/amendment"
    refused = ward.fill("physician", url, name="Berta Lind", amend_reason="slip of the pen")
    assert refused.status_code == 422
    assert "Is this another person?" in refused.text


@pytest.mark.rule(17)
@pytest.mark.parametrize("number", ["ZK-7712", "zk 77 12", "ZK7712"])
@pytest.mark.parametrize("kind", ["unrelated", "cord"])
def test_a_number_is_compared_in_every_kind(ward, number, kind):
    first = ward.fill("physician", "/donors/new", kind="unrelated", donor_number="ZK 7712", sex="female")
    assert first.status_code == 303
    assert ward.fill("physician", "/donors/new", kind=kind, donor_number=number, sex="female").status_code == 422
    ward.said_no("already belongs to donor")


def imported(ward, tmp_path, row, *, relation="allogeneic", code="UC-MSC-RA"):
    version = published(ward.team, code)
    ward.session.commit()
    about = {
        "treatment.protocol": version.protocol.code, "treatment.relation": relation,
        "treatment.source": version.says.sources[0], "treatment.route": version.says.routes[0],
        "treatment.condition": version.says.conditions[0],
    }  # fmt: skip
    usual = {
        "patient.record_number": "OLD-0", "patient.family_name": "Quist", "patient.given_names": "Vera",
        "patient.birth_date": "1980-03-02",
    }  # fmt: skip
    said = usual | about | row
    table, mapping = tmp_path / "t.csv", tmp_path / "m.toml"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([list(said), list(said.values())])
    columns = [f'"{name}" = {{ to = "{name}" }}' for name in said]
    mapping.write_text("\n".join(['kind = "courses"', 'source = "old"', 'reason = "not known"', "[columns]", *columns]))
    return importing.run(ward.session, "courses", table, mapping, ward.team.coordinator, clock.now(), dry_run=False)


@pytest.mark.rule(17)
def test_an_import_refuses_the_patient_as_donor_of_other_cells(ward, tmp_path):
    report = imported(ward, tmp_path, {"donor.kind": "self"})
    said = " ".join(map(str, report.problems))
    assert report.refused
    assert "donor.kind" in said
    assert "own donor" in said
    assert ward.session.scalar(select(func.count()).select_from(Donor)) == 0


@pytest.mark.rule(17)
def test_an_import_takes_the_patient_as_donor_of_own_cells(ward, tmp_path):
    report = imported(ward, tmp_path, {"donor.kind": "self"}, relation="autologous", code="BM-MSC-MS")
    assert not report.refused, list(map(str, report.problems))
    report = imported(
        ward, tmp_path, {"donor.kind": "unrelated", "donor.donor_number": "R-77", "patient.record_number": "OLD-1"},
        relation="autologous", code="BM-MSC-MS",
    )  # fmt: skip
    assert report.refused


@pytest.mark.rule(11)
@pytest.mark.parametrize("names", [("Quist", "Vera"), ("QUIST", "Véra"), ("Vera", "Quist")])
def test_an_import_notes_who_may_be_known(ward, tmp_path, names):
    known = patient(
        ward.team,
        family_name="Quist",
        given_names="Vera",
        birth_date=clock.today("Etc/UTC").replace(year=1980, month=3, day=2),
    )
    ward.session.commit()
    family, given = names
    row = {
        "patient.family_name": family,
        "patient.given_names": given,
        "donor.kind": "unrelated",
        "donor.donor_number": "R-77",
    }
    report = imported(ward, tmp_path, row)
    assert not report.refused, list(map(str, report.problems))
    (note,) = report.notes
    assert known.record_number in note
    assert "Is this the same person?" in note
