"""A share of the histories over HTTP: what was given is what the oracle allowed, and nothing else."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
import time_machine

from tests.proof.histories import tree
from tests.proof.playing import Played, act_on
from tests.proof.scene import build, picture
from tests.proof.web import Web, minute, on_a_page

COUNT = int(os.environ.get("PROOF_HTTP", "6"))
FIRST = int(os.environ.get("PROOF_HTTP_FIRST", "1"))


@pytest.mark.slow
@pytest.mark.hazard("H1")
@pytest.mark.parametrize("seed", range(FIRST, FIRST + COUNT))
def test_over_http_nothing_is_given_that_the_oracle_forbids(ward, seed):
    now = minute()
    scene = build(ward.team, now)
    ward.session.commit()
    start, tails = tree(seed)
    web, book, played = Web(ward, scene.ids), picture(now), Played()
    with time_machine.travel(now, tick=False) as clock:
        for one in filter(on_a_page, start + tails[0]):
            book.now += timedelta(minutes=one.get("minutes", 1))
            clock.move_to(book.now)
            act_on(one, book, web, played)
    assert not played.differences, "\n".join([*played.story, *played.differences])
    allowed = {(scene.ids[one["bag"]], scene.ids[one["course"]]) for one in book.givings.values()}
    assert web.given() == allowed, "\n".join(played.story)
