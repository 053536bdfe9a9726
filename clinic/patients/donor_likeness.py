"""Which donors may be one person: one donor has one record, on which every finding counts (rule 17, hazard H27)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from clinic.accounts.same_name import similar
from clinic.errors import Question, RuleBroken
from clinic.patients.names import Nearness, name_key, searchable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

WHO = ("kind", "name", "relation", "relative_of_id")
"""By what two records of one relative are alike. Donors without a name have a number, which is theirs alone."""


class SimilarDonor(RuleBroken):
    """A similar donor is recorded; a person has to say whether it is the same one."""

    def __init__(self, alike: list[Any]) -> None:
        named = "; ".join(described(one) for one in alike)
        super().__init__(f"A similar donor is recorded already: {named}. Is this the same person?", rule=17)
        self.alike = alike


def described(donor: Any) -> str:
    """Return a donor in a few words, with the patient whose relative it is."""
    whose = f" of {donor.relative_of.display_name}" if donor.relative_of is not None else ""
    return f"{donor.display_name}, {donor.kind_words}{whose}, {donor.id}"


def similar_donors(session: Session, donor: Any) -> list[Any]:
    """Return the other donors of the site who may be the same person: a similar name, or the same relation."""
    if donor.kind == "self":
        return []
    kind = type(donor)
    others = select(kind).where(kind.site_id == donor.site_id, kind.kind != "self", kind.id != donor.id)
    with session.no_autoflush:
        return alike(donor, session.scalars(others.order_by(kind.recorded_at, kind.id)).all())


def alike(donor: Any, others: Iterable[Any]) -> list[Any]:
    """Return those of some other donors who may be the same person as a donor."""
    near, key = Nearness(donor.name or ""), name_key(donor.name)
    return [one for one in others if _alike(donor, one, near, key)]


def _alike(donor: Any, other: Any, near: Nearness, key: str) -> bool:
    if donor.name and other.name:
        close = near.to(searchable(other.name)) > 0 or (bool(key) and key == name_key(other.name))
        return close or similar(donor.name, other.name)
    mine, its = donor.relative_of, other.relative_of
    nameless = donor.kind == other.kind == "related" and donor.relation == other.relation
    return nameless and mine is not None and its is not None and mine.is_same_person(its)


def same_donor(session: Session | None, donor: Any) -> list[Question]:
    """Return the question whether a donor is another person than a similar one, wherever who it is was changed."""
    found = similar_donors(session, donor) if session is not None else []
    if not found:
        return []
    named = "; ".join(described(one) for one in found)
    said = f"A similar donor is recorded already: {named}. Is this another person?"
    why = "If it is the same person, use that record: every finding of a donor counts there. Say how you know."
    return [Question("name", said, why, rule=17)]
