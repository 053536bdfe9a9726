"""A protocol and its versions: draft → published, never changed again → retired."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import CheckConstraint, String, UniqueConstraint, event, inspect, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from clinic.errors import Problem, RuleBroken
from clinic.fields import field
from clinic.ledger.models import canonical
from clinic.model import Base, Model, reference
from clinic.protocols.content import Content
from clinic.protocols.problems import problems

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from clinic.accounts.models import User

CODE = re.compile(r"[A-Z0-9][A-Z0-9-]{1,29}")


class Stage(StrEnum):
    """The stage of a version; derived from who published and who retired it."""

    DRAFT = "draft"
    PUBLISHED = "published"
    RETIRED = "retired"


@lru_cache(maxsize=256)
def _parsed(text: str) -> Content:
    return Content.model_validate_json(text)


def parsed(content: dict[str, Any]) -> Content:
    """Return a stored content, typed."""
    return _parsed(canonical(content))


class Protocol(Model):
    """One protocol of a site, under its code."""

    KIND = "PC"
    __table_args__ = (UniqueConstraint("site_id", "code"),)

    code: Mapped[str] = field("Code", hint="Short, like BM-MSC-KNEE")

    versions: Mapped[list[ProtocolVersion]] = relationship(back_populates="protocol", order_by="ProtocolVersion.number")

    def published(self) -> ProtocolVersion | None:
        """Return the version under which a new course may begin."""
        return next((v for v in reversed(self.versions) if v.stage is Stage.PUBLISHED), None)

    def draft(self, *, by: User, at: datetime, content: Content) -> ProtocolVersion:
        """Add the next version as a draft. One draft at a time."""
        if any(version.stage is Stage.DRAFT for version in self.versions):
            raise RuleBroken("There is already a draft. Publish or edit it.")
        version = ProtocolVersion(
            site_id=self.site_id, number=len(self.versions) + 1, content=content.model_dump(mode="json"),
            drafted_by=by, drafted_by_id=by.id, drafted_at=at, author_ids=[by.id],
        )  # fmt: skip
        self.versions.append(version)
        return version


def unused_code(session: Session, typed: str) -> str:
    """Return a code for a new protocol in capital letters; raises `RuleBroken` where it is malformed or taken."""
    code = typed.upper()
    if not CODE.fullmatch(code):
        raise RuleBroken(Problem("Code: write capital letters, digits and hyphens, like BM-MSC-KNEE", "code"))
    if session.scalar(select(Protocol.id).where(Protocol.code == code)):
        raise RuleBroken(Problem(f"Code: {code} is taken. Draft its next version instead", "code"))
    return code


class ProtocolVersion(Model):
    """What one version says. Courses, consents and results refer to the version, so it never changes."""

    KIND = "PV"
    JUDGED = True
    READ_ORDER = 1
    READ_WITH = ("protocol",)
    __table_args__ = (
        UniqueConstraint("protocol_id", "number"),
        CheckConstraint("(published_at IS NULL) = (published_by_id IS NULL)", name="published_by_and_at"),
        CheckConstraint("(retired_at IS NULL) = (retired_by_id IS NULL)", name="retired_by_and_at"),
        CheckConstraint("retired_at IS NULL OR published_at IS NOT NULL", name="retired_after_published"),
    )

    protocol_id: Mapped[str] = reference("protocol")
    number: Mapped[int]
    content: Mapped[dict[str, Any]]
    title: Mapped[str] = mapped_column(default="")
    field_key: Mapped[str] = mapped_column(String(40), default="")
    drafted_by_id: Mapped[str] = reference("user_account")
    drafted_at: Mapped[datetime]
    author_ids: Mapped[list[str]] = mapped_column(default=list)
    published_by_id: Mapped[str | None] = reference("user_account")
    published_at: Mapped[datetime | None] = mapped_column(active_history=True)
    retired_by_id: Mapped[str | None] = reference("user_account")
    retired_at: Mapped[datetime | None] = mapped_column(active_history=True)

    protocol: Mapped[Protocol] = relationship(back_populates="versions")
    drafted_by: Mapped[User] = relationship("User", foreign_keys=[drafted_by_id])
    published_by: Mapped[User | None] = relationship("User", foreign_keys=[published_by_id])
    retired_by: Mapped[User | None] = relationship("User", foreign_keys=[retired_by_id])

    @property
    def stage(self) -> Stage:
        """Draft, published or retired."""
        if self.retired_at is not None:
            return Stage.RETIRED
        return Stage.DRAFT if self.published_at is None else Stage.PUBLISHED

    @property
    def says(self) -> Content:
        """The content, typed; kept until the content is another one."""
        kept = self.__dict__.get("_says")
        if kept is None or kept[0] is not self.content:
            kept = vars(self)["_says"] = (self.content, parsed(self.content))
        return kept[1]

    @property
    def name(self) -> str:
        """Code and number, as people cite it."""
        return f"{self.protocol.code}, version {self.number}"

    def must_be_published(self) -> None:
        """Raise `RuleBroken` unless courses may begin under it now."""
        if self.stage is not Stage.PUBLISHED:
            raise RuleBroken(f"{self.name} is not published: no course can start under it.")

    def rewrite(self, content: Content, *, by: User) -> None:
        """Change a draft; a published version is never changed again, a new one is drafted instead."""
        if self.stage is not Stage.DRAFT:
            raise RuleBroken("A published version is never changed. Draft the next version instead.")
        self.content = content.model_dump(mode="json")
        if by.id not in self.author_ids:
            self.author_ids = [*self.author_ids, by.id]

    def not_ready(self, *, by: User) -> list[str]:
        """Return why this person cannot publish it now, a sentence each; whoever wrote at it may not publish alone."""
        if self.stage is not Stage.DRAFT:
            return ["Only a draft can be published."]
        own = by.is_among({self.drafted_by_id, *self.author_ids})
        second = ["The author of a version may not publish it. Ask a second person."] if own else []
        return second + problems(self.says)

    def publish(self, *, by: User, at: datetime) -> None:
        """Open it for new courses; the version published before is retired. The author may not publish alone."""
        wrong = self.not_ready(by=by)
        if wrong:
            raise RuleBroken(" ".join(wrong))
        earlier = self.protocol.published()
        if earlier is not None:
            earlier.retire(by=by, at=at)
        self.published_by, self.published_by_id, self.published_at = by, by.id, at

    def retire(self, *, by: User, at: datetime) -> None:
        """Close it for new courses; courses under it go on."""
        if self.stage is not Stage.PUBLISHED:
            raise RuleBroken("Only a published version can be retired.")
        self.retired_by, self.retired_by_id, self.retired_at = by, by.id, at


FROZEN = (
    "content", "number", "protocol_id", "drafted_by_id", "drafted_at", "author_ids", "published_by_id", "published_at",
)  # fmt: skip
"""What of a version never changes once it is published; only its retirement is added."""


@event.listens_for(ProtocolVersion, "before_insert")
@event.listens_for(ProtocolVersion, "before_update")
def _published_never_changes(_mapper: object, _connection: object, version: ProtocolVersion) -> None:
    attributes = inspect(version).attrs
    published, retired = attributes.published_at.history, attributes.retired_at.history
    before = published.deleted[0] if published.deleted else None if published.added else version.published_at
    if before is not None:
        if any(attributes[name].history.has_changes() for name in FROZEN):
            raise RuleBroken("A published version is never changed. Draft the next version instead.")
        if retired.deleted and retired.deleted[0] is not None:
            raise RuleBroken("A retired version cannot be reopened. Draft the next version instead.")
    version.title, version.field_key = version.says.title, version.says.field


class CatalogueEntry(Base):
    """One meaning, in words, of one key that the installation added to a catalogue; ``number`` counts its meanings."""

    catalogue: Mapped[str] = mapped_column(String(20), primary_key=True)
    key: Mapped[str] = mapped_column(String(40), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    meaning: Mapped[dict[str, str]]
    at: Mapped[datetime]
