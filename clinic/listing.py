"""Lists of columns that are asked on every page, by statements that are built and translated once.

The mapper works out anew for each execution what a statement reads and how; for a list of a few columns that takes
longer than the database does. Rows come as tuples with names, their values as the mapper would give them.
"""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam
from sqlalchemy.orm import with_loader_criteria

from clinic.model import Model, unindexed
from clinic.row_reader import OWN_SITE, as_text, converter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Dialect, TextualSelect
    from sqlalchemy.orm import Session

SITE = bindparam(OWN_SITE)


@dataclass(frozen=True, eq=False)
class Listing:
    """A select of columns, kept to the session's site as every other; see `clinic.access.keep_to_site`."""

    chosen: Any
    written: dict[tuple[str, bool], tuple[TextualSelect, Any, list[tuple[int, Callable[[Any], Any]]]]] = field(
        default_factory=dict
    )

    def rows(self, session: Session, given: Mapping[str, Any]) -> list[Any]:
        """Return the rows under the values of its parameters."""
        if session.autoflush:
            session.flush()  # as the mapper does before a question
        site_id, connection = session.info.get("site_id"), session.connection()
        asked, row, converters = self._for(connection.dialect, own=bool(site_id))
        found = []
        for read in connection.execute(asked, {**given, OWN_SITE: site_id} if site_id else given):
            values = list(read)
            for at, convert in converters:
                kept = values[at]
                if kept is not None:
                    values[at] = convert(kept)
            found.append(row._make(values))
        return found

    def _for(self, dialect: Dialect, *, own: bool) -> Any:
        key = (dialect.name, own)
        if key not in self.written:
            of_site = with_loader_criteria(Model, lambda row: unindexed(row.site_id) == SITE, include_aliases=True)
            chosen = self.chosen.options(of_site) if own else self.chosen
            columns = list(chosen.selected_columns)
            named: Any = namedtuple("Row", [one.key for one in columns])  # noqa: PYI024 - its names are the statement's
            made = ((at, converter(one.type, dialect)) for at, one in enumerate(columns))
            self.written[key] = as_text(chosen, dialect), named, [(at, one) for at, one in made if one is not None]
        return self.written[key]
