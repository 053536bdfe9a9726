"""How severe a reaction to cells was, as who saw it says: the words of it alone do not tell (rule 23)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect

from clinic.errors import Problem
from clinic.records import Origin

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clinic.records import Record

SEVERITIES = {"mild": "Mild", "moderate": "Moderate", "severe": "Severe", "unknown": "I do not know"}
"""Only after a mild one may the cells run on; moderate, severe and not known stop them until a physician decides."""
HINT = (
    "Stop and assess first. Mild: restart only if the physician agrees. Any other answer: the cells stay stopped until "
    "a physician decides"
)
_ORDER = ("mild", "unknown", "moderate", "severe")
_NONE = re.compile(
    r"(no|none|nil|n/?a|nothing|-+|no (adverse )?(reactions?|events?)( (seen|observed|noted|occurred))?"
    r"|none (seen|observed|noted)|(well )?tolerated( well)?|uneventful)[\s.!]*",
    re.IGNORECASE,
)


def says_none(text: str | None) -> bool:
    """Whether what is written of a reaction says that there was none."""
    return not (text or "").strip() or _NONE.fullmatch((text or "").strip()) is not None


def worst(said: Iterable[str | None]) -> str | None:
    """Return the worst of some answers, None where nobody said how severe it was."""
    return max((one for one in said if one in _ORDER), key=_ORDER.index, default=None)


def unanswered(record: Any, text: str, answer: str) -> list[Problem]:
    """Ask how severe a reaction was, of what is written now; what was recorded before the question was is not asked.

    ``text`` and ``answer``: the names of the facts in which the reaction and its severity stand.
    """
    if record.origin is not Origin.CLINIC or says_none(getattr(record, text)) or getattr(record, answer):
        return []
    if not inspect(record).persistent or _changed(record, text, answer):
        return [Problem("How severe: required. Choose “I do not know” if you cannot say.", answer, rule=23)]
    return []


def _changed(record: Record, *names: str) -> bool:
    return any(inspect(record).attrs[name].history.has_changes() for name in names)
