"""What was found in the cells, and what quality decided on it, as the oracle knows it (rules 40 to 47, 50).

Beside the rules it knows laws of the clinic: a no counts from the moment it is written, a yes from its signatures; a
decision rests on its evidence and falls with it; each critical correction waits for a second person of its own; a
test for what cells are stays true while they are only thawed, divided, pooled, washed or formulated.
"""

from __future__ import annotations

from copy import deepcopy
from datetime import timedelta

from tests.proof.cold import Cold
from tests.proof.tables import Facts, Reason

GOOD = {"gram_stain": "no_organisms", "sterility": "no_growth"}
CULTURE_DAYS, ANY_DAYS = 14, 28
"""After how many days a culture is final, and any other result is there at the latest."""
RELEASING = {"conforms", "conditional", "exceptional"}
SHARED = {"endotoxin", "gram_stain", "sterility", "cd73"}
"""What these tests find is true of all bags that share cells; viability is one bag's."""
STAYING = {"cd73"}
"""What these tests find stays true of what was only handled; what can come in with each open step does not."""
HANDLING = {"receive", "thaw", "split", "pool", "wash", "formulate"}
SAID = ("value", "outcome", "pending", "edits")


class Found(Cold):
    """The tables, and what results and decisions say of the cells."""

    # one result

    @staticmethod
    def reading(result: Facts, protocol: Facts) -> str:
        """Whether one result is good, bad or pending against a protocol."""
        if result["pending"]:
            return "pending"
        if result["test"] in GOOD:
            good = result["outcome"] == GOOD[result["test"]]
            early = result["test"] == "sterility" and result["at"] < result["sampled_at"] + timedelta(days=CULTURE_DAYS)
            return "pending" if good and early else "good" if good else "bad"
        low, high = protocol["tests"][result["test"]]
        inside = (low is None or result["value"] >= low) and (high is None or result["value"] <= high)
        return "good" if inside else "bad"

    def of(self, bag: str, test: str) -> list[Facts]:
        """The results of one test that judge a bag: its own, else those that stay true of what it was made of."""
        own = [one for one in self.results.values() if (one["bag"], one["test"]) == (bag, test)]
        run = self.bags[bag]["run"]
        if own or test not in STAYING or run is None or self.cold(bag)[1] is None:
            return own
        if not {step["kind"] for step in self.runs[run]["steps"]} <= HANDLING:
            return []
        before = [
            [one for one in self.of(parent, test) if not one["pending"] and not self.waits(one)]
            for parent in self.parents(bag)
        ]
        return [one for found in before for one in found] if all(before) else []

    def standing_of(self, bag: str, test: str, protocol: Facts) -> str:
        """Good, bad, pending or missing, of one test of one bag; every final reading counts."""
        mine = self.of(bag, test)
        said = [self.reading(one, protocol) for one in mine]
        if "bad" in said:
            return "bad"
        if any(self.waits(one) for one in mine):
            return "unconfirmed"
        return "good" if "good" in said else "pending" if said else "missing"

    # the family

    def germs(self, bag: str) -> bool:
        """Whether anything that shares cells with the bag ever grew, also where a correction says it did not."""
        return any(
            one["test"] in GOOD
            and (one["outcome"] not in {None, GOOD[one["test"]]} or (one["was_bad"] and self.waits(one)))
            and one["bag"] in self.family(bag)
            for one in self.results.values()
        )

    def beside(self, bag: str) -> dict[str, Facts]:
        """Results of other bags of the family that speak against this one: bad, or corrected by one person alone."""
        protocol, line, family = self.protocol(bag), self.line(bag), self.family(bag)
        found = {}
        for name, one in self.results.items():
            if one["bag"] == bag or one["bag"] not in family:
                continue
            shared = one["test"] in SHARED
            bad = shared and self.reading(one, protocol) == "bad"
            if bad or (self.waits(one) and (shared or one["bag"] in line)):
                found[name] = {key: one.get(key) for key in SAID}
        return found

    def overdue(self, bag: str) -> dict[str, object]:
        """What is awaited of a bag and should have been read on an earlier day (44), with the last day for it."""
        protocol, found = self.protocol(bag), {}
        for test in protocol["tests"]:
            mine = self.of(bag, test)
            awaited = all(self.reading(one, protocol) == "pending" for one in mine)
            if not awaited or not (mine or test in protocol["may_wait"]):
                continue
            begun = mine[-1]["sampled_at"] if mine else self.bags[bag]["made_at"]
            days = CULTURE_DAYS if test == "sterility" else ANY_DAYS
            if begun is not None and (last := self.day(begun + timedelta(days=days))) < self.day(self.now):
                found[test] = last
        return found

    def conformity(self, bag: str) -> dict[str, str]:
        """Each test that is asked for and is not good, with what it is."""
        protocol = self.protocol(bag)
        said = {test: self.standing_of(bag, test, protocol) for test in protocol["tests"]}
        return {test: one for test, one in said.items() if one != "good"}

    def unsettled(self, bag: str) -> list[str]:
        """The containers, runs and harvests of the line that one person alone corrected (45)."""
        found = [name for name in self.line(bag) if self.waits(self.bags[name])]
        for name in self.line(bag):
            for table, key in ((self.runs, self.bags[name]["run"]), (self.harvests, self.bags[name]["harvest"])):
                if key and self.waits(table[key]):
                    found.append(key)
        return list(dict.fromkeys(found))

    def made(self, bag: str) -> list[Reason]:
        found: list[Reason] = []
        for one in self.line(bag):
            harvest, run = self.bags[one]["harvest"], self.bags[one]["run"]
            if harvest and not self.harvests[harvest]["signed"]:
                found.append((31, f"the harvest is not signed: {harvest}"))
            if run and len(self.runs[run]["signed"]) < 2:
                found.append((45, f"the processing is not signed and verified by two people: {run}"))
        return found

    def damaged(self, bag: str) -> list[str]:
        """The movements of a bag or its parents that say it is damaged; a correction takes nothing back."""
        return [name for name, one in self.moves.items() if one["bag"] in self.line(bag) and one["ever_damaged"]]

    # the decision of quality

    def evidence(self, bag: str) -> Facts:
        """All that a decision rests on, as it is now."""
        line = self.line(bag)
        course = self.bags[bag]["course"]
        return {
            "protocol": self.courses[course]["protocol"] if course else self.bags[bag]["protocol"],
            "runs": {
                run: deepcopy([self.runs[run]["said"], self.runs[run]["steps"]])
                for one in line
                if (run := self.bags[one]["run"])
            },
            "harvests": {h: deepcopy(self.harvests[h]["said"]) for one in line if (h := self.bags[one]["harvest"])},
            "bags": {one: [self.bags[one][key] for key in ("volume", "amount", "dmso", "longer")] for one in line},
            "results": {
                name: {key: one.get(key) for key in SAID} for name, one in self.results.items() if one["bag"] in line
            },
            "damaged": self.damaged(bag),
            "beside": self.beside(bag),
            "kin": set(self.spoken(bag)),
            "corrected": self.corrected(bag),
        }

    def corrected(self, bag: str) -> dict[str, int]:
        """How often each result that tells of a bag was corrected, its own or one that is true of all its family."""
        line, family = self.line(bag), self.family(bag)
        return {
            name: [what for what, _who in one["log"]].count("correct")
            for name, one in self.results.items()
            if one["bag"] in line or (one["test"] in SHARED and one["bag"] in family)
        }

    def fallen(self, decision: Facts) -> str:
        """Why a releasing decision no longer stands; empty: it does."""
        then, now = decision["evidence"], self.evidence(decision["bag"])
        for part in ("protocol", "runs", "harvests", "bags", "damaged"):
            if then[part] != now[part]:
                return f"{part} changed"
        again = {name for name, often in now["corrected"].items() if often > then["corrected"].get(name, 0)}
        if again - then["results"].keys():
            return f"findings that came after it were corrected: {again}"
        protocol = self.protocol(decision["bag"])
        for name, said in then["results"].items():
            filled = said["pending"] and name not in again and self.reading(self.results[name], protocol) == "good"
            if now["results"][name] != said and not filled:
                return f"result changed: {name}"
        for test, said in self.conformity(decision["bag"]).items():
            if said != decision["lacked"].get(test) and (said, decision["lacked"].get(test)) != ("pending", "missing"):
                return f"{test} is {said}"
        for name, said in then["beside"].items():
            if name not in then["results"] and now["beside"].get(name) != said:
                return f"result of another bag changed: {name}"
        return ""

    def stands(self, decision: Facts) -> bool:
        """Whether a decision counts now."""
        if decision["kind"] in {"hold", "reject"}:
            return True
        roles = {self.people[who] for who in decision["signed"]}
        return decision["needs"] <= roles and not self.fallen(decision)

    def last(self, bag: str) -> Facts | None:
        """The last decision on a bag that counts."""
        mine = [one for one in self.decisions.values() if one["bag"] == bag]
        return next((one for one in reversed(mine) if self.stands(one)), None)

    def spoken(self, bag: str) -> list[str]:
        """The holds and rejections of bags beside it that share its cells (H9, H29), as long as no release ended them.

        The reasons in these histories say nothing of one bag alone, so that each counts for its kin.
        """
        beside = set(self.family(bag)) - set(self.line(bag))
        return [
            name
            for place, (name, one) in enumerate(self.decisions.items())
            if one["kind"] in {"hold", "reject"} and one["bag"] in beside and not self._ended(place, one)
        ]

    def _ended(self, place: int, no: Facts) -> bool:
        needs = {"quality", "director"} if no["kind"] == "reject" else {"quality"}
        later = list(self.decisions.values())[place + 1 :]
        released = [one for one in later if one["bag"] == no["bag"] and one["kind"] in RELEASING]
        return any(needs <= {self.people[who] for who in one["signed"]} for one in released)

    def against_release(self, bag: str) -> list[Reason]:
        """Why no release lets the bag be given."""
        found: list[Reason] = [(43, "germs in the family")] if self.germs(bag) else []
        found += [(45, f"a correction waits for a second person: {name}") for name in self.unsettled(bag)]
        last = self.last(bag)
        if last is None:
            gone = [one for one in self.decisions.values() if one["bag"] == bag and one["kind"] in RELEASING]
            fell = any(one["signed"] and self.fallen(one) for one in gone)
            found.append((46, "the evidence changed since the release") if fell else (50, "no release stands"))
        elif last["kind"] in {"hold", "reject"}:
            found.append((50, f"quality said {last['kind']}"))
        if last is not None and last["kind"] in RELEASING:
            known = {*last["evidence"]["results"], *last["evidence"]["beside"]}
            found += [(50, f"a result speaks against it: {name}") for name in self.beside(bag) if name not in known]
            found += [(50, f"quality spoke against its kin: {name}") for name in self.spoken(bag)
                      if name not in last["evidence"]["kin"]]  # fmt: skip
            late = [test for test, day in self.overdue(bag).items() if self.day(last["at"]) <= day]  # type: ignore[operator]
            if late:
                found.append((44, f"what it waited for is overdue: {late}"))
            open_ = last["kind"] != "conditional" or bool(self.conformity(bag))
            if last["kind"] in {"conditional", "exceptional"} and open_ and "physician" not in last["signed"]:
                found.append((44, "the informed physician has not acknowledged it"))
        for parent in self.line(bag)[1:]:
            above = self.last(parent)
            known_above = last is not None and above is not None and last["at"] > above["at"]
            if above is not None and above["kind"] in {"hold", "reject"} and not known_above:
                found.append((50, f"quality said {above['kind']} to what it was made of: {parent}"))
        return found
