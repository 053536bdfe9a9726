"""The ledger's own tables: entries, each linked to the one before it by its hash, and the head of each chain."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import JSON, BigInteger, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from clinic.identifiers import LENGTH
from clinic.model import Base

GENESIS: Final = "0" * 64


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical(value: Any) -> str:
    """Return JSON that is the same for the same content, everywhere: sorted keys, no spaces, no floats."""
    return _ENCODER.encode(value)


def digest(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON, 64 hex digits."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


class LedgerEntry(Base):
    """One change of one row: who, when, why, before, after. Written by the listener alone, never changed."""

    __table_args__ = (
        UniqueConstraint("site_id", "number"),
        Index(None, "record", "record_id", "number"),
        Index(None, "site_id", "actor_id", "number"),
    )

    key: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    site_id: Mapped[str] = mapped_column(String(LENGTH))
    number: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime]
    actor_id: Mapped[str] = mapped_column(String(LENGTH))
    act: Mapped[str] = mapped_column(String(8))
    reason: Mapped[str] = mapped_column(Text, default="")
    record: Mapped[str] = mapped_column(String(40))
    record_id: Mapped[str] = mapped_column(String(LENGTH))
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))

    def content(self) -> dict[str, Any]:
        """Return all that the hash is taken over."""
        return {
            "site": self.site_id,
            "number": self.number,
            "at": self.at.astimezone(UTC).isoformat(),
            "actor": self.actor_id,
            "act": self.act,
            "reason": self.reason,
            "record": self.record,
            "id": self.record_id,
            "before": self.before,
            "after": self.after,
            "previous": self.previous,
        }


class LedgerHead(Base):
    """The last entry of a site's chain. Locked while entries are added, so that two writers make one chain."""

    site_id: Mapped[str] = mapped_column(String(LENGTH), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, default=0)
    hash: Mapped[str] = mapped_column(String(64), default=GENESIS)


class ReadEntry(Base):
    """One reading of a patient's record: who, how, what, when (rule 70). It holds ids and no fact about anybody.

    ``kind``: view, search, print or export. ``what``: the page; ``about``: the record or the data set; ``patient_id``
    is empty where the rows of many patients left in one file.
    """

    __table_args__ = (
        UniqueConstraint("site_id", "number"),
        Index(None, "site_id", "patient_id", "number"),
        Index(None, "site_id", "reader_id", "number"),
    )

    key: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    site_id: Mapped[str] = mapped_column(String(LENGTH))
    number: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime]
    reader_id: Mapped[str] = mapped_column(String(LENGTH))
    kind: Mapped[str] = mapped_column(String(8))
    what: Mapped[str] = mapped_column(String(80))
    about: Mapped[str] = mapped_column(String(80))
    patient_id: Mapped[str] = mapped_column(String(LENGTH))
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))

    def content(self) -> dict[str, Any]:
        """Return all that the hash is taken over."""
        return {
            "site": self.site_id,
            "number": self.number,
            "at": self.at.astimezone(UTC).isoformat(),
            "reader": self.reader_id,
            "kind": self.kind,
            "what": self.what,
            "about": self.about,
            "patient": self.patient_id,
            "previous": self.previous,
        }


class ReadHead(Base):
    """The last entry of a site's chain of readings, locked while entries are added."""

    site_id: Mapped[str] = mapped_column(String(LENGTH), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, default=0)
    hash: Mapped[str] = mapped_column(String(64), default=GENESIS)
