"""Medicines on the order that have to be held or washed out before cells are collected or given (rules 24, 25)."""

from __future__ import annotations

import re

from clinic.patients.names import days_in

ANTICOAGULANTS = (
    "apixaban", "rivaroxaban", "edoxaban", "dabigatran", "warfarin", "phenprocoumon", "marcumar", "acenocoumarol",
    "heparin", "enoxaparin", "dalteparin", "tinzaparin", "fondaparinux", "clopidogrel", "prasugrel", "ticagrelor",
    "aspirin", "acetylsalicylic", "dipyridamole", "cilostazol", "eliquis", "xarelto", "plavix", "argatroban",
    "sintrom", "asa", "fragmin", "clexane", "lovenox", "coumadin", "brilinta", "brilique", "arixtra", "innohep",
    "savaysa", "efient", "effient", "jantoven", "aggrenox", "persantin", "pletal", "bivalirudin",
    "abciximab", "eptifibatide", "tirofiban", "ticlopidine", "nadroparin", "lixiana", "pradaxa",
    "falithrom", "iscover", "thrombo ass", "thromboass", "thrombo-ass", "marevan", "warfant", "orfarin", "waran",
    "vitamin k antagonist", "vka", "doac", "noac", "lmwh", "nmh", "godamed", "herz ass", "ass", "micropirin",
    "cardiopirin", "aspro", "ecotrin", "disprin", "kardegic", "aspegic", "alka-seltzer",
    "duoplavin", "duocover", "grepid", "zyllt", "possia", "tiklyd", "ticlid", "agrastat", "integrilin",
    "reopro", "kengrexal", "cangrelor", "angiox", "angiomax", "argatra", "refludan", "lepirudin", "desirudin",
    "iprivask", "danaparoid", "orgaran", "fraxiparin", "fraxodi", "mono-embolex", "certoparin", "clivarin",
    "reviparin", "bemiparin", "zibor", "ivor", "hibor", "parnaparin", "fluxum", "liquemin", "calciparin", "inhixa",
    "thorinane", "crusia", "betrixaban", "bevyxxa", "roteas", "vorapaxar", "zontivity", "triflusal", "indobufen",
    "anagrelide", "phenindione", "fluindione", "previscan", "acitrom", "sinthrome", "miniaspirin", "cardioaspirin",
    "asasantin", "agrenox", "yosprala", "trental", "pentoxifylline", "caplacizumab", "alteplase", "tenecteplase",
)  # fmt: skip
"""Anticoagulants and inhibitors of platelets, as orders write them."""
ANTI_INFLAMMATORY = (
    "ibuprofen", "naproxen", "diclofenac", "indometacin", "indomethacin", "ketoprofen", "celecoxib", "etoricoxib",
    "meloxicam", "piroxicam", "ketorolac", "prednisone", "prednisolone", "methylprednisolone", "dexamethasone",
    "nurofen", "advil", "motrin", "aleve", "celebrex", "arcoxia", "mobic", "toradol", "medrol", "decortin",
    "urbason", "deltasone", "decadron", "hydrocortisone", "cortisone", "triamcinolone",
    "betamethasone", "budesonide", "voltaren", "nsaid", "steroid",
    "dolormin", "aceclofenac", "beofenac", "biofenac", "aflamil", "dexketoprofen", "sympal", "enantyum", "keral",
    "flurbiprofen", "dobendan direkt", "lornoxicam", "xefo", "tenoxicam", "parecoxib", "dynastat", "valdecoxib",
    "rofecoxib", "vioxx", "lumiracoxib", "nabumetone", "relafen", "etodolac", "lodine", "sulindac", "clinoril",
    "tolmetin", "oxaprozin", "daypro", "fenoprofen", "mefenamic", "ponstan", "parkemed", "ponstel", "meclofenamate",
    "tiaprofenic", "tolfenamic", "diflunisal", "salsalate", "proglumetacin", "acemetacin", "rantudil", "nimesulide",
    "phenylbutazone", "ambene", "dolobene", "ibuflam", "ibuhexal", "imbun", "spalt", "brufen", "midol", "caldolor",
    "anaprox", "naprosyn", "proxen", "naprobene", "vimovo", "duexis", "arthrotec", "diclac", "cataflam", "cambia",
    "zipsor", "zorvolex", "rewodina", "felden", "feldene", "indocin", "indocid", "orudis", "actron", "profenid",
    "spondylon", "auxib", "mobec", "movalis", "sprix", "acular", "nsar", "solu-medrol", "solu-decortin", "prednisolut",
    "fortecortin", "cortisol", "hydrocort", "cortef", "aprednisolon", "deflazacort", "calcort", "cloprednol",
    "syntestan", "fludrocortisone", "kenalog", "volon a", "depo-medrol", "depomedrol", "celestone", "diprophos",
    "celestan", "budenofalk", "entocort", "rayos", "lodotra", "emflaza", "orapred", "millipred",
)  # fmt: skip
"""NSAIDs and corticosteroids, as orders write them."""


SHORT = 4


def named(text: str, medicines: tuple[str, ...]) -> list[str]:
    """Return which of some medicines a text names; a short name is compared whole: “asa” does not begin “Asacol”."""
    said = text.casefold()
    return [one for one in medicines if re.search(rf"\b{one}\b" if len(one) <= SHORT else rf"\b{one}", said)]


FORBIDDEN = re.compile(
    r"\W*(?:please\s+)?(?:do\s+not|don[’']t|never|avoid|no|must\s+not)\s+"
    r"(?:(?:give|use|take|prescribe|administer|any|more)\s+)*([\w-]+)",
    re.IGNORECASE,
)
"""A clause that begins by forbidding a medicine; its name comes next."""


def forbids(clause: str) -> bool:
    """Whether a clause forbids a medicine and says of none that it is taken, or was until some day."""
    found = FORBIDDEN.match(clause)
    if found is None or not named(found[1], (*ANTICOAGULANTS, *ANTI_INFLAMMATORY)):
        return False
    return not re.search(r"\b(?:since|until|till|from|today|yesterday|takes?|taking|last)\b|\d", clause, re.IGNORECASE)


PAUSING = re.compile(
    r"\b(?:paus|stop|h[eo]ld|withh[eo]ld|discontinu|cease|suspend|interrupt|omit|washout|wash-out|off since|"
    r"last (?:dose|taken|tablet|intake|injection)|no longer|ended|abgesetzt|letzte)",
)
"""Words that say that a medicine is not taken for a time."""
DENIED = re.compile(
    r"\b(?:not|never|no|without|cannot|don't|isn't|won't|nicht|neither|nor|keine?)\b(?: (?!longer)\w+){0,3}? "
    r"(?:to )?(?:be )?(?:paus|stop|h[eo]ld|withh[eo]ld|discontinu|cease|suspend|interrupt|omit|abgesetzt)\w*"
)
GOING_ON = re.compile(r"\b(?:continu|ongoing|unchanged|still|goes on|go on|as before|weiter|daily)")
SINCE = re.compile(
    r"\b\d{1,2}[./]\s?\d{1,2}\b|\b\d{1,2}\.?\s(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)|"
    r"\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?\s\d{1,2}\b|\byesterday\b|"
    r"\b(?:\d+|one|two|three|four|five|six|seven|ten)\s?(?:h|hours?|d|days?|weeks?|months?)"
    r"\s(?:ago|before|prior|earlier|pre)\b|\blast (?:week|month|year|night)\b"
)
"""A day, or a time before the cells, as a decision writes it."""


def answered(text: str | None) -> bool:
    """Whether the decision says that a medicine is paused, stopped or held, or since when; its name alone does not.

    “Not paused”, “continues” and “ok” are no answer.
    """
    said = DENIED.sub(" ", (text or "").casefold())
    if PAUSING.search(said):
        return True
    days, _rest = days_in(said)
    return (
        not GOING_ON.search(said)
        and said.strip() == (text or "").casefold().strip()
        and bool(days or SINCE.search(said))
    )
