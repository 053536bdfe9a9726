"""Two people at one device: each with their own password (rule 2)."""

from __future__ import annotations

from typing import Any

from clinic.accounts.models import User
from clinic.accounts.security import WrongPassword, recheck
from clinic.errors import Problem, RuleBroken
from clinic.pages import get_or_404, me


def two_people(form: Any) -> User:
    """Return the second person of a form after both passwords were checked; `RuleBroken` at the box that is wrong."""
    second = get_or_404(User, form["second_person_id"].data)
    if second.is_same_person(me()):
        said = f"{second.label}, is an account of the same person as yours. Ask another person."
        raise RuleBroken(Problem(said, "second_person_id", rule=2))
    for user, box in ((me(), "own_password"), (second, "password")):
        try:
            recheck(user, form[box].data or "")
        except WrongPassword as wrong:
            raise WrongPassword(Problem(str(wrong), box)) from wrong
    return second
