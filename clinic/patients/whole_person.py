"""What is known of a person on all records together (hazard H27)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from clinic.patients.models import Patient


def not_asked(people: Iterable[Patient]) -> bool:
    """Whether no answer of a person about allergies is recorded, under whichever record (rule 23)."""
    return not any(one.allergy_status in {"present", "none_known"} for one in people)


def youngest_on(people: Iterable[Patient], day: date) -> int | None:
    """Return the whole years of a person on a day, the least that her or his records allow; None: not known."""
    return min((age for one in people if (age := one.ages_on(day)[0]) is not None), default=None)
