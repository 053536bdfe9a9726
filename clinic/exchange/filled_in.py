"""Scores that came after their visit had been said to miss them: they are missing no more."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from clinic.followup.models import FollowUpVisit, OutcomeScore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session


def scored_since(session: Session, model: type[Any], rows: Sequence[Any]) -> dict[str, set[str]]:
    """Return which scores each visit has, of rows that begin with its id; nothing of any other kind of record."""
    found: dict[str, set[str]] = defaultdict(set)
    if model is FollowUpVisit and rows:
        ids = [row[0] for row in rows]
        chosen = select(OutcomeScore.visit_id, OutcomeScore.instrument).where(OutcomeScore.visit_id.in_(ids))
        for visit_id, instrument in session.execute(chosen):
            found[visit_id or ""].add(instrument or "")
    return found


def still_missing(known: dict[str, Any], scored: set[str] | None) -> dict[str, Any]:
    """Return the facts of a visit without the reasons why scores are missing that it has."""
    if not scored or not known.get("not_recorded"):
        return known
    return known | {"not_recorded": {name: why for name, why in known["not_recorded"].items() if name not in scored}}
