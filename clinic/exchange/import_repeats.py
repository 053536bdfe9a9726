"""What a table repeats: keys, numbers and rows that stand in it twice, or came in before with other facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinic.exchange import batches, import_rows
from clinic.exchange.batches import ImportedRow
from clinic.exchange.import_checks import Fault, Given
from clinic.exchange.import_targets import NEW_PEOPLE, Slot
from clinic.patients.models import Patient
from clinic.patients.names import compact
from clinic.patients.numbers import bearers, replaced_on

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

    from clinic.accounts.models import User
    from clinic.exchange.mapping import Mapping


WHOSE = (
    Slot(part="donor", name="donor_number"), Slot(part="course", name="key"),
    Slot(part="patient", name="record_number"),
)  # fmt: skip
"""What tells whose cells a row is about, the first that it names."""
KEY, DIN, NUMBER = Slot(part="row", name="key"), Slot(part="product", name="din"), WHOSE[-1]
NEVER = "an import never changes a patient (rule 70)"
Said = tuple[int, str, str, str]
"""A row, a column, what is written there, and the text that it says."""


class Repeats:
    """What the rows of a table say that stands in it once, or came in before; noted as each row is read."""

    def __init__(self, session: Session, by: User, mapping: Mapping) -> None:
        self.session, self.by, self.mapping = session, by, mapping
        self._faults: list[Fault] = []
        self._numbers: list[Said] = []
        self._keys: dict[str, Said] = {}
        self._whose: dict[str, Any] = {}
        self._contents: dict[str, int] = {}

    def note(self, row: int, given: dict[Slot, Given], content: str) -> None:
        """Learn what a row says; ``content``: the hash of all of it."""
        if self.mapping.kind in NEW_PEOPLE:
            if (said := given.get(NUMBER)) is not None and said.text:
                self._numbers.append((row, said.column, said.written, said.text))
        else:
            self._note_content(row, content)
        self._note_din(row, given)
        key, said = import_rows.key_of(given, self.mapping), given.get(KEY)
        if not key or said is None:
            return
        if key in self._keys:
            self._refuse(row, said.column, said.written, f"each key once; row {self._keys[key][0]} has it")
        self._keys.setdefault(key, (row, said.column, said.written, key))

    def _refuse(self, row: int, column: str, value: str, expected: str) -> None:
        self._faults.append(Fault(row=row, column=column, value=value, expected=expected))

    def _note_content(self, row: int, content: str) -> None:
        """Refuse a row that says the same as an earlier one: nobody knows whether it happened twice."""
        first = self._contents.setdefault(content, row)
        if first != row:
            said = f"a row that row {first} does not repeat; if it happened twice, give each a “row.key”"
            self._refuse(row, "", "", said)

    def _note_din(self, row: int, given: dict[Slot, Given]) -> None:
        """Refuse a donation number that an earlier row of the table has for another donor (rule 6)."""
        said = given.get(DIN)
        if said is None or not said.text:
            return
        whose = next((compact(one.text) for at in WHOSE if (one := given.get(at)) and one.text), row)
        if self._whose.setdefault(compact(said.text), whose) != whose:
            self._refuse(row, said.column, said.written or said.text, "each donation number for one donor (rule 6)")

    def faults(self, before: set[int]) -> list[Fault]:
        """Return the faults of rows beside each other and beside what is registered; ``before``: rows that came in."""
        return [*self._known_already(before), *self._faults, *self._known_keys(before)]

    def _known_keys(self, before: set[int]) -> Iterator[Fault]:
        """Yield a fault for each key that came in before with other facts."""
        known = batches.known_rows(self.session, self.by.site_id, ImportedRow.source_key, self._keys)
        for key, one in known.items():
            row, column, written, _key = self._keys[key]
            if row not in before:
                expected = (
                    f"the facts with which this key came in, as row {one.row} of import {one.batch_id}: an import "
                    "never changes a record; correct it by amendment (rule 70)"
                )
                yield Fault(row=row, column=column, value=written, expected=expected)

    def _known_already(self, before: set[int]) -> Iterator[Fault]:
        """Yield a fault for each record number that the clinic has already, or that is in the table twice."""
        numbers = [one for one in self._numbers if one[0] not in before]
        borne = bearers(self.session, Patient, "record_number", site_id=self.by.site_id) if numbers else []
        known, seen = {compact(one.number): one for one in reversed(borne)}, dict[str, tuple[int, str]]()
        for row, column, _written, text in numbers:
            other = known.get(compact(text))
            if other is not None:
                whose = f"the patient “{other.id}”{_other_way(text, other.number)}"
                expected = f"a record number that is new here, not that of {whose}: {NEVER}"
                if other.until is not None:
                    expected = (
                        f"a record number that no patient here had, not that of {whose}: it was replaced on "
                        f"{replaced_on(other, self.by.site.zone)}, and a wristband may still carry it (rule 1)"
                    )
                yield Fault(row=row, column=column, value=text, expected=expected)
            elif compact(text) in seen:
                yield Fault(row=row, column=column, value=text, expected=_once(text, *seen[compact(text)]))
            seen.setdefault(compact(text), (row, text))


def _other_way(text: str, other: str) -> str:
    """Return how the number that another record has is written, where that differs."""
    return "" if text == other else f" (“{other}”; numbers are compared without case, accents, spaces and marks)"


def _once(text: str, row: int, other: str) -> str:
    return f"each record number once; row {row} has it{_other_way(text, other)}"
