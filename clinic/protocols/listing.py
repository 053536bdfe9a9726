"""Lists of protocols, read by columns: the protocols of a site, and what a new course may begin under."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import case, exists, func, select
from sqlalchemy.orm import aliased

from clinic.paging import page
from clinic.protocols.catalogues import CONDITIONS, FIELDS, ROUTES, SOURCES, within
from clinic.protocols.models import Protocol, ProtocolVersion, Stage, parsed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

    from clinic.protocols.content import Content

PAGE = 60
RANKS = {key: rank for rank, key in enumerate(FIELDS)}


@dataclass(frozen=True, kw_only=True)
class ProtocolLine:
    """One protocol as a list shows it, under the current version, else under its last one."""

    protocol_id: str
    version_id: str
    code: str
    number: int
    title: str
    field: str
    stage: Stage
    drafted: bool
    content: Content

    @property
    def treats(self) -> str:
        """Its conditions in words."""
        return CONDITIONS.words(self.content.conditions)

    @property
    def way(self) -> str:
        """Whose cells, from where, by which route."""
        whose = " or ".join({"autologous": "own", "allogeneic": "donor's"}[r.value] for r in self.content.relations)
        sources, routes = (
            ", ".join(within(entries.words([key])) for key in keys)
            for entries, keys in ((SOURCES, self.content.sources), (ROUTES, self.content.routes))
        )
        return f"{whose.capitalize()} {sources}, {routes}"


def list_protocols(session: Session, *, field: str = "", after: str = "") -> tuple[list[ProtocolLine], str]:
    """Return a page of protocols, field by field, and where the next one begins ("" at the end)."""
    version, other = aliased(ProtocolVersion), aliased(ProtocolVersion)
    rank = case(RANKS, value=version.field_key, else_=len(RANKS))
    mine = other.protocol_id == Protocol.id
    in_force = select(func.max(other.number)).where(mine, other.published_at.is_not(None), other.retired_at.is_(None))
    last = select(func.max(other.number)).where(mine)
    chosen = (
        select(
            Protocol.id.label("protocol_id"),
            Protocol.code,
            version.id,
            version.number,
            version.title,
            version.field_key,
            version.content,
            version.published_at,
            version.retired_at,
            rank.label("rank"),
            exists().where(mine, other.published_at.is_(None)).label("drafted"),
        )
        .join(version, version.protocol_id == Protocol.id)
        .where(version.number == func.coalesce(in_force.scalar_subquery(), last.scalar_subquery()))
    )
    if field:
        chosen = chosen.where(version.field_key == field)
    at_rank, _, at_code = after.partition(".")
    place = (int(at_rank), at_code) if at_rank.isdigit() and len(at_rank) < 4 else None
    found = page(
        session, chosen, order=(rank, Protocol.code), place=place, size=PAGE,
        mark=lambda row: f"{row.rank}.{row.code}",
    )  # fmt: skip
    return [_line(row) for row in found.rows], found.after


def offered(session: Session) -> list[ProtocolLine]:
    """Return every published version of the site, field by field: a course may begin under these only."""
    rank = case(RANKS, value=ProtocolVersion.field_key, else_=len(RANKS))
    chosen = (
        select(
            Protocol.id.label("protocol_id"),
            Protocol.code,
            ProtocolVersion.id,
            ProtocolVersion.number,
            ProtocolVersion.title,
            ProtocolVersion.field_key,
            ProtocolVersion.content,
            ProtocolVersion.published_at,
            ProtocolVersion.retired_at,
        )
        .join(ProtocolVersion, ProtocolVersion.protocol_id == Protocol.id)
        .where(ProtocolVersion.published_at.is_not(None), ProtocolVersion.retired_at.is_(None))
        .order_by(rank, Protocol.code)
        .limit(400)
    )
    return [_line(row) for row in session.execute(chosen)]


def by_field(found: Iterable[ProtocolLine]) -> list[tuple[str, list[ProtocolLine]]]:
    """Return the label of each field with its protocols, in the order of the catalogue of fields."""
    grouped: dict[str, list[ProtocolLine]] = {}
    for one in found:
        grouped.setdefault(FIELDS[one.field].label if one.field in FIELDS else "Other", []).append(one)
    return list(grouped.items())


def _line(row: Any) -> ProtocolLine:
    stage = Stage.RETIRED if row.retired_at else Stage.PUBLISHED if row.published_at else Stage.DRAFT
    return ProtocolLine(
        protocol_id=row.protocol_id,
        version_id=row.id,
        code=row.code,
        number=row.number,
        title=row.title,
        field=row.field_key,
        stage=stage,
        drafted=bool(getattr(row, "drafted", False)),
        content=parsed(row.content),
    )
