"""The oracle's book of acts: what speaks against an act, and what is true once it was accepted.

Like `oracle` it knows nothing of the product. An act is a mapping of plain values; ``do`` names its kind.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from tests.proof.oracle import GOOD, Facts, Picture, Reason

ASKED = {"assign", "decide", "begin", "check", "determine"}
"""Acts of which the oracle says both when they are forbidden and when they are allowed."""


@dataclass
class Book(Picture):
    """A picture that acts are written into."""

    written: int = 0

    # what speaks against an act

    def objections(self, act: Facts) -> list[Reason]:
        """Return what forbids an act now; empty: the clinic must take it."""
        against = getattr(self, f"_against_{act['do']}", None)
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
            *self._directed(bag, course["patient"]),
            *self._donors(bag, self.protocols[course["protocol"]]),
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
        """No sample is drawn of what went whole into a run (69)."""
        runs = {name for name, run in self.runs.items() if act["bag"] in run["inputs"]}
        made = [one["frozen_at"] for one in self.bags.values() if one["run"] in runs and one["frozen_at"] is not None]
        late = bool(made) and act["sampled_at"] > max(made)
        return [(69, "sampled after all of it was processed")] if late and self.left(act["bag"]) <= 0 else []

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
                found |= {result["by"], *([result["corrected_by"]] if result["corrected_by"] else [])}
        return found

    def _against_decide(self, act: Facts) -> list[Reason]:
        bag, kind = act["bag"], act["kind"]
        found: list[Reason] = [(45, "processed or tested it")] if act["by"] in self.touched(bag) else []
        if kind in {"hold", "reject"}:
            return found
        found += [*self._made(bag), *self._results(bag), *self._against_the_kind(bag, kind)]
        if self.gone(bag) or self.expired(bag):
            found.append((50, self.gone(bag) or "expired"))
        found += self._donors(bag, self.protocol(bag))
        if course := self.bags[bag]["course"]:
            found += self._permission(course)
            if self.patients[self.courses[course]["patient"]]["died_on"] is not None:
                found.append((65, "the patient has died"))
        last = self.last(bag)
        if last is not None and last["kind"] == "reject" and last["by"] == act["by"]:
            found.append((45, "rejected it"))
        return found

    def _against_the_kind(self, bag: str, kind: str) -> list[Reason]:
        lacks, may_wait = self.conformity(bag), self.protocol(bag)["may_wait"]
        waits = {test for test, said in lacks.items() if said in {"pending", "missing"} and test in may_wait}
        if self.overdue(bag):
            waits = set()
        others = [*self.beside(bag), *self.damaged(bag)]  # what arrived broken conforms to nothing (34)
        wrong = {
            "conforms": bool(lacks or others),
            "conditional": bool(set(lacks) - waits) or not lacks or bool(others),
            "exceptional": not lacks and not others,
        }
        return [(44, f"{kind} with {lacks}")] if wrong[kind] else []

    def _against_withdraw(self, act: Facts) -> list[Reason]:
        """What was ended, by itself or by a later withdrawal of the same treatment, does not end again (15)."""
        one = self.consents[act["consent"]]
        return [(15, "withdrawn already")] if any(one["at"] <= end for end in self.ends(one)) else []

    def _against_sign(self, act: Facts) -> list[Reason]:
        """A container bears no signature but that of who confirms another's correction (45)."""
        one = getattr(self, act["table"])[act["record"]]
        if act["table"] != "bags" or (self._alone(one) and one["corrected_by"] != act["by"]):
            return []
        return [(45, "nothing of another person to confirm")]

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

    def changes(self, act: Facts) -> bool:
        """Whether an amendment says anything new."""
        one = getattr(self, act["table"])[act["record"]]
        now = {name: one.get(RENAMED.get((act["table"], name), name)) for name in act["changes"]}
        return now != act["changes"]

    @staticmethod
    def allergies(said: str) -> Any:
        return {"not_asked": "not_asked", "none": []}.get(said, [said])

    # what is true afterwards

    def accept(self, act: Facts) -> None:
        """Write an accepted act down."""
        self.written += 1
        getattr(self, f"_{act['do']}")(act)

    def _weigh(self, act: Facts) -> None:
        self.weights[act["name"]] = {key: act[key] for key in ("patient", "kg", "at")}

    def _allergy(self, act: Facts) -> None:
        self.patients[act["patient"]]["allergies"] = self.allergies(act["said"])

    def _die(self, act: Facts) -> None:
        """A death that one person took back, or moved to a later day, still counts as it was (45, 65)."""
        one = self.patients[act["patient"]]
        one["died_on"] = min((day for day in (one["died_on"], act["on"]) if day is not None), default=None)

    def _determine(self, act: Facts) -> None:
        said = {key: act[key] for key in ("donor", "at", "outcome", "markers", "urgent", "told", "sample_on")}
        self.determinations[act["name"]] = deepcopy(said) | {"signed": set()}

    def _consent(self, act: Facts) -> None:
        said = {key: act[key] for key in ("patient", "protocol", "at", "by", "until")}
        self.consents[act["name"]] = said | {"signed": set(), "withdrawn_at": None, "prolonged_by": None}

    def _withdraw(self, act: Facts) -> None:
        self.consents[act["consent"]]["withdrawn_at"] = self.now

    def _decide_eligibility(self, act: Facts) -> None:
        said = {key: act[key] for key in ("course", "at", "yes", "by")}
        self.eligibilities[act["name"]] = said | {"signed": set(), "turned_by": None}

    def _stop(self, act: Facts) -> None:
        self.courses[act["course"]]["stopped"] = True

    def _result(self, act: Facts) -> None:
        said = {key: act[key] for key in ("bag", "test", "value", "outcome", "pending", "sampled_at", "at", "by")}
        self.results[act["name"]] = said | {"signed": set(), "corrected_by": None, "was_bad": False}

    def _decide(self, act: Facts) -> None:
        last, kind = self.last(act["bag"]), act["kind"]
        overturns = kind not in {"hold", "reject"} and last is not None and last["kind"] == "reject"
        needs = {"quality", "director"} if kind == "exceptional" or overturns else {"quality"}
        self.decisions[act["name"]] = {
            "bag": act["bag"], "kind": kind, "by": act["by"], "at": self.now, "signed": set(), "needs": needs,
            "evidence": self.evidence(act["bag"]), "lacked": self.conformity(act["bag"]),
        }  # fmt: skip

    def _assign(self, act: Facts) -> None:
        self.bags[act["bag"]]["course"] = act["course"]

    def _move(self, act: Facts) -> None:
        damaged = act["intact"] is False
        said = {key: act[key] for key in ("bag", "kind", "intact", "at")}
        self.moves[act["name"]] = said | {"ever_damaged": damaged}

    def _split(self, act: Facts) -> None:
        old = self.bags[act["bag"]]
        self.runs[act["name"]] = {
            "inputs": {act["bag"]: old["volume"]}, "signed": set(), "hands": {act["by"]}, "said": {},
        }  # fmt: skip
        for name in act["bags"]:
            half = {"volume": old["volume"] / 2, "amount": old["amount"] / 2}
            of_its_own = {"run": act["name"], "harvest": None, "said": {}, "hands": set(), "signed": set()}
            later = {"use_before": None, "frozen_at": None, "corrected_by": None}
            self.bags[name] = old | half | of_its_own | later

    def _sign(self, act: Facts) -> None:
        getattr(self, act["table"])[act["record"]]["signed"].add(act["by"])

    def _amend(self, act: Facts) -> None:
        table, changes = act["table"], act["changes"]
        one = getattr(self, table)[act["record"]]
        getattr(self, f"_amend_{table}", lambda *_: None)(one, act)
        if "signed" in one:
            one["signed"] = set()
        if "said" in one:
            one["said"] = one["said"] | changes
        for name, value in changes.items():
            one[RENAMED.get((table, name), name)] = value

    def _amend_results(self, one: Facts, act: Facts) -> None:
        before = {name: one[name] for name in act["changes"] if name in {"value", "outcome"}}
        if any(value is not None for value in before.values()):
            one["corrected_by"] = act["by"]
            one["edits"] = one.get("edits", 0) + 1
        if one["outcome"] is not None and one["test"] in GOOD and one["outcome"] != GOOD[one["test"]]:
            one["was_bad"] = True

    def _amend_consents(self, one: Facts, act: Facts) -> None:
        if "expires_on" in act["changes"] and one["until"] is not None:
            one["prolonged_by"] = act["by"]

    def _amend_eligibilities(self, one: Facts, act: Facts) -> None:
        if not one["yes"]:
            one["turned_by"] = act["by"]

    def _amend_bags(self, one: Facts, act: Facts) -> None:
        one["hands"] = one["hands"] | {act["by"]}
        one["corrected_by"] = act["by"]

    def _amend_runs(self, one: Facts, act: Facts) -> None:
        one["hands"] = one["hands"] | {act["by"]}

    def _check(self, act: Facts) -> None:
        self.checks[act["name"]] = {key: act[key] for key in ("bag", "course", "by", "second", "at")}
        self.checks[act["name"]]["written"] = self.written

    def _begin(self, act: Facts) -> None:
        check = self.checks[act["check"]]
        self.givings[act["name"]] = {"bag": check["bag"], "course": check["course"], "at": self.now}


RENAMED = {
    ("consents", "expires_on"): "until", ("eligibilities", "eligible"): "yes", ("moves", "performed_at"): "at",
    ("weights", "performed_at"): "at", ("results", "performed_at"): "at",
}  # fmt: skip
"""What the product's column is called, and the book's fact."""
