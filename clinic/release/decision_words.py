"""What decisions say where they are saved and signed: to hold and to reject counts at once, the rest once signed.

And what their own words may not say: a release whose reason tells of growth is none (rule 43).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from clinic.errors import Problem
from clinic.patients.infections import tells_of_infection
from clinic.patients.ruled_out import rules_out
from clinic.products.damage_words import tells_of_damage
from clinic.release.germ_words import tells_of_growth

if TYPE_CHECKING:
    from collections.abc import Mapping

SIGNED_AS = {
    "accept": "I accept these cells for processing",
    "hold": "I put this product on hold",
    "reject": "I reject this product",
}
"""What a signature under a decision says that releases nothing."""
AT_ONCE = {
    "hold": "The product is on hold from now on. Sign the decision.",
    "reject": "The product is rejected from now on. Sign the decision.",
}

HELD = "The product is on hold from now on. Quality decides on it."
"""What the page says to who put a product on hold."""
HOLDING = (
    "The hold counts as soon as it is saved, without a signature. It also holds the containers that share these cells, "
    "unless the reason is about this container alone. Only quality can end it, with a new decision."
)
WORDS = ("reason", "benefit_risk", "follow_up_plan")
"""Texts of a decision in somebody's own words."""
_RISK = re.compile(
    r"\b(?:risks?|signs?|symptoms?|possibility|watch\w*|monitor\w*|observe\w*|observing|observation|look\w*|screen\w*|check\w*)\s+(?:of|for)\s+"
    r"[^.;:,]*|\binfections?\b",
    re.IGNORECASE,
)
"""What a physician weighs and what a patient is watched for: that tells of nothing in the cells."""

_ALARM = re.compile(r"\b(?:alarm\w*|flag\w*|signal+ed)\b", re.IGNORECASE)
_CULTURE = re.compile(r"\b(?:bottles?|bact\w*|cultures?|sterility|microbiolog\w*|flasche\w*)\b", re.IGNORECASE)
"""An alarm is that of a freezer, unless a culture is spoken of."""


_TOLD = re.compile(
    r"\b(?:bottles?|bact\w*(?:\s?/\s?alert)?|microbiolog\w*|ttd|time\s+to\s+detection|endotoxins?)\b", re.IGNORECASE
)
_FINE = re.compile(
    r"\b(?:no\s+(?:growth|organisms?)|(?:growth|contamination|infection)\s+(?:was\s+)?excluded|excluded|pending|awaited|outstanding"
    r"|not\s+(?:yet\s+)?(?:final|read)|final|within|below|meets|complies|negative|sterile|conforms|read\s+(?:anew|again|twice)"
    r"|repeated|due|in\s+order)\b",
    re.IGNORECASE,
)
_BAD = re.compile(
    r"\b(?:not\s+(?:within|below|negative|sterile)|no\s+longer|went\s+off|rang|lit\s+up|turned|above|exceed\w*|over\s+the\s+limit"
    r"|out\s+of|beeped|phoned|called|ttd|skin\s+flora)\b",
    re.IGNORECASE,
)
_ELSE = re.compile(r"\b(?:sister|other)\s+(?:bag|container|vial)\b[^;\n]*\bexclud\w+(?:\s+here)?", re.IGNORECASE)
"""“Sister bag had contamination in 2025, excluded here”."""


def _tells_of_culture(text: str) -> bool:
    """Whether a reason speaks of a bottle, a culture device or endotoxin, and not that it is clean or awaited."""
    clauses = (one for one in re.split(r"[.;\n]+(?=\s|$)", text) if _TOLD.search(one))
    return any(not _FINE.search(one) or _BAD.search(one) for one in clauses)


def growth_in_words(facts: Mapping[str, Any]) -> list[Problem]:
    """Return that the words of a decision which lets cells go on tell of growth, and what to do (rule 43)."""
    texts = {name: facts.get(name) or "" for name in WORDS}
    read = {name: text if name == "reason" else _RISK.sub(" ", text) for name, text in texts.items()}
    read = {name: _ELSE.sub(" ", text) for name, text in read.items()}
    read = {name: text if _CULTURE.search(text) else _ALARM.sub(" ", text) for name, text in read.items()}
    return [
        Problem(
            f"This tells of growth: “{texts[name]}”. Put the product on hold instead. If growth was excluded, write "
            "that: “growth excluded”.",
            name,
            rule=43,
        )
        for name, text in read.items()
        if tells_of_growth(text) or (name == "reason" and _tells_of_culture(text))
    ]


_DANGER = re.compile(
    r"\b(?:freezer|fridge|refrigerator|tank|incubator|cooling|power)\b[^.;]{0,24}\b(?:off|down|failed|out|empty|dry|open)\b"
    r"|\b\d{1,2}\s?%\s+(?:\w+\s+)?(?:alive|viable|living|dead)\b|\buse\s+(?:the\s+)?(?:other|another|a\s+different)\s+"
    r"(?:bag|vial|dose|container|syringe)\b",
    re.IGNORECASE,
)
_FORMS = re.compile(r"\binfection\s+control\b", re.IGNORECASE)


def tells_of_danger(text: str) -> bool:
    """Whether a comment on cells tells of germs, an infection, damage, a doubt whose they are, or says not to give."""
    text = _FORMS.sub(" ", text)
    return bool(_DANGER.search(text)) or tells_of_growth(text) or tells_of_damage(text) or _ill_or_no(text)


def _ill_or_no(text: str) -> bool:
    return tells_of_infection(text) or rules_out(text)


def saved(decision: str | None) -> str:
    """Return what the page says once a decision is saved."""
    what = "acceptance" if decision == "accept" else "release"
    return AT_ONCE.get(decision or "", f"Decision saved. The {what} takes effect once it is signed.")


def standing_words(product: Any, decision: Any) -> str:
    """Return that a product is on hold or was rejected, with the reason of that decision."""
    name, why = f"{product.name} {product.division or ''}".strip(), (decision.reason or "").strip().removesuffix(".")
    done = "was rejected" if decision.decision == "reject" else "is on hold"
    return f"{name} {done}{f': {why}' if why else ''}. Quality decides."
