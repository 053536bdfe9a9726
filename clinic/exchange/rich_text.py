"""Texts of a spreadsheet of which a part is raised or lowered: 9 with a raised 1 is 9¹, a figure with a footnote."""

from __future__ import annotations


class _Marked(dict[int, str]):
    """Signs as they stand above or below the line; what has none is marked, and stays apart from what it is at."""

    def __init__(self, plain: str, moved: str, mark: str) -> None:
        super().__init__({ord(one): other for one, other in zip(plain, moved, strict=True)})
        self.mark = mark

    def __missing__(self, code: int) -> str:
        one = chr(code)
        return f"{self.mark}{one}" if one.isalnum() else one


RAISED = _Marked("0123456789+-−=()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾", "^")
LOWERED = _Marked("0123456789+-−=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎", "_")
KINDS = {"superscript": RAISED, "subscript": LOWERED}


class RichText:
    """One text, learned from the parts that pass by; the reader of the file joins them as if all stood in one line."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Begin with the next text."""
        self.parts: list[str] = []
        self.table: _Marked | None = None
        self.differs = self.inside = self.spoken = False

    def element(self, kind: str, said: dict[str, str]) -> None:
        """Learn from one element of it: a run, how it stands, its text; how it is spoken is no part of it."""
        if kind == "r":
            self.table = None
        elif kind == "vertAlign":
            self.table = KINDS.get(said.get("val", ""))
        elif kind == "rPh":
            self.spoken = True
        self.inside = kind == "t" and not self.spoken

    def ends(self, kind: str) -> None:
        """Learn that an element ends."""
        self.inside = False
        if kind == "rPh":
            self.spoken = False

    def add(self, text: str) -> None:
        """Learn a piece of its text."""
        if self.inside:
            said = text if self.table is None else text.translate(self.table)
            self.differs = self.differs or said != text
            self.parts.append(said)

    @property
    def shown(self) -> str:
        """The text as it is shown, where that is another one than its letters; else ""."""
        return "".join(self.parts).strip() if self.differs else ""
