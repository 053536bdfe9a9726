"""What the oracle knows of the cold: when cells were frozen, since when they are thawed, until when they may be used.

Rules 50 and 54, and the defaults of this clinic: the time after thaw runs from the first thaw or the first opening,
whatever was recorded first; a single bag that is only parted stays frozen; mixed cells are as their strictest part;
cells are not frozen again after their time is over; only a culture of 12 hours makes cells fresh.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.proof.tables import Facts, Reason, Tables

CLOSED = {"receive", "split", "thaw", "cryopreserve"}
"""What is done to a bag without opening it while it is frozen, or says itself what becomes of the cold."""
CULTURES = {"expand", "isolate", "differentiate"}
NIGHT = timedelta(hours=12)
State = tuple[datetime | None, datetime | None]
"""When cells were frozen, and since when they are thawed."""


class Cold(Tables):
    """The tables, and what the cold did to the cells."""

    def cold(self, bag: str, until: datetime | None = None) -> State:
        """When the cells in a bag were last frozen and since when they are thawed; ``until``: as it was then."""
        frozen, thawed = self._came_out(self.runs[run]) if (run := self.bags[bag]["run"]) else (None, None)
        bath = [m["at"] for m in self.moves.values() if m["bag"] == bag and m["kind"] == "thawed"]
        known = [at for at in (thawed, *bath) if at is not None and (until is None or at <= until)]
        return frozen, min(known, default=None)

    def frozen(self, bag: str) -> bool:
        at, thawed = self.cold(bag)
        return at is not None and thawed is None

    def _came_out(self, run: Facts) -> State:
        """What the containers of a run hold: all that went in, each followed by itself, as its strictest part is."""
        came = [self.cold(bag, run["until"]) for bag in run["inputs"]]
        states = [self._through(one, run) for one in came] or [(None, None)]
        kinds = {step["kind"] for step in run["steps"]}
        parted = kinds in ({"split"}, {"split", "receive"}) and len(run["inputs"]) == 1 and not run["added"]
        if not parted:  # it is in another container now: somebody opened the bag
            states = [
                (one[0], run["at"]) if one == before and one[0] is not None and one[1] is None else one
                for one, before in zip(states, came, strict=False)
            ] or states
        frozen = min((one[0] for one in states if one[0] is not None), default=None)
        return frozen, min((one[1] for one in states if one[1] is not None), default=None)

    @staticmethod
    def _through(state: State, run: Facts, but: int | None = None, by: datetime | None = None) -> State:
        """One container on its way through the steps of a run, in the order of time; without one of them, and until."""
        frozen, thawed = state
        for at, what in sorted(_happened(step) for place, step in enumerate(run["steps"]) if place != but):
            if by is not None and at > by:
                break
            if what == "frozen":
                frozen, thawed = at, None
            elif what == "grown":
                frozen = thawed = None
            elif what == "thawed" or (what == "opened" and (thawed or (frozen and frozen <= at))):
                thawed = min(at, thawed or at)
        return frozen, thawed

    def against_steps(self, run: Facts, minutes: int) -> list[Reason]:
        """What cannot have been done so: a step on cells that lie frozen; freezing after the time is over (54)."""
        found: list[Reason] = []
        for place, step in enumerate(run["steps"]):
            if step["kind"] == "cryopreserve":
                states = [
                    self._through(self.cold(bag, run["until"]), run, place, step["until"]) for bag in run["inputs"]
                ]
                if any(thawed and step["until"] > thawed + timedelta(minutes=minutes) for _at, thawed in states):
                    found.append((54, "frozen again after its time"))
            elif step["kind"] not in CLOSED and self._lay_frozen(run, step):
                found.append((54, "done to frozen cells"))
        return found

    def _lay_frozen(self, run: Facts, step: Facts) -> bool:
        """Whether a container lay frozen when a step began: a thaw counts from its start, a freezing from its end."""
        for bag in run["inputs"]:
            frozen, thawed = self.cold(bag, run["until"])
            cold, warm = frozen is not None or thawed is not None, thawed is not None and thawed <= step["at"]
            for other in sorted(run["steps"], key=lambda one: one["at"]):
                if other is step or other["at"] > step["at"]:
                    continue
                if other["kind"] == "thaw":
                    warm = True
                elif other["kind"] == "cryopreserve" and other["until"] <= step["at"]:
                    cold, warm = True, False
                elif _grew(other) and other["until"] <= step["at"]:
                    cold = False
            if cold and not warm:
                return True
        return False

    # until when

    def protocols_end(self, bag: str) -> datetime | None:
        """The end that the protocol sets; None where it sets none."""
        protocol, (frozen, thawed) = self.protocol(bag), self.cold(bag)
        ends = [frozen + timedelta(days=protocol["frozen_days"])] if frozen is not None else []
        ends += [thawed + timedelta(minutes=protocol["thaw_minutes"])] if thawed is not None else []
        return min(ends, default=None)

    def end(self, bag: str) -> datetime | None:
        """Until when a bag may be used: what its label says by hand, and what the protocol allows."""
        return min((one for one in (self.bags[bag]["use_before"], self.protocols_end(bag)) if one), default=None)

    def expired(self, bag: str) -> bool:
        end = self.end(bag)
        return end is not None and self.now >= end

    def against_state(self, bag: str) -> list[Reason]:
        """What speaks against the bag as it is now."""
        found: list[Reason] = []
        if gone := self.gone(bag):
            found.append((50, gone))
        if self.expired(bag):
            thawed = self.cold(bag)[1] is not None
            in_a_run = thawed and not any(m["bag"] == bag and m["kind"] == "thawed" for m in self.moves.values())
            found.append((50, "too long after a thaw in a run" if in_a_run else "expired"))
        if self.end(bag) is None:
            found.append((50, "nothing says until when"))
        if self.frozen(bag):
            found.append((54, "still frozen"))
        return found


def _happened(step: Facts) -> tuple[datetime, str]:
    """When a step changed the cold, and how."""
    if step["kind"] == "cryopreserve":
        return step["until"], "frozen"
    if step["kind"] == "thaw":
        return step["until"], "thawed"
    if _grew(step):
        return step["until"], "grown"
    return step["at"], "closed" if step["kind"] in CLOSED else "opened"


def _grew(step: Facts) -> bool:
    return step["kind"] in CULTURES and step["until"] - step["at"] >= NIGHT
