"""A donor who is recorded already is asked about before a second record is made (rules 11, 17; hazard H27)."""

from __future__ import annotations

import csv
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from clinic import clock
from clinic.exchange import importing
from clinic.patients.donors import Donor
from clinic.products.models import Product
from tests.factories import consented, eligible, patient, published

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


def imported(ward, tmp_path, *rows, relation="allogeneic", code="UC-MSC-RA", confirmed=None):
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
    lines = [usual | about | row for row in rows]
    said = lines[0]
    table, mapping = tmp_path / "t.csv", tmp_path / "m.toml"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([list(said), *([line[name] for name in said] for line in lines)])
    columns = [f'"{name}" = {{ to = "{name}" }}' for name in said]
    answers = ["[confirmed]", *(f'"{key}" = "{why}"' for key, why in (confirmed or {}).items())]
    head = ['kind = "courses"', 'source = "old"', 'reason = "not known"']
    mapping.write_text("\n".join([*head, *answers, "[columns]", *columns]))
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


@pytest.mark.rule(17)
@pytest.mark.parametrize("name", ["Olga Quist", "OLGA QVIST", "Quist, Olga", "Ólga Quist"])
def test_an_import_asks_whether_a_similar_donor_is_another_person(ward, tmp_path, name):
    known = Donor.register(
        ward.session, by=ward.team.physician, at=clock.now(), kind="related", name="Olga Quist", relation="sibling",
        relative_of=patient(ward.team),
    )  # fmt: skip
    ward.session.commit()
    row = {"donor.kind": "related", "donor.name": name, "donor.relation": "sibling"}
    report = imported(ward, tmp_path, row)
    (fault,) = report.problems
    assert (fault.column, fault.ask) == ("donor.name", "rule 17")
    assert known.id in str(fault)
    report = imported(ward, tmp_path, row, confirmed={"rule 17": "Born 1961, registry card seen"})
    assert not report.refused, list(map(str, report.problems))
    made = ward.session.scalars(select(Donor).where(Donor.id != known.id, Donor.kind == "related")).one()
    assert made.confirmed["name"] == "Born 1961, registry card seen"


@pytest.mark.rule(17)
def test_an_import_asks_about_similar_donors_of_one_table_and_about_no_other(ward, tmp_path):
    row = {"donor.kind": "related", "donor.name": "Olga Quist", "donor.relation": "sibling"}
    other = row | {"patient.record_number": "OLD-1", "patient.family_name": "Ode", "patient.given_names": "Bo"}
    report = imported(ward, tmp_path, row, other)
    (fault,) = report.problems
    assert (fault.row, fault.ask) == (3, "rule 17")
    assert "of row 2" in str(fault)
    assert not imported(ward, tmp_path, row, other | {"donor.name": "Zacharias Ode"}).refused


@pytest.mark.rule(34)
def test_what_was_imported_goes_into_a_run_after_its_receipt(ward, tmp_path):
    at = clock.now() - timedelta(days=2)
    facts = {"harvest.performed_at": f"{at:%Y-%m-%d %H:%M}", "product.volume": "60", "donor.kind": "self"}
    why = {"rule 14": "the consent lies on paper in the hospital that collected"}
    assert imported(ward, tmp_path, facts, relation="autologous", code="BM-MSC-MS").refused
    report = imported(ward, tmp_path, facts, relation="autologous", code="BM-MSC-MS", confirmed=why)
    assert not report.refused, list(map(str, report.problems))
    ward.session.commit()
    bag = ward.session.scalars(select(Product)).one()
    ward.stands(consented(bag.treatment, ward.team), "physician")
    ward.stands(eligible(bag.treatment, ward.team), "physician")
    ward.stands(bag.treatment, "physician")
    ward.session.commit()
    url, told = f"/treatments/{bag.treatment_id}/processing/new", {"inputs": [bag.id]}
    assert ward.fill("technologist", url, sure="ok", **told).status_code == 422
    ward.said_no("rule 34")
    assert not bag.uses
    told |= {"received_intact": True, "received_temperature": "20"}
    assert ward.fill("technologist", url, sure="ok", **told).status_code == 303, ward.refused
    assert [move.intact for move in bag.movements if move.kind == "received"] == [True]
