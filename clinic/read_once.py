"""What a transaction has read, kept until something is written.

An import compares each of thousands of rows with everybody, and the band over a page asks for the course that the page
is about; without this each of them would read it anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from clinic.ledger.listener import READ_ONCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

T = TypeVar("T")


def kept(session: Session, key: tuple[Any, ...], read: Callable[[], T]) -> T:
    """Return what ``read`` returns, read once in a transaction until the session writes.

    Rows of the session that are not written yet are not in it, as they are in no select without a flush.
    """
    transaction = session.get_transaction()
    found = session.info.get(READ_ONCE)
    if found is None or found[0] is not transaction or transaction is None:
        found = session.info[READ_ONCE] = (transaction, {})
    if key not in found[1]:
        found[1][key] = read()
        session.info[READ_ONCE] = (session.get_transaction(), found[1])  # the first statement begins a transaction
    return found[1][key]
