"""Who thaws a second container while another of the course waits thawed is asked why (rules 54, 61; hazard H10)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from clinic import clock
from tests.safety.moments import minutes
from tests.safety.test_a_thaw_known_late import frozen_bags

pytestmark = [pytest.mark.rule(54), pytest.mark.hazard("H10")]
ASKED = "Another container of this course is thawed and not given yet"


def thaws(ward, bag, ago=0, **typed):
    return ward.move("technologist", bag, "thawed", performed_at=minutes(ago), place="Water bath", **typed)


def counted(ward, mine, bags, part):
    """Each bag holds a part of the usual dose of the protocol."""
    dosing = mine.says.dose
    weights = [one.kg for one in mine.patient.weights] if dosing.per_kg else [Decimal(1)]
    for bag in bags:
        bag.measure, bag.amount = dosing.measure, dosing.usual * weights[-1] * Decimal(part)
    ward.session.commit()


@pytest.mark.rule(61)
def test_a_second_whole_dose_is_thawed_only_with_a_reason(ward):
    mine, (first, second) = frozen_bags(ward, alike="2")
    counted(ward, mine, (first, second), "1")
    assert thaws(ward, first, 20).status_code == 303, ward.refused
    answer = thaws(ward, second)
    assert answer.status_code == 422
    ward.said_no(ASKED, f"{first.name} {first.division or ''}".strip(), "thawed at")
    ward.session.expire_all()
    assert second.thawed_at is None
    assert thaws(ward, second, sure="two arms at once, ordered by the physician").status_code == 303, ward.refused
    ward.session.expire_all()
    move = next(one for one in second.movements if one.kind == "thawed")
    assert move.confirmed == {"performed_at": "two arms at once, ordered by the physician"}


def test_containers_whose_cells_nobody_counted_are_asked_about(ward):
    _mine, (first, second) = frozen_bags(ward, alike="2")
    assert thaws(ward, first, 20).status_code == 303, ward.refused
    assert thaws(ward, second).status_code == 422
    ward.said_no(ASKED)


@pytest.mark.rule(61)
def test_parts_of_one_dose_are_thawed_together(ward):
    mine, (first, second) = frozen_bags(ward, alike="2")
    counted(ward, mine, (first, second), "0.5")
    assert thaws(ward, first, 20).status_code == 303, ward.refused
    assert thaws(ward, second).status_code == 303, ward.refused


@pytest.mark.parametrize("how", ["discarded", "over"])
def test_a_container_that_no_longer_waits_asks_nothing(ward, how):
    mine, (first, second) = frozen_bags(ward, alike="2")
    counted(ward, mine, (first, second), "1")
    assert thaws(ward, first, 90 if how == "over" else 20).status_code == 303, ward.refused
    if how == "discarded":
        said = {"performed_at": clock.now(), "reason": "leaked"}
        assert ward.move("technologist", first, "discarded", **said).status_code == 303, ward.refused
    assert thaws(ward, second).status_code == 303, ward.refused
