"""What a preparation may hold, and how it is written on orders, bags, allergy lists and alerts (rule 23)."""

from __future__ import annotations

import re

from clinic.patients.names import searchable

ADDITIVES = {
    "DMSO": ("dmso", "dimethyl", "me2so", "cryoprotect", "rimso"),
    "albumin": (
        "albumin",
        "humanalbumin",
        "albumen",
        "hsa",
        "albunorm",
        "human serum",
        "serum albumin",
        "plasmalbumin",
    ),
    "dextran": ("dextran",),
    "heparin": ("heparin", "enoxaparin", "dalteparin", "nadroparin", "tinzaparin", "lovenox", "clexane"),
    "citrate": ("citrate", "citric", "acd", "acda", "cpd", "cpda"),
    "penicillin": ("penicillin", "penstrep", "pen strep"),
    "streptomycin": ("streptomycin", "penstrep", "pen strep"),
    "gentamicin": ("gentamicin", "gentamycin"),
    "amphotericin": ("amphotericin", "fungizone"),
    "bovine serum": ("bovine", "fbs", "fcs", "fetal calf"),
    "porcine trypsin": ("porcine", "trypsin"),
    "collagenase": ("collagenase",),
    "hydroxyethyl starch": ("starch", "hes"),
    "gelatin": ("gelatin",),
    "lidocaine": ("lidocaine", "lidocain", "lignocaine", "xylocain"),
    "EDTA": ("edta", "edetate"),
    "latex": ("latex",),
}
"""What a preparation may hold, with the words by which it is written on orders, bags and allergy lists."""
_WARNS = re.compile(r"allerg|anaphyla|hypersens|intoleran|urticaria|angio.?o?edema|reaction", re.IGNORECASE)
SHORT = 4
"""Words up to this length are compared whole: “hes” is not the beginning of “hesitant”."""


def warns(text: str) -> bool:
    """Whether a text names an allergy, an anaphylaxis or the like, or what a preparation may hold."""
    return bool(_WARNS.search(text)) or any(mentions(searchable(text), words) for words in ADDITIVES.values())


def mentions(text: str, words: tuple[str, ...]) -> bool:
    """Whether a searchable text has one of some words; a short one only as a whole word."""
    return any(re.search(_pattern(word), text) for word in words)


def _pattern(word: str) -> str:
    return rf"\b{re.escape(word)}\d*\b" if len(word) <= SHORT else rf"\b{re.escape(word)}"
