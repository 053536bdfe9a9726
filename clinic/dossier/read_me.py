"""What a dossier says of itself, for whoever opens it without this program."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from clinic.patients.models import Patient

CHECK = """\
How to check it
  In the clinic:   clinic verify --dossier FILE.zip
                   compares each file with the signed manifest.json, the ledger entries with their seals, and each row
                   of the tables and each attachment with these entries.
  Anywhere else:   unpack it, then: python check_proof.py proof.json --key KEY
                   check_proof.py and KEY come from the clinic; it needs Python and nothing else.

What it proves: these records were written before the seals, by whom and when, and are what the clinic gave out.
What it cannot prove: that nothing was recorded later."""


def read_me(people: Sequence[Patient], files: Iterable[str], *, made: str, left_out: Sequence[str]) -> str:
    """Return the text that is the first file of a dossier. ``made``: where, when and for whom it was made."""
    first = people[0]
    parts = [
        f"Dossier of {first.display_name}, record number {first.record_number}, patient {first.id}",
        made,
    ]
    if len(people) > 1:
        more = ", ".join(f"{one.record_number} ({one.id})" for one in people[1:])
        parts.append(f"Other records that two people confirmed to be the same person's, included: {more}.")
    parts += [
        "",
        "documents/    PDF files made of the records; the code at the foot of each is checked in the clinic.",
        "tables/       every data set that has a row about this person, as CSV; dictionary.csv explains the columns.",
        "              Signatures, amendments and files are tables of their own.",
        "attachments/  the files that were attached to a record, as they were attached.",
        "proof.json    every change of these records as the ledger has it, with the seals that hold it.",
        "manifest.json each file with its SHA-256, signed with the key of the seals.",
        "",
        "Records of a donor who is another person, and of the donor's other cells, are not in it. Names and record",
        "numbers of other patients were taken out of texts where they are written whole.",
    ]
    if left_out:
        parts.append(f"Not proved, as an entry of the ledger about it names another person: {', '.join(left_out)}.")
    count = sum(1 for _ in files) + 2
    return "\r\n".join([*parts, "", *CHECK.splitlines(), "", f"{count} files.", ""])
