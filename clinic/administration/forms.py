"""The forms at the bedside: the reading by two people, the administration, its end, vital signs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clinic import clock
from clinic.administration.models import Administration, BedsideCheck, VitalSigns
from clinic.fields import Field
from clinic.form_fields import PasswordField
from clinic.forms import FILLED, form_for
from clinic.protocols.catalogues import BODY_SITES, ROUTES

if TYPE_CHECKING:
    from clinic.treatments.models import Treatment

SIGNS = ("spo2", "temperature", "systolic", "diastolic", "pulse", "breathing")
WORKED_OUT = {"measure", "dose", "dose_per_kg", "weight_kg", "working", "verified_by_id"}


AT_THE_END = {"ended_at", "volume_given", "volume_wasted", "volume_returned", "partial_reason", "reaction"}
ASKED = {
    "patient_scan": Field(
        label="Wristband", required=True, section="Scan", hint="The scanner presses Enter automatically"
    ),
    "product_scan": Field(
        label="Bag", required=True, section="Scan", hint="Product number, or donation number / division"
    ),
    "second_person_id": Field(label="Second person", required=True, section="Second person"),
}


class BedsideForm(form_for(VitalSigns, only=SIGNS, extra=ASKED)):
    """Wristband, bag, vital signs before the start, and the second person with their own password."""

    password = PasswordField("Password of the second person", required=True)

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        # what was not measured passes here: the gate refuses it, together with everything else that is wrong
        for name in SIGNS:
            self._fields[name].required = False

    @property
    def reading(self) -> dict[str, Any]:
        """What was scanned, and the vital signs, as `bedside.read` takes them."""
        return {
            "patient_scan": self["patient_scan"].data,
            "product_scan": self["product_scan"].data,
            "vitals": self.vitals,
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
        without=WORKED_OUT | AT_THE_END,
        extra={"because": Field(label="Reason for continuing", long=True, section="Warnings")},
    )
):
    """What is given, where and how; filled in from the order and the bedside check."""

    def plan(self, course: Treatment, check: BedsideCheck) -> None:
        """Fill in now, the ordered route and place, and what the bag holds; warnings of the check ask for a reason."""
        product = check.product
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
        if product is not None:
            self.prefill("volume_issued", product.left, "prefilled: whole container")
        handed = [m for m in product.movements if m.kind == "handed_over"] if product is not None else []
        if handed:
            self.prefill("handed_over_at", handed[-1].performed_at, "from the chain of custody")
        people = [(p.id, p.label) for p in (check.performed_by, check.second_person) if p is not None]
        self.offer("performed_by_id", people, chosen=check.performed_by_id, filled="from the bedside check")
        if course.says.premedication:
            self._fields["premedication"].hint = f"Protocol: {course.says.premedication}"
        if course.says.cell_type != "hsc":
            del self._fields["filter_used"]
        self._fields["volume_issued"].required = True
        if check.warnings:
            self._fields = {"because": self._fields.pop("because"), **self._fields}
            self._fields["because"].required = True
            self._fields["because"].hint = "; ".join(f"{w['check']}: {w['left']}" for w in check.warnings)
        else:
            del self._fields["because"]


class FinishForm(
    form_for(
        Administration,
        only=AT_THE_END,
    )
):
    """The end of what was begun."""

    def plan(self, administration: Administration) -> None:
        """Fill in now and the whole volume; end and volume are needed."""
        self._fields["ended_at"].required = self._fields["volume_given"].required = True
        self.prefill("ended_at", clock.now().replace(second=0, microsecond=0), FILLED["now"])
        self.prefill("volume_given", administration.volume_issued, "prefilled: whole dose")


VitalSignsForm = form_for(VitalSigns)
