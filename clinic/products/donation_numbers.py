"""The donation identification number on a label: how it is read, checked and spelled (rules 5, 7; ISBT 128)."""

from __future__ import annotations

import re
from datetime import date

from clinic.errors import RuleBroken
from clinic.identifiers import VALUES, check_character

DIN = re.compile(r"[A-NP-Z1-9][A-NP-Z0-9]{2}[0-9]{2}[0-9]{2}[0-9]{6}")


def parse_din(text: str) -> str:
    """Return the 13 characters of a donation identification number (rule 5; ST-001 section 2.4.1, appendix A).

    A typed number ends with its check character K; a scanned one begins with ``=`` and ends with two flag
    characters, which must be 60 + K's value where they are of type 3. Raises `RuleBroken` with a sentence.
    """
    typed = re.sub(r"\s", "", text).upper()
    if typed.startswith("="):
        din, flags = typed[1:14], typed[14:]
        right = 60 + VALUES.index(check_character(din)) if DIN.fullmatch(din) else None
        if not re.fullmatch(r"[0-9A-HJ-NP-Z]{2}", flags):
            raise RuleBroken("A scanned donation number is = and 15 characters. Scan it again.", rule=5)
        if flags.isdigit() and 60 <= int(flags) <= 96 and int(flags) != right:
            raise RuleBroken("The scanned donation number and its check do not match. Scan it again.", rule=5)
    else:
        din, check = typed[:13], typed[13:]
        if DIN.fullmatch(din) and not check:
            raise RuleBroken("Type the donation number with the boxed check character printed after it.", rule=5)
        if DIN.fullmatch(din) and check != check_character(din):
            raise RuleBroken("The donation number and its check character do not match. Read it again.", rule=5)
    if not DIN.fullmatch(din):
        raise RuleBroken(
            "A donation number is a letter or digit, four of the facility, two of the year and six digits.", rule=5
        )
    return din


def spell_din(din: str) -> tuple[str, str]:
    """Return a donation number as it is read aloud, “G1234 17 654321”, and its boxed check character."""
    return f"{din[:5]} {din[5:7]} {din[7:]}", check_character(din)


def year_apart(din: str, collected_on: date) -> bool:
    """Return whether a donation number's year lies over a year from the collection (rule 7); years go round at 100."""
    apart = (int(din[5:7]) - collected_on.year) % 100
    return min(apart, 100 - apart) > 1
