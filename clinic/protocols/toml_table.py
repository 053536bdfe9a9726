"""One table of a TOML file, read field by field; what is wrong is told with the table and the field."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

LONGEST = 80
NUMBER = re.compile(r"[-−+]?\d*[.,]?\d+")


def quoted(text: str) -> str:
    """Return a text as a sentence quotes it."""
    return f"“{text[:40]}”"


def parsable_as_number(text: str) -> bool:
    """Whether a text would be read as a figure."""
    return NUMBER.fullmatch(text.strip()) is not None


class Table:
    """The fields of one entry. Each is taken once; those that nobody took are unknown."""

    def __init__(self, where: str, facts: dict[str, Any], faults: list[str]) -> None:
        self.where, self.faults = where, faults
        self.left = dict(facts)
        self.known: list[str] = []

    def fault(self, name: str, sentence: str) -> None:
        """Add a fault of one field."""
        self.faults.append(f"{self.where} {name}: {sentence}")

    def has(self, name: str) -> bool:
        """Whether a field is there and was not taken yet."""
        return name in self.left

    def take(self, name: str) -> Any:
        """Take a field out; None where it is not there."""
        self.known.append(name)
        return self.left.pop(name, None)

    def _needed(self, name: str, example: str) -> None:
        self.fault(name, f"required. Write it like {name} = {example}.")

    def line(self, name: str, *, needed: bool = True, longest: int = LONGEST) -> str:
        """Return a line of text, "" where there is none or it is wrong."""
        said = self.take(name)
        if said is None:
            if needed:
                self._needed(name, '"…"')
            return ""
        if not self._fits(said, longest):
            self.fault(name, f"write one line of text, of at most {longest} characters, with no space at its ends.")
            return ""
        return said

    @staticmethod
    def _fits(said: Any, longest: int = LONGEST) -> bool:
        fits = isinstance(said, str) and 0 < len(said) <= longest
        return fits and said.isprintable() and said.strip() == said and (said[0].isalnum() or said[0] in "%°µ×(")

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts."""
        said = self.take(name)
        if said is None:
            return ()
        if not isinstance(said, list) or not all(self._fits(one) for one in said):
            self.fault(name, f'write a list of texts, like {name} = ["one", "other"].')
            return ()
        return tuple(said)

    def one_of(self, name: str, choices: tuple[str, ...]) -> str:
        """Return one of some words, "" where it is none of them."""
        said = self.take(name)
        if said is None:
            self._needed(name, f'"{choices[0]}"')
            return ""
        if said not in choices:
            self.fault(name, f"{quoted(str(said))} is not one of {', '.join(choices)}. Choose one.")
            return ""
        return said

    def number(self, name: str, *, needed: bool = True) -> Decimal | None:
        """Return a figure, None where there is none or it is wrong."""
        said = self.take(name)
        if said is None:
            if needed:
                self._needed(name, "0")
            return None
        if isinstance(said, bool) or not isinstance(said, int | Decimal) or not Decimal(said).is_finite():
            self.fault(name, "write a number without quotation marks, like 0 or 0.5.")
            return None
        found = Decimal(said)
        if found.adjusted() >= 9 or found.as_tuple().exponent < -9:  # type: ignore[operator] - it is finite
            self.fault(name, "write a number under 1,000,000,000 with at most 9 decimals.")
            return None
        return found

    def whole(self, name: str, most: int) -> int:
        """Return a whole number from 0 to ``most``, 0 where there is none or it is wrong."""
        said = self.take(name)
        if said is None:
            return 0
        if isinstance(said, bool) or not isinstance(said, int) or not 0 <= said <= most:
            self.fault(name, f"write a whole number from 0 to {most}.")
            return 0
        return said

    def yes_no(self, name: str) -> bool | None:
        """Return true or false; None where neither is said."""
        said = self.take(name)
        if said is not None and not isinstance(said, bool):
            self.fault(name, "write true or false, without quotation marks.")
            return None
        return said

    def graded(self, name: str, most: int) -> tuple[tuple[str, ...], ...]:
        """Return the words of each grade, the one that pages show first; () where there are no grades."""
        said = self.take(name)
        if said is None:
            return ()
        grades = [one if isinstance(one, list) else [one] for one in said] if isinstance(said, list) else []
        if not 2 <= len(grades) <= most or not all(one and all(map(self._fits, one)) for one in grades):
            self.fault(
                name,
                f'write 2 to {most} words in the order of their values, like ["none", "mild"]; a grade with other'
                ' words is a list, ["complete response", "CR"].',
            )
            return ()
        words = [" ".join(word.casefold().split()) for one in grades for word in one]
        for word in sorted({word for word in words if words.count(word) > 1}):
            self.fault(name, f"{quoted(word)} stands twice. Give each grade words of its own.")
        return tuple(tuple(one) for one in grades)

    def refuse_others(self) -> None:
        """Add a fault for each field that nobody knows."""
        for name in self.left:
            known = ", ".join(dict.fromkeys(self.known))
            self.fault(name, f"no such field. Remove it, or choose from {known}.")
