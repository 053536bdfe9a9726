"""No cell volume comes from nowhere: through runs, samples, waste and givings all is accounted for, to the last digit.

``GRAPHS`` sets how many random courses are tried: 500 unless it says otherwise, 100000 in the long run.
"""

from __future__ import annotations

import os
import random
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal

import pytest

from clinic import clock
from clinic.administration.models import Administration
from clinic.errors import RuleBroken
from clinic.processing.models import ProcessingRun
from tests.factories import course, harvested, team

GRAPHS = int(os.environ.get("GRAPHS", "500"))
PEOPLE = team()
COURSE = course(PEOPLE)
AT = clock.now()
ZERO = Decimal(0)


def drawn(chance: random.Random, most: Decimal) -> Decimal:
    """A volume with up to three decimals; at times more than there is."""
    return (most * Decimal(chance.randint(1, 1300)) / 1000).quantize(Decimal("0.001"))


class Laboratory:
    """One course of random acts. What a rule refuses leaves everything as it was."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self.bags = list(harvested(COURSE, PEOPLE).products)
        self.collected = sum((bag.volume for bag in self.bags), ZERO)
        self.runs: list[ProcessingRun] = []
        self.given: list[Administration] = []

    def process(self) -> None:
        """Take from some bags, add, waste, and fill containers."""
        facts = {"performed_at": AT - timedelta(hours=1), "performed_by": PEOPLE.technologist}
        run = ProcessingRun.log(by=PEOPLE.technologist, at=AT, treatment=COURSE, preparation="Washed", **facts)
        for bag in self.chance.sample(self.bags, min(len(self.bags), self.chance.randint(1, 3))):
            with suppress(RuleBroken):
                run.take(bag, by=PEOPLE.technologist, at=AT, volume=drawn(self.chance, bag.left))
        if not run.inputs:
            return
        self.runs.append(run)
        with suppress(RuleBroken):
            waste = drawn(self.chance, run.input_volume / 2)
            run.finish(at=AT, added_volume=drawn(self.chance, Decimal(20)), waste_volume=waste)
        for _container in range(self.chance.randint(1, 4)):
            with suppress(RuleBroken):
                volume = drawn(self.chance, max(run.loss, Decimal("0.01")))
                self.bags.append(run.make(by=PEOPLE.technologist, at=AT, volume=volume, name="Cells"))

    def give(self) -> None:
        """Give what is in a bag, whole or in part; the rest is wasted or returned."""
        bag = self.chance.choice(self.bags)
        issued, whole = drawn(self.chance, bag.left), self.chance.random() < 0.5
        given = issued if whole else drawn(self.chance, issued)
        rest = {self.chance.choice(("volume_wasted", "volume_returned")): issued - given}
        before = bag.given
        with suppress(RuleBroken):
            one = Administration.log(
                by=PEOPLE.nurse, at=AT, treatment=COURSE, product=bag, route=COURSE.route, performed_at=AT,
                performed_by=PEOPLE.nurse, verified_by_id=PEOPLE.physician.id, ended_at=AT, volume_issued=issued,
                volume_given=given, partial_reason="said", **rest,
            )  # fmt: skip
            bag.move(kind="given", by=PEOPLE.nurse, at=AT)
            self.given.append(one)
            assert not before, "one bag was given twice"

    def live(self) -> None:
        for _act in range(self.chance.randint(2, 8)):
            self.chance.choice((self.process, self.process, self.give))()

    def balance(self) -> None:
        """Judge every container, every run and the whole."""
        assert len({one.product.id for one in self.given}) == len(self.given)
        for bag in self.bags:
            taken = sum((use.volume for use in bag.uses), ZERO)
            issued = sum((one.volume_issued for one in self.given if one.product is bag), ZERO)
            assert bag.left == bag.volume - taken >= ZERO
            assert taken + issued <= bag.volume, "more left a container than it held"
        for run in self.runs:
            out = sum((bag.volume for bag in run.outputs), ZERO) + (run.waste_volume or ZERO)
            assert run.loss == run.input_volume + (run.added_volume or ZERO) - out >= ZERO
        for one in self.given:
            parts = (one.volume_given, one.volume_wasted, one.volume_returned)
            assert sum((part or ZERO for part in parts), ZERO) == one.volume_issued
            assert one.volume_given > 0
        added = sum((run.added_volume or ZERO for run in self.runs), ZERO)
        waste = sum((run.waste_volume or ZERO for run in self.runs), ZERO)
        lost = sum((run.loss for run in self.runs), ZERO)
        there = sum((bag.left for bag in self.bags), ZERO)
        assert self.collected + added == there + waste + lost, "volume came from nowhere or went nowhere"


@pytest.mark.rule(36)
@pytest.mark.rule(59)
@pytest.mark.hazard("H16")
def test_through_any_course_of_runs_waste_and_givings_every_volume_is_accounted_for() -> None:
    gave = ran = 0
    for seed in range(GRAPHS):
        laboratory = Laboratory(seed)
        laboratory.live()
        laboratory.balance()
        gave, ran = gave + len(laboratory.given), ran + len(laboratory.runs)
    assert gave > GRAPHS / 4, "the acts were refused, so nothing was tried"
    assert ran > GRAPHS
