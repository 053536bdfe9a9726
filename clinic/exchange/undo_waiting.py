"""On Today: imports that somebody proposed to take back, for the people who can confirm it (rule 52)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import url_for
from sqlalchemy import select

from clinic.exchange.batches import WAITS, ImportBatch
from clinic.pathway import confirmations

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.orm import Session

    from clinic.accounts.models import User


def register() -> None:
    """Have Today list them."""
    confirmations.BESIDE["undoing"] = confirmations.Proposals(
        chosen=_waiting, endpoint="imports.confirm_undo", lines=_lines
    )


def _waiting(user: User) -> Select[Any]:
    return select(ImportBatch).where(ImportBatch.site_id == user.site_id, WAITS)


def _lines(session: Session, user: User) -> list[dict[str, Any]]:
    """Return the proposals of other people: title, what, since when, why, and the address where it is confirmed."""
    chosen = _waiting(user).order_by(ImportBatch.undo_asked_at, ImportBatch.id).limit(confirmations.MOST)
    return [
        {
            "title": "Confirm taking back an import", "whom": batch.file, "at": batch.undo_asked_at,
            "url": url_for("imports.show", batch_id=batch.id),
            "why": f"{batch.undo_asked_by.printed_name}: “{batch.undo_reason}”. Until confirmed its records count.",
        }
        for batch in session.scalars(chosen)
        if batch.undo_asked_by is not None and not user.is_same_person(batch.undo_asked_by)
    ]  # fmt: skip
