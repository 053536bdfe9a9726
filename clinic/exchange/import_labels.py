"""The names of facts as a page shows them: “Patient: Family name”; “Score month6: SpO₂” of one of several visits."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from clinic.exchange.import_targets import KINDS, PARTS, SEVERAL, described
from clinic.fields import fields_of

if TYPE_CHECKING:
    from collections.abc import Iterator

WORDS = {"qc": "Test", "score": "Score", "row": "Row", "course": "Course"} | {
    part: model.NOUN for part, model in PARTS.items()
}
KEYED = re.compile(rf"({'|'.join(WORDS[part] for part in sorted(SEVERAL))}) (\S+): (.+)", re.DOTALL)


class Labels:
    """The labels of all facts of a kind of import, and the way back. A label that two facts have names its fact too."""

    def __init__(self, kind: str) -> None:
        rows = [(row[1], row[2], row[3]) for row in described(kind)] if kind in KINDS else []
        told = [(target, _label(target, label), unit) for target, label, unit in rows]
        twice = Counter(label for _target, label, _unit in told)
        self.units = {target: unit for target, _label, unit in told}
        self.of_target = {target: f"{label} ({target})" if twice[label] > 1 else label for target, label, _unit in told}
        self.of_label = {label.casefold(): target for target, label in self.of_target.items()}

    def known(self, target: str) -> str:
        """Return the label of a target; "" where it is none. Facts that no column may go to have one too."""
        words = target.split(".")
        if target in self.of_target or not words[1:]:
            return self.of_target.get(target, "")
        if len(words) == 3 and (label := self.of_target.get(f"{words[0]}.KEY.{words[2]}")):
            return label.replace(" KEY:", f" {words[1]}:", 1)
        fact = fields_of(PARTS[words[0]]).get(words[-1]) if words[0] in PARTS else None
        return f"{WORDS[words[0]]}: {fact.label}" if fact is not None else ""

    def shown(self, target: str) -> str:
        """Return what a box shows of a target."""
        return self.known(target) or target

    def target(self, typed: str, was: str = "") -> str:
        """Return the target that somebody typed: its label, or its own name. ``was``: what the box showed before."""
        if was and typed == self.shown(was):
            return was
        found = self.of_label.get(typed.casefold())
        keyed = KEYED.fullmatch(typed)
        if found is None and keyed is not None:
            general = self.of_label.get(f"{keyed[1]} KEY: {keyed[3]}".casefold())
            found = general.replace(".KEY.", f".{keyed[2]}.", 1) if general else None
        return found or typed

    def offered(self) -> Iterator[tuple[str, str]]:
        """Yield what a box offers: each label, with its unit."""
        yield from ((label, self.units[target]) for target, label in self.of_target.items())


def _label(target: str, label: str) -> str:
    words = target.split(".")
    key = " KEY" if ".KEY." in target else ""
    return f"{WORDS.get(words[0], words[0].capitalize())}{key}: {label}"
