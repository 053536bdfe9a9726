"""Limits of a body: what one person corrected counts at its most, and a weight far from the known one not alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest

from clinic.harvest import limits

AT = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
NURSE, SECOND = (SimpleNamespace(is_same_person=lambda other, name=name: other == name) for name in ("nurse", "second"))


def harvest(now, before=None, signed_by=()):
    changes = {} if before is None else {"lidocaine_mg": [before, now]}
    made = [SimpleNamespace(amended_at=AT, amended_by="nurse", changes=changes)] if changes else []
    signed = [SimpleNamespace(signed_at=AT + timedelta(minutes=5), signed_by=who) for who in signed_by]
    confirmed = any(one.signed_by is SECOND for one in signed)
    return SimpleNamespace(lidocaine_mg=Decimal(now), amendments=made, is_confirmed=lambda _one: confirmed)


@pytest.mark.rule(29)
@pytest.mark.parametrize(("signed_by", "total"), [((), 420), ((NURSE,), 420), ((NURSE, SECOND), 60)])
def test_lidocaine_of_the_day_is_not_lowered_by_one_person(signed_by, total):
    now, earlier = harvest("20"), harvest("40", before="400", signed_by=signed_by)
    assert limits.summed(now, [now, earlier], "lidocaine_mg") == total


@pytest.mark.rule(29, 51)
@pytest.mark.parametrize(
    ("typed", "known", "counts"),
    [("140", ["72.5"], "72.5"), ("75", ["72.5"], "75"), ("50", ["72.5"], "50"), ("90", [], "90")],
)
def test_limits_per_kg_are_judged_by_the_lighter_of_two_weights_that_differ(typed, known, counts):
    one = SimpleNamespace(weight_kg=Decimal(typed))
    assert limits.lighter(one, [Decimal(kg) for kg in known]) == Decimal(counts)
