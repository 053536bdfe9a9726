"""The days of every table of a dossier are those of the clinic's clock, also where no more than the day is known."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.exchange import importing
from clinic.exchange.datasets import datasets
from clinic.exchange.mapping import Mapping, Target
from clinic.patients.models import Patient
from tests.dossier.test_dossier import opened, packed, rows
from tests.factories import published

ROW = {
    "patient.record_number": "OLD-9", "patient.family_name": "Quist", "patient.given_names": "Vera",
    "patient.sex": "female", "patient.birth_date": "1980", "patient.died_on": "2021",
    "patient.allergy_status": "none_known", "treatment.relation": "autologous", "weight.kg": "72.5",
    "weight.performed_at": "2020-05", "harvest.performed_at": "2020-05-08", "product.performed_at": "2020-05-09",
    "product.volume": "10", "product.amount": "72.5", "administration.performed_at": "2020-05-10",
    "administration.volume_given": "10",
}  # fmt: skip


def test_every_data_set_tells_the_zone_of_its_days():
    assert not [name for name, one in datasets().items() if "zone" not in {column.kind for column in one.columns}]


@pytest.fixture
def imported(session, team, tmp_path):
    """A patient whose cells were given on a day of a history, under a clock that is ahead of UTC."""
    version = published(team, "BM-MSC-MS")
    session.commit()
    says = version.says
    row = ROW | {
        "treatment.protocol": version.protocol.code, "treatment.source": says.sources[0],
        "treatment.route": says.routes[0], "treatment.condition": says.conditions[0],
        "product.measure": says.dose.measure,
    }  # fmt: skip
    file = tmp_path / "t.csv"
    file.write_text(",".join(row) + "\n" + ",".join(row.values()) + "\n")
    columns = {name: (Target(to=name),) for name in row}
    mapping = Mapping(kind="courses", source="old", reason="not in the old system", columns=columns)
    report = importing.run(session, "courses", file, mapping, team.coordinator, clock.now(), dry_run=False)
    assert not report.refused, report.sentences()
    session.commit()
    number = session.scalar(select(Patient.record_number).where(Patient.record_number == "OLD-9"))
    session.close()
    return number


def test_an_untouched_dossier_of_days_known_in_part_is_true(run, imported, tmp_path):
    assert run("seal")[0] == 0
    assert run("dossier", "--patient", imported, "-o", tmp_path / "d.zip")[0] == 0
    status, _out, err = run("verify", "--dossier", tmp_path / "d.zip")
    assert (status, err) == (0, "")
    files = opened(tmp_path / "d.zip")
    (dose,) = rows(files, "doses")
    assert "2020-05-10" in dose.values()
    wrong = files | {"tables/doses.csv": files["tables/doses.csv"].replace(b"2020-05-10", b"2020-05-09")}
    assert run("verify", "--dossier", packed(tmp_path / "w.zip", wrong))[0] == 1
