"""What may be given, worked out a second time: naively, from the rules alone, with nothing of the product.

A `Picture` is a clinic in plain dictionaries. It is told each act that was accepted, and answers from scratch each
time: may this bag be given in this course now, and if not, which rules forbid it. Numbers in brackets are rules.
Beside the rules it knows three laws of the clinic: a no counts from the moment it is written; a yes counts from its
signatures; a decision rests on its evidence and falls with it.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

Facts = dict[str, Any]
Reason = tuple[int, str]

GOOD = {"gram_stain": "no_organisms", "sterility": "no_growth"}
CULTURE_DAYS = 14
RELEASING = {"conforms", "conditional", "exceptional"}
SHARED = {"endotoxin", "gram_stain", "sterility"}
"""What these tests find is true of all bags that share cells; viability is one bag's."""
DMSO_PER_KG = Decimal(1)


@dataclass
class Picture:
    """All that the oracle knows. Each table is name → facts; signatures are names of people, gone when amended."""

    now: datetime
    zone: str = "Europe/Berlin"
    protocols: dict[str, Facts] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)
    patients: dict[str, Facts] = field(default_factory=dict)
    weights: dict[str, Facts] = field(default_factory=dict)
    donors: dict[str, Facts] = field(default_factory=dict)
    determinations: dict[str, Facts] = field(default_factory=dict)
    consents: dict[str, Facts] = field(default_factory=dict)
    eligibilities: dict[str, Facts] = field(default_factory=dict)
    courses: dict[str, Facts] = field(default_factory=dict)
    harvests: dict[str, Facts] = field(default_factory=dict)
    runs: dict[str, Facts] = field(default_factory=dict)
    bags: dict[str, Facts] = field(default_factory=dict)
    results: dict[str, Facts] = field(default_factory=dict)
    decisions: dict[str, Facts] = field(default_factory=dict)
    moves: dict[str, Facts] = field(default_factory=dict)
    checks: dict[str, Facts] = field(default_factory=dict)
    givings: dict[str, Facts] = field(default_factory=dict)

    def day(self, moment: datetime) -> date:
        return moment.astimezone(ZoneInfo(self.zone)).date()

    # the graph of cells

    def parents(self, bag: str) -> list[str]:
        run = self.bags[bag]["run"]
        return list(self.runs[run]["inputs"]) if run else []

    def line(self, bag: str) -> list[str]:
        """The bag and everything that it was made of."""
        found = [bag]
        for one in found:
            found += [parent for parent in self.parents(one) if parent not in found]
        return found

    def family(self, bag: str) -> list[str]:
        """All bags that share cells, to any side."""
        found = [bag]
        for one in found:
            for other in self.bags:
                near = other in self.parents(one) or one in self.parents(other)
                both_made_by = [self.bags[one][how] for how in ("run", "harvest")] == [
                    self.bags[other][how] for how in ("run", "harvest")
                ]
                together = any(one in run["inputs"] and other in run["inputs"] for run in self.runs.values())
                if other not in found and (near or both_made_by or together):
                    found.append(other)
        return found

    def givers(self, bag: str) -> list[str]:
        """The donors of the cells: of every container in the line; a pool has an entry of its own beside its donors."""
        return [self.bags[one]["donor"] for one in self.line(bag)]

    def protocol(self, bag: str) -> Facts:
        """What judges a bag: its course's protocol; in the bank the one it was made under."""
        course = self.bags[bag]["course"]
        return self.protocols[self.courses[course]["protocol"] if course else self.bags[bag]["protocol"]]

    # the answer

    def forbids(self, bag: str, course: str) -> list[Reason]:
        """Why the bag may not be given in the course now; empty: it may."""
        return [
            *self._whose(bag, course),
            *self._permission(course),
            *self._donors(bag, self.protocols[self.courses[course]["protocol"]]),
            *self._body(bag, course),
            *self._made(bag),
            *self._results(bag),
            *self._released(bag),
            *([(15, "collected before the withdrawal")] if self._left_behind(bag, course) else []),
            *self._state(bag),
            *self._dose(bag, course),
        ]

    def _whose(self, bag: str, course: str) -> list[Reason]:
        found: list[Reason] = []
        patient = self.courses[course]["patient"]
        if self.bags[bag]["course"] is None:
            found.append((1, "the bag is assigned to nobody"))
        elif self.bags[bag]["course"] != course:
            found.append((1, "the bag belongs to another course"))
        return found + self._directed(bag, patient)

    def _directed(self, bag: str, patient: str) -> list[Reason]:
        found: list[Reason] = []
        for giver in self.givers(bag):
            donor = self.donors[giver]
            if donor["kind"] == "self" and donor["patient"] != patient:
                found.append((3, "another patient's own cells"))
            if donor["kind"] == "related" and donor["relative_of"] != patient:
                found.append((4, "directed to another patient"))
        return found

    def _permission(self, course: str) -> list[Reason]:
        found: list[Reason] = []
        if self.courses[course]["stopped"]:
            found.append((15, "the course was stopped"))
        if not self.courses[course]["signed"]:
            found.append((14, "the order is not signed"))
        if not self._consented(course):
            found.append((14, "no valid consent"))
        if not self._eligible(course):
            found.append((23, "the patient is not eligible"))
        return found

    def _consented(self, course: str) -> bool:
        patient, protocol = self.courses[course]["patient"], self.courses[course]["protocol"]
        mine = [one for one in self.consents.values() if (one["patient"], one["protocol"]) == (patient, protocol)]
        ends = self.ends({"patient": patient, "protocol": protocol})
        return any(
            one["by"] in one["signed"]
            and (one["prolonged_by"] is None or one["signed"] - {one["prolonged_by"]})
            and one["at"] <= self.now
            and (one["until"] is None or self.day(self.now) <= one["until"])
            and not any(one["at"] <= end for end in ends)
            for one in mine
        )

    def ends(self, consent: Facts) -> list[datetime]:
        """When consent to the same treatment of the same patient was withdrawn."""
        return [
            one["withdrawn_at"]
            for one in self.consents.values()
            if one["withdrawn_at"] is not None
            and (one["patient"], one["protocol"]) == (consent["patient"], consent["protocol"])
        ]

    def _left_behind(self, bag: str, course: str) -> bool:
        """Whether the cells were collected under a consent that ended, and quality has not released them since (15)."""
        patient, protocol = self.courses[course]["patient"], self.courses[course]["protocol"]
        end = max(self.ends({"patient": patient, "protocol": protocol}), default=None)
        mine = [one for one in self.decisions.values() if one["bag"] == bag and one["kind"] in RELEASING]
        return end is not None and not any(one["at"] > end for one in mine)

    def _eligible(self, course: str) -> bool:
        mine = [one for one in self.eligibilities.values() if one["course"] == course]
        mine.sort(key=lambda one: one["at"])
        counted = [one for one in mine if one["signed"] or not self._says_yes(one)]
        if not counted or not self._says_yes(counted[-1]):
            return False
        last = counted[-1]
        return not self._overturned_alone(mine, last) and not self._before_a_dose(last, course)

    def _overturned_alone(self, mine: list[Facts], last: Facts) -> bool:
        """Whether a yes stands against an earlier no without a physician who did not say that no (23)."""
        before = mine[: mine.index(last)]
        refused = [place for place, one in enumerate(before) if not self._says_yes(one)]
        since = [*before[refused[-1] + 1 :], last] if refused else []
        return bool(refused) and not any(one["signed"] - {before[refused[-1]]["by"]} for one in since)

    def _before_a_dose(self, last: Facts, course: str) -> bool:
        """Whether the patient was given cells, in any course, on an earlier day and after the decision (23)."""
        patient = self.courses[course]["patient"]
        given = [one["at"] for one in self.givings.values() if self.courses[one["course"]]["patient"] == patient]
        dose = max(given, default=None)
        return dose is not None and self.day(dose) < self.day(self.now) and last["at"] <= dose

    def _says_yes(self, one: Facts) -> bool:
        return one["yes"] and (one["turned_by"] is None or bool(one["signed"] - {one["turned_by"]}))

    def _donors(self, bag: str, protocol: Facts) -> list[Reason]:
        found: list[Reason] = []
        for giver in dict.fromkeys(self.givers(bag)):
            if self.donors[giver]["kind"] == "self":
                continue
            counted = [
                one
                for one in self.determinations.values()
                if one["donor"] == giver and (one["signed"] or self._bad(one))
            ]
            last = max(counted, key=lambda one: one["at"], default=None)
            if last is None:
                found.append((17, f"{giver} has no signed determination"))
                continue
            missing = [one for one in protocol["markers"] if last["markers"].get(one, "not_done") == "not_done"]
            excused = bool(last["urgent"] and last["told"] in last["signed"] and last["signed"] - {last["told"]})
            if self._bad(last) and not excused:
                found.append((17, f"{giver} is {last['outcome']}"))
            if missing and not excused:
                found.append((19, f"{giver} lacks {missing}"))
        return found

    @staticmethod
    def _bad(one: Facts) -> bool:
        return one["outcome"] != "eligible" or any(m in {"reactive", "indeterminate"} for m in one["markers"].values())

    def _body(self, bag: str, course: str) -> list[Reason]:
        found: list[Reason] = []
        patient = self.patients[self.courses[course]["patient"]]
        if patient["died_on"] is not None:
            found.append((65, "the patient has died"))
        if patient["allergies"] == "not_asked":
            found.append((23, "nobody asked about allergies"))
        elif any(word.lower() in self.bags[bag]["medium"].lower() for word in patient["allergies"]):
            found.append((23, "an allergy meets what the bag holds"))
        return found

    def _made(self, bag: str) -> list[Reason]:
        found: list[Reason] = []
        for one in self.line(bag):
            harvest, run = self.bags[one]["harvest"], self.bags[one]["run"]
            if harvest and not self.harvests[harvest]["signed"]:
                found.append((31, f"{harvest} is not signed"))
            if run and len(self.runs[run]["signed"]) < 2:
                found.append((45, f"{run} is not signed and verified by two people"))
        return found

    # results

    def reading(self, result: Facts, protocol: Facts) -> str:
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

    def standing_of(self, bag: str, test: str, protocol: Facts) -> str:
        """Good, bad, pending or missing, of one test of one bag; every final reading counts."""
        mine = [one for one in self.results.values() if (one["bag"], one["test"]) == (bag, test)]
        said = [self.reading(one, protocol) for one in mine]
        if "bad" in said:
            return "bad"
        if any(self._alone(one) for one in mine):
            return "unconfirmed"
        return "good" if "good" in said else "pending" if said else "missing"

    @staticmethod
    def _alone(one: Facts) -> bool:
        """Whether somebody corrected a result or a container and nobody else signed."""
        return one["corrected_by"] is not None and not one["signed"] - {one["corrected_by"]}

    def germs(self, bag: str) -> bool:
        """Whether anything that shares cells with the bag ever grew, also where a correction says it did not."""
        return any(
            one["test"] in GOOD
            and (one["outcome"] not in {None, GOOD[one["test"]]} or (one["was_bad"] and self._alone(one)))
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
            if bad or (self._alone(one) and (shared or one["bag"] in line)):
                found[name] = {key: one.get(key) for key in ("value", "outcome", "pending", "edits")}
        return found

    def overdue(self, bag: str) -> bool:
        """Whether a culture that the protocol lets wait was due on an earlier day and nobody has read it (44)."""
        protocol = self.protocol(bag)
        for test in protocol["may_wait"]:
            mine = [one for one in self.results.values() if (one["bag"], one["test"]) == (bag, test)]
            if any(self.reading(one, protocol) != "pending" for one in mine):
                continue
            begun = mine[-1]["sampled_at"] if mine else self.bags[bag]["frozen_at"]
            if begun is not None and self.day(begun + timedelta(days=CULTURE_DAYS)) < self.day(self.now):
                return True
        return False

    def _results(self, bag: str) -> list[Reason]:
        return [(43, "germs in the family")] if self.germs(bag) else []

    def conformity(self, bag: str) -> dict[str, str]:
        """Each test that is asked for and is not good, with what it is; amounts that one person alone corrected."""
        protocol = self.protocol(bag)
        said = {test: self.standing_of(bag, test, protocol) for test in protocol["tests"]}
        said |= {f"content of {one}": "unconfirmed" for one in self.line(bag) if self._alone(self.bags[one])}
        return {test: one for test, one in said.items() if one != "good"}

    # the decision of quality

    def damaged(self, bag: str) -> list[str]:
        """The movements of a bag or its parents that say it is damaged; a correction takes nothing back."""
        return [name for name, one in self.moves.items() if one["bag"] in self.line(bag) and one["ever_damaged"]]

    def evidence(self, bag: str) -> Facts:
        """All that a decision rests on, as it is now."""
        line = self.line(bag)
        return {
            "protocol": self.courses[self.bags[bag]["course"]]["protocol"]
            if self.bags[bag]["course"]
            else self.bags[bag]["protocol"],
            "runs": {run: deepcopy(self.runs[run]["said"]) for one in line if (run := self.bags[one]["run"])},
            "harvests": {h: deepcopy(self.harvests[h]["said"]) for one in line if (h := self.bags[one]["harvest"])},
            "bags": {one: [self.bags[one][key] for key in ("volume", "amount", "dmso")] for one in line},
            "results": {
                name: {key: one.get(key) for key in ("value", "outcome", "pending", "edits")}
                for name, one in self.results.items()
                if one["bag"] in line
            },
            "damaged": self.damaged(bag),
            "beside": self.beside(bag),
        }

    def fallen(self, decision: Facts) -> str:
        """Why a releasing decision no longer stands; empty: it does."""
        then, now = decision["evidence"], self.evidence(decision["bag"])
        for part in ("protocol", "runs", "harvests", "bags", "damaged"):
            if then[part] != now[part]:
                return f"{part} changed"
        for name, said in then["results"].items():
            filled = said["pending"] and self.reading(self.results[name], self.protocol(decision["bag"])) == "good"
            if now["results"][name] != said and not filled:
                return f"{name} changed"
        for test, said in self.conformity(decision["bag"]).items():
            if said != decision["lacked"].get(test):
                return f"{test} is {said}"
        for name, said in then["beside"].items():
            if name not in then["results"] and now["beside"].get(name) != said:
                return f"{name}, of another bag, changed"
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

    def _released(self, bag: str) -> list[Reason]:
        found: list[Reason] = []
        last = self.last(bag)
        if last is None:
            found.append((50, "no release stands"))
        elif last["kind"] in {"hold", "reject"}:
            found.append((50, f"quality said {last['kind']}"))
        if last is not None and last["kind"] in {"conforms", "conditional", "exceptional"}:
            known = {*last["evidence"]["results"], *last["evidence"]["beside"]}
            found += [(50, f"{name} speaks against it") for name in self.beside(bag) if name not in known]
            open_ = last["kind"] != "conditional" or bool(self.conformity(bag))
            if last["kind"] == "conditional" and self.overdue(bag):
                found.append((44, "what it waited for is overdue"))
            if last["kind"] in {"conditional", "exceptional"} and open_ and "physician" not in last["signed"]:
                found.append((44, "the informed physician has not acknowledged it"))
        for parent in self.line(bag)[1:]:
            above = self.last(parent)
            known = last is not None and above is not None and last["at"] > above["at"]
            if above is not None and above["kind"] in {"hold", "reject"} and not known:
                found.append((50, f"quality said {above['kind']} to {parent}"))
        return found

    # the bag now

    def left(self, bag: str) -> Decimal:
        taken = [run["inputs"][bag] for run in self.runs.values() if bag in run["inputs"]]
        return self.bags[bag]["volume"] - sum(taken, Decimal(0))

    def gone(self, bag: str) -> str:
        if any(one["bag"] == bag and one["kind"] == "discarded" for one in self.moves.values()):
            return "discarded"
        if any(one["bag"] == bag for one in self.givings.values()):
            return "given"
        return "used up" if self.left(bag) <= 0 else ""

    def thawed_at(self, bag: str) -> datetime | None:
        return max((m["at"] for m in self.moves.values() if m["bag"] == bag and m["kind"] == "thawed"), default=None)

    def expired(self, bag: str) -> bool:
        facts, protocol = self.bags[bag], self.protocol(bag)
        ends = [facts["use_before"]] if facts["use_before"] else []
        if facts["frozen_at"] is not None:
            ends.append(facts["frozen_at"] + timedelta(days=protocol["frozen_days"]))
        if (thawed := self.thawed_at(bag)) is not None:
            ends.append(thawed + timedelta(minutes=protocol["thaw_minutes"]))
        return any(self.now >= end for end in ends)

    def _state(self, bag: str) -> list[Reason]:
        found: list[Reason] = []
        if self.gone(bag):
            found.append((50, self.gone(bag)))
        if self.expired(bag):
            found.append((50, "expired"))
        if self.bags[bag]["frozen_at"] is not None and self.thawed_at(bag) is None:
            found.append((54, "still frozen"))
        return found

    def weight(self, patient: str) -> Facts | None:
        known = [one for one in self.weights.values() if one["patient"] == patient and one["at"] <= self.now]
        return max(known, key=lambda one: one["at"], default=None)

    def _given_in_a_day(self, patient: str) -> list[Facts]:
        """What a person was given in the last 24 hours, in any course."""
        day = timedelta(hours=24)
        mine = [one for one in self.givings.values() if self.courses[one["course"]]["patient"] == patient]
        return [one for one in mine if self.now - one["at"] < day]

    def _dose(self, bag: str, course: str) -> list[Reason]:
        protocol, weight = (
            self.protocols[self.courses[course]["protocol"]],
            self.weight(self.courses[course]["patient"]),
        )
        if weight is None or self.now - weight["at"] > timedelta(days=protocol["weight_days"]):
            return [(51, "no weight that is fresh enough")]
        found: list[Reason] = []
        facts, (low, high) = self.bags[bag], protocol["window"]
        today = [self.bags[one["bag"]] for one in self._given_in_a_day(self.courses[course]["patient"])]
        amount = sum((one["amount"] for one in [facts, *today]), Decimal(0))
        per_kg = amount / weight["kg"]  # as it is read, to three figures: a count is no more exact
        if not low <= per_kg <= high and not low <= per_kg.quantize(Decimal(1).scaleb(per_kg.adjusted() - 2)) <= high:
            found.append((52, "the dose of the day lies outside the window"))
        grams = sum((_dmso(one["volume"], one["dmso"]) for one in [facts, *today]), Decimal(0))
        if grams / weight["kg"] > DMSO_PER_KG:
            found.append((53, "too much DMSO in a day"))
        endotoxin = [
            one["value"]
            for one in self.results.values()
            if one["bag"] == bag and one["test"] == "endotoxin" and not one["pending"]
        ]
        if any(value * facts["volume"] / weight["kg"] > protocol["endotoxin_per_kg"] for value in endotoxin):
            found.append((42, "too much endotoxin per kg"))
        return found


def _dmso(volume: Decimal, percent: Decimal) -> Decimal:
    return volume * percent / 100 * Decimal("1.1")
