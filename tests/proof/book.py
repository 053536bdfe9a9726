"""The oracle's book of acts: what is true once an act was accepted.

Like `oracle` it knows nothing of the product. An act is a mapping of plain values; ``do`` names its kind.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.proof.findings import GOOD, RELEASING
from tests.proof.objections import Objecting
from tests.proof.tables import Facts

NO = {"hold", "reject"}


@dataclass
class Book(Objecting):
    """A picture that acts are written into."""

    written: int = 0

    def changes(self, act: Facts) -> bool:
        """Whether an amendment says anything new."""
        one = getattr(self, act["table"])[act["record"]]
        now = {name: one.get(RENAMED.get((act["table"], name), name)) for name in act["changes"]}
        return now != act["changes"]

    def is_new(self, act: Facts) -> bool:
        """Whether what is said of a patient or a bag is not written already."""
        if act["do"] == "allergy":
            return self.patients[act["patient"]]["allergies"] != self.allergies(act["said"])
        if act["do"] == "die":
            return self.patients[act["patient"]]["died_on"] != act["on"]
        return act["do"] != "use_before" or self.bags[act["bag"]]["use_before"] != act["end"]

    @staticmethod
    def allergies(said: str) -> Any:
        return {"not_asked": "not_asked", "none": []}.get(said, [said])

    def accept(self, act: Facts) -> None:
        """Write an accepted act down."""
        self.written += 1
        getattr(self, f"_{act['do']}")(act)

    # people

    def _weigh(self, act: Facts) -> None:
        said = {key: act[key] for key in ("patient", "kg", "at", "by")}
        self.weights[act["name"]] = said | {"author": act["by"], "log": [], "signed": set()}

    def _allergy(self, act: Facts) -> None:
        """An allergy that one person took back counts until another one has confirmed that (23, 45)."""
        one, said = self.patients[act["patient"]], self.allergies(act["said"])
        before = [] if one["allergies"] == "not_asked" else one["allergies"]
        one["taken"] += [("allergy", word, act["by"]) for word in before if word not in said]
        one["allergies"] = said

    def _die(self, act: Facts) -> None:
        """So does a death that one person took back (45, 65)."""
        one = self.patients[act["patient"]]
        if one["died_on"] is not None and (act["on"] is None or act["on"] > one["died_on"]):
            one["taken"].append(("death", one["died_on"], act["by"]))
        one["died_on"] = act["on"]

    def _confirm(self, act: Facts) -> None:
        """A second person confirms what was taken back of a patient's record."""
        one = self.patients[act["patient"]]
        one["taken"] = [taken for taken in one["taken"] if taken[2] == act["by"]]

    def _propose(self, act: Facts) -> None:
        self.merges[act["name"]] = {key: act[key] for key in ("patient", "merged", "by")} | {"state": "proposed"}

    def _confirm_merge(self, act: Facts) -> None:
        self.merges[act["merge"]]["state"] = "confirmed"

    def _undo_merge(self, act: Facts) -> None:
        """What nobody confirmed is withdrawn by one person, what was confirmed is undone by two."""
        self.merges[act["merge"]]["state"] = "undone"

    def _determine(self, act: Facts) -> None:
        said = {key: act[key] for key in ("donor", "at", "outcome", "markers", "urgent", "told", "for", "sample_on")}
        self.determinations[act["name"]] = deepcopy(said) | {"signed": set(), "log": []}

    def _consent(self, act: Facts) -> None:
        said = {key: act[key] for key in ("patient", "protocol", "at", "by", "until")}
        self.consents[act["name"]] = said | {"signed": set(), "withdrawn_at": None, "log": []}

    def _withdraw(self, act: Facts) -> None:
        self.consents[act["consent"]]["withdrawn_at"] = self.now

    def _decide_eligibility(self, act: Facts) -> None:
        said = {key: act[key] for key in ("course", "at", "yes", "by", "personal")}
        self.eligibilities[act["name"]] = said | {
            "signed": set(), "log": [], "written": self.now, "against": self.now, "was_personal": False,
        }  # fmt: skip

    def _stop(self, act: Facts) -> None:
        self.courses[act["course"]] |= {"stopped": True, "stopped_at": self.now}

    # cells

    def _result(self, act: Facts) -> None:
        said = {key: act[key] for key in ("bag", "test", "value", "outcome", "pending", "sampled_at", "at", "by")}
        self.results[act["name"]] = said | {"signed": set(), "log": [], "correctors": set(), "was_bad": False}

    def _decide(self, act: Facts) -> None:
        last, kind = self.last(act["bag"]), act["kind"]
        above = [self.last(one) for one in self.line(act["bag"])[1:]]
        against = [last is not None and last["kind"] == "reject", *(one and one["kind"] in NO for one in above)]
        overturns = kind in RELEASING and any(against)
        needs = {"quality", "director"} if overturns else {"quality"}
        if (
            kind == "exceptional"
        ):  # a physician requests it and signs (rule 47): until then the decision before it stands
            needs = {"quality", "director", "physician"}
        self.decisions[act["name"]] = {
            "bag": act["bag"], "kind": kind, "by": act["by"], "at": self.now, "signed": set(), "needs": needs,
            "evidence": self.evidence(act["bag"]), "lacked": self.conformity(act["bag"]), "log": [],
        }  # fmt: skip

    def _assign(self, act: Facts) -> None:
        self.bags[act["bag"]]["course"] = act["course"]

    def _move(self, act: Facts) -> None:
        damaged = act["intact"] is False
        said = {key: act[key] for key in ("bag", "kind", "intact", "at")}
        self.moves[act["name"]] = said | {"ever_damaged": damaged, "log": []}

    def _run(self, act: Facts) -> None:
        self.runs[act["name"]] = run = self.run_of(act)
        first = self.bags[act["inputs"][0]]
        whole = sum((self.bags[one]["amount"] for one in run["inputs"]), Decimal(0))
        volume = sum(run["inputs"].values(), Decimal(0)) + act["added"]
        dmso = max(self.bags[one]["dmso"] for one in run["inputs"])
        for name in act["bags"]:
            self.bags[name] = {
                "donor": first["donor"], "protocol": self._under(first), "course": first["course"],
                "volume": volume / len(act["bags"]), "amount": whole / len(act["bags"]), "run": act["name"],
                "harvest": None, "made_at": self.now, "medium": first["medium"], "dmso": dmso, "use_before": None,
                "longer": 0, "said": {}, "hands": set(), "signed": set(), "log": [],
            }  # fmt: skip

    def _under(self, bag: Facts) -> str:
        return self.courses[bag["course"]]["protocol"] if bag["course"] else bag["protocol"]

    def _step(self, act: Facts) -> None:
        run = self.runs[act["run"]]
        run["steps"].append(self.step_of(run["at"], act))
        run["hands"].add(act["by"])

    def _use_before(self, act: Facts) -> None:
        """A longer life, or one set where there was none, waits for a second person (45, 50)."""
        one, before = self.bags[act["bag"]], self.end(act["bag"])
        if before is None or act["end"] > before:
            one["log"].append(("correct", act["by"]))
            one["longer"] += 1
        one["use_before"] = act["end"]
        one["hands"] = one["hands"] | {act["by"]}

    # signatures and corrections

    def _sign(self, act: Facts) -> None:
        one = getattr(self, act["table"])[act["record"]]
        one["signed"].add(act["by"])
        one["log"].append(("sign", act["by"]))
        one["ever_signed"] = True

    def _amend(self, act: Facts) -> None:
        table, changes = act["table"], act["changes"]
        one = getattr(self, table)[act["record"]]
        if getattr(self, f"_amend_{table}", lambda *_: False)(one, act):
            one["log"].append(("correct", act["by"]))
        if "signed" in one:
            one["signed"] = set()
        if "said" in one:
            one["said"] = one["said"] | changes
        for name, value in changes.items():
            one[RENAMED.get((table, name), name)] = value

    # which corrections are critical

    def _amend_results(self, one: Facts, act: Facts) -> bool:
        before = {name: one[name] for name in act["changes"] if name in {"value", "outcome"}}
        one["correctors"] = one["correctors"] | {act["by"]}
        one["edits"] = one.get("edits", 0) + 1
        if one["outcome"] is not None and one["test"] in GOOD and one["outcome"] != GOOD[one["test"]]:
            one["was_bad"] = True
        return any(value is not None for value in before.values())

    def _amend_consents(self, one: Facts, act: Facts) -> bool:
        later = act["changes"].get("expires_on")
        return one["until"] is not None and "expires_on" in act["changes"] and (later is None or later > one["until"])

    def _amend_eligibilities(self, one: Facts, act: Facts) -> bool:
        """What a no said of the person is not taken back by one person alone (23)."""
        eligible, personal = act["changes"]["eligible"], act["changes"].get("reasons") == PERSONAL
        softened = not one["yes"] and one["personal"] and (eligible or not personal)
        one["was_personal"] = softened or (one["was_personal"] and self.waits(one))
        if not eligible and (one["yes"] or personal):
            one["against"] = self.now
        one["written"], one["personal"] = self.now, personal and not eligible
        return softened or (not one["yes"] and eligible)

    def _amend_weights(self, one: Facts, act: Facts) -> bool:
        """What a weight was is kept: a correction of more than a tenth changes the dose, whatever steps it took."""
        one["log"].append((one["kg"], act["by"]))
        one["author"] = act["by"]
        return False

    def _amend_bags(self, one: Facts, act: Facts) -> bool:
        one["hands"] = one["hands"] | {act["by"]}
        return True

    def _amend_runs(self, one: Facts, act: Facts) -> bool:
        one["hands"] = one["hands"] | {act["by"]}
        return one["ever_signed"] and "waste_volume" in act["changes"]

    def _amend_harvests(self, one: Facts, act: Facts) -> bool:
        return one["ever_signed"] and "volume" in act["changes"]

    # the bedside

    def _check(self, act: Facts) -> None:
        self.checks[act["name"]] = {key: act[key] for key in ("bag", "course", "by", "second", "at")}
        self.checks[act["name"]]["written"] = self.written

    def _begin(self, act: Facts) -> None:
        check = self.checks[act["check"]]
        weight = self.weight(self.courses[check["course"]]["patient"])
        per_kg = self.bags[check["bag"]]["amount"] / weight["kg"] if weight is not None else Decimal(0)
        said = {"bag": check["bag"], "course": check["course"], "at": self.now, "per_kg": per_kg}
        self.givings[act["name"]] = said


PERSONAL = "pneumonia"
"""A reason that lies in the person, whatever the course is for."""
OF_COURSE = "the donor's cells are not suitable"
"""A reason that clearly lies in one course."""
RENAMED = {
    ("consents", "expires_on"): "until", ("eligibilities", "eligible"): "yes", ("moves", "performed_at"): "at",
    ("weights", "performed_at"): "at", ("results", "performed_at"): "at",
}  # fmt: skip
"""What the product's column is called, and the book's fact."""
