"""Cells that were too warm, frozen, returned or corrected are held until somebody has looked."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest

from clinic import clock
from clinic.processing.cold import cold_after, not_thawed
from clinic.processing.models import ProcessingRun
from tests.bedside import released_product
from tests.factories import harvested, ready_for_harvest
from tests.safety.bench import begun, does, fills
from tests.safety.driver import Ward
from tests.safety.moments import minutes
from tests.safety.scenes import scene


@scene
def own(ward: Ward):
    """A released syringe of a patient's own cells, to be kept at 18 to 25 °C, and its course."""
    mine = ready_for_harvest(ward.team)
    return ward.verified(released_product(mine, ward.team)), mine


# storage and transport


@pytest.mark.rule(34)
@pytest.mark.rule(48, by="http")
@pytest.mark.hazard("H31")
@pytest.mark.parametrize("kind", ["received", "stored", "shipped", "returned", "issued", "handed_over"])
@pytest.mark.parametrize("temperature", ["4", "25.1", "17.9", "-20"])
def test_what_was_out_of_the_protocols_range_is_held(ward, own, kind, temperature):
    bag, mine = own
    if kind == "returned":
        ward.move("technologist", bag, "issued", handed_to="N. Rask", intact=True)
    ward.move("technologist", bag, kind, place="Ward 3", temperature=temperature, intact=True, handed_to="N. Rask")
    assert ward.tag(bag) == "On hold"
    ward.give(mine, bag)
    ward.not_given(bag, "°C")
    assert "18 to 25" in ward.refused[-2], ward.refused


@pytest.mark.rule(48)
@pytest.mark.parametrize("kind", ["received", "stored", "shipped"])
def test_a_temperature_that_nobody_recorded_cannot_be_judged(ward, own, kind):
    bag, _mine = own
    ward.move("technologist", bag, kind, place="Ward 3", intact=True, handed_to="N. Rask")
    assert ward.tag(bag) == "On hold"
    assert "no temperature recorded" in ward.browser("quality").get(f"/products/{bag.id}").text


@pytest.mark.rule(34)
@pytest.mark.parametrize("temperature", ["18", "21.5", "25"])
def test_what_was_within_the_range_is_given(ward, own, temperature):
    bag, mine = own
    ward.move("technologist", bag, "received", place="Ward 3", temperature=temperature, intact=True)
    ward.give(mine, bag)
    assert ward.given(bag), ward.refused


@pytest.mark.rule(48)
def test_a_range_of_the_tank_is_for_what_is_frozen(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    fresh = harvested(mine, ward.team).products[0]
    ward.move("technologist", fresh, "received", place="Laboratory", temperature="19.5", intact=True)
    bag = released_product(
        mine, ward.team, cryo_medium="10 % DMSO", dmso_percent=Decimal(10), frozen_at=clock.now() - timedelta(hours=2)
    )
    ward.verified(bag)
    ward.move("technologist", bag, "stored", place="Tank 2", temperature="-178", intact=True)
    assert (ward.tag(fresh) != "On hold", ward.tag(bag) != "On hold") == (True, True)
    ward.move("technologist", bag, "stored", place="Freezer", temperature="-80", intact=True)
    assert ward.tag(bag) == "On hold"


@pytest.mark.rule(34)
def test_what_its_parent_suffered_before_the_run_holds_the_product(ward, own):
    bag, _mine = own
    run = ward.session.get(ProcessingRun, bag.run_id)
    ward.move(
        "technologist", run.inputs[0].product, "received", place="Laboratory", temperature="41", intact=True,
        performed_at=run.performed_at - timedelta(minutes=1),
    )  # fmt: skip
    assert ward.tag(bag) == "On hold"


# what was frozen asks a thaw


@pytest.mark.rule(54)
@pytest.mark.hazard("H10")
@pytest.mark.parametrize("medium", [{"cryo_medium": "CS10"}, {"dmso_percent": Decimal(10)}])
def test_what_holds_freezing_medium_expires_and_asks_a_thaw(ward, medium):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag = released_product(mine, ward.team, **medium)
    ward.verified(bag)
    assert bag.expires_at is not None
    ward.give(mine, bag)
    ward.not_given(bag, "rule 54")


@pytest.mark.rule(50)
@pytest.mark.rule(54)
@pytest.mark.parametrize("order", ["freeze first", "container first"])
def test_what_was_divided_while_frozen_lies_frozen(ward, order):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    taken = harvested(mine, ward.team, at=clock.now() - timedelta(hours=5)).products[0]
    run = begun(ward, mine, taken)
    if order == "freeze first":
        end = does(ward, run, "cryopreserve", 110, 100)
    fills(ward, run, volume="20")
    if order == "container first":
        end = does(ward, run, "cryopreserve", 110, 100)
    ward.session.expire_all()
    (bag,) = run.outputs
    assert (bag.frozen_at, bag.lies_frozen) == (end, True)
    parting = begun(ward, mine, bag, performed_at=minutes(90))
    does(ward, parting, "split", 88, 85)
    (part,) = fills(ward, parting)
    assert (part.frozen_at, part.lies_frozen) == (end, True)
    end += timedelta(minutes=5)
    ward.amend("technologist", run.manipulations[0], ended_at=end)
    ward.session.expire_all()
    assert (bag.frozen_at, part.frozen_at) == (end, end)
    assert part.expires_at == end + timedelta(days=mine.says.expiry.frozen_days)


@pytest.mark.rule(54)
def test_the_clock_after_thaw_runs_on_through_a_wash_and_ends_when_it_is_frozen_again(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    taken = harvested(mine, ward.team, at=clock.now() - timedelta(hours=5)).products[0]
    run = begun(ward, mine, taken)
    does(ward, run, "cryopreserve", 110, 100)
    (bag,) = fills(ward, run, volume="20")
    washed = begun(ward, mine, bag, performed_at=minutes(60))
    thaw = does(ward, washed, "thaw", 50, 45)
    does(ward, washed, "wash", 40, 35)
    (part,) = fills(ward, washed)
    assert (part.thawed_at, part.lies_frozen) == (thaw, False)
    assert part.expires_at == thaw + timedelta(minutes=60)
    again = does(ward, washed, "cryopreserve", 30, 20)
    ward.session.expire_all()
    assert (part.thawed_at, part.frozen_at, part.lies_frozen) == (None, again, True)


@pytest.mark.rule(54)
@pytest.mark.rule(69)
@pytest.mark.parametrize(
    ("steps", "thawed"),
    [
        ((("thaw", 50, 45),), 45),
        ((("thaw", 50, 45), ("wash", 40, 35)), 45),
        ((("thaw", 50, 45), ("thaw", 5, 4)), 45),
        ((("wash", 40, 35), ("thaw", 5, 4)), 40),
        ((("wash", 40, 35),), 40),
        ((("formulate", 30, 20), ("filter", 40, 35)), 40),
        ((("split", 40, 35), ("receive", 50, 45)), None),
        ((("split", 40, 35), ("pool", 30, 20), ("receive", 50, 45)), 30),
        ((("receive", 50, 45),), 60),
        ((), 60),
        ((("thaw", 50, 45), ("cryopreserve", 30, 20), ("wash", 10, 5)), 10),
        ((("thaw", 50, 45), ("cryopreserve", 30, 20)), None),
    ],
)
@pytest.mark.parametrize("before", [None, 58])
def test_the_clock_after_thaw_starts_with_the_first_of_thaw_and_open_step(ward, steps, thawed, before):
    """Whatever was typed first; ``before``: how many minutes ago the container was thawed before the run."""
    now = clock.now()
    bag = {"frozen_at": now - timedelta(days=20), "performed_at": now - timedelta(days=21), "lies_frozen": not before}
    bag["thawed_at"] = minutes(before) if before else None
    done = [
        SimpleNamespace(kind=kind, performed_at=minutes(start), ended_at=minutes(end)) for kind, start, end in steps
    ]
    uses = [SimpleNamespace(product=SimpleNamespace(**bag))]
    begun_at = {"performed_at": minutes(60), "ended_at": None, "amendments": [], "added_volume": None}
    run = SimpleNamespace(inputs=uses, manipulations=done, thawed_at=None, **begun_at)
    expected = before if before and "cryopreserve" not in {kind for kind, *_times in steps} else thawed
    assert cold_after(run).thawed_at == (None if expected is None else minutes(expected))


@pytest.mark.rule(54)
@pytest.mark.rule(69)
@pytest.mark.parametrize("kind", ["wash", "formulate", "filter", "expand"])
def test_nothing_is_done_to_frozen_cells_before_their_thaw(ward, kind):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag = released_product(
        mine, ward.team, frozen_at=clock.now() - timedelta(hours=5), made_at=clock.now() - timedelta(hours=6)
    )
    run = begun(ward, mine, bag, performed_at=minutes(60))
    does(ward, run, kind, 40, 35)
    ward.said_no("lay frozen when this step began", "Their thaw comes first")
    does(ward, run, "thaw", 30, 25)
    does(ward, run, kind, 40, 35)
    ward.said_no("lay frozen when this step began")
    does(ward, run, kind, 20, 10)
    ward.session.expire_all()
    thaw, _done = sorted(run.manipulations, key=lambda one: one.performed_at)
    ward.amend("technologist", thaw, performed_at=minutes(5), ended_at=minutes(4))
    ward.said_no("lay frozen when this step began")
    ward.amend("technologist", thaw, kind="split")
    ward.said_no("lay frozen when this step began")
    assert len(ward.refused) == 4
    ward.session.expire_all()
    assert [one.kind for one in sorted(run.manipulations, key=lambda one: one.performed_at)] == ["thaw", kind]


@pytest.mark.rule(54)
@pytest.mark.parametrize(
    ("bags", "steps", "cold", "said"),
    [
        ((50, None), (), (True, 60), "lay frozen"),
        ((50, None), (("thaw", 20, 15),), (True, 50), ""),
        ((20, 50), (), (True, 50), ""),
        (("fresh", None), (), (True, 60), "lay frozen"),
        ((None,), (), (True, 60), "lay frozen"),
        (("fresh", 50), (), (True, 50), ""),
        (("fresh", "fresh"), (), (False, None), ""),
        ((2, 50), (), (True, 50), "were thawed at"),
        ((None,), (("thaw", 2000, 1990), ("expand", 1900, 12)), (False, None), ""),
        ((None,), (("thaw", 20, 15), ("expand", 14, 12)), (True, 15), ""),
    ],
)
def test_what_is_mixed_is_as_its_strictest_part(bags, steps, cold, said):
    """``bags``: when each was thawed, minutes ago, None: it lies frozen; ``said``: of a wash ten minutes ago."""
    then = minutes(60 * 24 * 20)
    inputs = [
        SimpleNamespace(
            frozen_at=None if bag == "fresh" else then, performed_at=then, lies_frozen=bag is None,
            thawed_at=minutes(bag) if isinstance(bag, int) else None,
        )
        for bag in bags
    ]  # fmt: skip
    done = [
        SimpleNamespace(kind=kind, performed_at=minutes(start), ended_at=minutes(end)) for kind, start, end in steps
    ]
    uses = [SimpleNamespace(product=one) for one in inputs]
    begun_at = {"performed_at": minutes(60), "ended_at": None, "amendments": [], "added_volume": None}
    run = SimpleNamespace(inputs=uses, manipulations=done, thawed_at=None, zone="Europe/Berlin", **begun_at)
    state = cold_after(run)
    thawed = None if cold[1] is None else minutes(cold[1])
    assert (state.frozen_at is not None, state.thawed_at) == (cold[0], thawed)
    wash = SimpleNamespace(kind="wash", performed_at=minutes(10), ended_at=minutes(9))
    assert said in not_thawed(run, wash)
    assert bool(said) is bool(not_thawed(run, wash))


@pytest.mark.rule(54)
def test_what_is_filled_out_of_a_frozen_bag_was_thawed_and_what_is_only_parted_was_not(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    frozen = {"frozen_at": clock.now() - timedelta(hours=5), "made_at": clock.now() - timedelta(hours=6)}
    bags = [released_product(mine, ward.team, **frozen) for _bag in range(2)]
    filled, parted = (begun(ward, mine, bag, performed_at=minutes(50)) for bag in bags)
    does(ward, parted, "split", 40, 35)
    (out,), (part,) = (fills(ward, run, volume="5") for run in (filled, parted))
    assert (out.lies_frozen, out.thawed_at) == (False, minutes(50))
    assert (part.lies_frozen, part.thawed_at) == (True, None)
    does(ward, filled, "thaw", 20, 15)
    ward.session.expire_all()
    assert out.thawed_at == minutes(15), "the thaw that is recorded later is the thaw"


@pytest.mark.rule(54)
@pytest.mark.parametrize(("thaw", "taken"), [(58, True), (300, False)])
def test_cells_are_frozen_again_within_their_hour_or_not_at_all(ward, thaw, taken):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    frozen = {"frozen_at": clock.now() - timedelta(hours=9), "made_at": clock.now() - timedelta(hours=10)}
    bag = released_product(mine, ward.team, **frozen)
    run = begun(ward, mine, bag, performed_at=minutes(thaw + 5))
    does(ward, run, "thaw", thaw + 2, thaw)
    does(ward, run, "cryopreserve", 20, 10)
    ward.session.expire_all()
    assert ("cryopreserve" in {one.kind for one in run.manipulations}) is taken
    if not taken:
        ward.said_no("they are not frozen again")


@pytest.mark.rule(54)
def test_a_thaw_that_is_written_twice_begins_no_new_hour(ward):
    mine = ready_for_harvest(ward.team, code="BM-MSC-MS")
    bag = released_product(
        mine, ward.team, frozen_at=clock.now() - timedelta(hours=5), made_at=clock.now() - timedelta(hours=6)
    )
    assert ward.move("technologist", bag, "thawed", performed_at=minutes(58)).status_code == 303
    run = begun(ward, mine, bag, performed_at=minutes(6))
    does(ward, run, "thaw", 5, 4)
    does(ward, run, "wash", 3, 2)
    (part,) = fills(ward, run)
    assert part.thawed_at == minutes(58)
    assert part.expires_at == minutes(58) + timedelta(minutes=60)
