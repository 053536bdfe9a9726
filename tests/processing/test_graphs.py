"""Random graphs of cells: whatever is divided, pooled, sampled, frozen, thawed and thrown away, the state follows."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinic import clock
from clinic.errors import RuleBroken
from clinic.processing.models import Manipulation, ProcessingRun
from clinic.release.product_state import ProductState, state_of
from tests.factories import course, harvested, team
from tests.judging import records_of

STAFF = team()
COURSE = course(STAFF, code="BM-MSC-MS")
KINDS = ("split", "pool", "wash", "cryopreserve", "thaw", "expand")
STEP = st.fixed_dictionaries({
    "act": st.sampled_from(("run", "run", "run", "discard", "thaw")),
    "of": st.lists(st.integers(0, 30), min_size=1, max_size=3),
    "share": st.sampled_from((None, "0.5", "0.25", "1.1")),
    "kinds": st.lists(st.sampled_from(KINDS), max_size=3),
    "bags": st.integers(1, 3),
})  # fmt: skip


LEAST = Decimal("0.01")
"""mL that a container holds at least."""


def process(step, chosen, start):
    """One run over some containers; each gives a share of what it holds, or all."""
    by, at = STAFF.technologist, start + timedelta(minutes=30)
    run = ProcessingRun.log(
        by=by, at=clock.now(), treatment=COURSE, preparation="Random", performed_at=start, performed_by=by
    )
    for bag in chosen:
        wanted = None if step["share"] is None else bag.left * Decimal(step["share"])
        too_much = bag.left <= 0 or (wanted is not None and wanted > bag.left)
        if bag.discarded or too_much or bag.expired(at):
            with pytest.raises(RuleBroken):
                run.take(bag, by=by, at=at, volume=wanted)
        else:
            run.take(bag, by=by, at=at, volume=wanted)
    if not run.inputs:
        return None, []
    each = run.input_volume / (step["bags"] + 1)
    filled = range(step["bags"]) if each >= LEAST else ()  # what is split again and again fills no container any more
    made = [run.make(by=by, at=at, volume=each, name="Cells") for _bag in filled]
    frozen = any(use.product.lies_frozen for use in run.inputs)
    for number, kind in enumerate(step["kinds"]):
        when = start + timedelta(minutes=5 * number + 1)
        done = {"performed_at": when, "performed_by": by, "confirmed": {"kind": "drawn"}}  # cells thaw that were fresh
        part = Manipulation.log(by=by, at=clock.now(), run_id=run.id, kind=kind, **done)
        if frozen and kind in {"pool", "wash", "expand"}:  # a container that lies frozen is not opened
            with pytest.raises(RuleBroken, match="Their thaw comes first"):
                run.enter(part)
            run.manipulations.remove(part)
        else:
            run.enter(part)
        frozen = kind == "cryopreserve" or (frozen and kind != "thaw")
    return run, made


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(STEP, max_size=8))
@pytest.mark.rule(36)
@pytest.mark.rule(54)
@pytest.mark.hazard("H16")
def test_volume_cold_and_state_follow_through_any_graph(steps):
    first = harvested(COURSE, STAFF, at=clock.now() - timedelta(days=1)).products[0]
    bags, runs, by = [first], [], STAFF.technologist
    for number, step in enumerate(steps):
        start = clock.now() - timedelta(hours=20 - 2 * number)
        chosen = list({bags[index % len(bags)].id: bags[index % len(bags)] for index in step["of"]}.values())
        if step["act"] == "run":
            run, made = process(step, chosen, start)
            runs += [run] if run is not None else []
            bags += made
        elif step["act"] == "discard" and not chosen[0].discarded:
            chosen[0].move(kind="discarded", reason="test", by=by, at=start)
        elif step["act"] == "thaw" and chosen[0].lies_frozen and not chosen[0].discarded:
            chosen[0].move(kind="thawed", by=by, at=start)
    for run in runs:
        assert run.input_volume == run.output_volume + run.loss
        assert run.loss >= 0
        assert_cold(run)
    for bag in bags:
        assert bag.left >= 0
        state = state_of(records_of(COURSE, *bags, *runs), bag, clock.now())
        gone = bag.uses and bag.left <= 0
        expected = ProductState.DISCARDED if bag.discarded else ProductState.PROCESSED if gone else None
        assert state is expected if expected else not state.usable


def assert_cold(run):
    """What comes out lies frozen exactly where the last thing that froze or thawed the cells says so.

    No culture of these runs has an end, so none of them makes cells fresh.
    """
    said = [m.kind for m in run.manipulations if m.kind in {"cryopreserve", "thaw"}]
    for bag in run.outputs:
        thawed_later = any(move.kind == "thawed" for move in bag.movements)
        drawn_from = any(use.volume < bag.volume for use in bag.uses)  # what is left was thawed for that
        if said and not thawed_later and not drawn_from:
            assert bag.lies_frozen == (said[-1] == "cryopreserve")
            assert (bag.thawed_at is not None) == (said[-1] == "thaw")
        assert not (bag.lies_frozen and bag.thawed_at is not None)
