"""Which keys of the catalogues records use; told where one of them is gone or has got another meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from clinic.followup.models import OutcomeScore
from clinic.protocols import entry_records
from clinic.protocols.catalogue_file import CATALOGUES
from clinic.protocols.models import ProtocolVersion
from clinic.treatments.models import Treatment

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from clinic.protocols.entry_records import Key

RESTORE = "Put the entry back into the file of the catalogues"


def used(session: Session) -> dict[Key, str]:
    """Return each key that records have, with the kind of record that has it."""
    found: dict[Key, str] = {}
    versions: Any = session.execute(select(ProtocolVersion.content)).scalars()
    for content in versions:
        asked = [key for visit in content.get("visits", ()) for key in visit.get("instruments", ())]
        found |= {("instruments", key): "protocols" for key in asked}
        found |= {("conditions", key): "protocols" for key in content.get("conditions", ())}
    for kind, column, records in (
        ("instruments", OutcomeScore.instrument, "scores"), ("conditions", Treatment.condition, "courses"),
    ):  # fmt: skip
        found |= {(kind, key): records for key in session.scalars(select(column).distinct()) if key}
    return found


def notices(session: Session) -> list[str]:
    """Return a sentence for each key in use that no catalogue has, or that has got another meaning since."""
    keys = used(session)
    gone = [
        f"{kind}: {key} is in {where} and no longer in the catalogues. {RESTORE}, so that it can be read."
        for (kind, key), where in sorted(keys.items())
        if key not in CATALOGUES[kind]
    ]
    return gone + [
        f"{kind}: {key} is in {keys[kind, key]} and has another meaning now: "
        + "; ".join(f"{name} was “{before}”, is “{now}”" for name, (before, now) in parts.items())
        + ". Give the new meaning a key of its own; if the records are right with it, run clinic catalogues --accept"
        f" {key}."
        for (kind, key), parts in sorted(entry_records.changed(session).items())
        if (kind, key) in keys
    ]


def write_down(session: Session, at: datetime) -> None:
    """Write down the meaning of each key that is new, or that changed before any record used it; commits.

    Where another process does the same at this moment, its rows are kept.
    """
    keys = entry_records.unwritten(session)
    if changed := entry_records.changed(session).keys():
        keys |= changed - used(session).keys()
    if not keys:
        return
    try:
        entry_records.write_down(session, keys, at)
        session.commit()
    except IntegrityError:
        session.rollback()


def accept(session: Session, key: str, at: datetime) -> bool:
    """Take the present meaning of a key for that of all its records; whether it had another one."""
    keys = {pair for pair in entry_records.changed(session) if pair[1] == key}
    entry_records.write_down(session, keys, at)
    return bool(keys)
