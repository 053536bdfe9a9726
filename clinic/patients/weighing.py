"""Which weighings count: one that is far from the last counts when a second person has confirmed it (rules 51, 52)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta

    from clinic.accounts.models import User

WEIGHT_CHANGE = Decimal("0.1")
"""A change of the body weight by more than this part of it changes a dose (rule 51)."""
EACH_DAY, EACH_DAY_SMALL = Decimal("0.005"), Decimal("0.01")
"""How much more of it may have changed with each day since [site default]: an infant gains up to 1 % a day."""
SMALL = Decimal(15)
"""Body weight in kg under which a patient grows as an infant does [site default]."""


def implausible(kg: Decimal, other: Decimal, apart: timedelta) -> bool:
    """Whether two weights of one person differ by more than the time between them explains, in either direction."""
    less, more = sorted((kg, other))
    each_day = EACH_DAY_SMALL if less < SMALL else EACH_DAY
    return more > less * (1 + WEIGHT_CHANGE + each_day * Decimal(abs(apart).days))


def doubted(weights: Iterable[Any]) -> list[Any]:
    """Return the weights of one person that are far from those before and that no second person has confirmed.

    They are read as they were written, so that one that is dated back is compared as well. Each, a
    `clinic.patients.models.Weight`, is compared with all that count since the last confirmed one: several small steps
    of one day are a great one.
    """
    known: list[Any] = []
    found: list[Any] = []
    for one in sorted((w for w in weights if w.kg and w.performed_at), key=lambda w: (w.recorded_at, w.id)):
        if not any(_far(one, other) for other in known):
            known.append(one)
        elif confirmed(one):
            known = [one]
        else:
            found.append(one)
    return found


def _far(one: Any, other: Any) -> bool:
    return implausible(one.kg, other.kg, one.performed_at - other.performed_at)


def author(weight: Any) -> User:
    """Return who wrote down the present value."""
    corrected: list[User] = [one.amended_by for one in weight.amendments if "kg" in one.changes]
    return [weight.recorded_by, *corrected][-1]


def confirmed(weight: Any) -> bool:
    """Whether a second person has signed the present value."""
    return any(not one.signed_by.is_same_person(author(weight)) for one in weight.present_signatures)
