"""What the scanner reads from a wristband and from a bag. What its check character does not bear out is no reading."""

from __future__ import annotations

import re
from dataclasses import dataclass

from clinic.errors import RuleBroken
from clinic.identifiers import check_character, parse_id, scanned
from clinic.products.donation_numbers import parse_din
from clinic.treatments.models import IDENTITY


@dataclass(frozen=True, kw_only=True)
class Wristband:
    """Whose wristband it is: the patient's public id or a course's chain of identity, and else why it is unreadable.

    ``checked``: whether the code came with its check character. ``rule``: the number of the rule whose shape it lacks.
    """

    patient_id: str = ""
    chain_of_identity: str = ""
    checked: bool = True
    fault: str = ""
    rule: int = 0


@dataclass(frozen=True, kw_only=True)
class Bag:
    """Which container it is: our product id, or donation number and division, and else why it is unreadable."""

    product_id: str = ""
    din: str = ""
    division: str = ""
    fault: str = ""


def read_wristband(text: str) -> Wristband:
    """Read a wristband: ``PT-…``, or the 13 characters of the chain of identity, with their check character or not."""
    if not text.strip():
        return Wristband(fault="No wristband was scanned.")
    patient_id = parse_id(text, "PT")
    if patient_id:
        return Wristband(patient_id=patient_id)
    typed = re.sub(r"[\s-]", "", scanned(text)).upper()
    code, check = typed[:13], typed[13:]
    if IDENTITY.fullmatch(code):
        if check in {"", check_character(code)}:
            return Wristband(chain_of_identity=code, checked=bool(check))
        fault = "Wristband code misread: its check character does not match. Scan the wristband again."
        return Wristband(fault=fault, rule=8)
    if parse_id(text, "PR"):
        return Wristband(fault="This is a bag's code, not a wristband. Scan the wristband on the patient.")
    return Wristband(fault="The wristband could not be read. Scan it again; do not type it from memory.", rule=8)


def read_bag(text: str) -> Bag:
    """Read a bag: ``PR-…``, or its donation number with check character and, after a slash, its division."""
    if not text.strip():
        return Bag(fault="No bag was scanned.")
    product_id = parse_id(text, "PR")
    if product_id:
        return Bag(product_id=product_id)
    if parse_id(text, "PT"):
        return Bag(fault="This is a wristband's code, not a bag. Scan the label on the bag.")
    number, _slash, division = scanned(text).partition("/")
    try:
        return Bag(din=parse_din(number), division=division.strip().upper())
    except RuleBroken as fault:
        return Bag(fault=f"The bag could not be read. {fault}")
