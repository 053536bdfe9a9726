"""Who may do what: the eight roles, the table of all routes, and the scope of every query.

A route names its roles with `allow`; one that names none stops the program at start (deny by default).
Rows are kept to the user's site inside the database: `keep_to_site` puts the condition on every select.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import event
from sqlalchemy.orm import Session, with_loader_criteria

from clinic.model import Model, unindexed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy import ColumnElement, Executable
    from sqlalchemy.orm import ORMExecuteState


View = TypeVar("View", bound="Callable[..., Any]")


class Role(StrEnum):
    """The role of a person in the clinic."""

    COORDINATOR = "coordinator"
    NURSE = "nurse"
    PHYSICIAN = "physician"
    TECHNOLOGIST = "technologist"
    QUALITY = "quality"
    DIRECTOR = "director"
    ADMINISTRATOR = "administrator"
    INSPECTOR = "inspector"

    @property
    def label(self) -> str:
        """The label shown on pages."""
        return {"quality": "quality staff", "director": "medical director"}.get(self.value, self.value)


EVERYBODY = frozenset(Role)
CLINICAL = EVERYBODY - {Role.ADMINISTRATOR}
"""Who reads patients' records. An administrator keeps staff and sites and sees no patient (R31)."""
WRITERS = CLINICAL - {Role.INSPECTOR}
NOBODY: frozenset[Role] = frozenset()

ROUTES: dict[str, frozenset[Role] | None] = {}
"""Endpoint → roles that may call it; None is open to people who are not signed in."""
OPEN = {"static", "security.login", "health.alive", "health.ready", "accounts.welcome"}
"""Endpoints that need no sign-in."""
KEYLESS = {"security.login", "security.logout"}
"""POST endpoints that create no record and so need no idempotency key."""
SEARCHES = {
    "pathway.patients", "pathway.scan", "products.index", "donors.index", "ledger.index", "ledger.readings",
}  # fmt: skip
"""POST endpoints that only search: names and numbers are sent in the form, never in an address. They write nothing, so
they need no key, keep no draft and take no write lock."""
CHECKS = {"imports.columns": {"", "again", "check"}, "imports.preview": {"check"}}
"""POST endpoints that write nothing where the form is sent for one of these: a table is checked, not yet imported."""


def allow(roles: Iterable[Role] | None) -> Callable[[View], View]:
    """Mark a view with the roles that may call it; `create_app` puts it in the table."""

    def mark(view: View) -> View:
        view.allowed = None if roles is None else frozenset(roles)  # type: ignore[attr-defined]
        return view

    return mark


def may(role: Role, endpoint: str) -> bool:
    """Return whether a role may call an endpoint; False for an unknown endpoint."""
    roles = ROUTES.get(endpoint, NOBODY)
    return roles is None or role in roles


def keep_to_site(session: Session, site_id: str | None) -> None:
    """Limit this session to the rows of one site; rows of other sites are not found (hazard H35)."""
    session.info["site_id"] = site_id


def own_site(session: Session, model: type[Model]) -> list[ColumnElement[bool]]:
    """Return the condition for a list of a whole site, whose index begins with the site and gives the order.

    Every select is kept to the site anyway; only where this is said too can that condition choose the index.
    """
    site_id = session.info.get("site_id")
    return [model.site_id == site_id] if site_id else []


_of_one_site: WeakKeyDictionary[Executable, dict[str, Any]] = WeakKeyDictionary()
"""Statements that are built once, as they are asked for each site: what a statement says never changes."""


@event.listens_for(Session, "do_orm_execute")
def _only_own_site(state: ORMExecuteState) -> None:
    site_id = state.session.info.get("site_id")
    if (
        site_id
        and state.is_orm_statement
        and state.is_select
        and not state.is_column_load
        and not state.is_relationship_load
    ):
        kept = _of_one_site.setdefault(state.statement, {})
        if site_id not in kept:
            kept[site_id] = state.statement.options(
                with_loader_criteria(Model, lambda row: unindexed(row.site_id) == site_id, include_aliases=True)
            )
        state.statement = kept[site_id]
