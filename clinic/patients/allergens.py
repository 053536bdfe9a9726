"""What a preparation may hold, and how it is written on orders, bags, allergy lists and alerts (rule 23).

Trade names are those of the makers' own labels; they are here because a bag is often labeled with nothing else.
"""

from __future__ import annotations

import re
from functools import cache

from clinic.patients.names import searchable

ADDITIVES = {
    # the makers of these freezing media name DMSO as their cryoprotectant
    "DMSO": (
        "dmso", "dimethyl", "dimetil", "sulfoxid", "sulphoxid", "me2so", "cryoprotect", "rimso", "cryostor", "cs2",
        "cs5", "cs10", "synth a freeze",
        "profreeze", "bambanker", "cellbanker", "stem cellbanker", "nutrifreez", "mfresr", "cryomaxx", "freezis",
        "cryopan", "procryo", "cryosure",
    ),
    # 5 to 25 % solutions for infusion, and recombinant ones for culture
    "albumin": (
        "albumin", "humanalbumin", "humanserumalbumin", "serumalbumin", "rhalbumin", "albumen", "hsa", "rhsa", "bsa",
        "albunorm", "human serum", "serum albumin", "plasmalbumin", "flexbumin", "albutein", "alburx", "alburex",
        "albuked",
        "plasbumin", "buminate", "kedbumin", "kedrialb", "octalbin", "zenalb", "vialebex", "ydralbum", "albucult",
        "recombumin",
        "cellastim", "albiomin", "albuman", "albuvan", "albuplast", "plasmanate", "plasmatein",
        "plasma protein fraction",
        "protenate", "biseko", "bambanker",
    ),
    "dextran": ("dextran", "rheomacrodex", "macrodex", "longasteril", "hyskon", "cryostor", "hypothermosol"),
    "heparin": (
        "heparin", "enoxaparin", "dalteparin", "nadroparin", "tinzaparin", "certoparin", "bemiparin", "reviparin",
        "parnaparin", "lovenox", "clexane", "inhixa", "liquemin", "calciparin", "fragmin", "fraxiparin", "fraxodi",
        "innohep", "embolex", "clivarin", "zibor", "heplock", "hep lock", "hepflush", "hepsal", "lmwh",
    ),
    "citrate": ("citrate", "citric", "acd", "acda", "cpd", "cpda"),
    "penicillin": (
        "penicillin", "-cillin", "penstrep", "pen strep", "antibiotic antimycotic", "antimycotic", "anti anti",
        "augmentin", "tazocin", "zosyn", "tazobactam", "unasyn", "timentin", "bicillin", "beta lactam", "betalactam",
        "clavulan", "sulbactam", "tazonam", "amoxi",
    ),
    "cephalosporin": (
        "cephalosporin", "cefazolin", "ceftriaxon", "cefuroxim", "cefotaxim", "cefalexin", "cephalexin", "cefepim",
        "ceftazidim", "cefoxitin", "cefalotin", "cephalothin", "cefixim", "cefaclor", "ancef", "kefzol", "rocephin",
        "zinacef", "keflex", "beta lactam", "betalactam",
    ),
    "streptomycin": ("streptomycin", "penstrep", "pen strep", "antibiotic antimycotic", "antimycotic", "anti anti"),
    "gentamicin": ("gentamicin", "gentamycin", "genta", "garamycin", "refobacin", "cidomycin"),
    "aminoglycoside": (
        "aminoglycosid", "neomycin", "kanamycin", "tobramycin", "amikacin", "paromomycin", "primocin", "normocin",
    ),
    "amphotericin": (
        "amphotericin", "fungizone", "ambisome", "abelcet", "antibiotic antimycotic", "antimycotic", "anti anti",
    ),
    "bovine serum": (
        "bovine", "fbs", "fcs", "fetal calf", "foetal calf", "fetal serum", "calf serum", "newborn calf", "bsa",
        "hyclone",
    ),
    "porcine trypsin": ("porcine", "trypsin", "trypsine", "tryple", "trypzean", "trypzyme", "accutase", "accumax"),
    # enzyme blends for tissue, by the names of their makers
    "collagenase": (
        "collagenase", "liberase", "celase", "blendzyme", "matrase", "clzyme", "vitacyte", "serva nb", "nb 4", "nb 6",
        "nb4", "nb6", "xiaflex", "xiapex", "santyl", "clostridi", "dispase", "neutral protease", "thermolysin",
        "digestase",
    ),
    "hyaluronidase": ("hyaluronidase", "hylenex", "hyalase", "amphadase", "vitrase", "hylase", "hydase", "wydase"),
    "nuclease": ("nuclease", "benzonase", "denarase", "dnase", "dornase", "pulmozyme", "omninuclease",
    "deoxyribonuclease"),
    "hydroxyethyl starch": (
        "starch", "hes", "hespan", "hextend", "voluven", "volulyte", "hetastarch", "pentastarch", "tetrastarch",
        "pentaspan", "hydroxyethyl", "tetraspan", "venofundin", "haes", "plasmasteril", "elohaes", "elohes", "hemohes",
        "hesteril", "vitafusal",
    ),
    "gelatin": (
        "gelatin", "gelofusin", "haemaccel", "hemaccel", "haemacel", "gelafundin", "gelafusal", "gelafusin",
        "gelaspan", "isoplex", "volplex",
        "geloplasma", "plasmion", "polygelin", "gelifundol", "gelfoam", "spongostan", "surgifoam", "gelita",
    ),
    "lidocaine": (
        "lidocaine", "lidocain", "lignocain", "xylocain", "xyloneural", "lidoderm", "emla", "bupivacain", "marcain",
        "carbostesin", "sensorcain", "levobupivacain", "chirocain", "ropivacain", "naropin", "naropein", "mepivacain",
        "carbocain", "scandicain", "meaverin", "polocain", "prilocain", "citanest", "xylonest", "articain", "ultracain",
        "septocain", "etidocain", "exparel", "amide anesthetic", "amide anaesthetic", "local anesthetic",
        "local anaesthetic", "amide type",
    ),
    "EDTA": ("edta", "edetate", "edetic", "versene"),
    "iodine": ("iodine", "iodin", "jodine", "povidone", "betadine", "betaisodona", "braunol", "iodophor", "pvp i"),
    "chlorhexidine": ("chlorhexidin", "chlorohexidin", "chloraprep", "hibiclens", "hibiscrub", "hibitane"),
    "latex": ("latex", "natural rubber"),
}  # fmt: skip
"""What a preparation may hold, with the words by which it is written on orders, bags and allergy lists.

A word that begins with a hyphen is the end of others: “-cillin”.
"""
RELATED = {
    "penicillin": {"cephalosporin"},
    "cephalosporin": {"penicillin"},
    "streptomycin": {"gentamicin", "aminoglycoside"},
    "gentamicin": {"streptomycin", "aminoglycoside"},
    "aminoglycoside": {"streptomycin", "gentamicin"},
    "bovine serum": {"albumin"},
    "porcine trypsin": {"heparin", "gelatin", "collagenase"},
    "collagenase": {"porcine trypsin"},
    "albumin": {"bovine serum"},
}
"""Components to which somebody allergic to the first may also react: a person compares, nothing is refused."""
PLASMA = ("plasma", "platelet", "prp", "ffp", "pooled human platelet", "lysate")
"""What holds all proteins of blood, so that an allergy to albumin is compared with it by a person."""
CARRIERS = (
    "plasma lyte a", "plasma lyte 148", "plasma lyte", "plasmalyte", "preservative free", "sodium chloride",
    "normal saline", "saline",
    "nacl", "lactated ringer", "lactated", "ringer s", "ringers", "ringer", "lactate", "acetated", "acetate",
    "hartmann s", "hartmann",
    "glucose", "dextrose", "water for injection", "water", "dpbs", "pbs", "hbss", "hanks", "phosphate buffered",
    "phosphate",
    "buffered", "balanced salt", "isolyte", "normosol", "sterofundin", "ionosteril", "jonosteril", "bicarbonate",
    "potassium", "magnesium", "calcium", "gluconate", "salt", "electrolyte", "crystalloid",
)  # fmt: skip
"""Solutions of salts, sugar and water, of which every component is known."""
_FILLERS = frozenset({
    "with", "and", "plus", "the", "own", "human", "autologous", "patient", "patients", "solution", "sol",
    "buffer", "percent", "unit", "units", "sterile", "injection", "for", "isotonic", "balanced", "wash", "final",
    "clinical", "usp", "eur", "vol", "per", "cent", "added", "contains", "containing", "suspended", "resuspended",
    "und", "mit", "kit", "bag", "infusion", "intravenous", "concentrate",
})  # fmt: skip
_WARNS = re.compile(
    r"allerg|anaphyla|hypersens|intoleran|urticaria|hives|angio.?o?edema|reaction|bronchospas|wheez|laryng|stridor|"
    r"swell|swollen|rash|pruritus|itching|flush|reacted|sensiti[sz]|exanthem|shock|collapse",
    re.IGNORECASE,
)
_NONE = re.compile(
    r"((he|she|patient) )?(has )?(no|none|nil|nka|nkda|no known|denies|denied|without|no history of|keine?"
    r"|nein|not applicable|nothing|0|ø)"
    r"( (any|known|drug|food|or|other|bekannten?|component|such))*"
    r"( (allerg|reaction|anaphyla|intoleran|hypersens)\w*)?( (to|of) (a|any|the) component( of the product)?)?"
    r"( (known|reported|recorded|documented|found|bekannt))?",
    re.IGNORECASE,
)
_NOT_APPLICABLE = re.compile(r"\bn\s?[./]\s?a\b\.?", re.IGNORECASE)
SHORT = 4
"""Words up to this length are compared whole: “hes” is not the beginning of “hesitant”."""


def warns(text: str) -> bool:
    """Whether a text names an allergy, an anaphylaxis or the like, or what a preparation may hold."""
    return reacts(text) or any(mentions(searchable(text), words) for words in ADDITIVES.values())


def reacts(text: str) -> bool:
    """Whether a text tells of an allergy or of what a body does in one: a rash, swelling, bronchospasm."""
    return bool(_WARNS.search(text))


def named_allergies(text: str | None) -> list[str]:
    """Return the single allergies of a list as people write it, without what is said of them in parentheses.

    Empty where it says that there are none: “none”, “nil”, “-”, “n/a”, “no known allergies”. What stands in
    parentheses alone, or warns behind a “none”, is an allergy.
    """
    inside = "; ".join(re.findall(r"\(([^)]*)\)", text or ""))
    named = _parts(re.sub(r"\([^)]*\)", " ", text or ""))
    if named or not inside:
        return named
    return _parts(inside) if warns(inside) or not (re.sub(r"\([^)]*\)", " ", text or "")).strip() else []


def _parts(said: str) -> list[str]:
    parts = re.split(r"[,;\n+/]|\band\b|\bund\b", _NOT_APPLICABLE.sub("none", said))
    return [part for one in parts if (part := one.strip(" .:!–—-")) and not _NONE.fullmatch(part)]


def mentions(text: str, words: tuple[str, ...]) -> bool:
    """Whether a searchable text has one of some words; a short one only as a whole word."""
    return bool(_any_of(words).search(text))


def not_known(text: str) -> list[str]:
    """Return the words of a label that name neither a known component nor a solution of salts; empty: understood."""
    rest = searchable(text)
    for words in (CARRIERS, *ADDITIVES.values()):
        rest = _whole(words).sub(" ", rest)
    return [word for word in rest.split() if len(word) > 2 and word not in _FILLERS and not word[0].isdigit()]


@cache
def _any_of(words: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(_pattern(word) for word in words))


@cache
def _whole(words: tuple[str, ...]) -> re.Pattern[str]:
    """Return what finds the words with all letters that follow: “albumine”, “Ringer's”."""
    longest = sorted(words, key=len, reverse=True)
    return re.compile(
        "|".join(rf"(?:{_pattern(word)})\w*" if len(word) > SHORT else _pattern(word) for word in longest)
    )


def _pattern(word: str) -> str:
    if word.startswith("-"):
        return rf"\b\w+{re.escape(word[1:])}"
    return rf"\b{re.escape(word)}\d*\b" if len(word) <= SHORT else rf"\b{re.escape(word)}"
