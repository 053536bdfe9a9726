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
        "dmso", "dimethyl", "dimetil", "sulfoxid", "sulphoxid", "me2so", "cryoprotect", "cryo protect", "rimso",
        "cryostor", "cs2", "cs5", "cs10", "synth a freeze",
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
_BRACKETED = re.compile(r"[(\[{]([^()\[\]{}]*)[)\]}]")
_BETWEEN = re.compile(r"[,;\n\t+/&|•·]|\band\b|\bund\b|\bplus\b")
_LETTERS = re.compile(r"\b(?:[^\W\d_] ){2,}[^\W\d_]\b")
_TOLD = re.compile(
    r"allerg\w*|anaphyla\w*|hypersens\w*|intoleran\w*|urticaria\w*|hives?|angio\w*|(?:angio)?o?edema|reactions?"
    r"|react(?:s|ed)|bronchospas\w*|wheez\w*|laryng\w*|stridor|swell\w*|swollen|rash\w*|prurit\w*|itch\w*|flush\w*"
    r"|exanthem\w*|eczema|dermatitis|shock|collaps\w*|nausea|vomit\w*|diarrh\w*|breath\w*|dyspn\w*|asthma\w*|cough\w*"
    r"|sneez\w*|fever|dizz\w*|redness|blister\w*|severe\w*|mild|moderate|slight|strong|grade|type|contact|skin|prick|test"
    r"|tests|tested|positive|confirmed|documented|reported|known|suspected|possible|probable|history|since|in|on|at|of|to"
    r"|the|a|an|with|from|by|as|was|were|had|has|is|for|childhood|child|youth|baby|years?|months?|weeks?|days?|ago|old"
    r"|age|aged|jan\w*|feb\w*|march|mar|april|apr|may|june?|july?|aug\w*|sep\w*|oct\w*|nov\w*|dec\w*|face|facial|lips?"
    r"|tongue|throat|eyes?|arms?|hands?|legs?|neck|whole|body|all|over|local\w*|generali[sz]ed|clos(?:ed|ing)|tight\w*|shut"
    r"|needed|epinephrine|adrenaline|icu|intensive|care|hospital\w*|emergency|per|asked|answered|today|patient|mother"
    r"|father|parents?|letter|passport|her|his|she|he|both|once|twice|years|life|threatening|only",
)
"""The words with which people tell, in parentheses, what an allergen did, when, and who says so."""
_BESIDE = re.compile(
    r"gloves?|rubber|contrast|media|medium|agents?|dye|antibiotics?|acid|sodium|sulfate|sulphate|hydrochloride|human"
    r"|unfractionated|low|molecular|weight|cream|ointment|plasters?|or|others?|related|group|class|derivatives?|drugs?"
    r"|solution|containing|family",
)
"""The words that stand beside the name of an allergen and name nothing by themselves."""
SHORT = 4
"""Words up to this length are compared whole: “hes” is not the beginning of “hesitant”."""


def warns(text: str) -> bool:
    """Whether a text names an allergy, an anaphylaxis or the like, or what a preparation may hold."""
    return reacts(text) or any(mentions(spelled(text), words) for words in ADDITIVES.values())


def reacts(text: str) -> bool:
    """Whether a text tells of an allergy or of what a body does in one: a rash, swelling, bronchospasm."""
    return bool(_WARNS.search(text))


def named_allergies(text: str | None) -> list[str]:
    """Return the single allergies of a list as people write it, without what is plainly said of them in parentheses.

    Empty where it says that there are none: “none”, “nil”, “-”, “n/a”, “no known allergies”. Parentheses that tell of
    a reaction, its severity or its date are no allergy; what is not understood in them is one of its own, and so is all
    that stands in parentheses alone, or warns behind a “none”.
    """
    bare = _BRACKETED.sub(" ", text or "")
    named, inside = _parts(bare), _BRACKETED.findall(text or "")
    said = [part for found in inside for part in _parts(found)]
    alone = not named and (warns("; ".join(inside)) or not bare.strip())
    return list(dict.fromkeys([*named, *(part for part in said if alone or not _only_told(part))]))


def _parts(said: str) -> list[str]:
    parts = _BETWEEN.split(_NOT_APPLICABLE.sub("none", said))
    return [part for one in parts if (part := one.strip(" .:!–—-")) and not _NONE.fullmatch(part)]


def _only_told(part: str) -> bool:
    """Whether what stands in parentheses plainly tells of a reaction: every word of it is one of those."""
    return not [word for word in spelled(part).split() if not (word.isdigit() or _TOLD.fullmatch(word))]


def remainder(item: str) -> list[str]:
    """Return the words of an allergy that are not understood: they name no component, and no reaction to one."""
    rest = spelled(item)
    for words in ADDITIVES.values():
        rest = _whole(words).sub(" ", rest)
    return [word for word in rest.split() if not (len(word) < 2 or word[0].isdigit() or _told_of_one(word))]


def _told_of_one(word: str) -> bool:
    return _TOLD.fullmatch(word) is not None or _BESIDE.fullmatch(word) is not None


def spelled(text: str) -> str:
    """Return a text as it is compared, with what is spelled letter by letter put together: “D.M.S.O.” is dmso."""
    return _LETTERS.sub(lambda found: found[0].replace(" ", ""), searchable(text))


def mentions(text: str, words: tuple[str, ...]) -> bool:
    """Whether a searchable text has one of some words; a short one only as a whole word."""
    return bool(_any_of(words).search(text))


def not_known(text: str) -> list[str]:
    """Return the words of a label that name neither a known component nor a solution of salts; empty: understood."""
    rest = spelled(text)
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
