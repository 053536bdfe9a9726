"""The form of a decision: the decisions that can be taken now, and the boxes that only some of them need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinic.access import Role
from clinic.accounts.forms import PhysicianField
from clinic.fields import LONG_TEXT
from clinic.form_fields import TextAreaField
from clinic.forms import RecordForm, form_for
from clinic.pages import form_of, staff_choices
from clinic.release.models import DECISIONS, Release, decisions
from clinic.release.points import ACCEPTING, RELEASING, refusals
from clinic.release.product_state import held_because
from clinic.release.results import QCResult

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from clinic.course_records import CourseRecords
    from clinic.products.models import Product
    from clinic.release.points import Point

ALWAYS, TOLD = ("decision", "reason"), ("physician_told",)
"""Boxes of every decision, and of a condition or an exception; the others belong to an exception."""


NOT_CONFORMING = ("conditional", "accept", "hold", "reject", "exceptional", "conforms")
"""The order in which decisions are offered on what does not conform: the exception comes last."""


class DecisionForm(
    form_for(Release, without=("performed_at", "performed_by_id"), other={"physician_told": PhysicianField})
):
    """A decision on one product."""

    @property
    def parts(self) -> dict[str, list[Any]]:
        """The boxes by the decisions that need them: ``always``, ``told``, ``exception``."""
        boxes = self.visible_fields
        return {
            "always": [box for box in boxes if box.short_name in ALWAYS],
            "told": [box for box in boxes if box.short_name in TOLD],
            "exception": [box for box in boxes if box.short_name not in {*ALWAYS, *TOLD}],
        }

    def offer_possible(
        self, gate: Sequence[object], points: list[Point], results: list[QCResult], *, acceptable: bool
    ) -> None:
        """Offer the decisions that can be taken now; what was chosen stays, so that its refusal has a box.

        ``gate``: what has to come before a release. ``acceptable``: something holds what was collected, so that
        quality may accept it for processing.
        """
        chosen = self._fields["decision"].text
        possible = [
            key for key in DECISIONS if key == chosen or _possible(key, gate, points, results, acceptable=acceptable)
        ]
        if "conforms" not in possible:
            possible.sort(key=NOT_CONFORMING.index)
            self._fields["reason"].hint = ""
        self.offer("decision", [(key, DECISIONS[key]) for key in possible])


def _possible(
    key: str, gate: Sequence[object], points: list[Point], results: list[QCResult], *, acceptable: bool
) -> bool:
    if key == ACCEPTING:
        return acceptable and not refusals(key, points, results, collected=True)
    return key not in RELEASING or not (gate or refusals(key, points, results))


class HoldForm(RecordForm):
    """Why somebody puts a product on hold."""

    reason = TextAreaField("Reason", long=True, required=True, max_length=LONG_TEXT, hint="What you saw, heard or read")


def decision_form() -> DecisionForm:
    """Return the form with the physicians of the site."""
    form = form_of(DecisionForm, people={Role.PHYSICIAN})
    form.offer("physician_told", staff_choices({Role.PHYSICIAN}))
    form.can_draft = False
    return form


def settled(records: CourseRecords, product: Product, at: datetime) -> bool:
    """Whether the last decision on a product stands and nothing came to light since, so that none is asked for."""
    last = next(iter(reversed(decisions(records, product))), None)
    if last is None or last.outdated(records):
        return False
    return not held_because(records, product, at) or not last.releases
