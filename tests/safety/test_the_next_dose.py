"""Which dose comes next: nobody is sent to the bedside with a spare bag, or before the next dose is due (rule 61)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest

from clinic import clock
from clinic.administration import step as giving
from clinic.administration.amounts import doses
from clinic.eligibility import step as deciding
from clinic.protocols.demonstration import DEMONSTRATIONS
from tests.bedside import released_product
from tests.factories import eligible, published, ready_for_harvest
from tests.judging import records_of

SENDS = "Check at the bedside"


def bags(ward, code, *amounts):
    """Released own bags of a course; an amount for each, None for a whole dose."""
    mine = ready_for_harvest(ward.team, code=code)
    made = [ward.verified(released_product(mine, ward.team, amount=amount)) for amount in amounts]
    return mine, made


def gives(ward, mine, bag):
    ward.give(mine, bag)
    given = ward.given(bag)
    assert given is not None, ward.refused
    ward.end(given, ended_at=clock.now(), volume_given=str(bag.volume))
    ward.sign("nurse", given)
    ward.session.expire_all()


def sent(mine, days=0, hours=0):
    """The titles and reasons of what the giving asks for, some time from now."""
    at = clock.now() + timedelta(days=days, hours=hours)
    return {one.title: one.why for one in giving.actions(records_of(mine), at)}


@pytest.mark.rule(61)
def test_a_spare_bag_sends_nobody_to_the_bedside(ward):
    mine, (bag, _spare) = bags(ward, "BM-MSC-MS", None, None)
    assert SENDS in sent(mine)
    gives(ward, mine, bag)
    assert SENDS not in sent(mine)
    shown = ward.browser("nurse").get(f"/treatments/{mine.id}").text
    assert SENDS not in shown.partition("Other steps")[0].partition("Your next action")[2]


@pytest.mark.rule(61)
def test_the_second_bag_of_one_dose_is_given_at_once(ward):
    mine, (bag, _second) = bags(ward, "BM-MSC-MS", Decimal(40), Decimal(40))
    gives(ward, mine, bag)
    assert SENDS in sent(mine)


@pytest.mark.rule(61)
@pytest.mark.rule(23)
def test_the_second_dose_is_asked_for_when_it_is_due(ward):
    once, days = published(ward.team, "BM-MSC-MS").says, 7  # the cultures of the second bag are final after 14
    twice = once.model_copy(update={"dose": once.dose.model_copy(update={"doses": 2, "days_between": days})})
    published(ward.team, "BM-MSC-MS", content=twice)
    mine, (first, half) = bags(ward, "BM-MSC-MS", Decimal(40), Decimal(40))
    frozen = {"frozen_at": clock.now() - timedelta(hours=5), "made_at": clock.now() - timedelta(hours=6)}
    ward.verified(released_product(mine, ward.team, **frozen))
    gives(ward, mine, first)
    gives(ward, mine, half)
    records = records_of(mine)
    due = clock.midnight_after(clock.today(mine.zone) + timedelta(days=days - 1), mine.zone)
    assert due in set(giving.moments(records))
    word = giving.progress(records, clock.now()).word
    assert word.startswith("Dose 1 of 2, next from "), word
    at = clock.now() + timedelta(days=2)
    assert [one.title for one in deciding.actions(records, at)] == ["Decide on the eligibility again"]
    with ward.later(days=2):
        eligible(mine, ward.team, at=clock.now())
        ward.session.commit()
    assert SENDS not in sent(mine, days=days - 1)
    assert "Dose 2 of 2." in sent(mine, days=days + 1)["Thaw the cells"]


@pytest.mark.rule(61)
@pytest.mark.parametrize(("amounts", "whole", "number"), [
    (("1",), "0.9", 1), (("0.5", "0.5"), "0.9", 1), (("0.5", "0.5"), "0.45", 2), (("1", "1"), "0.9", 2),
])  # fmt: skip
def test_a_dose_is_whole_by_what_a_physician_approved(amounts, whole, number):
    """Bags ten hours apart, over midnight: the second one belongs to the first dose only while that is not whole."""
    dosing = DEMONSTRATIONS["BM-MSC-MS"].dose
    first = datetime(2026, 5, 4, 18, tzinfo=UTC)
    bags = [
        SimpleNamespace(
            performed_at=first + number * timedelta(hours=10), course_day=None, measure=dosing.measure,
            dose_per_kg=Decimal(amount), dose=None,
        )
        for number, amount in enumerate(amounts)
    ]  # fmt: skip
    assert doses(bags, dosing, "UTC", Decimal(whole)) == number


@pytest.mark.rule(52, by="http")
@pytest.mark.parametrize("volume", ["1", "4", "9.9"])
def test_a_part_of_a_bag_is_not_completed_by_another_bag(ward, volume):
    """Whoever needs more of it gives the rest of this bag first; what is left over can never be given."""
    mine, (bag, _second) = bags(ward, "BM-MSC-MS", Decimal(80), Decimal(80))
    ward.verified(bag)
    check = ward.check(mine, bag, volume=volume)
    assert check is not None
    assert check.clear is (volume == "9.9"), check.reasons
    if not check.clear:
        ward.said_no("rule 52")
