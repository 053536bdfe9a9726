"""The forms of a product: a movement, the course to which banked cells are assigned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from clinic import clock
from clinic.errors import Problem, RuleBroken
from clinic.form_fields import DateField, DateTimeField, SelectField, StringField
from clinic.forms import RecordForm, form_for
from clinic.inventory import custody
from clinic.patients.models import Patient, same_person
from clinic.products.models import Movement
from clinic.treatments.models import Stop, Treatment

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from clinic.products.models import Product


def movement_form(kind: str) -> type[RecordForm]:
    """Return the form of one kind of movement: when, by whom, and what that kind asks for."""
    return form_for(Movement, only=("performed_at", "performed_by_id", *custody.ASKED[kind]))


class AssignForm(RecordForm):
    """The course that banked cells are given to."""

    treatment_id = SelectField("Course", required=True, hint="Active courses with the same kind of cells")


class UnassignForm(RecordForm):
    """Why banked cells leave the course that they were assigned to."""

    reason = StringField("Reason", required=True, hint="For example: assigned to the wrong course, course stopped")


class MomentInPartField(DateTimeField):
    """A moment of which only the day, the month or the year may be known: ``known`` says how much, "" for all."""

    known = ""

    def read_parts(self, typed: list[str]) -> datetime | None:
        """Return the moment; of a day, month or year its first one."""
        day, month, year, time = typed[:4]
        self.known = "" if time or not year else "day" if day else "month" if month else "year"
        if not self.known or (day and not month):
            return super().read_parts(typed)
        on = DateField.read_parts(self, [day or "1", month or "1", year])
        return clock.start_of(on, self._form.zone) if on is not None else None


class ColdForm(RecordForm):
    """Whether a container that came in is fresh, or when it was frozen, and how that is known."""

    cold = SelectField("State", choices={"fresh": "Fresh, never frozen", "frozen": "It was frozen"}, required=True)
    frozen_at = MomentInPartField(
        "Frozen at",
        conditional=True,
        hint="Only where it was frozen. If not all is known, leave time, day or month blank",
    )
    reason = StringField("How it is known", required=True, hint="For example: the label, the delivery note")

    def moment(self) -> datetime | None:
        """Return when it was frozen, None where it never was; `RuleBroken` where one contradicts the other."""
        frozen = self.cold.data == "frozen"
        if frozen is not (self.frozen_at.data is not None):
            said = "enter when it was frozen" if frozen else "leave blank what was never frozen"
            raise RuleBroken(Problem(f"Frozen at: {said}", "frozen_at", rule=54))
        return self.frozen_at.data


def courses_for(session: Session, product: Product) -> list[tuple[str, str]]:
    """Return the running courses that these cells may go to; own cells only those of their donor."""
    chosen = (
        select(
            Treatment.id, Treatment.chain_of_identity, Patient.family_name, Patient.given_names, Patient.record_number
        )
        .join(Patient, Patient.id == Treatment.patient_id)
        .where(
            Treatment.relation == product.relation, ~select(Stop.id).where(Stop.treatment_id == Treatment.id).exists()
        )
        .order_by(Patient.family_name, Patient.given_names)
    )
    if product.relation == "autologous":
        chosen = chosen.where(Treatment.patient_id.in_(same_person(session, {product.donor.patient_id or ""})))
    return [
        (
            row.id,
            " · ".join(
                part
                for part in (
                    ", ".join(name for name in ((row.family_name or "").upper(), row.given_names) if name)
                    or "Name not recorded",
                    row.record_number,
                    row.chain_of_identity,
                )
                if part
            ),
        )
        for row in session.execute(chosen)
    ]
