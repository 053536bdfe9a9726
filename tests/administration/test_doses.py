"""The dose at the bedside: weight, window, units, DMSO, endotoxin, with real records in a database."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from clinic import clock
from clinic.errors import RuleBroken
from clinic.fields import Range
from clinic.patients.models import Weight
from clinic.protocols.demonstration import DEMONSTRATIONS
from tests.bedside import checked, frozen, given, released_product, rules
from tests.factories import published, ready_for_harvest

if TYPE_CHECKING:
    from clinic.treatments.models import Treatment
    from tests.factories import Team


@pytest.mark.rule(51)
def test_a_dose_per_kg_needs_a_fresh_weight(team: Team) -> None:
    course, product = frozen(team, 5)
    course.patient.weights[0].performed_at = clock.now() - timedelta(days=31)
    assert 51 in rules(checked(course, product, team))
    for weight in list(course.patient.weights):
        weight.performed_at = clock.now() + timedelta(minutes=1)
    assert 51 in rules(checked(course, product, team))


@pytest.mark.rule(51)
def test_a_childs_weight_is_good_for_seven_days_only(team: Team) -> None:
    course, product = frozen(team, 5)
    course.patient.birth_date = clock.today("Europe/Berlin") - timedelta(days=3000)
    course.patient.weights[0].performed_at = clock.now() - timedelta(days=8)
    assert rules(checked(course, product, team)) == {14, 51}, "the child signed the consent alone"


@pytest.mark.rule(52)
@pytest.mark.hazard("H17")
@pytest.mark.parametrize("slip", ["0.1", "10", "1000"])
def test_a_slip_of_a_unit_in_the_amount_is_refused(team: Team, slip: str) -> None:
    course, product = frozen(team, 5)
    assert product.amount is not None
    product.amount *= Decimal(slip)
    check = checked(course, product, team)
    assert rules(check) == {50, 52}, "the release rested on another amount"
    assert any("1 to 2 ×10⁶/kg" in reason["because"] for reason in check.reasons)


@pytest.mark.rule(52)
@pytest.mark.parametrize(
    ("per_kg", "refused"), [("0.9996", False), ("0.994", True), ("2.004", False), ("2.006", True), ("1", False)]
)
def test_a_dose_that_reads_as_the_edge_of_the_window_is_on_it(team: Team, per_kg: str, *, refused: bool) -> None:
    course, product = frozen(team, 5)
    weight = course.patient.weights[0].kg
    assert weight is not None
    product.amount = Decimal(per_kg) * weight
    check = checked(course, product, team)
    assert (52 in rules(check)) is refused
    assert not refused or any(f"÷ {weight} kg" in reason["because"] for reason in check.reasons)


@pytest.mark.rule(52)
@pytest.mark.hazard("H17")
def test_cells_counted_in_another_unit_than_the_dose_are_refused(team: Team) -> None:
    course, product = frozen(team, 5)
    product.measure = "tnc_8"
    assert rules(checked(course, product, team)) == {50, 52}


@pytest.mark.rule(52)
def test_a_dose_far_from_the_usual_one_wants_a_reason(team: Team) -> None:
    usual = frozen(team, 5)[1].amount
    course, product = frozen(team, 5, amount=usual * Decimal("1.5"))
    check = checked(course, product, team)
    assert check.clear
    assert [w["rule"] for w in check.warnings] == [52]
    with pytest.raises(RuleBroken, match="Give the reason for continuing"):
        given(check, team)
    made = given(check, team, because="ordered so by the physician")
    assert made.confirmed["warnings"] == "ordered so by the physician"


@pytest.mark.rule(53)
def test_dmso_is_summed_over_a_day(team: Team) -> None:
    course = ready_for_harvest(team, code="BM-MSC-MS")
    thawed = clock.now() - timedelta(minutes=5)
    pure = {"endotoxin": Decimal("0.01")}
    heavy = released_product(
        course, team, volume="700", frozen_at=thawed, dmso_percent=Decimal(10), thawed_at=thawed, results=pure
    )
    check = checked(course, heavy, team)
    assert rules(check) == {53}
    assert "1.062 g/kg" in check.reasons[0]["because"]
    first = released_product(
        course,
        team,
        volume="350",
        amount=36,
        frozen_at=thawed,
        dmso_percent=Decimal(10),
        thawed_at=thawed,
        results=pure,
    )
    second = released_product(
        course,
        team,
        volume="350",
        amount=37,
        frozen_at=thawed,
        dmso_percent=Decimal(10),
        thawed_at=thawed,
        results=pure,
    )
    heavy.move(kind="discarded", by=team.technologist, at=clock.now(), reason="too much DMSO")
    begun = checked(course, first, team)
    assert begun.clear, begun.reasons
    given(begun, team)
    assert 53 in rules(checked(course, second, team))


@pytest.mark.rule(42)
def test_endotoxin_is_counted_for_this_volume_weight_and_route(team: Team) -> None:
    course, product = frozen(team, 5, volume="60", results={"endotoxin": Decimal("4.9")})
    assert checked(course, product, team).clear
    weigh(course, team, "40")
    assert rules(checked(course, product, team)) == {51}, "far from the last weight: a second person confirms it"
    light = next(one for one in course.patient.weights if one.kg == 40)
    light.sign(by=team.physician, at=clock.now())
    team.add(light)
    check = checked(course, product, team)
    assert rules(check) == {42}
    assert "7.35 EU/kg" in check.reasons[0]["because"]
    assert "Weight changed by more than 10 %" in {w["check"] for w in check.warnings}


def weigh(course: Treatment, team: Team, kg: str) -> None:
    """Weigh the patient now."""
    at = clock.now()
    team.add(
        Weight.log(
            by=team.nurse, at=at, patient=course.patient, kg=Decimal(kg), performed_at=at, performed_by=team.nurse
        )
    )


@pytest.mark.rule(61, by="http")
def test_the_next_dose_of_a_protocol_with_days_between_is_asked_on_the_same_day_and_the_rest_of_one_is_not(team):
    says = DEMONSTRATIONS["BM-MSC-MS"]
    dose = says.dose.model_copy(update={"doses": 2, "days_between": 7, "window": Range(1, 2), "usual": Decimal(1)})
    version = published(team, "TWICE", content=says.model_copy(update={"dose": dose}))
    of = ready_for_harvest(team, version=version)
    bags = [released_product(of, team, amount=part * Decimal("72.5")) for part in (Decimal("0.5"), Decimal("0.5"), 1)]
    for bag, asked in zip(bags, (False, False, True), strict=True):
        check = checked(of, bag, team)
        warned = [line for line in check.evidence if line["check"] == "Days since the last cells" and line["warning"]]
        assert bool(warned) is asked, check.evidence
        if not asked:
            made = given(check, team)
            made.finish(at=clock.now(), ended_at=clock.now(), volume_given=made.volume_issued, weight=None)
            team.add(made)
