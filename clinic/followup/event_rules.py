"""What follows from the facts of an adverse event: its reporting clock, and whether it speaks against the cells."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from clinic.followup.event_germs import tells_of_germs

if TYPE_CHECKING:
    from collections.abc import Mapping

GRAVE = frozenset({"death", "life_threatening"})
SUSPECTED = {"certain", "probable", "possible"}
RULED_OUT = {"unlikely", "unrelated"}
"""WHO-UMC ends at “unlikely”; tables and trial forms also say “not related”, which is kept as it was said."""
LIKELY = frozenset({"certain", "probable"})
DECIDES = ("serious", "expected", "from_cells", "from_harvest", "from_delivery", "aware_on", "reported_on")
"""What the reporting clock is worked out from."""
ACCUSE = ("serious", "from_cells", "grade", "outcome", "term", "narrative")
"""What says whether an event speaks against the cells."""
DIRE = frozenset({"4", "5"})
"""The grades of what threatened a life or ended it (CTCAE)."""


def told(facts: Mapping[str, Any]) -> str:
    """Return what is written of an event in words."""
    return "; ".join(text for text in (facts["term"], facts.get("narrative")) if text)


def against_cells(facts: Mapping[str, Any]) -> str:
    """Return how an event speaks against the cells that were given; empty: it does not (hazard H29).

    ``facts``: the values of `ACCUSE`. It does where it is serious or may be, is of grade 4 or 5, or tells of germs
    in the blood or where the cells went, whether anybody called it serious or not, unless a physician found that it is
    unlikely to come from them. What was not assessed yet speaks against them.
    """
    cells, dire = facts["from_cells"], facts["grade"] in DIRE or facts["outcome"] == "fatal"
    germs = tells_of_germs(told(facts))
    if not (may_be_serious(facts["serious"]) or dire or germs):
        return ""
    if cells in LIKELY:
        return "certainly from the cells" if cells == "certain" else "probably from the cells"
    if cells is None:
        unknown = "; its seriousness is not recorded" if facts["serious"] is None else ""
        return f"not assessed by a physician yet{unknown}"
    known = bool(facts["serious"]) or dire or germs
    return "not shown to be unlikely from the cells" if known and cells not in RULED_OUT else ""


def report_due(facts: Mapping[str, Any]) -> date | None:
    """Return the last day on which the report is in time (rule 67); None where no clock runs or it is sent.

    ``facts``: the values of `DECIDES`. What was not assessed yet counts as unexpected and as possibly related, so that
    the clock of a serious event runs from the day it was reported.
    """
    days, aware = clock_days(facts), facts["aware_on"]
    return None if days is None or aware is None or facts["reported_on"] else aware + timedelta(days=days)


def clock_days(facts: Mapping[str, Any]) -> int | None:
    """7 calendar days if fatal or life-threatening, else 15; only serious, unexpected, suspected (312.32(c))."""
    causes = {facts["from_cells"], facts["from_harvest"], facts["from_delivery"]}
    suspected = bool(causes & SUSPECTED) or None in causes
    if not may_be_serious(facts["serious"]) or not suspected or facts["expected"] == "expected":
        return None
    return 7 if GRAVE & set(facts["serious"] or ()) else 15


def may_be_serious(criteria: list[str] | None) -> bool:
    """Whether a criterion of seriousness applies, or nobody recorded whether one does."""
    return criteria is None or bool(criteria)
