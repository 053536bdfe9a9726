"""The tables of the stored judgement, from which lists over many courses are read.

`clinic.pathway.projection` keeps them.
Nothing here is a record: every line can be made again from the records, and `clinic verify` does so and compares.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from clinic.identifiers import LENGTH
from clinic.model import Base

ONLY = "="
"""Stands before the id of a person who alone may do what a line says."""
WAITS = text("title <> ''")
"""Lines of actions. The index of them has all that the worklist chooses, orders and counts by."""


class CourseLine(Base):
    """One line about one course: the state of a step (``title`` empty), or one action that waits.

    ``people``: ids of those whose patient it is in this step, each between spaces; ``barred``: of those who may not
    do it, and behind `ONLY` of those who alone may do it. ``failing``: the results of the course that are out of
    limits, in words.
    """

    __table_args__ = (
        Index(
            "ix_course_line_waiting",
            "site_id",
            "danger",
            "due_at",
            "key",
            "roles",
            "title",
            "since",
            "patient_id",
            "step",
            "due_words",
            "people",
            "barred",
            sqlite_where=WAITS,
            postgresql_where=WAITS,
        ),
        Index(None, "site_id", "step", "state", "treatment_id"),
        Index(None, "site_id", "changes_at"),
    )

    key: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    site_id: Mapped[str] = mapped_column(String(LENGTH))
    treatment_id: Mapped[str] = mapped_column(String(LENGTH), index=True)
    patient_id: Mapped[str] = mapped_column(String(LENGTH), index=True)
    step: Mapped[str] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(10))
    word: Mapped[str] = mapped_column(default="")
    title: Mapped[str] = mapped_column(default="")
    why: Mapped[str] = mapped_column(default="")
    roles: Mapped[str] = mapped_column(default="")
    endpoint: Mapped[str] = mapped_column(default="")
    target: Mapped[dict[str, Any]] = mapped_column(default=dict)
    since: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    due_words: Mapped[str] = mapped_column(default="")
    danger: Mapped[bool] = mapped_column(default=False)
    people: Mapped[str] = mapped_column(default="", server_default="")
    failing: Mapped[str] = mapped_column(default="", server_default="")
    barred: Mapped[str] = mapped_column(default="", server_default="")
    changes_at: Mapped[datetime | None]


class ProductLine(Base):
    """The state of one product, and the moment when time alone will change it."""

    __table_args__ = (Index(None, "site_id", "state", "product_id"), Index(None, "site_id", "changes_at"))

    product_id: Mapped[str] = mapped_column(String(LENGTH), primary_key=True)
    site_id: Mapped[str] = mapped_column(String(LENGTH))
    state: Mapped[str] = mapped_column(String(20))
    changes_at: Mapped[datetime | None]
