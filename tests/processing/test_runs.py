"""Processing runs: what goes in and comes out, lots, counts, the second person."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinic import clock
from clinic.errors import RuleBroken, Unconfirmed
from clinic.processing.counts import InProcessCount
from clinic.processing.models import Manipulation, ProcessingRun
from clinic.records import Meaning
from tests.factories import course, harvested, own_cells, team


@pytest.fixture
def people():
    return team()


@pytest.fixture
def run(people):
    """A run in memory that took all of a bag of 60 mL."""
    return begun(people)


def begun(people, of=None, **facts):
    of = of or course(people)
    bag = harvested(of, people, **facts).products[0]
    one = ProcessingRun.log(
        by=people.technologist,
        at=clock.now(),
        treatment=of,
        preparation="Concentrated",
        performed_at=clock.now() - timedelta(hours=1),
        performed_by=people.technologist,
        confirmed={"ended_at": "steps on the batch sheet"},
    )
    one.take(bag, by=people.technologist, at=clock.now())
    return one


def make(run, people, volume, **facts):
    return run.make(by=people.technologist, at=clock.now(), volume=Decimal(str(volume)), name="MNC, Marrow", **facts)


@pytest.mark.rule(36)
def test_no_more_comes_out_than_went_in(run, people):
    make(run, people, 40)
    with pytest.raises(RuleBroken, match=r"20.5 mL cannot be added"):
        make(run, people, "20.5")
    make(run, people, 20)
    assert run.loss == 0
    with pytest.raises(RuleBroken, match="cannot be added"):
        make(run, people, "0.01")
    run.finish(at=clock.now(), added_volume=Decimal(5))
    assert make(run, people, 5).volume == 5


@pytest.mark.rule(36)
def test_a_loss_of_more_than_a_tenth_is_explained_before_anybody_signs(run, people):
    make(run, people, 50)
    said = "17 % of the volume is lost: 60 mL in − 50 mL in containers = 10 mL"
    with pytest.raises(RuleBroken, match=said):
        run.finish(at=clock.now(), ended_at=clock.now() - timedelta(minutes=5))
    with pytest.raises(RuleBroken, match=said):
        run.sign(by=people.technologist, at=clock.now())
    run.finish(at=clock.now(), loss_reason="clot in the filter")
    assert run.sign(by=people.technologist, at=clock.now()).meaning is Meaning.AUTHORSHIP


@pytest.mark.rule(36)
def test_two_runs_never_take_more_than_the_container_holds(people):
    of = course(people)
    bag = harvested(of, people).products[0]
    first, second = (
        ProcessingRun.log(
            by=people.technologist,
            at=clock.now(),
            treatment=of,
            preparation="Split",
            performed_at=clock.now(),
            performed_by=people.technologist,
        )
        for _ in range(2)
    )
    first.take(bag, by=people.technologist, at=clock.now(), volume=Decimal(45))
    with pytest.raises(RuleBroken, match="has 15 mL left"):
        second.take(bag, by=people.technologist, at=clock.now(), volume=Decimal("15.01"))
    second.take(bag, by=people.technologist, at=clock.now())
    assert (second.input_volume, bag.left) == (15, 0)


@pytest.mark.rule(37)
def test_every_child_keeps_the_donation_number_and_has_its_own_division(people):
    number = f"A9999{clock.now().year % 100:02d}123456"
    run = begun(people, din=number)
    bags = [make(run, people, 9) for _ in range(6)]
    assert [bag.division for bag in bags] == ["A1", "A2", "A3", "A4", "A5", "A6"]
    assert {(bag.din, bag.donor_id, bag.collected_at) for bag in bags} == {
        (number, run.inputs[0].product.donor_id, run.inputs[0].product.collected_at)
    }
    with pytest.raises(RuleBroken, match="Division A3 is already used"):
        make(run, people, "0.01", division="A3")


@pytest.mark.rule(37)
def test_a_pool_gets_no_parents_number_and_lists_all_parents(people):
    of = course(people)
    year = clock.now().year % 100
    bags = [
        harvested(of, people, donor=own_cells(of, people), din=f"A9999{year:02d}00000{n}", side=side).products[0]
        for n, side in ((1, "left"), (2, "right"))
    ]
    for bag in bags:
        bag.donor, bag.donor_id = bags[0].donor, bags[0].donor_id
    run = ProcessingRun.log(
        by=people.technologist,
        at=clock.now(),
        treatment=of,
        preparation="Pooled",
        performed_at=clock.now(),
        performed_by=people.technologist,
    )
    for bag in bags:
        run.take(bag, by=people.technologist, at=clock.now())
    pool = make(run, people, 120)
    assert (pool.din, pool.division) == (None, "P1")
    assert {one.product_id for one in run.inputs} == {bag.id for bag in bags}
    assert pool.id not in {bag.id for bag in bags}


@pytest.mark.rule(37)
def test_different_patients_own_cells_are_never_pooled(people):
    mine, theirs = begun(people), harvested(course(people), people).products[0]
    with pytest.raises(RuleBroken, match=r"another course|never pooled"):
        mine.take(theirs, by=people.technologist, at=clock.now())
    theirs.treatment, theirs.treatment_id = mine.treatment, mine.treatment_id
    with pytest.raises(RuleBroken, match="never pooled"):
        mine.take(theirs, by=people.technologist, at=clock.now())


@pytest.mark.rule(35)
@pytest.mark.parametrize(("days", "good"), [(-1, False), (0, True), (1, True)])
def test_an_expired_lot_is_refused(run, people, days, good):
    at = clock.now()
    facts = {
        "run_id": run.id,
        "kind": "wash",
        "reagent": "Saline",
        "lot": "S-1",
        "lot_expires_on": clock.day(at, "Europe/Berlin") + timedelta(days=days),
        "performed_at": at,
        "performed_by": people.technologist,
    }
    if good:
        assert Manipulation.log(by=people.technologist, at=at, **facts).lot == "S-1"
    else:
        with pytest.raises(RuleBroken, match="Lot S-1 expired"):
            Manipulation.log(by=people.technologist, at=at, **facts)


def counted(run, people, kind, concentration, volume):
    count = InProcessCount.log(
        by=people.technologist,
        at=clock.now(),
        run_id=run.id,
        counted=kind,
        concentration=Decimal(str(concentration)),
        volume=Decimal(str(volume)),
        performed_at=clock.now(),
        performed_by=people.technologist,
    )
    run.enter(count)
    return count


@pytest.mark.rule(38)
def test_a_count_shows_its_sum(run, people):
    count = counted(run, people, "tnc", "12.5", 48)
    assert (count.arithmetic, count.total_text, count.total) == ("12.5 ×10⁶/mL × 48 mL", "600 ×10⁶", 600)


@pytest.mark.rule(38)
@pytest.mark.parametrize(
    ("amount", "asked"), [("6", False), ("6.3", False), ("5.7", False), ("6.31", True), ("5.69", True), ("60", True)]
)
def test_an_amount_more_than_a_twentieth_from_its_count_needs_a_reason(run, people, amount, asked):
    counted(run, people, "tnc", 60, 10)
    facts = {"measure": "tnc_8", "amount": Decimal(amount)}
    if not asked:
        assert make(run, people, 10, **facts).amount == Decimal(amount)
        return
    with pytest.raises(Unconfirmed, match="the count says 60 ×10⁶/mL × 10 mL = 6 ×10⁸"):
        make(run, people, 10, **facts)
    assert make(run, people, 10, **facts, confirmed={"amount": "counted again after dilution"}).amount == Decimal(
        amount
    )


def test_a_signed_run_takes_and_makes_nothing_more(run, people):
    make(run, people, 60)
    run.finish(at=clock.now(), ended_at=clock.now() - timedelta(minutes=5))
    run.sign(by=people.technologist, at=clock.now())
    for act in (
        lambda: make(run, people, 1),
        lambda: counted(run, people, "tnc", 1, 1),
        lambda: run.finish(at=clock.now(), room="B"),
    ):
        with pytest.raises(RuleBroken, match="The run is signed"):
            act()


def test_a_run_that_has_no_end_is_not_signed(run, people):
    make(run, people, 60)
    with pytest.raises(RuleBroken, match="Record the end first"):
        run.sign(by=people.technologist, at=clock.now())
    assert not run.signed


@pytest.mark.hazard("H25")
def test_the_second_person_had_no_hand_in_the_run(run, people):
    make(run, people, 60)
    run.finish(at=clock.now(), ended_at=clock.now() - timedelta(minutes=5))
    run.sign(by=people.technologist, at=clock.now())
    with pytest.raises(RuleBroken, match="must not have taken part in the processing"):
        run.sign(by=people.technologist, at=clock.now())
    with pytest.raises(RuleBroken, match=r"verified by technologist or quality staff"):
        run.sign(by=people.nurse, at=clock.now())
    assert run.sign(by=people.technologist2, at=clock.now()).meaning is Meaning.VERIFICATION
    assert run.verified


def test_the_first_signature_is_the_technologists(run, people):
    make(run, people, 60)
    run.finish(at=clock.now(), ended_at=clock.now() - timedelta(minutes=5))
    with pytest.raises(RuleBroken, match="technologist responsible for the processing"):
        run.sign(by=people.quality, at=clock.now())


PARTS = st.lists(st.decimals(min_value="0.01", max_value=40, places=2), min_size=1, max_size=8)


@pytest.mark.hazard("H16")
@settings(max_examples=150, deadline=None)
@given(
    parts=PARTS,
    waste=st.decimals(min_value=0, max_value=20, places=3),
    added=st.decimals(min_value=0, max_value=50, places=3),
)
def test_through_any_splitting_and_pooling_volume_is_conserved_to_the_last_digit(parts, waste, added):
    people = STAFF
    run = begun(people, COURSE)
    run.finish(at=clock.now(), added_volume=added, waste_volume=min(waste, added + 60))
    for part in parts:
        left = run.loss
        if part > left:
            with pytest.raises(RuleBroken):
                make(run, people, part)
            assert run.loss == left
        else:
            make(run, people, part)
    assert run.loss >= 0
    assert run.input_volume + added == run.output_volume + run.waste_volume + run.loss
    if not run.outputs:
        return
    pool = ProcessingRun.log(
        by=people.technologist,
        at=clock.now(),
        treatment=COURSE,
        preparation="Pooled",
        performed_at=clock.now(),
        performed_by=people.technologist,
    )
    for turn, bag in enumerate(run.outputs):
        pool.take(bag, by=people.technologist, at=clock.now(), volume=bag.volume / 2 if turn % 2 else None)
    assert pool.input_volume + sum(bag.left for bag in run.outputs) == run.output_volume
    assert all(bag.left >= 0 for bag in run.outputs)
    merged = make(pool, people, pool.input_volume)
    assert (pool.loss, merged.volume) == (0, pool.input_volume)


STAFF = team()
COURSE = course(STAFF)
