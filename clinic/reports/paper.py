"""A report on paper: the figures of its page, with its drawings, definition, filters and state of the ledger."""

from __future__ import annotations

import re
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from flask import current_app

from clinic import assets, clock
from clinic.documents.document import Block, Section, table
from clinic.documents.typesetting import pdf

if TYPE_CHECKING:
    from clinic.reports.files import Made

WIDE = 6
"""From more columns than these a report lies across the page."""
SHEETS = ("tokens.css", "drawings.css", "charts.css")
CHART = ".c-fig "
ASIDE = re.compile(r"/\*.*?\*/|@media[^{]*", re.DOTALL)
RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
ONE_OF = re.compile(r":is\(([^)]*)\)")
TOKEN = re.compile(r"--([\w-]+):\s*(?:light-dark\(([^,]+),[^)]*\)|([^;]+));")


def as_pdf(made: Made) -> bytes:
    """Return the report as PDF."""
    result, report = made.result, made.report
    head = [result.first, *(column.heading for column in result.columns)]
    rows = [[row.label, *(figure.shown for figure in row.figures)] for row in result.all_rows]
    macro = current_app.jinja_env.get_template("macros/charts.html").module.drawn  # type: ignore[attr-defined]
    drawn = [
        Block(heading=one.title, figures=[(str(macro(one, style=style())), one.says, one.caption)])
        for one in result.drawings
    ]
    sections = [
        Section(title="Answer", blocks=[Block(strong=result.weak, text=[result.finding])]),
        *([Section(title="Charts", blocks=drawn)] if drawn else []),
        Section(title="Figures", blocks=[*table(head, rows), Block(text=list(result.notes))]),
        Section(title="Definition", blocks=[Block(facts=[(label, words, "") for label, words in made.facts()])]),
    ]
    day = clock.day(made.at, made.zone)
    return pdf([{
        "title": report.title, "site": made.site, "lines": [], "dated": [day.year, day.month, day.day],
        "notes": [" · ".join(f"{label}: {words}" for label, words in made.said)], "wide": len(head) > WIDE,
        "sections": [asdict(section) for section in sections],
        "foot": [f"Data as of {made.at_words} ({made.zone})", f"Ledger {made.ledger}"],
    }])  # fmt: skip


@cache
def style() -> str:
    """Return the rules by which the pages draw charts, for a drawing that stands by itself: in light colors."""
    folder = Path(assets.__file__).parent / "static" / "css"
    tokens, *sheets = [ASIDE.sub("", (folder / name).read_text()) for name in SHEETS]
    values = {name: (light or plain).strip() for name, light, plain in TOKEN.findall(tokens)}
    found = []
    for selectors, body in RULE.findall("".join(sheets)):
        said = re.sub(r"var\(--([\w-]+)\)", lambda m: values.get(m[1], "inherit"), body)
        found += [f"{one.removeprefix(CHART)}{{{said}}}" for one in _each(selectors) if one.startswith(CHART)]
    return "".join(found)


def _each(selectors: str) -> list[str]:
    """Return the selectors of a rule one by one, those within ``:is()`` too."""
    if (several := ONE_OF.search(selectors)) is not None:
        return [
            selector
            for one in several[1].split(",")
            for selector in _each(selectors.replace(several[0], one.strip(), 1))
        ]
    return [selector.strip() for selector in selectors.split(",")]
