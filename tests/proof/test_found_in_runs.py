"""Stories that the histories found where cells go through runs: who tested what they were made of, what they hold."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from clinic import clock
from clinic.processing.manipulations import Manipulation
from clinic.processing.models import ProcessingRun
from tests.bedside import released_product
from tests.factories import ready_for_harvest

HOUR = timedelta(hours=1)


def frozen(ward, mine):
    """A bag that was frozen some days ago, with 10 % DMSO."""
    at = clock.now() - 90 * HOUR
    return released_product(mine, ward.team, frozen_at=at, made_at=at, dmso_percent=Decimal(10), released=False)


@pytest.mark.rule(45)
def test_who_tested_what_the_cells_were_made_of_does_not_release_them(ward):
    """The history: quality staff read a culture of the donation and decided on the bag that was made of it."""
    mine = ready_for_harvest(ward.team)
    bag = released_product(mine, ward.team, released=False)
    ward.verified(bag)
    donation = ward.session.get(ProcessingRun, bag.run_id).inputs[0].product
    sampled = bag.performed_at - HOUR / 4
    read = ward.result(donation, "gram_stain", "technologist", outcome="no_organisms", sampled_at=sampled)
    assert read.status_code == 303, ward.refused
    (culture,) = ward.results(donation, "gram_stain")
    culture.amend({"note": "read again"}, by=ward.person("quality2"), at=clock.now(), reason="a second look")
    ward.team.add(culture)
    ward.sign("technologist2", culture)
    said = {"decision": "conditional", "physician_told": ward.team.physician.printed_name, "reason": "culture pending"}
    assert ward.decide(bag, who="quality2", **said).status_code != 303
    assert ward.decide(bag, who="quality", **said).status_code == 303, ward.refused


@pytest.mark.rule(50)
@pytest.mark.rule(54)
@pytest.mark.parametrize("first", ["containers", "steps"])
def test_cells_that_were_grown_after_their_thaw_are_fresh_whatever_was_recorded_first(ward, first):
    """The history: the container was recorded before the culture, kept its freezing medium and counted as frozen."""
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag = frozen(ward, mine)
    by, begun, now = ward.team.technologist, clock.now() - 30 * HOUR, clock.now()
    run = ProcessingRun.log(
        by=by, at=now, performed_at=begun, performed_by=by, treatment=mine, preparation="Grown again"
    )
    ward.team.add(run)
    run.take(bag, by=by, at=begun)
    steps = [("thaw", begun, begun + HOUR / 6), ("expand", begun + HOUR / 6, now - HOUR)]

    def fill():
        return run.make(by=by, at=now, volume=Decimal(10), name="Cells to give", cell_type=bag.cell_type)

    made = fill() if first == "containers" else None
    for kind, start, end in steps:
        part = Manipulation.log(
            by=by, at=now, performed_at=start, ended_at=end, performed_by=by, kind=kind, run_id=run.id
        )
        run.enter(part)
    made = made or fill()
    assert (made.frozen_at, made.thawed_at, made.dmso_percent) == (None, None, None)
    assert not made.lies_frozen


@pytest.mark.rule(53)
def test_a_corrected_freezing_medium_stays_when_a_step_is_recorded_later(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag = frozen(ward, mine)
    by, begun, now = ward.team.technologist, clock.now() - HOUR, clock.now()
    run = ProcessingRun.log(by=by, at=now, performed_at=begun, performed_by=by, treatment=mine, preparation="Washed")
    ward.team.add(run)
    run.take(bag, by=by, at=begun)
    made = run.make(by=by, at=now, volume=Decimal(10), name="Cells to give", cell_type=bag.cell_type)
    ward.team.add(made)
    made.amend({"dmso_percent": Decimal(7)}, by=by, at=now, reason="the bag was thinned")
    for kind, start in (("thaw", begun), ("wash", begun + HOUR / 4)):
        run.enter(
            Manipulation.log(
                by=by, at=now, performed_at=start, ended_at=start + HOUR / 6, performed_by=by, kind=kind, run_id=run.id
            )
        )
    assert made.dmso_percent == Decimal(7)
