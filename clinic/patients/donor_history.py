"""Whether the history of a donor names an infection that cells can carry (rules 17, 18; 21 CFR 1271.75).

What is denied, was excluded, or only says that markers are negative is none; nor is an everyday illness that is over.
For cord cells the mother is who is asked, and a partner's infection is a risk of the donor's own.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from clinic.patients.infections import AGENT, INFECTED, VACCINATED
from clinic.wording import pieces

NOT_ELIGIBLE = (
    "The history names an infection: “{}”. Choose “Not eligible”; in urgent medical need, state it. If it was "
    "excluded or is over, write that"
)
_CARRIED = re.compile(
    r"\b(?:aids|lues|chagas|trypanosom\w*|west\s+nile|wnv|zika|creutzfeldt\w*|v?cjd|prions?|gonorrh\w*|gonococc\w*"
    r"|chlamyd\w*|monkeypox|mpox|leishman\w*|brucell\w*|babesi\w*|rabies|ebola|dengue|toxoplasm\w*|lyme|borreli\w*"
    r"|q\s+fever|hep\s?[abc]|h[bc]sag|h[bc]v?[- ]?(?:dna|rna)|tb|needle\s?stick)\b",
    re.IGNORECASE,
)
_FOUND = re.compile(r"\bpositive\b|(?<!non-)(?<!non )\breactive\b", re.IGNORECASE)
_LASTING = re.compile(
    r"\b(?:hiv|aids|hbv|hcv|htlv|hbsag|hepatitis(?!\s+a\b)|hep\s?[bc]|syphilis|lues|chagas|malaria|tubercul\w*|tb|mrsa"
    r"|creutzfeldt\w*|v?cjd|prions?|positive|reactive|carrier|chronic\w*)",
    re.IGNORECASE,
)
"""What is not over, whatever is said."""
_OVER = re.compile(
    r"\b(?:recovered|healed|resolved|cured|over|treated|cleared|in\s+childhood|as\s+(?:a\s+)?(?:child|baby|teenager)|years?\s+ago"
    r"|(?:19|20)\d\d|full\s+recovery|no\s+sequelae|ausgeheilt|geheilt)\b",
    re.IGNORECASE,
)
_HARMLESS = re.compile(
    r"\b(?:cmv|ebv|cytomegalovirus|epstein[- ]barr|rubella|varicella|vzv|chicken\s?pox|measles|mumps)\b[^.;,\n]*"
    r"|\banti-?\s?hbs\b[^.;,\n]*|\b(?:rh(?:esus)?(?:\s?d)?|ab|a|b|o)\s+(?:rh\s?d?\s+)?positive\b|\bcold\s+sores?\b|\bneutropeni\w*|\bgrew\s+up\b",
    re.IGNORECASE,
)
"""Markers that exclude nobody, and illnesses of everybody's childhood (21 CFR 1271.85)."""
_DENIES = re.compile(
    r"\b(?:no|not|never|without|denie[sd]|denying|nor|neither|nil|free\s+(?:of|from)|negative\s+for|ruled?\s+out|exclud\w+"
    r"|kein(?:e|en|er)?|ohne|nicht)\b[^.;\n]*?(?=\bbut\b|\bhowever\b|\bexcept\b|[.;\n]|$)",
    re.IGNORECASE,
)
_NOT_DENIED = re.compile(
    r"\b(?:not|never)\s+(?:yet\s+)?(?:treated|excluded|ruled\s+out|negative|cured|tested|known\s+before|disclosed|told)\b"
    r"|\bno\s+(?:doubt|longer\s+negative)\b|\bcannot\s+be\s+excluded\b",
    re.IGNORECASE,
)
_LISTED = r"(?:(?:(?!\b(?:positive|reactive|infect\w*|tested|known|has|had)\b)[\w/ +-]){1,24},\s*)*"
_NEGATIVE = re.compile(
    rf"{_LISTED}[^.;,\n]*?(?:\?\s*no\b|\b(?:negative(?!\s+for\b)|non[- ]?reactive|undetect\w+|none|excluded|ruled\s+out"
    r"|not\s+(?:detected|found|reactive|infected|present)|neg|nil|negativ)\b)",
    re.IGNORECASE,
)
"""“HIV, HBV and HCV: negative”."""
_OF_KIN = re.compile(
    r"\b(?:father|dad|aunt|uncle|cousin|grand\w+|brother|sister|sibling|son|daughter)\b(?:'s)?\s+(?:had|has|with|was|is|died"
    r"|infected|positive)[^.;,\n]*|[^.;,\n]*\b(?:in|of)\s+(?:the|her|his)\s+family\b",
    re.IGNORECASE,
)
"""What is told of relatives from whom the donor takes no infection over."""


@lru_cache(maxsize=4096)
def names_infection(history: str | None) -> bool:
    """Whether a history says that the donor has, had or may have an infection that cells can carry."""
    clauses = re.split(r"[.;\n]+(?=\s|$)|\bbut\b|\bhowever\b|\blater\b|\bthen\b", (history or "").replace("’", "'"))
    return any(_names(piece) for clause in clauses for piece in pieces(clause))


def _names(clause: str) -> bool:
    said = VACCINATED.sub(" ", _OF_KIN.sub(" ", _HARMLESS.sub(" ", clause)))
    if not _NOT_DENIED.search(said):
        said = _DENIES.sub(" ", _NEGATIVE.sub(" ", said))
    if not any(pattern.search(said) for pattern in (INFECTED, AGENT, _CARRIED, _FOUND)):
        return False
    return bool(_LASTING.search(said)) or not _OVER.search(said)


def told_infection(determination: Any) -> bool:
    """Whether a determination says “eligible” of a donor whose history names an infection."""
    return determination.outcome == "eligible" and names_infection(determination.history)
