"""Volumes come out even to the last digit, and the dose is what was given of what the container held (rules 52, 59)."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic.administration.amounts import dmso_grams, dose_in
from clinic.administration.models import Administration
from clinic.errors import RuleBroken
from clinic.fields import Unreadable, parse_decimal
from tests.factories import course, team

TENTHS = st.integers(0, 3000).map(lambda n: Decimal(n) / 10)
PEOPLE = team()
COURSE = course(PEOPLE)
AT = COURSE.recorded_at


def log(**volumes: Decimal) -> Administration:
    """An administration of these volumes."""
    return Administration.log(
        by=PEOPLE.nurse, at=AT, treatment=COURSE, route=COURSE.route, performed_at=AT, performed_by=PEOPLE.nurse,
        verified_by_id=PEOPLE.physician.id, ended_at=AT, partial_reason="said", **volumes,
    )  # fmt: skip


@pytest.mark.rule(59)
@given(TENTHS, TENTHS, TENTHS)
def test_given_wasted_and_returned_are_what_was_issued(given_: Decimal, wasted: Decimal, returned: Decimal) -> None:
    parts = {"volume_given": given_, "volume_wasted": wasted, "volume_returned": returned}
    total = given_ + wasted + returned
    if not given_:
        with pytest.raises(RuleBroken, match="0 mL is not an administration"):
            log(volume_issued=total, **parts)
        return
    assert log(volume_issued=total, **parts).volume_issued == total
    with pytest.raises(RuleBroken, match=r"Given \+ wasted \+ returned"):
        log(volume_issued=total + Decimal("0.1"), **parts)


@pytest.mark.rule(59)
def test_a_part_of_the_dose_needs_its_reason() -> None:
    with pytest.raises(RuleBroken, match="why the whole dose was not given"):
        Administration.log(
            by=PEOPLE.nurse, at=AT, treatment=COURSE, route=COURSE.route, performed_at=AT, performed_by=PEOPLE.nurse,
            verified_by_id=PEOPLE.physician.id, ended_at=AT, volume_issued=Decimal(10), volume_given=Decimal(9),
            volume_wasted=Decimal(1),
        )  # fmt: skip


@pytest.mark.rule(2)
def test_who_gives_does_not_verify() -> None:
    with pytest.raises(RuleBroken, match="a different person"):
        Administration.log(
            by=PEOPLE.nurse, at=AT, treatment=COURSE, route=COURSE.route, performed_at=AT, performed_by=PEOPLE.nurse,
            verified_by_id=PEOPLE.nurse.id,
        )  # fmt: skip


@pytest.mark.rule(52)
@given(TENTHS.filter(bool), TENTHS.filter(bool), st.integers(1, 10**6).map(lambda n: Decimal(n) / 1000))
def test_all_parts_of_a_container_together_hold_its_amount(first: Decimal, second: Decimal, amount: Decimal) -> None:
    product = SimpleNamespace(amount=amount, volume=first + second)
    both = dose_in(product, first) + dose_in(product, second)
    assert abs(both - amount) < Decimal("1e-20")


@pytest.mark.rule(53)
def test_dmso_in_grams_is_volume_times_percent_times_density() -> None:
    assert dmso_grams(Decimal(100), Decimal(10)) == 11
    assert dmso_grams(Decimal(100), None) == 0


@pytest.mark.hazard("H17")
@pytest.mark.parametrize("typed", ["1.5", "1,5", " 1.5 "])
def test_point_and_comma_are_the_same_number(typed: str) -> None:
    assert parse_decimal(typed) == Decimal("1.5")


@pytest.mark.hazard("H17")
@pytest.mark.parametrize(
    "typed", ["1e8", "1.000,5", "1 000", "\N{ARABIC-INDIC DIGIT ONE}", "1.5.2", "NaN", "0x10", "½"]
)
def test_what_could_be_two_numbers_is_none(typed: str) -> None:
    with pytest.raises(Unreadable):
        parse_decimal(typed)
