"""Until when a product may be used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from clinic import clock
from clinic.errors import RuleBroken
from clinic.inventory.custody import may_issue
from clinic.products.limits import use_before
from clinic.protocols.content import Expiry
from clinic.release.product_state import ProductState, state_of
from tests.bedside import released_product
from tests.factories import ready_for_harvest
from tests.judging import records_around

T = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # Berlin's clock jumps an hour ahead at 01:00 UTC that night
SECOND = timedelta(seconds=1)


def says(*manipulations, **limits):
    return SimpleNamespace(expiry=Expiry(source="test", **limits), manipulations=manipulations)


def end(content, **moments):
    known = {"made_by_run": False, "collected_at": None, "made_at": None, "frozen_at": None, "thawed_at": None}
    return use_before(content, **(known | moments))


@pytest.mark.rule(50)
@pytest.mark.parametrize(
    ("content", "moments", "expected"),
    [
        (says(fresh_hours=4), {"collected_at": T}, timedelta(hours=4)),
        (
            says("concentrate", fresh_hours=4),
            {"collected_at": T, "made_by_run": True, "made_at": T + timedelta(hours=2)},
            timedelta(hours=4),
        ),
        (
            says("expand", fresh_hours=24),
            {"collected_at": T - timedelta(days=21), "made_by_run": True, "made_at": T},
            timedelta(hours=24),
        ),
        (says("expand", fresh_hours=24), {"collected_at": T, "made_at": T}, timedelta(hours=24)),
        (
            says(fresh_hours=72, frozen_days=10),
            {"collected_at": T, "frozen_at": T + timedelta(hours=5)},
            timedelta(days=10, hours=5),
        ),
        (
            says(frozen_days=10, thaw_minutes=60),
            {"frozen_at": T, "thawed_at": T + timedelta(days=3)},
            timedelta(days=3, hours=1),
        ),
        (
            says(frozen_days=10, thaw_minutes=60),
            {"frozen_at": T, "thawed_at": T + timedelta(days=10) - timedelta(minutes=5)},
            timedelta(days=10),
        ),
        (
            says(thaw_minutes=30, fresh_hours=72),
            {"collected_at": T, "thawed_at": T + timedelta(days=200)},
            timedelta(days=200, minutes=30),
        ),
    ],
)
def test_the_end_follows_from_the_protocol_and_the_moment_that_starts_its_clock(content, moments, expected):
    assert end(content, **moments) == T + expected


@pytest.mark.rule(50)
def test_without_a_limit_nothing_ends_by_itself():
    assert end(says(thaw_minutes=60), collected_at=T) is None
    assert end(says(fresh_hours=4)) is None


@pytest.mark.rule(50)
@pytest.mark.hazard("H10")
def test_a_product_expires_to_the_second(team):
    product = released_product(ready_for_harvest(team), team)
    over = product.expires_at
    assert state_of(records_around(product), product, over - SECOND) is ProductState.CONDITIONAL
    assert not any(reason.rule == 50 for reason in may_issue(records_around(product), product, over - SECOND))
    for moment in (over, over + SECOND):
        assert state_of(records_around(product), product, moment) is ProductState.EXPIRED
        assert [
            reason.because for reason in may_issue(records_around(product), product, moment) if reason.rule == 50
        ] == ["The product is expired."]


@pytest.mark.hazard("H10")
def test_nobody_sets_an_end_that_is_later_than_the_protocol_allows(team):
    product = released_product(ready_for_harvest(team), team)
    latest = product.use_before
    with pytest.raises(RuleBroken, match="cannot be later"):
        product.amend(by=team.technologist, at=clock.now(), reason="still looks good", expires_at=latest + SECOND)
    product.amend(by=team.technologist, at=clock.now(), reason="bag was warm", expires_at=latest - timedelta(hours=1))
    product.keep_to_expiry()
    assert product.expires_at == latest - timedelta(hours=1)


@pytest.mark.rule(50)
def test_a_thaw_starts_the_clock_once(team):
    course = ready_for_harvest(team, code="BM-MSC-KNEE")
    at = clock.now()
    product = released_product(course, team, frozen_at=at - timedelta(days=40))
    assert product.expires_at == at - timedelta(days=40) + timedelta(days=course.says.expiry.frozen_days)
    product.move(kind="thawed", by=team.technologist, at=at)
    assert product.expires_at == at + timedelta(minutes=course.says.expiry.thaw_minutes)
    with pytest.raises(RuleBroken, match="thawed already"):
        product.move(kind="thawed", by=team.technologist, at=at + timedelta(minutes=50))
