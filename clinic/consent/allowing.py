"""Which corrections of a consent may allow what the paper did not (rules 14 to 16)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinic import clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime


def turns(consent: Any) -> Iterator[datetime]:
    """Yield the moments after which a consent counts where one given before them does not (rules 14 to 16)."""
    for one in consent.of_the_person():
        if one.withdrawal is not None and (one is consent or consent.same_matter(one)):
            yield from one.withdrawal.ends
    people, version = consent.patient.person, consent.protocol_version
    yield from (clock.start_of(day, consent.zone) for one in people for day in one.of_age_from)
    if version is not None:
        yield from [version.retired_at] if version.retired_at is not None else []
        own = [course for one in people for course in one.courses]
        ordered = [course.performed_at for course in own if course.protocol_version_id == version.id]
        yield from (moment for moment in ordered if moment is not None)


def allows_more(name: str, change: list[Any]) -> bool:
    """Whether a change of one fact, as an amendment keeps it, may allow what the consent did not."""
    old, new = change
    if name == "expires_on":
        return old is not None and (new is None or new > old)
    if name == "performed_at":
        return old is None or new is None or new[:16] < old[:16]
    if name in {"body_site", "side"}:
        return old is not None
    if name == "representation":
        return bool((new or "").strip()) and not (old or "").strip()
    return name in {"signer", "performed_by_id"}
