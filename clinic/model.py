"""The base of every table: ids, constraint names, UTC times, decimal quantities, the site that owns the row."""

from __future__ import annotations

import enum
import json
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import (
    ARRAY,
    JSON,
    Boolean,
    Date,
    DateTime,
    Enum,
    ForeignKey,
    Integer,
    MetaData,
    Numeric,
    String,
    Text,
    bindparam,
    inspect,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement
from sqlalchemy.types import NullType, TypeDecorator

from clinic.identifiers import LENGTH, new_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import ColumnElement

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class UTCDateTime(TypeDecorator[datetime]):
    """An aware moment, kept in UTC. A naive one is refused: it could mean any hour."""

    impl = DateTime(timezone=True)
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        """The type that form fields use."""
        return datetime

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A time without a zone cannot be kept")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Quantity(TypeDecorator[Decimal]):
    """A decimal with the digits that were written (1.0 stays 1.0): NUMERIC on PostgreSQL, text on SQLite."""

    impl = Numeric
    cache_ok = True

    @property
    def python_type(self) -> type[Decimal]:
        """The type that form fields use."""
        return Decimal

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        kept: Any = Text() if dialect.name == "sqlite" else Numeric()
        return dialect.type_descriptor(kept)

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if not isinstance(value, Decimal) or not value.is_finite():
            raise ValueError(f"{value!r} is no decimal quantity")
        return format(value, "f") if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        return None if value is None else Decimal(value)


def _words(names: type[enum.Enum]) -> list[str]:
    return [member.value for member in names]


class Base(DeclarativeBase):
    """The base of every table, technical ones included."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar = {
        str: Text,
        bool: Boolean(create_constraint=False),
        Decimal: Quantity,
        datetime: UTCDateTime,
        date: Date,
        dict[str, Any]: JSON,
        dict[str, str]: JSON,
        list[str]: JSON,
        list[dict[str, Any]]: JSON,
        enum.Enum: Enum(enum.Enum, native_enum=False, create_constraint=True, length=40, values_callable=_words),
    }

    @declared_attr.directive
    def __tablename__(cls) -> str:
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__).lower()


@cache
def _made_with(model: type[Any]) -> tuple[tuple[str, Any, Any], ...]:
    """Return the columns of a model that a new row has a value in, each with its default and what is usual."""
    columns = [(one.key, one.columns[0]) for one in inspect(model).column_attrs]
    found = ((key, column.default, column.info.get("usual")) for key, column in columns)
    return tuple((key, default, usual) for key, default, usual in found if default is not None or usual is not None)


class Model(Base):
    """A row of the clinic: a public id, a version in every change, the site that owns it.

    ``KIND`` is the two letters that its ids start with. Every write of a Model goes to the ledger.
    """

    __abstract__ = True
    KIND: ClassVar[str]
    JUDGED: ClassVar[bool] = False
    """Whether a judgement about a course reads it; see `clinic.course_records`."""
    READ_WITH: ClassVar[tuple[str, ...]] = ()
    """Relations whose rows are parts of this one and are read in the same statement."""
    RESTS_ON: ClassVar[tuple[str, ...]] = ()
    """Relations whose rows say more of this one: what is decided over its page rests on them too (hazard H18)."""
    READ_ORDER: ClassVar[int] = 0
    """Kinds with a lower number are read first: what follows is found through them."""
    READ_BESIDE: ClassVar[bool] = False
    """Whether it is a small table that is read whole, such as the staff."""
    ASKED_FIRST: ClassVar[bool] = True
    """Whether later acts of a course rest on it: an open objection to it stops them."""
    EMPTY_SAYS: ClassVar[Mapping[str, tuple[str, str]]] = {}
    """What a page says of a fact that is None, and of one whose list is empty, where that is an answer of its own."""
    ATTACHED: ClassVar[bool] = False
    """Whether its rows hang on records of any kind by ``record_id`` and a judgement reads those of `decisive`."""

    id: Mapped[str] = mapped_column(String(LENGTH), primary_key=True, sort_order=-3)
    version: Mapped[int] = mapped_column(Integer, sort_order=-2)

    @declared_attr
    def site_id(cls) -> Mapped[str]:
        # no index of its own: it would find the whole clinic; those of lists begin with the site and give the order
        return mapped_column(String(LENGTH), ForeignKey("site.id"), sort_order=-1)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:
        return {"version_id_col": cls.version}

    def __init__(self, **facts: Any) -> None:
        """Create a row with its id and column defaults at once, so that it can be signed before it is stored."""
        facts.setdefault("id", new_id(self.KIND))
        came_in, plain = facts.get("origin") == "imported", vars(self)
        for key, default, usual in _made_with(type(self)):
            if key in facts:
                continue
            if default is not None:
                plain[key] = default.arg(None) if default.is_callable else default.arg
            elif not came_in:
                facts[key] = usual() if callable(usual) else usual
        super().__init__(**facts)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"


ADDED: dict[Any, Any] = {"added": True}
"""``info`` of a column that came after records were signed: it is nullable, and while it is empty no hash covers it."""


def reference(target: str, **more: Any) -> Any:
    """Declare a column that refers to the row of another table, e.g. ``reference("patient")``."""
    more.setdefault("index", True)
    return mapped_column(String(LENGTH), ForeignKey(f"{target}.id"), **more)


class Told(FunctionElement[Any]):
    """A part of a statement that reads otherwise on SQLite, so that it finds rows by the best index."""

    inherit_cache = True
    plain: ClassVar[str]
    sqlite: ClassVar[str]


@compiles(Told)
def _told(element: Told, compiler: SQLCompiler, **more: Any) -> str:
    wording = element.sqlite if compiler.dialect.name == "sqlite" else element.plain
    return wording.format(*(compiler.process(one, **more) for one in element.clauses))


class unindexed(Told):  # noqa: N801 - reads as a function of SQL
    """A column by which SQLite looks for no index.

    A site has nearly all rows of its table. Without statistics SQLite takes every index that begins with the site for
    a good one, and reads the whole clinic where another index would find ten rows.
    """

    type = String()
    inherit_cache = True
    name = "unindexed"
    plain, sqlite = "{}", "+{}"


class Ids(TypeDecorator[list[str]]):
    """Some ids as one parameter, so that a statement reads the same for one as for a thousand; see `among`."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        kept: Any = Text() if dialect.name == "sqlite" else ARRAY(Text())
        return dialect.type_descriptor(kept)

    def process_bind_param(self, value: Iterable[str] | None, dialect: Dialect) -> Any:
        ids = [] if value is None else list(value)
        return json.dumps(ids) if dialect.name == "sqlite" else ids


class _Among(Told):
    type = NullType()
    inherit_cache = True
    name = "among"
    plain, sqlite = "{} = ANY({})", "{} IN (SELECT value FROM json_each({}))"


def among(column: Any, name: str) -> ColumnElement[bool]:
    """Return the condition that a column has one of the ids that are given as the parameter of a name."""
    return _Among(column, bindparam(name, type_=Ids()))


class like_any_case(Told):  # noqa: N801 - as above
    """The condition that a column is like a pattern, in capitals or small letters, as LIKE itself reads it on SQLite.

    Two calls of lower() for each row there take three times as long as the search.
    """

    type = NullType()
    inherit_cache = True
    name = "like_any_case"
    plain, sqlite = "{} ILIKE {}", "{} LIKE {}"


class few(Told):  # noqa: N801 - as above
    """The condition that a column has a value, of a recursive query with few rows.

    SQLite takes such a query for a million rows, and reads whole tables beforehand to look these up faster.
    """

    type = NullType()
    inherit_cache = True
    name = "few"
    plain, sqlite = "{} IS NOT NULL", "likelihood({} IS NOT NULL, 0.00001)"
