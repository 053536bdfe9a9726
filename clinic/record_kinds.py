"""The kinds of records that a judgement reads: in which order, what names what, which can speak against cells."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect

from clinic.model import Model

if TYPE_CHECKING:
    from collections.abc import Iterator


@cache
def table_of(model: type[Any]) -> str:
    """Return the name of a model's table; asking the model itself works it out anew each time."""
    return str(model.__table__.name)


@cache
def keys_to(model: type[Model]) -> dict[str, tuple[str, ...]]:
    """Return the attributes of a model that name a row of another table, by that table."""
    found: dict[str, tuple[str, ...]] = {}
    columns: Any = model.__table__.columns  # type: ignore[attr-defined]
    for column in columns:
        for table in {key.column.table.name for key in column.foreign_keys}:
            found[table] = (*found.get(table, ()), column.key)
    return found


@cache
def link(model: type[Model], table: str) -> str | None:
    """Return the attribute of a model that names a row of a table: ``<table>_id``, else its first foreign key there."""
    found = keys_to(model).get(table, ())
    plain = f"{table}_id"
    return plain if plain in found else next(iter(found), None)


@cache
def kinds() -> tuple[type[Model], ...]:
    """Return the models that are read by a statement of their own, in the order in which one leads to the next."""
    order = [table.name for table in Model.metadata.sorted_tables]
    models = [mapper.class_ for mapper in Model.registry.mappers if issubclass(mapper.class_, Model)]
    parts = {part for model in models for part in parts_of(model)}
    chosen = [model for model in models if model.JUDGED and model not in parts]
    return tuple(sorted(chosen, key=lambda model: (model.READ_ORDER, order.index(table_of(model)))))


@cache
def attached() -> tuple[type[Any], ...]:
    """Return the models whose rows hang on records of any kind, and of which a judgement reads some."""
    return tuple(mapper.class_ for mapper in Model.registry.mappers if getattr(mapper.class_, "ATTACHED", False))


@cache
def accusing() -> tuple[type[Any], ...]:
    """Return the models whose records can speak against the cells that were given in their course."""
    return tuple(model for model in kinds() if getattr(model, "ACCUSES", False))


@cache
def telling() -> tuple[type[Any], ...]:
    """Return the models whose records tell how the patient is, so that who decides on her or him reads them first."""
    return tuple(one for one in kinds() if getattr(one, "ACCUSES", False) or getattr(one, "TELLS_OF_PATIENT", False))


class WithAccusing(Collection[type[Model]]):
    """Some kinds of records, with those that can speak against cells, wherever in the clinic they are declared."""

    def __init__(self, named: tuple[type[Model], ...]) -> None:
        self.named = named

    def __contains__(self, model: object) -> bool:
        return model in self.named or model in accusing()

    def __iter__(self) -> Iterator[type[Model]]:
        return iter((*self.named, *accusing()))

    def __len__(self) -> int:
        return len(self.named) + len(accusing())


@cache
def parts_of(model: type[Model]) -> tuple[type[Model], ...]:
    """Return the models whose rows are read in one statement with the row that they are a part of, and their parts."""
    relations = inspect(model).relationships
    direct = [relations[name].mapper.class_ for name in model.READ_WITH]
    return (*direct, *(deeper for part in direct for deeper in parts_of(part)))
