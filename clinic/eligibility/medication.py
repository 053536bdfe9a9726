"""Medicines on the order that have to be held or washed out before cells are collected or given (rules 24, 25)."""

from __future__ import annotations

import re

ANTICOAGULANTS = (
    "apixaban", "rivaroxaban", "edoxaban", "dabigatran", "warfarin", "phenprocoumon", "marcumar", "acenocoumarol",
    "heparin", "enoxaparin", "dalteparin", "tinzaparin", "fondaparinux", "clopidogrel", "prasugrel", "ticagrelor",
    "aspirin", "acetylsalicylic", "dipyridamole", "cilostazol", "eliquis", "xarelto", "plavix", "argatroban",
    "sintrom", "asa", "fragmin", "clexane", "lovenox", "coumadin", "brilinta", "brilique", "arixtra", "innohep",
    "savaysa", "efient", "effient", "jantoven", "aggrenox", "persantin", "pletal", "bivalirudin",
    "abciximab", "eptifibatide", "tirofiban", "ticlopidine", "nadroparin", "lixiana", "pradaxa",
)  # fmt: skip
"""Anticoagulants and inhibitors of platelets, as orders write them."""
ANTI_INFLAMMATORY = (
    "ibuprofen", "naproxen", "diclofenac", "indometacin", "indomethacin", "ketoprofen", "celecoxib", "etoricoxib",
    "meloxicam", "piroxicam", "ketorolac", "prednisone", "prednisolone", "methylprednisolone", "dexamethasone",
    "nurofen", "advil", "motrin", "aleve", "celebrex", "arcoxia", "mobic", "toradol", "medrol", "decortin",
    "urbason", "deltasone", "decadron", "hydrocortisone", "cortisone", "triamcinolone",
    "betamethasone", "budesonide", "voltaren", "nsaid", "steroid",
)  # fmt: skip
"""NSAIDs and corticosteroids, as orders write them."""


SHORT = 4


def named(text: str, medicines: tuple[str, ...]) -> list[str]:
    """Return which of some medicines a text names; a short name is compared whole: “asa” does not begin “Asacol”."""
    said = text.casefold()
    return [one for one in medicines if re.search(rf"\b{one}\b" if len(one) <= SHORT else rf"\b{one}", said)]


def answered(text: str | None) -> bool:
    """Whether the decision says how a medicine is held; “no” and “none” do not."""
    words = re.findall(r"\w+", (text or "").casefold())
    return bool(words) and not set(words) <= {"no", "none", "nil", "n", "a", "na", "not", "applicable", "unknown", "x"}
