"""Which accounts are one person's: asked when an account is added, and answered by an administrator (rules 2, 45)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from clinic.accounts.models import User, number_key
from clinic.accounts.same_name import similar
from clinic.errors import Problem, RuleBroken

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

SAME = {"no": "No, another person", "yes": "Yes, the same person in another role"}


class SamePerson(RuleBroken):
    """An account has a similar name or the same staff number: an administrator says whether it is one person."""

    def __init__(self, found: list[User]) -> None:
        named = "; ".join(f"{one.label} ({one.email})" for one in found)
        said = f"An account has the same or a similar name, or the same staff number: {named}. Is this the same person?"
        super().__init__(Problem(said, "same_person", rule=45))
        self.alike = found


def alike(session: Session, user: User) -> list[User]:
    """Return the other accounts of the site, ended ones too, that have a similar name or the same staff number."""
    number = number_key(user.staff_number)
    others = session.scalars(select(User).where(User.site_id == user.site_id, User.id != user.id).order_by(User.email))
    return [
        one
        for one in others
        if (number and number == number_key(one.staff_number)) or similar(user.printed_name, one.printed_name)
    ]


def undecided(user: User, found: list[User]) -> list[User]:
    """Return the accounts of which nobody has said whether they are this person's."""
    return [
        one
        for one in found
        if (user.person_id or user.id) != (one.person_id or one.id)
        and one.id not in (user.told_apart or {})
        and user.id not in (one.told_apart or {})
    ]


def settle(user: User, found: list[User], *, same: str, why: str) -> None:
    """Link an account with the others of the person, or tell it apart from them with a reason.

    Raises `SamePerson` while that is not answered, `RuleBroken` where the answer cannot be right: a staff number is
    one person's, and a person has one account in a role. Where several people have a similar name, the staff number
    says which of them it is; the others are told apart with the reason, or stay undecided.
    """
    if not found:
        return
    if same not in SAME:
        raise SamePerson(found)
    if same == "yes":
        own = _own(user, found)
        twice = next((one for one in own if one.role is user.role and one.active), None)
        if twice is not None:
            said = f"{twice.printed_name} already has an account as {twice.role.label}: {twice.email}. Use that one."
            raise RuleBroken(Problem(said, "same_person"))
        user.person_id = own[0].person_id or own[0].id
        user.told_apart = {one.id: why.strip() for one in found if one not in own} if why.strip() else None
        return
    number = number_key(user.staff_number)
    owner = next((one for one in found if number and number == number_key(one.staff_number)), None)
    if owner is not None:
        said = f"Staff number {user.staff_number} belongs to {owner.label}. Enter this person's own number."
        raise RuleBroken(Problem(said, "staff_number"))
    if not why.strip():
        raise RuleBroken(Problem("Enter how you know that it is another person.", "same_why"))
    user.told_apart = {one.id: why.strip() for one in found}


def _own(user: User, found: list[User]) -> list[User]:
    """Return the accounts of the one person who is meant; raises `RuleBroken` where it may be several."""
    number = number_key(user.staff_number)
    meant = next((one for one in found if number and number == number_key(one.staff_number)), found[0])
    own = [one for one in found if one.is_same_person(meant)]
    if not number and len(own) < len(found):
        said = "Several people have a similar name. Enter the staff number of the person whose account this is."
        raise RuleBroken(Problem(said, "staff_number"))
    return own
