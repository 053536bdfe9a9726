"""The forms of follow-up: a visit with a box for each of its instruments, a contact, an adverse event."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from wtforms import ValidationError

from clinic.errors import naming
from clinic.fields import plain
from clinic.followup.adverse_events import ASSESSED, OTHER_CAUSES, AdverseEvent
from clinic.followup.models import MADE, ContactAttempt, FollowUpVisit
from clinic.followup.told_at_visits import NO_VISIT, SOMETHING_ELSE, choices
from clinic.form_fields import DateField, DecimalField, MultiSelectField, SelectField
from clinic.forms import RecordForm, form_for
from clinic.protocols.catalogues import (
    CELL_TYPES,
    CRYOPRESERVED_EVENTS,
    INSTRUMENTS,
    LATE_EVENTS,
    ROUTES,
    SOURCES,
    score_fault,
    values,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from clinic.accounts.models import User
    from clinic.administration.models import Administration
    from clinic.followup.models import PlannedVisit
    from clinic.protocols.instruments import Instrument
    from clinic.treatments.models import Treatment

FEW = 8
"""Up to so many values an instrument's score is chosen from a list."""
UNSEEN = "days"
"""Instruments counted in days to an event that may never occur."""
PREFIX = "score_"


class ScoreField(DecimalField):
    """A score: within its instrument's range and steps (rule 63)."""

    def problems(self) -> list[str]:
        """Judge by the instrument itself."""
        found = super().problems()
        if found or self.data is None:
            return found
        fault = score_fault(INSTRUMENTS[self.short_name.removeprefix(PREFIX)], self.data)
        return [naming(fault, 63)] if fault else []


class ScoreSelectField(SelectField):
    """A score out of few: the words of the scale, the value behind them."""

    def read(self, text: str) -> Decimal | None:
        """Return the chosen value."""
        return Decimal(text) if text in self.offered else None

    def problems(self) -> list[str]:
        """Find nothing: a choice is right by itself, and may be left open."""
        return []


def score_box(instrument: Instrument) -> ScoreField | ScoreSelectField:
    """Return the box of one instrument, saying its range, its steps and which way is better."""
    choices = values(instrument)
    hint = f"{instrument.range}, {instrument.better} is better"
    hint += (
        f", in steps of {plain(instrument.step)}"
        if instrument.step not in {Decimal(1), Decimal("0.01"), Decimal("0.1")}
        else ""
    )
    hint += f". {instrument.note}" if instrument.note else ""
    if instrument.grades is not None or 0 < len(choices) <= FEW:
        pairs = {str(value): instrument.words(value) for value in choices}
        return ScoreSelectField(instrument.label, choices=pairs, hint=hint, section="Scores")
    return ScoreField(instrument.label, unit=instrument.unit, hint=hint, section="Scores", expected=instrument.expected)


class _VisitForm(form_for(FollowUpVisit)):
    """A visit; `visit_form` adds its scores."""

    def validate_new_symptoms(self, box: Any) -> None:
        """Ask it at each contact after the cells: a safety contact that asks nothing says nothing."""
        if self["made"].data == "made" and self["alive"].data is not False and box.data is None:
            raise ValidationError(f"{box.label.text}: required. Ask the patient.")

    @property
    def scores(self) -> dict[str, tuple[Decimal | None, bool]]:
        """Value, and whether it did not occur, of each instrument that was filled in."""
        unseen: set[str] = set(self._fields["did_not_occur"].data or ()) if "did_not_occur" in self._fields else set()
        found: dict[str, tuple[Decimal | None, bool]] = dict.fromkeys(unseen, (None, True))
        for name, box in self._fields.items():
            if name.startswith(PREFIX) and box.data is not None:
                found[name.removeprefix(PREFIX)] = (box.data, False)
        return found

    def facts(self) -> dict[str, Any]:
        """Return the facts of the visit itself."""
        found = {name: value for name, value in super().facts().items() if name in FACTS}
        own = {name: why for name, why in found.pop("confirmed", {}).items() if not name.startswith(PREFIX)}
        return found | ({"confirmed": own} if own else {})

    def plan(
        self, *, name: str, fixed: bool, asks: bool = False, baseline: Mapping[str, Decimal] | None = None
    ) -> None:
        """Fill in the visit's name, and that the patient is alive; each score box names its ``baseline``.

        ``asks``: a planned contact after the cells asks for new symptoms.
        """
        for key, value in (baseline or {}).items():
            if (box := self._fields.get(f"{PREFIX}{key}")) is not None:
                box.hint = f"Baseline: {INSTRUMENTS[key].words(value)}. {box.hint}"
        self.prefill("alive", value=True)
        self.offer("made", [(k, v) for k, v in MADE.items() if fixed or k == "made"], chosen="made")
        if not asks:
            del self._fields["new_symptoms"]
        if fixed:
            del self._fields["name"]
        elif not self.is_submitted():
            self._fields["name"].process_data(name)

    def log(self, course: Treatment, plan: PlannedVisit | None, *, by: User, at: datetime) -> FollowUpVisit:
        """Return the visit with its scores; raises `RuleBroken` where the record refuses either."""
        named = {"name": plan.name} if plan else {}
        made = FollowUpVisit.log(by=by, at=at, treatment=course, plan=plan, **named, **self.facts())
        why = super().facts().get("confirmed", {})
        for key, (value, unseen) in self.scores.items():
            kept = {"confirmed": {"value": said}} if (said := why.get(f"{PREFIX}{key}")) else {}
            made.score(key, by=by, at=at, value=value, did_not_occur=unseen, **kept)
        made.refuse_scores()
        return made


FACTS = {
    "performed_at",
    "performed_by_id",
    "name",
    "made",
    "missed_reason",
    "alive",
    "new_symptoms",
    "notes",
    "confirmed",
}


def visit_form(instruments: Iterable[str]) -> type[_VisitForm]:
    """Return the form of a visit with a box for each of these instruments."""
    keys = [key for key in dict.fromkeys(instruments) if key in INSTRUMENTS]
    boxes: dict[str, Any] = {f"{PREFIX}{key}": score_box(INSTRUMENTS[key]) for key in keys}
    counted = {key: INSTRUMENTS[key].label for key in keys if INSTRUMENTS[key].unit == UNSEEN}
    if counted:
        boxes["did_not_occur"] = MultiSelectField(
            "Did not occur", choices=counted, section="Scores", hint="Tick if it was looked for and did not occur"
        )
    return type("VisitForm", (_VisitForm,), boxes)


def instruments_of(course: Treatment) -> list[str]:
    """Return every instrument that the protocol of a course uses, in order."""
    return list(dict.fromkeys(key for visit in course.says.visits for key in visit.instruments))


ContactForm = form_for(ContactAttempt)


SERIOUSNESS = {"yes": "Yes", "no": "No", "undecided": "A physician decides"}


def _asked_before(form: Any) -> SelectField:
    """Return the question whether an event is serious, which stands before the reasons (rule 66)."""
    asked: Any = SelectField("Is it serious?", choices=SERIOUSNESS, section="The event", rule=66, conditional=True)
    asked.creation_counter = form.serious.creation_counter - 0.5  # the order of a form's fields
    return asked


class _SeriousnessAsked(RecordForm):
    """Whether an event is serious is answered; a forgotten answer is no “no”."""

    def validate_seriousness(self, field: SelectField) -> None:
        """Ask for an answer that agrees with the reasons; reasons alone say yes."""
        reasons = bool(self._fields["serious"].data)
        if not field.data and not reasons:
            raise ValidationError(
                f"Is it serious? Choose {' or '.join(f'“{said}”' for said in field.offered.values())}."
            )
        if field.data in {"no", "undecided"} and reasons:
            raise ValidationError(f"Is it serious? Reasons are ticked, and the answer is “{SERIOUSNESS[field.data]}”.")

    def validate_serious(self, field: Any) -> None:
        """Ask for a reason, at the box of the reasons, where the answer is “Yes”."""
        if self._fields["seriousness"].data == "yes" and not field.data:
            raise ValidationError("Serious because of: choose at least one reason, or answer “No” above.")

    def facts(self) -> dict[str, Any]:
        """Return what was filled in; what a physician decides is not recorded yet, and counts as serious until then."""
        found = super().facts()
        answer = found.pop("seriousness", None)
        return found | ({"serious": None} if answer == "undecided" else {})


_OF_EVENT = form_for(AdverseEvent, without={"reported_on", "reported_to"}, other={"symptoms_of": SelectField})


class EventForm(_SeriousnessAsked, _OF_EVENT):
    """An adverse event, with the assessment of a physician who reports it; it may be assessed later."""

    seriousness = _asked_before(_OF_EVENT)
    died_on = DateField(
        "Died on",
        section="Outcome",
        conditional=True,
        asked_if=("outcome", "fatal"),
        hint="Copied to the patient's record",
    )
    suggestions: tuple[str, ...] = ()
    asked: str = ""
    """The id of the visit from which the report was opened."""

    def validate_symptoms_of(self, box: SelectField) -> None:
        """Ask for an answer where a visit told of symptoms: only an event that says so is what it told.

        Who came from a visit and says nothing else reports what that visit told.
        """
        box.data = box.data or self.asked or None
        if not box.data:
            raise ValidationError(f"{box.label.text} Choose the visit, or “{NO_VISIT[SOMETHING_ELSE]}”.")

    def plan(self, course: Treatment, given: Administration | None, visits: list[FollowUpVisit], asked: str) -> None:
        """Offer the usual events of route, source and cell type, and the ``visits`` whose symptoms nobody reported.

        Fill in what the last reaction during an administration says: when, the signs, what was done. ``asked``: the id
        of the visit from which the report was opened.
        """
        self.suggestions = suggestions(course)
        self._offer_visits(visits, asked)
        found = [one for one in given.events if one.kind == "reaction"] if given is not None else []
        if found:
            last, filled = found[-1], "from the reaction"
            self.prefill("performed_at", last.performed_at, filled)
            self.prefill("term", last.signs, filled)
            self.prefill("action", last.measures, filled)

    def _offer_visits(self, visits: list[FollowUpVisit], asked: str) -> None:
        offered = choices(visits)
        if not visits:
            del self._fields["symptoms_of"]
            return
        self.offer("symptoms_of", offered.items(), chosen=asked if asked in offered else None)
        self.asked = asked if asked in offered else ""


class ReportForm(EventForm):
    """What a nurse reports: what happened, when, whether it is serious. A physician assesses the rest."""

    grade = expected = from_cells = from_harvest = from_delivery = from_drug = from_disease = None


_OF_ASSESSMENT = form_for(AdverseEvent, only=(*ASSESSED, *OTHER_CAUSES, "serious"))


class AssessmentForm(_SeriousnessAsked, _OF_ASSESSMENT):
    """A physician's assessment; whether it is serious is asked where the report left that to the physician."""

    seriousness = _asked_before(_OF_ASSESSMENT)

    def plan(self, event: AdverseEvent) -> None:
        """Ask whether it is serious, only where nobody has said so; a physician does not leave it open."""
        if event.serious is not None:
            del self._fields["seriousness"], self._fields["serious"]
        else:
            self.offer("seriousness", [pair for pair in SERIOUSNESS.items() if pair[0] != "undecided"])


SentForm = form_for(AdverseEvent, only=("reported_on", "reported_to"))


def suggestions(course: Treatment) -> tuple[str, ...]:
    """Return the terms to offer first: of the route, the source, the cells, frozen products, late visits."""
    says = course.says
    found: list[str] = []
    for entry in (ROUTES.get(course.route or ""), SOURCES.get(course.source or ""), CELL_TYPES.get(says.cell_type)):
        found += getattr(entry, "adverse_events", ())
    if says.expiry.thaw_minutes:
        found += CRYOPRESERVED_EVENTS
    return tuple(dict.fromkeys([*found, *LATE_EVENTS]))
