"""The field in which a donation number is scanned or typed."""

from __future__ import annotations

from typing import Any

from clinic.errors import RuleBroken
from clinic.fields import Unreadable
from clinic.form_fields import StringField
from clinic.products.donation_numbers import parse_din, spell_din


class DonationNumberField(StringField):
    """A donation number with its check character, or as the scanner sends it (rule 5)."""

    def read(self, text: str) -> str:
        """Return the number without its check character."""
        try:
            return parse_din(text)
        except RuleBroken as fault:
            raise Unreadable(str(fault)) from fault

    def show(self, value: Any) -> None:
        self.text = " ".join(spell_din(value)) if value else ""
