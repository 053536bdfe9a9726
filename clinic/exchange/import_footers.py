"""Rows of a table that are nobody: totals, means, sources and footnotes below the patients, and names that are codes.

Nobody is registered of such a row until whoever imports says that it is a patient.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from clinic.exchange.import_checks import Fault
from clinic.exchange.import_targets import NEW_PEOPLE
from clinic.exchange.parse_cell import NOT_RECORDED, code_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clinic.exchange.mapping import Mapping
    from clinic.exchange.tables import Table

ASK = "row.patient"
"""Under which name the mapping says that such a row is a patient."""
KEY, ROW_KEY = "patient.record_number", "row.key"
NAMES = ("patient.family_name", "patient.given_names")
WHO = (*NAMES, "patient.birth_date", "patient.sex")
"""What tells who a patient is, beside the record number."""
RECKONED = (
    "total|totals|grand total|subtotal|sum|sums|mean|median|average|overall|summe|gesamt|insgesamt|zusammen|mittelwert|"
    "mittel|standardabweichung"
)
ALONE = (
    rf"{RECKONED}|sd|s\.d\.|sem|se|iqr|std|std\.? ?dev\.?|stddev|stdev|cv|ci|\d\d ?%-? ?ci|p|p-?values?|min|max|mw|"
    r"minimum|maximum|range|count|anzahl|durchschnitt|end|all|missing|x̄|ø|mean ?± ?s\.?[de]\.?m?|"
    r"(?:min|q1) ?[-–] ?(?:max|q3)"
)
SAID = (
    f"{ALONE}|n|source|sources|note|notes|nb|legend|footnote|footnotes|remark|remarks|comment|comments|abbreviations|"
    "quelle|anmerkung|anmerkungen|legende|fußnote|hinweis|bemerkung|abkürzungen|stand"
)
FOOTER = re.compile(
    rf"\(?(?:(?:{SAID})\s*[:=].*|(?:{SAID})\W*|(?:{RECKONED}|anzahl)[\s(]+\S.*|n\s*=.*|\d[\d.,]*\s+(?:in\s+)?"
    rf"(?:{RECKONED})\W*)|[*†‡§¹²³]+\s*[^\W\d_]{{3}}.*"
    r"|[*†‡§¹²³]+\s*p\b.*|[a-z*]\)\s.*",
    re.DOTALL,
)
"""A word for a total or a footnote, and what stands behind it."""
SENTENCE = 4
"""Words of which a text is a sentence, and no number of a patient."""
WORD = re.compile(r"[^\W\d_]{2,}")
CODES = frozenset({"NULL", "null", "NaN", "nan", "NA", "N/A", "n/a", "#NULL!", "<NA>", "None"})
"""What programs write where they have nothing; some are names of people too."""


def footer_faults(table: Table, mapping: Mapping, notes: list[str]) -> list[Fault]:
    """Return the rows that are probably no patients; those of which the mapping says that they are become notes."""
    if mapping.kind not in NEW_PEOPLE:
        return []
    found: list[Fault] = []
    for fault in _faults(table, mapping):
        if reason := mapping.confirmed.get(fault.ask):
            notes.append(f"Row {fault.row}: “{fault.value}” was imported as a patient. Confirmed: {reason}")
        else:
            found.append(fault)
    return found


def _faults(table: Table, mapping: Mapping) -> Iterator[Fault]:
    who = {name: said for to in WHO for name, said in _columns(mapping, to).items()}
    rows = _columns(mapping, ROW_KEY)
    keys, names = _columns(mapping, KEY), {name: said for to in NAMES for name, said in _columns(mapping, to).items()}
    some = who and any(_told(cells, who) for _number, (_row, cells) in table.rows.numbered())
    for _number, (row, cells) in table.rows.numbered():
        key = next(iter(_told(cells, keys).items()), None)
        own = next((at for at in _told(cells, rows).items() if is_footer(at[1])), None)
        if some and not _told(cells, who):
            column, text = key or next(((name, text) for name, text in cells.items() if text), ("", ""))
            if text:
                yield _asked(row, column, text, "a patient: the row has nothing else that says who it is")
            continue
        if key is not None and is_footer(key[1]):
            yield _asked(row, *key, "the record number of a patient: this looks like a total or a footnote")
            continue
        if own is not None:
            yield _asked(row, *own, "the key of the row of a patient: this looks like a total or a footnote")
            continue
        if (
            key is None
            and keys
            and (title := next((at for at in _told(cells, names).items() if is_footer(at[1])), None))
        ):
            yield _asked(row, *title, "the name of a patient: this looks like a total or a footnote")
            continue
        for column, text in _told(cells, keys | names).items():
            what = "a record number" if column in keys else "a name"
            if not any(one.isalnum() for one in text):
                yield Fault(row=row, column=column, value=text, expected=what + NOT_RECORDED)
            elif text in CODES:
                yield _asked(row, column, text, what + NOT_RECORDED)


def _asked(row: int, column: str, text: str, expected: str) -> Fault:
    how = f". Take the row out. If it is right, the mapping says why: [confirmed] '{ASK}' = '…'"
    return Fault(row=row, column=column, value=text, expected=expected + how, ask=ASK)


def is_footer(text: str) -> bool:
    """Whether the text in the place of a record number is a total, a footnote or a sentence."""
    return FOOTER.fullmatch(text.casefold()) is not None or len(WORD.findall(text)) >= SENTENCE


def _columns(mapping: Mapping, to: str) -> dict[str, set[str]]:
    """Return the columns of a fact, each with what means “not recorded” there."""
    return {
        name: {*mapping.missing, *one.missing}
        for name, wanted in mapping.columns.items()
        for one in wanted
        if one.to == to
    }


def _told(cells: dict[str, str], columns: dict[str, set[str]]) -> dict[str, str]:
    """Return what a row says in some columns, without what means “not recorded”."""
    return {name: text for name, no in columns.items() if (text := cells[name]) and not code_of(text, no)}
