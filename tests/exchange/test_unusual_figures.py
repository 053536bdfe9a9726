"""A figure that is possible and probably in another unit is asked about wherever it comes from (rule 39)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import select

from clinic.fields import SHARE, Share, fields_of
from clinic.followup.models import OutcomeScore
from clinic.model import Model
from clinic.products.models import Product
from clinic.protocols.catalogues import DOSE_MEASURES, INSTRUMENTS, QC_TESTS
from tests.exchange.test_import_given import facts_of
from tests.exchange.test_import_refuses import ago, take, ward
from tests.exchange.test_increments import ONE, known, more, score
from tests.factories import course, patient

__all__ = ["known", "more", "take", "ward"]
FRACTION = Decimal("0.95")


def test_every_percentage_that_is_declared_asks_about_a_fraction():
    expected = {f"qc.{key}": one.expected for key, one in QC_TESTS.items() if one.unit == "%" and not one.few}
    expected |= {f"score.{key}": one.expected for key, one in INSTRUMENTS.items() if one.unit == "%"}
    for mapper in Model.registry.mappers:
        facts = fields_of(mapper.class_) if hasattr(mapper.class_, "__table__") else {}
        expected |= {f"{mapper.class_.__name__}.{name}": one.expected for name, one in facts.items() if one.unit == "%"}
    assert len(expected) >= 15
    assert [name for name, one in expected.items() if one is None or FRACTION in one] == []
    assert [name for name, one in expected.items() if one is not None and Decimal(95) not in one] == ["score.lvef"]


def test_every_amount_that_is_declared_asks_about_another_unit():
    amounts = {key: one.expected for key, one in QC_TESTS.items() if "×10" in one.unit}
    amounts |= {key: one.whole for key, one in DOSE_MEASURES.items()}
    amounts |= {f"{key}/kg": one.expected for key, one in DOSE_MEASURES.items() if "×10" in one.unit}
    assert len(amounts) >= 15
    assert [key for key, one in amounts.items() if one is None or Decimal(72_500_000) in one] == []


@pytest.mark.parametrize(("value", "asked"), [("0", False), ("0.5", True), ("1", True), ("1.1", False), ("100", False)])
def test_none_at_all_is_no_fraction(value, asked):
    assert (Decimal(value) not in SHARE) is asked
    assert (-Decimal(value) not in Share(-100, 100)) is asked
    assert str(SHARE) == "0, or more than 1, up to 100"


ASKED = [
    ({"qc.viability": "0.95"}, "qc.viability"), ({"qc.hematocrit": "0.30"}, "qc.hematocrit"),
    ({"score.v.lvef": "0.5", "visit.v.performed_at": ago(2)}, "score.lvef"),
    ({"score.v.spo2": "0.9", "visit.v.performed_at": ago(2)}, "score.spo2"),
    ({"score.v.donor_chimerism": "0.9", "visit.v.performed_at": ago(2)}, "score.donor_chimerism"),
    ({"qc.cd34_count": "6400000"}, "qc.cd34_count"), ({"qc.potency": "0.6"}, "qc.potency"),
    ({"product.amount": "72500000", "product.volume": "0.010"}, "product.amount"),
    ({"product.amount": "72500", "product.volume": "10"}, "product.amount"),
    ({"product.volume": "0.01"}, "product.volume"),
    ({"product.dmso_percent": "0.1"}, "product.dmso_percent"),
    (facts_of({"administration.viability_before": "0.9"}), "administration.viability_before"),
    ({"administration.performed_at": ago(5), "administration.dose": "72500000", "product.amount": "na"},
     "administration.dose"),
]  # fmt: skip


@pytest.mark.rule(39, by="import")
@pytest.mark.parametrize(("facts", "ask"), ASKED)
def test_a_figure_in_another_unit_is_asked_about_and_kept_with_the_reason(take, facts, ask):
    report = take(facts)
    assert ask in {one.ask for one in report.problems}, report.sentences()
    assert "expected" in next(str(one) for one in report.problems if one.ask == ask)
    report = take(facts, confirmed={one.ask: "Read twice" for one in report.problems})
    assert ask not in {one.ask for one in report.problems}, report.sentences()


USUAL = {
    "qc.viability": "95", "qc.hematocrit": "30", "qc.negative_markers": "0.5", "qc.cd34_count": "6.4",
    "visit.v.performed_at": ago(2), "score.v.lvef": "35", "score.v.spo2": "70", "score.v.donor_chimerism": "0",
    "product.dmso_percent": "10",
}  # fmt: skip


def test_usual_figures_are_not_asked_about(take):
    assert not take(facts_of(ONE | USUAL)).refused


def test_a_later_table_asks_too(known, more):
    (fault,) = more("scores", score(score_value="0.9"), refused=True).problems
    assert fault.ask == "score.spo2"


def test_a_form_and_an_amendment_ask_too(ward, known, more):
    more("scores", score(score_value="97"))
    one = ward.session.scalars(select(OutcomeScore)).one()
    page = f"/records/{one.id}/amendment"
    ward.fill("nurse", page, value="0.9", amend_reason="The report of the ward")
    ward.session.refresh(one)
    assert one.value == 97
    assert "expected" in " ".join(map(str, ward.refused)) or "Is this right?" in str(ward.refused)
    product = ward.session.scalars(select(Product)).one()
    ward.fill(
        "technologist", f"/records/{product.id}/amendment", amount="72500000", amend_reason="The laboratory's note"
    )
    ward.session.refresh(product)
    assert product.amount < 100


def test_the_form_of_a_visit_asks_and_keeps_the_reason_with_the_score(ward):
    on = course(ward.team, patient(ward.team), code="BM-MSC-HEART")
    ward.session.commit()
    page, typed = f"/treatments/{on.id}/visits/new", {"name": "Baseline", "made": "made", "alive": "yes"}
    ward.fill("nurse", page, **typed, score_lvef="0.5")
    assert "LVEF 0.5 % is less than expected" in str(ward.refused)
    assert ward.session.scalars(select(OutcomeScore)).all() == []
    answer = ward.fill("nurse", page, sure="Shock, read twice", **typed, score_lvef="4")
    assert answer.status_code == 303, ward.refused
    one = ward.session.scalars(select(OutcomeScore)).one()
    assert (one.value, one.confirmed) == (4, {"value": "Shock, read twice"})
    assert one.visit.confirmed == {}
