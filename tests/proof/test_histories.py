"""Random histories of a small clinic: after each act the product's gate and the oracle say the same of every bag."""

from __future__ import annotations

import json
import logging
import os
import re
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import time_machine

from clinic import clock
from clinic.pathway import projection
from tests.proof.histories import TAILS, tree
from tests.proof.kinds import EVERY, WANTED
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
ENOUGH, MANY = 200, 2000
"""From how many histories on the usual kinds of acts and refusals must occur, and all of them."""
NEWS = 10
"""After how many trees the log says how far it is."""
LOG = logging.getLogger("proof")
LINES_IN = 4
"""In one tree of so many the lists' stored lines are kept too; in the others they are not, which is faster."""


@pytest.mark.slow
@pytest.mark.hazard("H1")
@pytest.mark.parametrize("shard", range(SHARDS))
def test_the_gate_and_the_oracle_agree_after_every_act(
    shard, session, team, engine, monkeypatch, record_property, tmp_path_factory
):
    now = clock.now().replace(hour=11, minute=0, second=0, microsecond=0) - timedelta(days=1)  # days end as always
    with time_machine.travel(now, tick=False):
        scene = build(team, now)
    session.commit()
    session.close()
    first: dict[str, tuple[int, list[Act], str]] = {}
    whole, histories = Played(), 0
    with engine.connect() as connection:
        for seed in range(FIRST + shard, FIRST + COUNT // TAILS, SHARDS):
            with monkeypatch.context() as patch:
                if seed % LINES_IN:
                    patch.setattr(projection, "_keep", lambda *_: set())
                    patch.setattr(projection, "_keep_products", lambda *_: None)
                for acts, played in play_tree(*tree(seed), connection, now, scene.ids, every_pair=not seed % LINES_IN):
                    histories += 1
                    whole.add(played)
                    for one in played.differences:
                        if kind(one) not in first:
                            first[kind(one)] = seed, acts, one
                            LOG.warning("tree %s\n%s\n→ %s", seed, "\n".join(played.story), one)
            if seed % NEWS == 0:
                LOG.info("tree %s: histories %s, %s", seed, histories, whole.sums)
        told = [
            story(*one, lambda few: play(few, connection, now, scene.ids)) for one in list(first.values())[:STORIES]
        ]
    record_property("histories", f"{histories} {whole.sums}")
    LOG.info("histories %s, %s", histories, whole.sums)
    assert not first, "\n\n".join([*told, *(f"tree {seed}: {one}" for seed, _acts, one in first.values())])
    drawn = counted(whole, shard, tmp_path_factory)
    wanted = EVERY if COUNT >= MANY else WANTED
    assert drawn is None or not wanted - drawn.keys(), f"never drawn: {sorted(wanted - drawn.keys())}"


def counted(whole: Played, shard: int, folders: pytest.TempPathFactory) -> Counter[str] | None:
    """Keep what a shard drew; return what all of them drew when this is the last one, whichever process played it."""
    folder = folders.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    mine = folder / f"histories-{shard}.json"
    mine.with_suffix(".part").write_text(json.dumps(whole.kinds), encoding="utf-8")
    mine.with_suffix(".part").rename(mine)
    kept = list(folder.glob("histories-*.json"))
    if len(kept) < SHARDS or COUNT < ENOUGH:
        return None
    found: Counter[str] = Counter()
    for one in kept:
        found.update(json.loads(one.read_text(encoding="utf-8")))
    for kind_of_act, times in sorted(found.items()):
        LOG.info("%6d %s", times, kind_of_act)
    return found


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
