"""The pathway: the steps of a course in their order. Pages that cross steps loop over it and name none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinic.accounts.authorizations import TITLES
from clinic.administration.step import ADMINISTRATION
from clinic.consent.step import CONSENT
from clinic.eligibility.step import ELIGIBILITY
from clinic.followup.step import FOLLOW_UP
from clinic.harvest.step import HARVEST
from clinic.processing.step import PROCESSING
from clinic.release.step import RELEASE
from clinic.steps import Pathway

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clinic.steps import Step

PATHWAY = Pathway((CONSENT, ELIGIBILITY, HARVEST, PROCESSING, RELEASE, ADMINISTRATION, FOLLOW_UP))
TITLES.update({step.name: step.title for step in PATHWAY})
_chosen = [PATHWAY]


def choose(steps: Iterable[Step]) -> Pathway:
    """Make some steps the pathway of this program and link each to those before it; a clinic may have one more."""
    _chosen[0] = Pathway(steps)
    TITLES.update({step.name: step.title for step in _chosen[0]})
    return _chosen[0]


def current() -> Pathway:
    """Return the pathway that the application was made with."""
    return _chosen[0]
