"""The harvest's form: the declared facts, filled in from the plan; the donor who is the patient."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import object_session
from wtforms.validators import ValidationError

from clinic import clock
from clinic.fields import Range, fields_of, plain
from clinic.form_fields import DateTimeField, DecimalField, SelectField, StringField
from clinic.forms import Live, RecordForm, form_for
from clinic.harvest.limits import most_per_kg, planned_sources, ratios
from clinic.harvest.models import DAY, Harvest
from clinic.patients.donors import Donor
from clinic.products.forms import DonationNumberField
from clinic.products.models import CONTAINERS
from clinic.protocols.catalogues import BODY_SITES, METHODS, SOURCES
from clinic.wording import kilograms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from clinic.accounts.models import User
    from clinic.protocols.cells import Source
    from clinic.treatments.models import Treatment


TENTH = Decimal("0.1")
FIRST = ("time_out_at", "performed_at", "ended_at", "performed_by_id")
"""The facts of a harvest in the order in which they come about."""
STARTS = fields_of(Harvest)["performed_at"]


class TimeOutField(DateTimeField):
    """When the team held the time-out."""

    day_is_filled_in = True


class SecondPersonField(SelectField):
    """Who checked the label: everybody but the collector is offered (rule 12)."""

    other_than = "performed_by_id"


FORM = form_for(
    Harvest,
    other={"din": DonationNumberField, "time_out_at": TimeOutField, "label_checked_by_id": SecondPersonField},
    told=lambda name, fact: replace(fact, section=STARTS.section) if name == "time_out_at" else fact,
    first=FIRST,
)


class HarvestForm(FORM):
    """All facts of a harvest; the planned source decides which sites and methods are offered."""

    def validate_side(self, field: Any) -> None:
        """Ask for the side with the body site, so that both are named at once (rule 26)."""
        place = self._fields["body_site"]
        if field.data is None and not place.data and any(BODY_SITES[key].sided for key in place.offered):
            raise ValidationError("Side: required. Two sides are two harvests (rule 26).")

    def plan(self, course: Treatment, earlier: Callable[[], Sequence[Harvest]] = list) -> None:
        """Fill in the planned source and what fits it; the protocol's limits become the hint.

        ``earlier`` gives the harvests of the same day: limits of a body are sums over them (rules 28, 29).
        """
        self.prefill("containers", 1, "prefilled: one")
        sources = [SOURCES[key] for key in planned_sources(course) if key in SOURCES]
        kinds = {source.harvest for source in sources}
        if not self["performed_at"].raw_data:
            ask_start(self)
        self.offer("source", [(one.key, one.label) for one in sources], chosen=sources[0].key, filled="from the order")
        offer_places(self, sources)
        if "apheresis" not in kinds:
            del self.cd34_before
        limits = course.says.harvest
        if limits.volume is not None:
            self._fields["volume"].hint = f"This protocol: {limits.volume} mL. Without anticoagulant"
        per_kg, weight = most_per_kg(course, sources[0].key), course.patient.weight_at(clock.now())
        known = weight is not None and weight.performed_at is not None and weight.performed_at < clock.now() - DAY
        if course.relation == "autologous" and (known or course.weight_kg):
            del self.weight_kg  # it is on the patient's record
        if per_kg is not None and weight is not None and weight.kg and course.relation == "autologous":
            most = f"At most {plain(per_kg)} mL/kg, {plain(per_kg * weight.kg)} mL at {kilograms(weight.kg)}"
            self._fields["volume"].hint += f". {most}"
        if limits.anticoagulant_ratio is not None:
            wanted = limits.anticoagulant_ratio
            of_100 = [plain((end * 100).quantize(TENTH).normalize()) for end in (wanted.low, wanted.high) if end]
            said = f"; for 100 mL {of_100[0]} to {of_100[1]} mL" if len(of_100) == 2 else ""
            self._fields["anticoagulant_volume"].hint = f"This protocol: {ratios(wanted)} of what is collected{said}"
        self.live = lambda: worked_out(course, sources[0].key, earlier())

    def plan_donation(self) -> None:
        """Every source is offered, with the sites that any of them has."""
        self.prefill("containers", 1, "prefilled: one")
        if not self["performed_at"].raw_data:
            ask_start(self)
        sites = dict.fromkeys(site for source in SOURCES.values() for site in source.sites)
        self.offer("body_site", [(key, BODY_SITES[key].label) for key in sites])


def ask_start(form: RecordForm) -> None:
    """Fill in the day of start and time-out and ask for the time: at the end of a collection “now” is the end alone."""
    for name in ("performed_at", "time_out_at"):
        box: Any = form[name]
        if not box.raw_data:
            box.show(clock.now())
            box.parts["t"], box.filled = "", "prefilled: today"


def offer_places(form: RecordForm, sources: Iterable[Source], *, kept: Iterable[str | None] = ()) -> None:
    """Offer the body sites and the methods of some sources, and those that a record says already."""
    sources, kept = list(sources), [key for key in kept if key is not None]
    kinds = {source.harvest for source in sources}
    sites = dict.fromkeys([*(site for source in sources for site in source.sites), *kept])
    form.offer("body_site", [(key, BODY_SITES[key].label) for key in sites if key in BODY_SITES])
    fitting = [one for one in METHODS.values() if one.harvest in kinds or one.key in kept]
    form.offer("method", [(one.key, one.label) for one in fitting])


def offer_again(form: RecordForm, harvest: Harvest) -> None:
    """Offer an amendment the sources that it may name with their places and methods; they are judged together."""
    course = harvest.treatment
    planned = SOURCES if course is None else planned_sources(course)
    sources = [SOURCES[key] for key in dict.fromkeys([*planned, harvest.source or ""]) if key in SOURCES]
    form.offer("source", [(one.key, one.label) for one in sources])
    offer_places(form, sources, kept={harvest.body_site, harvest.method})


class ContainerForm(RecordForm):
    """One more container of a harvest."""

    volume = DecimalField("Volume", unit="mL", possible=Range(Decimal("0.01"), 3000), required=True)
    container = SelectField("Container", choices=CONTAINERS, required=True)
    division = StringField("Division", hint="Leave blank for the next letter")


def own_donor(course: Treatment, *, by: User) -> Donor:
    """Return the patient as donor of her or his own cells; recorded at the first harvest."""
    session = object_session(course)
    known = session.scalar(select(Donor).where(Donor.patient_id == course.patient_id)) if session else None
    if known is not None:
        return known
    patient = course.patient
    return Donor.log(
        by=by, at=clock.now(), kind="self", patient=patient, sex=patient.sex, abo=patient.abo, rhd=patient.rhd
    )


def worked_out(course: Treatment, source: str, earlier: Sequence[Harvest]) -> list[Live]:
    """Return what the page works out while a harvest is typed: volume by weight and puncture, lidocaine, the ratio."""
    limits, weight = course.says.harvest, course.patient.weight_at(clock.now())
    each, ratio = limits.ml_per_pass, limits.anticoagulant_ratio
    punctures = Live(
        label="For each puncture:", of="volume", of_unit="mL", by="passes", unit="mL", digits=1,
        range=Range(None, each) if each else None, limit=f"limit {plain(each)} mL" if each else "",
    )  # fmt: skip
    mixed = Live(
        label="Anticoagulant to blood:", of="anticoagulant_volume", of_unit="mL", by="volume", by_unit="mL",
        ratio=True, range=ratio, limit=f"protocol {ratios(ratio)}" if ratio else "",
    )  # fmt: skip
    if weight is None or not weight.kg or course.relation != "autologous":
        return [punctures, mixed]
    most, kg = most_per_kg(course, source), weight.kg
    volume = Live(
        label="By weight:", of="volume", of_unit="mL", by=kg, by_unit="kg", unit="mL/kg", digits=1,
        before=sum((one.volume or Decimal(0) for one in earlier if one.source == source), Decimal(0)),
        range=Range(None, most) if most else None, limit=f"limit {plain(most)} mL/kg" if most else "",
    )  # fmt: skip
    lidocaine = Live(
        label="By weight:", of="lidocaine_mg", of_unit="mg", by=kg, by_unit="kg", unit="mg/kg", digits=1,
        before=sum((one.lidocaine_mg or Decimal(0) for one in earlier), Decimal(0)),
    )  # fmt: skip
    return [volume, punctures, mixed, lidocaine]
