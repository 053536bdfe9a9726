"""The kinds of records that can speak against cells, wherever in the clinic they are declared."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING, Any

from clinic.course_records import kinds
from clinic.model import Model

if TYPE_CHECKING:
    from collections.abc import Iterator


@cache
def accusing() -> tuple[type[Any], ...]:
    """Return the models whose records can speak against the cells that were given in their course."""
    return tuple(model for model in kinds() if getattr(model, "ACCUSES", False))


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
