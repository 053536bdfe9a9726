"""A clinic as an earlier program has left it: the rows of one database under an earlier schema, in another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic import command
from sqlalchemy import Column, MetaData, Table, bindparam, create_engine, inspect, select, text

from clinic import create_app
from clinic.extensions import db, migrate
from clinic.model import Base
from tests.conftest import settings

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import TextClause


def earlier_clinic(source: str, target: str, revision: str, folder: Path) -> None:
    """Copy each row of ``source`` into the empty ``target``, without the tables and columns that came later."""
    app = create_app(settings(target, folder))
    with app.app_context():
        command.upgrade(migrate.get_config(), revision)
        names = {
            name: {one["name"] for one in found}
            for (_schema, name), found in inspect(db.engine).get_multi_columns().items()
        }
        origin = create_engine(source)
        with origin.connect() as old, db.engine.begin() as new:
            for whole in Base.metadata.sorted_tables:
                kept = [Column(c.name, c.type) for c in whole.columns if c.name in names.get(whole.name, ())]
                table = Table(whole.name, MetaData(), *kept)
                if kept and (rows := [dict(row) for row in old.execute(select(table)).mappings()]):
                    new.execute(inserted(table), rows)
        origin.dispose()
        db.session.remove()
        db.engine.dispose()


def inserted(table: Table) -> TextClause:
    """Return an INSERT as text: one that is built from a table would be refused, for it passes the ledger by."""
    names, values = (", ".join(form % c.name for c in table.columns) for form in ('"%s"', ":%s"))
    statement = text(f'INSERT INTO "{table.name}" ({names}) VALUES ({values})')  # noqa: S608 - names of our own tables
    return statement.bindparams(*(bindparam(column.name, type_=column.type) for column in table.columns))
