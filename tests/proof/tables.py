"""The tables of the naive oracle: a clinic in plain dictionaries, who is whose, which cells come from which.

Each table is name → facts. Numbers in brackets are rules. Every record that people correct and confirm has a
``log`` of both, in their order: ("correct", who) where the correction was critical, ("sign", who).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

Facts = dict[str, Any]
Reason = tuple[int, str]
"""The number of a rule, and why; what stands after a colon names what this one history is about."""


@dataclass
class Tables:
    """All that the oracle knows; signatures are names of people, gone when the record is amended."""

    now: datetime
    zone: str = "Europe/Berlin"
    protocols: dict[str, Facts] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)
    patients: dict[str, Facts] = field(default_factory=dict)
    merges: dict[str, Facts] = field(default_factory=dict)
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

    # corrections

    @staticmethod
    def waits(one: Facts) -> bool:
        """Whether a critical correction of a record was signed by nobody but who made it, since it was made (45)."""
        return any(
            what == "correct" and not any(how == "sign" and other != who for how, other in one["log"][place:])
            for place, (what, who) in enumerate(one["log"])
        )

    # people

    def person(self, patient: str) -> set[str]:
        """All records of one person: those that two people joined (27)."""
        found, waiting = set[str](), [patient]
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting += self._joined(one, {"confirmed"})
        return found

    def _joined(self, patient: str, states: set[str]) -> list[str]:
        pairs = [{one["patient"], one["merged"]} for one in self.merges.values() if one["state"] in states]
        return [other for pair in pairs if patient in pair for other in pair - {patient}]

    def perhaps(self, patient: str) -> set[str]:
        """The records of which somebody proposed that they are this person's too, and those joined to them."""
        mine = self.person(patient)
        found = set[str]()
        waiting = [other for one in mine for other in self._joined(one, {"proposed"})]
        while waiting:
            one = waiting.pop()
            if one not in found and one not in mine:
                found.add(one)
                waiting += self._joined(one, {"proposed", "confirmed"})
        return found

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

    def left(self, bag: str) -> Decimal:
        taken = [run["inputs"][bag] for run in self.runs.values() if bag in run["inputs"]]
        return self.bags[bag]["volume"] - sum(taken, Decimal(0))

    def gone(self, bag: str) -> str:
        if any(one["bag"] == bag and one["kind"] == "discarded" for one in self.moves.values()):
            return "discarded"
        if any(one["bag"] == bag for one in self.givings.values()):
            return "given"
        return "used up" if self.left(bag) <= 0 else ""
