"""The transport of one product from the laboratory to the ward."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy.orm import Mapped, relationship

from clinic.fields import Range, field
from clinic.model import reference
from clinic.products.models import Product
from clinic.records import Record
from clinic.treatments.models import Treatment


class Transport(Record):
    """One journey of one container: who carried it, and how warm it was on arrival."""

    KIND = "TP"
    NOUN = "Transport"
    HAPPENED = "Left the laboratory at"
    DONE = "Handed over by"
    PERSON = "treatment.patient"

    treatment_id: Mapped[str] = reference("treatment")
    product_id: Mapped[str] = reference("product")
    courier: Mapped[str | None] = field("Courier", required=True, section="Transport")
    arrived_temperature: Mapped[Decimal | None] = field(
        "Temperature on arrival", unit="°C", possible=Range(-200, 60), expected=Range(2, 8), required=True,
        section="Transport",
    )  # fmt: skip

    treatment: Mapped[Treatment] = relationship()
    product: Mapped[Product] = relationship()

    def headline(self) -> str:
        return f"Carried by {self.courier}, arrived at {self.arrived_temperature} °C"
