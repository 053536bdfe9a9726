"""An import refuses what the pages refuse, by row and column; what it takes in is decided on like the rest."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from clinic import clock
from clinic.exchange import importing
from clinic.identifiers import check_character
from clinic.patients.donors import Donor
from clinic.patients.models import Patient
from clinic.products.models import Product
from clinic.treatments.models import Treatment
from tests import bedside
from tests.factories import PASSWORD, consented, eligible, published
from tests.safety.driver import Ward

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

DAY = timedelta(days=1)
DIN = "A999926123456"


def text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


@pytest.fixture
def ward(session, team, client_as) -> Ward:
    return Ward(session, team, client_as)


@pytest.fixture
def take(ward, tmp_path) -> Callable[..., importing.Report]:
    """Import rows: each changes some of the facts of a course that is right."""
    own = published(ward.team, "BM-MSC-MS")
    other = published(ward.team, "UC-MSC-RA")
    ward.session.commit()

    def run(*rows: dict[str, Any], donor: bool = False, confirmed: dict[str, str] | None = None) -> importing.Report:
        version, now = other if donor else own, clock.now()
        about = {
            "treatment.protocol": version.protocol.code, "treatment.relation": "allogeneic" if donor else "autologous",
            "treatment.source": version.says.sources[0], "treatment.route": version.says.routes[0],
            "treatment.condition": version.says.conditions[0], "product.measure": version.says.dose.measure,
        } | ({"donor.kind": "unrelated"} if donor else {})  # fmt: skip
        usual = {
            "patient.family_name": "Quist", "patient.given_names": "Vera", "patient.birth_date": "1980-03-02",
            "patient.allergy_status": "none_known", "weight.kg": "72.5", "weight.performed_at": text(now - 2 * DAY),
            "harvest.performed_at": text(now - 60 * DAY), "product.performed_at": text(now - 50 * DAY),
            "product.volume": "10", "product.amount": "72.5",
        }  # fmt: skip
        names = [*usual, *dict.fromkeys(name for row in rows for name in row if name not in usual)]
        lines = [usual | {"patient.record_number": f"OLD-{n}"} | row for n, row in enumerate(rows)]
        names = list(dict.fromkeys([*names, "patient.record_number"]))
        table, mapping = tmp_path / "t.csv", tmp_path / "t.toml"
        body = [",".join(line.get(name, "na") for name in names) for line in lines]
        table.write_text("\n".join([",".join(names), *body]) + "\n")
        said = ['kind = "courses"', 'source = "old"', 'missing = ["na"]', 'reason = "not in the old system"']
        said += ["[constants]", *(f'"{key}" = "{value}"' for key, value in about.items())]
        said += ["[confirmed]", *(f'"{key}" = "{value}"' for key, value in (confirmed or {}).items())]
        said += ["[columns]", *(f'"{name}" = {{ to = "{name}" }}' for name in names)]
        mapping.write_text("\n".join(said) + "\n")
        report = importing.run(ward.session, "courses", table, mapping, ward.team.coordinator, now, dry_run=False)
        if report.refused:
            ward.session.rollback()
        else:
            ward.session.commit()
        return report

    return run


def ago(days: int) -> str:
    return text(clock.now() - days * DAY)


GIVEN = {"administration.volume_given": "10"}
WRONG = [
    ({"product.performed_at": lambda: ago(90)}, "product.performed_at"),
    ({"product.frozen_at": lambda: ago(61)}, "product.frozen_at"),
    ({"product.frozen_at": lambda: ago(40), "product.thawed_at": lambda: ago(41)}, "product.thawed_at"),
    ({**GIVEN, "administration.performed_at": lambda: ago(55)}, "administration.performed_at"),
    ({**GIVEN, "administration.performed_at": lambda: ago(61)}, "administration.performed_at"),
    (
        {**GIVEN, "administration.performed_at": lambda: ago(5), "administration.dose_per_kg": "999"},
        "administration.dose_per_kg",
    ),
    ({**GIVEN, "administration.performed_at": lambda: ago(5), "administration.dose": "60"}, "administration.dose"),
]


@pytest.mark.rule(69, by="import")
@pytest.mark.rule(52, by="import")
@pytest.mark.parametrize(("facts", "column"), WRONG)
def test_a_row_that_contradicts_itself_is_refused_by_row_and_column(ward, take, facts, column):
    report = take({name: one() if callable(one) else one for name, one in facts.items()})
    assert [(fault.row, fault.column) for fault in report.problems] == [(2, column)], report.sentences()
    assert "rule" in str(report.problems[0])
    assert ward.session.scalar(select(Patient).where(Patient.record_number == "OLD-0")) is None


@pytest.mark.rule(52)
@pytest.mark.parametrize("stated", ["1", "0.98", "1.04"])
def test_a_dose_that_agrees_comes_in(take, stated):
    given = {**GIVEN, "administration.performed_at": ago(5), "administration.dose_per_kg": stated}
    assert not take(given).refused


@pytest.mark.rule(10, by="import")
@pytest.mark.parametrize("number", ["QUIST-VERA", "1980 Vera", "OLD-0", "x-old 0-x"])
def test_a_donor_number_that_tells_of_the_patient_is_refused(ward, take, number):
    report = take({"donor.donor_number": number}, donor=True)
    assert [fault.column for fault in report.problems] == ["donor.donor_number"], report.sentences()
    assert "rule 10" in str(report.problems[0])


@pytest.mark.rule(17, by="import")
@pytest.mark.parametrize("again", ["R-777777", "r 777777"])
def test_a_donor_number_of_another_donor_is_refused(ward, take, again):
    ward.giver(donor_number="R-777777")
    report = take({"donor.donor_number": again}, donor=True)
    assert "already belongs to donor" in str(report.problems[0])


@pytest.mark.rule(5, by="import")
@pytest.mark.rule(6, by="import")
@pytest.mark.parametrize(
    ("first", "second", "row"),
    [
        (DIN, None, 2), (DIN + ("A" if check_character(DIN) != "A" else "B"), None, 2), ("A9999", None, 2),
        (DIN + check_character(DIN), DIN + check_character(DIN), 3),
    ],
)  # fmt: skip
def test_a_donation_number_has_its_check_character_and_is_used_once(ward, take, first, second, row):
    rows = [{"donor.donor_number": "R-1", "product.din": first}]
    rows += [{"donor.donor_number": "R-2", "product.din": second}] if second else []
    report = take(*rows, donor=True)
    assert [(fault.row, fault.column) for fault in report.problems] == [(row, "product.din")], report.sentences()


@pytest.mark.rule(6, by="import")
def test_a_donation_number_that_is_in_use_is_refused(ward, take):
    said = DIN + check_character(DIN)
    assert not take({"donor.donor_number": "R-1", "product.din": said}, donor=True).refused
    assert ward.session.scalar(select(Product)).din == DIN
    again = {"patient.record_number": "NEW-1", "donor.donor_number": "R-2", "product.din": said}
    report = take(again, donor=True)
    assert [(fault.row, fault.column) for fault in report.problems] == [(2, "product.din")], report.sentences()
    assert len(ward.session.scalars(select(Donor)).all()) == 1


def brought_in(ward, take, **facts):
    """An imported bag of a patient's own cells, consented and eligible, with results that conform."""
    assert not take(facts).refused
    mine, bag = ward.session.scalar(select(Treatment)), ward.session.scalar(select(Product))
    consented(mine, ward.team, at=clock.now() - DAY)
    eligible(mine, ward.team, at=clock.now() - timedelta(hours=20))
    for spec in mine.says.qc:
        bedside.tested(bag, ward.team, mine.protocol_version, spec, value=None, at=clock.now() - 20 * DAY)
    ward.session.commit()
    return mine, bag


@pytest.mark.rule(23, by="import")
def test_imported_cells_are_not_given_under_an_order_that_nobody_signed(ward, take):
    mine, bag = brought_in(ward, take)
    ward.release(bag)
    ward.give(mine, bag)
    ward.not_given(bag, "order is not signed")


@pytest.mark.rule(50)
def test_an_imported_bag_is_decided_on_when_its_results_are_there(ward, take):
    frozen = {"product.frozen_at": text(clock.now() - 50 * DAY), "product.expires_at": text(clock.now() + 60 * DAY)}
    mine, bag = brought_in(ward, take, **frozen, **{"product.dmso_percent": "0"})
    assert ward.fill("physician", f"/records/{mine.id}/signature", password=PASSWORD).status_code == 303
    ward.amend("technologist", bag, expires_at=clock.now() + timedelta(days=90))
    ward.release(bag)
    ward.said_no("waiting for a second signature")
    ward.sign("technologist2", bag)
    ward.release(bag)
    assert ward.tag(bag) == "Released", ward.refused
    assert ward.move("technologist", bag, "thawed", place="Water bath").status_code == 303, ward.refused
    ward.give(mine, bag)
    assert ward.given(bag) is not None, ward.refused


@pytest.mark.rule(50, by="import")
@pytest.mark.parametrize("frozen", [{}, {"product.frozen_at": -50}])
def test_a_bag_is_good_for_no_longer_than_frozen_ones_whether_or_not_a_row_says_that_it_was(ward, take, frozen):
    frozen = {name: text(clock.now() + days * DAY) for name, days in frozen.items()}
    assert take({"product.expires_at": text(clock.now() + 6900 * DAY)} | frozen).refused
    assert not take({"product.expires_at": text(clock.now() + 90 * DAY)} | frozen).refused


@pytest.mark.rule(50, by="amendment")
def test_a_bag_that_was_never_frozen_is_not_made_good_for_decades_by_an_amendment(ward, take):
    _mine, bag = brought_in(ward, take)
    assert ward.amend("technologist", bag, expires_at=clock.now() + 9000 * DAY).status_code == 422
    ward.said_no("later than the protocol allows")
    ward.session.expire_all()
    assert ward.tag(bag) != "Released"


@pytest.mark.rule(40)
def test_an_imported_bag_without_results_does_not_conform(ward, take):
    assert not take({}).refused
    mine, bag = ward.session.scalar(select(Treatment)), ward.session.scalar(select(Product))
    consented(mine, ward.team, at=clock.now() - DAY)
    eligible(mine, ward.team, at=clock.now() - timedelta(hours=20))
    ward.sign("physician", mine)
    ward.release(bag)
    ward.said_no("has no result")
    assert ward.tag(bag) != "Released"
