"""What the oracle has against an act: what the clinic must refuse, and what it must take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.proof.findings import RELEASING
from tests.proof.oracle import Picture
from tests.proof.tables import Facts, Reason

ASKED = {"assign", "decide", "begin", "check", "determine", "confirm_merge"}
"""Acts of which the oracle says both when they are forbidden and when they are allowed."""
STOPPED = {"run", "step", "use_before"}
"""Acts of which the oracle only says when they are forbidden: a run is also asked for permission, holds and order."""


class Objecting(Picture):
    """A picture that says what speaks against an act."""

    written: int = 0

    def objections(self, act: Facts) -> list[Reason]:
        """Return what forbids an act now; empty: the clinic must take it."""
        against: Callable[[Facts], list[Reason]] | None = getattr(self, f"_against_{act['do']}", None)
        return against(act) if against is not None else []

    def _against_determine(self, act: Facts) -> list[Reason]:
        if act["outcome"] != "eligible":
            return []
        bad = [m for m in act["markers"].values() if m in {"reactive", "indeterminate"}]
        undone = [m for m in act["markers"].values() if m == "not_done"]
        return [*[(17, "reactive is not eligible")] * bool(bad), *[(19, "not complete")] * bool(undone)]

    def _against_assign(self, act: Facts) -> list[Reason]:
        bag, course = act["bag"], self.courses[act["course"]]
        found: list[Reason] = [
            *self.directed(bag, course["patient"]),
            *self.against_donors(bag, self.protocols[course["protocol"]], course["patient"]),
        ]
        if self.bags[bag]["course"] is not None:
            found.append((4, "assigned already"))
        if self.gone(bag):
            found.append((50, self.gone(bag)))
        if course["stopped"]:
            found.append((15, "stopped"))
        if (course["donor"] is None) != (self.donors[self.bags[bag]["donor"]]["kind"] == "self"):
            found.append((3, "planned with other cells"))
        if course["donor"] is not None and course["donor"] not in {*self.givers(bag), self.bags[bag]["donor"]}:
            found.append((17, "the order names another donor"))
        return found

    def _against_result(self, act: Facts) -> list[Reason]:
        """No sample is drawn of what went whole into a run, or was given (69)."""
        ends = [run["until"] for run in self.runs.values() if act["bag"] in run["inputs"]]
        if self.left(act["bag"]) > 0:
            ends = []
        ends += [one["at"] for one in self.givings.values() if one["bag"] == act["bag"]]
        ends += [m["at"] for m in self.moves.values() if m["bag"] == act["bag"] and m["kind"] == "discarded"]
        late = bool(ends) and act["sampled_at"] > max(ends)
        early = act["sampled_at"] < self.begun(act["bag"])
        return [*[(69, "sampled after it was gone")] * late, *[(69, "sampled before there were cells")] * early]

    def begun(self, bag: str) -> Any:
        """When the run or harvest that made a bag began."""
        run = self.bags[bag]["run"]
        return self.runs[run]["at"] if run else self.bags[bag]["made_at"]

    def touched(self, bag: str) -> set[str]:
        """Who processed, tested or corrected a bag or what it was made of (45)."""
        line = self.line(bag)
        found: set[str] = set()
        for one in line:
            run = self.bags[one]["run"]
            found |= self.runs[run]["hands"] if run else set()
            found |= self.bags[one]["hands"]
        for result in self.results.values():
            if result["bag"] in line:
                found |= {result["by"], *result["correctors"]}
        return found

    def objectors(self, bag: str) -> set[str]:
        """Who held or rejected another bag that shares cells with this one: other eyes decide on it (45).

        Of what it was made of, a release that came after the “no” ends it.
        """
        last = [self.last(one) for one in self.line(bag)[1:]]
        said = [one for one in last if one is not None and one["kind"] in {"hold", "reject"}]
        return {one["by"] for one in [*said, *(self.decisions[name] for name in self.spoken(bag))]}

    def _against_decide(self, act: Facts) -> list[Reason]:
        bag, kind = act["bag"], act["kind"]
        if kind not in RELEASING:  # whoever sees a danger says no
            return []
        found: list[Reason] = [(45, "processed or tested it")] if act["by"] in self.touched(bag) else []
        found += [*self.made(bag), *self._against_the_kind(bag, kind)]
        if self.germs(bag):
            found.append((43, "germs in the family"))
        gone = self.gone(bag).removeprefix("given")  # in these histories no giving ends: quality may decide anew
        if gone or self.expired(bag):
            found.append((50, gone or "expired"))
        of = self.bags[bag]["course"]
        found += self.against_donors(bag, self.protocol(bag), self.courses[of]["patient"] if of else None)
        if course := self.bags[bag]["course"]:
            found += self.permission(course)
            if any(self.died(self.patients[one]) for one in self.person(self.courses[course]["patient"])):
                found.append((65, "the patient has died"))
        last = self.last(bag)
        if last is not None and last["kind"] == "reject" and last["by"] == act["by"]:
            found.append((45, "rejected it"))
        if act["by"] in self.objectors(bag):
            found.append((45, "spoke against its kin"))
        return found

    def _against_the_kind(self, bag: str, kind: str) -> list[Reason]:
        lacks, may_wait = self.conformity(bag), self.protocol(bag)["may_wait"]
        lacks |= {f"correction of {one}": "unconfirmed" for one in self.unsettled(bag)}
        if self.end(bag) is None:
            lacks["use before"] = "unknown"
        late = self.overdue(bag)
        waits = {
            test for test, said in lacks.items() if said in {"pending", "missing"} and test in may_wait - set(late)
        }
        others = [*self.beside(bag), *self.damaged(bag)]  # what arrived broken conforms to nothing (34)
        wrong = {
            "conforms": bool(lacks or others),
            "conditional": bool(set(lacks) - waits) or not lacks or bool(others),
            "exceptional": not lacks and not others,
        }
        return [(44, f"the results do not carry it: {kind} with {lacks}")] if wrong[kind] else []

    def _against_withdraw(self, act: Facts) -> list[Reason]:
        """What was ended, by itself or by a later withdrawal of the same treatment, does not end again (15)."""
        one = self.consents[act["consent"]]
        return [(15, "withdrawn already")] if any(one["at"] <= end for end in self.ends(one)) else []

    def _against_run(self, act: Facts) -> list[Reason]:
        """What goes into a run is there, in time and of one course; nothing is done to it that the cold forbids."""
        bags = [self.bags[one] for one in act["inputs"]]
        found: list[Reason] = [
            (50, f"cannot be processed: {gone}") for one in act["inputs"] if (gone := self.gone(one))
        ]
        found += [
            (50, "cannot be processed: expired")
            for one in act["inputs"]
            if (end := self.end(one)) is not None and end <= act["at"]
        ]
        if len({one["course"] for one in bags}) > 1:
            found.append((4, "belongs to another course"))
        if len({one["donor"] for one in bags}) > 1 and any(self.donors[one["donor"]]["kind"] == "self" for one in bags):
            found.append((37, "own cells are not pooled"))
        if len({self._tissue(one) for one in act["inputs"]}) > 1:
            found.append((37, "tissues are not pooled"))
        minutes = self.protocol(act["inputs"][0])["thaw_minutes"]
        return found + self.against_steps(self.run_of(act), minutes)

    def _tissue(self, bag: str) -> str:
        return "marrow" if any(self.donors[one]["kind"] == "self" for one in self.givers(bag)) else "cord"

    def run_of(self, act: Facts) -> Facts:
        """Return a run as the book keeps it."""
        return {
            "inputs": {one: self.left(one) for one in act["inputs"]}, "signed": set(), "hands": {act["by"]}, "said": {},
            "at": act["at"], "until": self.now, "added": act["added"], "log": [], "ever_signed": False,
            "steps": [self.step_of(act["at"], one) for one in act["steps"]],
        }  # fmt: skip

    @staticmethod
    def step_of(begun: Any, step: Facts) -> Facts:
        """Return a step with its moments: minutes from the beginning of its run."""
        return {"kind": step["kind"], "at": begun + step["from"], "until": begun + step["to"]}

    def _against_step(self, act: Facts) -> list[Reason]:
        """A step that is recorded late is judged at its time; a signed run does not change any more."""
        run = self.runs[act["run"]]
        later = run | {"steps": [*run["steps"], self.step_of(run["at"], act)]}
        minutes = self.protocol(next(iter(run["inputs"])))["thaw_minutes"]
        found = self.against_steps(later, minutes)
        return found + ([(6, "the run is signed")] if run["signed"] else [])

    def _against_use_before(self, act: Facts) -> list[Reason]:
        """Nobody sets a later end than the protocol allows (50)."""
        allowed = self.protocols_end(act["bag"])
        return [(50, "later than the protocol allows")] if allowed is not None and act["end"] > allowed else []

    def _against_confirm_merge(self, act: Facts) -> list[Reason]:
        """Two people join two records, the second a physician or quality staff (27)."""
        one = self.merges[act["merge"]]
        found: list[Reason] = [(11, "nothing waits to be confirmed")] if one["state"] != "proposed" else []
        if act["by"] == one["by"]:
            found.append((11, "proposed it"))
        if self.people[act["by"]] not in {"physician", "quality"}:
            found.append((11, "confirms no merge"))
        return found

    def _against_check(self, act: Facts) -> list[Reason]:
        same = [(2, "one person")] if act["by"] == act["second"] else []
        return same + self.forbids(act["bag"], act["course"])

    def _against_begin(self, act: Facts) -> list[Reason]:
        check = self.checks[act["check"]]
        found = self.forbids(check["bag"], check["course"])
        if (self.now - check["at"]).total_seconds() > 30 * 60:
            found.append((1, "the check is too old"))
        if act["by"] not in {check["by"], check["second"]}:
            found.append((2, "did not read the wristband"))
        return found

    def may_have_to_scan_again(self, act: Facts) -> bool:
        """Whether anything was written since a check: what it rests on may have changed, and it is read once more."""
        return act["do"] == "begin" and self.written > self.checks[act["check"]]["written"]
