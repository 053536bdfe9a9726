"""Random histories of a small clinic: after each act the product's gate and the oracle say the same of every bag."""

from __future__ import annotations

import logging
import os
import re
from typing import TYPE_CHECKING

import pytest

from clinic import clock
from clinic.pathway import projection
from tests.proof.histories import TAILS, tree
from tests.proof.playing import Played, play, play_tree, shrunk
from tests.proof.scene import build

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.proof.histories import Act

COUNT = int(os.environ.get("PROOF_HISTORIES", "200"))
"""How many histories are played; the long run sets 10000 and more."""
FIRST = int(os.environ.get("PROOF_FIRST", "1"))
STORIES = int(os.environ.get("PROOF_STORIES", "3"))
SHARDS = int(os.environ.get("PROOF_SHARDS", "4"))
LINES_IN = 4
"""In one tree of so many the lists' stored lines are kept too; in the others they are not, which is faster."""


@pytest.mark.slow
@pytest.mark.hazard("H1")
@pytest.mark.parametrize("shard", range(SHARDS))
def test_the_gate_and_the_oracle_agree_after_every_act(shard, session, team, engine, monkeypatch, record_property):
    now = clock.now().replace(microsecond=0)
    scene = build(team, now)
    session.commit()
    session.close()
    told: dict[str, str] = {}
    whole, histories = Played(), 0
    with engine.connect() as connection:
        for seed in range(FIRST + shard, FIRST + COUNT // TAILS, SHARDS):
            with monkeypatch.context() as patch:
                if seed % LINES_IN:
                    patch.setattr(projection, "_keep", lambda *_: set())
                    patch.setattr(projection, "_keep_products", lambda *_: None)
                found = play_tree(*tree(seed), connection, now, scene.ids, every_pair=not seed % LINES_IN)
                different = []
                for acts, played in found:
                    histories += acts is not None
                    whole.add(played)
                    different += [(acts, one) for one in played.differences]
            for acts, one in different:
                if kind(one) not in told and len(told) < STORIES:
                    told[kind(one)] = story(seed, acts, one, lambda few: play(few, connection, now, scene.ids))
    record_property("histories", f"{histories} {whole.sums}")
    logging.getLogger("proof").info("histories %s, %s", histories, whole.sums)
    assert not told, "\n\n".join(told.values())


def kind(difference: str) -> str:
    """Return what sort of difference it is: without the names of bags and courses, with the rules that are named."""
    said, _colon, why = difference.partition(":")
    act = re.findall(r"^\s*\S+ (\w+)", why)[:1] if "product" in said else []
    plain = [word for word in said.split() if word.isalpha()]
    return " ".join([*plain, *act, *sorted(set(re.findall(r"\((\d+),", why)))])


def story(seed: int, acts: list[Act], difference: str, again: Callable[[list[Act]], Played]) -> str:
    """Return the least history that shows a difference, as a story."""
    wanted = kind(difference)
    least = again(shrunk(acts, lambda few: any(kind(one) == wanted for one in again(few).differences)))
    lines = [f"tree {seed}", *least.story, *(f"→ {one}" for one in dict.fromkeys(least.differences or [difference]))]
    return "\n".join(lines)
