"""Whether the history of a donor names an infection that cells can carry (rules 17, 18; 21 CFR 1271.75).

What is denied, was excluded, or only says that markers are negative is none; nor is an everyday illness that is over.
A sentence is read in its items: a harmless word is true of itself alone, and a denial of the list that it begins. For
cord cells the mother is who is asked, and a partner's infection is a risk of the donor's own.
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
_RISK = re.compile(
    r"\binject\w*\s+(?:\w+\s+)?drugs?\b"
    r"|\b(?:iv|i\.v\.|intravenous)\s+drugs?\b|\bdrugs?\s+(?:us\w+|abus\w+|inject\w*)\b|\bheroin\b"
    r"|\bshar\w+\s+(?:\w+\s+)?(?:needles?|syringes?)\b|\bneedles?\s+(?:\w+\s+)?shared\b|\bdura\b|\bxeno\w+"
    r"|\bcornea\w*\s+(?:graft|transplant)\w*|\bpituitary\b|(?<!recombinant )\bgrowth\s+hormone\b"
    r"|\bclotting\s+factors?\b"
    r"|\bsex\s+(?:\w+\s+){0,3}for\s+(?:money|drugs|pay\w*)|\bsex\s+work\w*|\bprostitut\w*|\bprison\w*|\bjail\w*"
    r"|\bin(?:carcerat|mate)\w*|\bimprison\w*",
    re.IGNORECASE,
)
"""What a donor did or received that can carry an infection (21 CFR 1271.75)."""
_OVER = re.compile(
    r"\b(?:recovered|healed|resolved|cured|over|treated|cleared|in\s+childhood|as\s+(?:a\s+)?(?:child|baby|teenager)|years?\s+ago"
    r"|(?:19|20)\d\d|full\s+recovery|no\s+sequelae|ausgeheilt|geheilt)\b",
    re.IGNORECASE,
)
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_RECENT = re.compile(
    r"\b(?:(?:last|this|past)\s+(?:\w+\s+)?(?:weeks?|months?)|yesterday|today|(?:days?|weeks?|months?)\s+ago|recent\w*|just|still"
    rf"|current\w*|now|ongoing|untreated|(?:in|since)\s+{_MONTH}(?!\w|\s+(?:19|20)\d\d))\b",
    re.IGNORECASE,
)
"""What is not over yet."""
_MARKER = (
    r"(?:cmv|ebv|cytomegalovirus|epstein[- ]barr(?:[- ]virus)?|rubella|varicella|vzv|chicken\s?pox|measles|mumps"
    r"|anti-?\s?hbs)"
)
_HARMLESS = re.compile(
    rf"(?:\b(?:tested\s+)?(?:sero-?)?(?:igg[- ]?)?positive\s+for\s+)?\b{_MARKER}\b"
    r"(?:[\s:(-]*\b(?:ig[gm]|ab|antibod(?:y|ies)|serology|status|virus|infection|disease|titers?|is|was)\b\)?)*"
    r"(?:[\s:(-]*(?:\b(?:sero-?)?(?:positive|reactive)\b|\+))?"
    r"|\b(?:rh(?:esus)?(?:\s?d)?|ab|a|b|o)\s+(?:rh\s?d?\s+)?positive\b|\bcold\s+sores?\b|\bneutropeni\w*|\bgrew\s+up\b",
    re.IGNORECASE,
)
"""Markers that exclude nobody, and illnesses of everybody's childhood (21 CFR 1271.85): the word and what it found."""
_DENIES = re.compile(
    r"\b(?:no|not|never|without|denie[sd]|denying|nor|neither|nil|free\s+(?:of|from)|negative\s+for|ruled?\s+out|exclud(?:es?|ing)"
    r"|kein(?:e|en|er)?|ohne|nicht)\b.*",
    re.IGNORECASE,
)
_NOT_DENIED = re.compile(
    r"\b(?:not|never)\s+(?:yet\s+)?(?:treated|excluded|ruled\s+out|negative|cured|tested|known\s+before|disclosed|told)\b"
    r"|\bno\s+(?:doubt|longer\s+negative)\b|\bcannot\s+be\s+(?:excluded|ruled\s+out)\b",
    re.IGNORECASE,
)
_EXCLUDED = re.compile(r"\b(?:excluded|ruled\s+out)\b", re.IGNORECASE)
_NEGATIVE = re.compile(
    r"\?\s*no\b|\bno\s*$|\b(?:negative(?!\s+for\b)|non[- ]?reactive|undetect\w+|none|neg|nil|negativ"
    r"|not\s+(?:detected|found|reactive|infected|present))\b",
    re.IGNORECASE,
)
"""“HIV, HBV and HCV: negative”."""
_STATES = re.compile(
    r"\b(?:found|positive|reactive|tested|ha[ds]|have|treated|untreated|detected|now|carrier|chronic\w*|known|confirmed|diagnos\w+"
    r"|got|is|was|since|infected|last|recent\w*|(?:19|20)\d\d)\b",
    re.IGNORECASE,
)
"""Words of a new statement: no denial before it, and no “negative” after it, is true of that."""
_ITEM = re.compile(r"\s*(,|:|&|\band\b|\bor\b|\bnor\b)\s*", re.IGNORECASE)
_CLAUSE = re.compile(r"[.;\n]+(?=\s|$)|\b(?:but|however|later|then|(?:al)?though|except|aber)\b", re.IGNORECASE)
_SO_HAS = re.compile(
    r"\bso\s+(?:has|have|had|is|does|did|was)\b|\b(?:she|he|donor|mother|both|herself|himself)\b.{0,12}\b(?:too|also|as\s+well|likewise)\b",
    re.IGNORECASE,
)
"""“Sister had it, and so has she”."""
_OF_KIN = re.compile(
    r"\b(?:father|dad|aunt|uncle|cousin|grand\w+|brother|sister|sibling|son|daughter)\b(?:'s)?\s+(?:had|has|with|was|is|died"
    r"|infected|positive)(?:(?!\band\b)[^.;,\n])*|[^.;,\n]*\b(?:in|of)\s+(?:the|her|his)\s+family\b",
    re.IGNORECASE,
)
"""What is told of relatives from whom the donor takes no infection over."""
_NO_BRACKETS = str.maketrans("()[]", "    ")


@lru_cache(maxsize=4096)
def names_infection(history: str | None) -> bool:
    """Whether a history says that the donor has, had or may have an infection that cells can carry."""
    clauses = _CLAUSE.split((history or "").replace("’", "'"))
    return any(_names(piece) for clause in clauses for piece in pieces(clause))


def _names(clause: str) -> bool:
    if _SO_HAS.search(clause) and _OF_KIN.search(clause) and _carried(clause):
        return True
    said = VACCINATED.sub(" ", _OF_KIN.sub(" ", _HARMLESS.sub(" ", clause))).translate(_NO_BRACKETS)
    parts = ["", *_ITEM.split(said)]
    joins, items = [one.lower() for one in parts[::2]], parts[1::2]
    left = _denied_before(_denied_after(joins, items), items)
    return any(_carried(one) and _counts(left[at:]) for at, one in enumerate(left))


def _carried(said: str) -> bool:
    return any(pattern.search(said) for pattern in (INFECTED, AGENT, _CARRIED, _FOUND, _RISK))


def _counts(items: list[str]) -> bool:
    """Whether what the first of these items names is not over: the ones after it that name nothing speak of it too."""
    if _LASTING.search(items[0]) or _RISK.search(items[0]):
        return True
    more = next((at for at, one in enumerate(items[1:], 1) if _carried(one)), len(items))
    said = " ".join(items[:more])
    return bool(_RECENT.search(said)) or not _OVER.search(said)


def _denied_after(joins: list[str], items: list[str]) -> list[str]:
    """Return what is left of the items without what is denied: a denial goes on over a list of bare names."""
    left, goes_on = list[str](), False
    for join, item in zip(joins, items, strict=True):
        doubted, bare = _NOT_DENIED.search(item), not _STATES.search(item)
        listed = goes_on and (bare or (join in {"or", "nor"} and not _FOUND.search(item)))
        denied = not doubted and (listed or _DENIES.search(item) or _NEGATIVE.search(item) or _EXCLUDED.search(item))
        rest = item
        if listed or (denied and (_EXCLUDED.search(item) or (_NEGATIVE.search(item) and not _FOUND.search(item)))):
            rest = ""
        elif denied:
            rest = _DENIES.sub(" ", item)
        left.append(rest)
        at = len(left)
        goes_on = bool(denied) and (_carried(item) or (at < len(joins) and joins[at] in {":", "or", "nor"}))
    return left


def _denied_before(left: list[str], items: list[str]) -> list[str]:
    """Return them without the names before a “negative”, and without all before a plain “excluded”."""
    for at, item in enumerate(items):
        if _NOT_DENIED.search(item):
            continue
        if _EXCLUDED.search(item) and not _carried(item):
            left[:at] = [""] * at
        elif _NEGATIVE.search(item) or _EXCLUDED.search(item):
            before = at
            while before and not _STATES.search(items[before - 1]):
                before -= 1
                left[before] = ""
    return left


def told_infection(determination: Any) -> bool:
    """Whether a determination says “eligible” of a donor whose history names an infection."""
    return determination.outcome == "eligible" and names_infection(determination.history)
