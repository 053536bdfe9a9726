"""The forms at the bedside: the reading by two people, the administration, its end, vital signs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from clinic import clock, wording
from clinic.administration.dose_change import DoseChange, dose_unit
from clinic.administration.events import InfusionEvent, reactions, severity
from clinic.administration.models import Administration, BedsideCheck
from clinic.administration.vital_signs import VitalSigns
from clinic.errors import Problem
from clinic.fields import Field, Range, fields_of
from clinic.form_fields import DecimalField, PasswordField, SelectField, TextAreaField
from clinic.forms import FILLED, Live, RecordForm, form_for
from clinic.protocols.catalogues import BODY_SITES, DOSE_MEASURES, ROUTES, within

if TYPE_CHECKING:
    from clinic.administration.verdict import Line
    from clinic.treatments.models import Treatment

SIGNS = ("spo2", "temperature", "systolic", "diastolic", "pulse", "breathing")
VITALS_RULE = 57
SCANS = ("patient_scan", "product_scan")
WORKED_OUT = {"measure", "dose", "dose_per_kg", "weight_kg", "working", "verified_by_id", "outcome"}


REACTION = {"reaction", "reaction_severity"}
AT_THE_END = {"ended_at", "volume_given", "volume_wasted", "volume_returned", "partial_reason"} | REACTION
LATER = {"guidance", "handed_over_at", "viability_before", "filter_used", "notes"}
"""What is told at the end, not before the start."""
ASKED = {
    "patient_scan": Field(
        label="Wristband", required=True, section="Scan", hint="Scan it, or type the whole record number"
    ),
    "product_scan": Field(
        label="Bag", required=True, section="Scan", hint="Product number, or donation number / division"
    ),
    "second_person_id": Field(label="Second person", required=True, section="Second person"),
}


class ScanForm(form_for(BedsideCheck, only=(), extra={name: ASKED[name] for name in SCANS})):
    """Wristband and bag alone: what they say is compared before anything else is asked."""


class BedsideForm(form_for(VitalSigns, only=SIGNS, extra=ASKED)):
    """Wristband, bag, vital signs before the start, and both people with their own passwords."""

    volume = DecimalField(
        "Volume to give", unit="mL", possible=Range("0.01", 3000), rule=52,
        hint="Leave blank for the whole container",
    )  # fmt: skip
    own_password = PasswordField("Your password", required=True)
    password = PasswordField("Password of the second person", required=True)

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        # what was not measured passes here: the gate refuses it, together with everything else that is wrong
        for name in SIGNS:
            self._fields[name].required = False

    def start_at_the_vital_signs(self) -> None:
        """Put the cursor into the first box that is still empty."""
        self._fields[SIGNS[0]].autofocus = True

    @property
    def to_measure(self) -> list[Problem]:
        """Ask for each vital sign that stands for a safe start, at its box."""
        named = fields_of(VitalSigns)
        return [Problem(named[name].missing, name, rule=VITALS_RULE) for name in SIGNS if named[name].required]

    @property
    def reading(self) -> dict[str, Any]:
        """What was scanned, and the vital signs, as `bedside.read` takes them."""
        return {
            "patient_scan": self["patient_scan"].data,
            "product_scan": self["product_scan"].data,
            "vitals": self.vitals,
            "volume": self["volume"].data,
        }

    @property
    def vitals(self) -> dict[str, Any] | None:
        """What was measured, None where nothing was."""
        found = {name: self._fields[name].data for name in SIGNS}
        if all(value is None for value in found.values()):
            return None
        confirmed = self.facts().get("confirmed", {})
        return found | ({"confirmed": {k: v for k, v in confirmed.items() if k in SIGNS}} if confirmed else {})


class AdministrationForm(
    form_for(
        Administration,
        without=WORKED_OUT | AT_THE_END | LATER,
        extra={"because": Field(label="What did you do about it?", long=True, section="Warnings")},
    )
):
    """The start. One press is enough: all but a reason and the premedication follows from order and check."""

    def plan(self, course: Treatment, check: BedsideCheck, warnings: list[Line]) -> None:
        """Fill in the ordered route and place, and what the bag holds; what warns now asks for a reason."""
        route = ROUTES[course.route or ""]
        self.offer("route", [(route.key, route.label)], chosen=route.key, filled="from the order")
        ordered = course.body_site if course.body_site in route.sites else None
        sites = [ordered] if ordered else list(route.sites)
        self.offer(
            "body_site",
            [(key, BODY_SITES[key].label) for key in sites],
            chosen=ordered or (sites[0] if len(sites) == 1 else None),
            filled="from the order",
        )
        if ordered and course.side in {"left", "right", "none"}:
            self.prefill("side", course.side, "from the order")
        if check.product is not None:
            whole = check.volume is None or check.volume == check.product.left
            said = "prefilled: whole container" if whole else "prefilled: as checked"
            self.prefill("volume_issued", check.volume or check.product.left, said)
        people = [(p.id, p.label) for p in (check.performed_by, check.second_person) if p is not None]
        self.offer("performed_by_id", people, chosen=check.performed_by_id, filled="from the bedside check")
        self._leave_blank("performed_at")
        self._fields["performed_at"].hint = "Leave blank: the minute in which you press Begin"
        for name in ("route", "performed_by_id", "volume_issued"):
            self._fields[name].required = False
        self._premedication(course.says.premedication)
        self._fields["because"].required = bool(warnings)
        asked = "the question" if len(warnings) == 1 else f"each of the {len(warnings)} questions"
        self._fields["because"].hint = f"Answer {asked} above: what you saw or asked, or who decided"
        if not warnings:
            del self._fields["because"]

    def _leave_blank(self, name: str) -> None:
        field = self._fields[name]
        field.required = False
        if not self.is_submitted():
            field.process_data(None)
            field.filled = ""

    def _premedication(self, ordered: str) -> None:
        if not ordered:
            del self._fields["premedication"], self._fields["premedication_note"]
        else:
            self._fields["premedication"].hint = f"Protocol: {ordered}"

    @property
    def asked(self) -> list[Any]:
        """The fields that the start needs an answer to."""
        return [self._fields[name] for name in ("because", "premedication", "premedication_note") if name in self]

    @property
    def prefilled(self) -> list[Any]:
        """The fields that are filled in already, for what is not as ordered."""
        return [field for field in self.visible_fields if field not in self.asked]

    def started(self, course: Treatment, check: BedsideCheck) -> dict[str, Any]:
        """Return the facts of the start: what was left blank is this minute, the order, the whole container."""
        facts = {name: value for name, value in self.facts().items() if value not in (None, "")}
        route = ROUTES[course.route or ""]
        ordered = course.body_site in route.sites
        usual = {
            "performed_at": clock.now().replace(second=0, microsecond=0),
            "performed_by_id": check.performed_by_id,
            "route": course.route,
            "volume_issued": check.volume or (check.product.left if check.product is not None else None),
        }
        if ordered:
            usual |= {"body_site": course.body_site, "side": course.side}
        elif len(route.sites) == 1:
            usual["body_site"] = route.sites[0]
        return usual | facts


class FinishForm(form_for(Administration, only=AT_THE_END | LATER | {"body_site"})):
    """The end of what was begun."""

    def plan(self, given: Administration, *, whole: bool) -> None:
        """Fill in now and the volume; end and volume are needed. The vein is asked here, the joint is known.

        ``whole``: whether all was to be given; of cells that had to be stopped, how much was given is asked.
        """
        self._fields["ended_at"].required = self._fields["volume_given"].required = True
        self.prefill("ended_at", clock.now().replace(second=0, microsecond=0), FILLED["now"])
        if whole:
            self.prefill("volume_given", given.volume_issued, "prefilled: whole dose")
        begin_with_reactions(self, given)
        handed = [m for m in given.product.movements if m.kind == "handed_over"]
        if handed:
            self.prefill("handed_over_at", handed[-1].performed_at, "from the chain of custody")
        if given.body_site is not None:
            del self._fields["body_site"]
        elif (route := ROUTES.get(given.route or "")) is not None:
            self.offer("body_site", [(key, BODY_SITES[key].label) for key in route.sites])
        if given.treatment.says.cell_type != "hsc":
            del self._fields["filter_used"]
        self.live = lambda: dose_live(given)


def begin_with_reactions(form: RecordForm, given: Administration) -> None:
    """Fill in what was seen while the cells were given, and the worst that was said of it."""
    form.prefill("reaction", reactions(given))
    form.prefill("reaction_severity", severity(given))


def dose_live(given: Administration) -> list[Live]:
    """Return what the page works out while the volume given is typed: the dose, per kg where the protocol says so."""
    product, says = given.product, given.treatment.says.dose
    if product.amount is None or product.measure is None or not product.volume:
        return []
    measure, each = DOSE_MEASURES[product.measure], product.amount / product.volume
    shown = {"label": "Dose:", "of": "volume_given", "of_unit": "mL", "times": True}
    found = [Live(by=each, by_unit=f"{measure.unit}/mL", unit=f"{measure.unit} {within(measure.label)}", **shown)]
    weight = given.treatment.patient.weight_at(given.performed_at or clock.now())
    if says.per_kg and weight is not None and weight.kg:
        unit = measure.unit_per_kg
        found.append(Live(by=each / weight.kg, by_unit=f"{unit} for each mL", unit=unit, **shown))
    return found


REST = {"discarded": "Discarded (recorded as wasted)", "returned": "Returned to the laboratory"}


class AbortForm(form_for(Administration, only={"ended_at", "volume_given"} | REACTION)):
    """The end before all was given."""

    because = TextAreaField("Why it was stopped", required=True, section="Volume")
    rest = SelectField("The rest of the bag", choices=REST, required=True, section="Volume")

    def plan(self, given: Administration, stop: list[str]) -> None:
        """Fill in now, and ``stop``, why it had to be stopped; how much was given is asked."""
        self._fields["ended_at"].required = self._fields["volume_given"].required = True
        issued = wording.quantity(given.volume_issued, "mL") if given.volume_issued is not None else "the volume"
        self._fields["volume_given"].hint = f"Of {issued} issued; 0 if nothing reached the patient"
        if stop:
            self.prefill("because", "\n".join(stop) + "\n", "prefilled: why the cells are to be stopped")
        self.live = lambda: dose_live(given)
        self.prefill("ended_at", clock.now().replace(second=0, microsecond=0), FILLED["now"])
        begin_with_reactions(self, given)

    @property
    def said(self) -> dict[str, Any]:
        """What was filled in, as `Administration.abort` takes it."""
        facts = self.facts()
        return facts | {"returned": facts.pop("rest") == "returned"}


class VoidForm(RecordForm):
    """A start that was pressed by mistake, confirmed by a second person."""

    because = TextAreaField("What happened", required=True, section="Pressed by mistake")
    untouched = SelectField(
        "Nothing left the bag, and it is closed and intact", choices={"yes": "Yes", "no": "No"}, required=True,
        section="Pressed by mistake",
    )  # fmt: skip
    own_password = PasswordField("Your password", required=True, section="Two people")
    second_person_id = SelectField("Second person", required=True, section="Two people")
    password = PasswordField("Password of the second person", required=True, section="Two people")


class DoseForm(form_for(DoseChange)):
    """Another dose than the protocol's, for one course."""

    def plan(self, course: Treatment) -> None:
        """Show the unit and the protocol's window at the boxes."""
        unit, window = dose_unit(course), course.says.dose.window
        for name in ("low", "high"):
            self._fields[name].unit = unit
            self._fields[name].hint = f"Protocol: {window}"


class EventForm(form_for(InfusionEvent, without={"kind"})):
    """One thing that happened while the cells were given."""

    ASKS: ClassVar = {
        "rate": {"rate", "reason"}, "stopped": {"reason"}, "resumed": {"rate"},
        "reaction": {"signs", "severity", "measures"},
    }  # fmt: skip

    def narrow(self, kind: str, *, rate: bool = True) -> None:
        """Ask only what belongs to a kind of event; no new rate when an injection goes on."""
        asked = self.ASKS[kind] - ({"rate"} if kind == "resumed" and not rate else set())
        for name in {"rate", "reason", "signs", "severity", "measures"} - asked:
            del self._fields[name]
        for name in {"rate": ("rate",), "stopped": ("reason",), "reaction": ("signs", "severity")}.get(kind, ()):
            self._fields[name].required = True
        for name in asked:  # what no kind requires is said to be optional: nobody searches for words in a hurry
            self._fields[name].may_be_left = not self._fields[name].required


VitalSignsForm = form_for(VitalSigns)
