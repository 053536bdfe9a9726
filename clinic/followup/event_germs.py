"""Whether what is written of an adverse event tells of germs in the blood, or where cells go (hazard H29).

A list of words is never whole: it holds cells that share germs before anybody has assessed, and decides nothing.
"""

from __future__ import annotations

import re
from functools import lru_cache

from clinic.patients.infections import VACCINATED
from clinic.patients.ruled_out import affirmed
from clinic.products.germ_names import NAMES, NO_GERMS
from clinic.wording import pieces

_IN_BLOOD = re.compile(
    r"\b(?:ba[ck]ter[aiä]*emi\w*|bakteri[äa]mi\w*|fung[aeä]+mi\w*|candid[aeä]+mi\w*|vir[aeä]+mi\w*"
    r"|(?:uro-?|neutro)?sepsis|sept(?:ic|isch)\w*|blood poisoning|blutvergiftung"
    r"|endo[ck]arditis|meningitis|hirnhautentzündung)\b",
    re.IGNORECASE,
)
_ILLNESS = (
    r"malaria|tubercul\w*|tuberkulose|(?-i:TB|TBC|Tbc)|toxoplasm\w*|chagas|leishmani\w*|babesi\w*|brucell\w*|borreli\w*"
    r"|lyme|listeri\w*|nocardi\w*|aspergillos\w*|mucormycos\w*|cryptococc\w*|syphilis|lues|q.?fever|trypanosom\w*"
    r"|(?:invasive|systemic|disseminated) candid\w*|creutzfeldt\w*|v?cjd|prions?|west nile|zika|parvovirus"
)
_MARKER = (
    r"hiv(?:-?[12])?|hbv|hcv|hev|htlv\w*|hepatitis|hbs\W?ag|hbe\W?ag|anti.?hbc\w*|anti.?hcv|anti.?hiv|p24(?: antigen)?"
)
"""What is carried over by blood and cells; antibodies against HBs tell of a vaccination."""
_GERM = (
    r"bacteria|bacterium|yeasts?|mou?lds?|fung(?:us|i|al)|hyphae|germs?|(?:micro-?)?organisms?|rods|cocci|colon(?:y|ies)"
    r"|pathogens?|parasites?|virus|keime?n?|bakterien|pilze?n?|hefen?|schimmel\w*|erreger\w*|kokken|stäbchen|levures?"
    r"|moisissures?|germes?|hongos?|levaduras?|lieviti|muff[ae]|gist(?:en)?|bakterie|spores?|mycoplasma\w*"
)
_PLACE = (
    r"cultur\w*|\w*kultur\w*|blood(?! (?:group|type|pressure|sugar|glucose|count))\w*|blut\w*|joints?|\w*gelenk\w*"
    r"|knees?|hips?|knie\w*|hüft\w*|aspirat\w*|fluid|effusion|bottles?|flaschen?|punktat\w*|synovi\w*|discs?|csf|liquor|marrow"
    r"|bag|product|cells|graft|injection|infusion|catheter|line|port|bloodstream|sang|sangre|sangue|bloed"
)
_GREW = r"grew|grow(?:s|ing|n|th)?|gewachsen|wächst|wachstum|wuchs|bewachsen|nachgewiesen|isolated|detected|found|seen"
_CULTURE = r"\w*(?:cultur(?:e|es|a|as)|kultur(?:en)?|cultivos?|coltur[ae]|posiew\w*|kweek\w*)|bottles?|flaschen?"
_POSITIVE = (
    r"positive?[sn]?|positiv[eon]?|dodatni\w*|grew|grows|growth|growing|gewachsen|bewachsen|wachstum|wuchs|flag(?:ged|s)?"
    r"|alarm\w*|turbid|reactive"
)
_WHERE_CELLS_GO = re.compile(
    r"\b(?:osteomyelitis|spondylodis(?:[ck]|z)itis|dis(?:[ck]|z)itis|\w*empyem\w*|absce?ss\w*|\w*abszess\w*|pyarthros\w*"
    r"|pyogenic|pus|pji|cellulitis of the (?:injection|infusion|puncture)|nec\w* fasc\w*|toxic shock"
    rf"|purulen\w*|eit(?:er|rig)\w*|bacteri(?:a|al|um)|gram stained|{_ILLNESS}|{_MARKER})\b"
    rf"|\b(?:{_CULTURE})\b.{{0,24}}\b(?:{_POSITIVE})\b|\b(?:positive?|growth|wachstum)\b.{{0,24}}\b(?:{_CULTURE})\b"
    rf"|\b(?:{_GERM})\b.{{0,40}}\b(?:{_PLACE}|{_GREW})\b|\b(?:{_PLACE}|{_GREW})\b.{{0,40}}\b(?:{_GERM})\b"
    r"|\b\w*inf(?:e[ck]|iz)\w+\b.{0,24}\b(?:joint|knee|hip|disc|injection|infusion|site|implant\w*|blood\s?stream"
    r"|\w*gelenk\w*|knie\w*|hüft\w*|einstich\w*|blut\w*)\b"
    r"|\b(?:joint|knee|hip|disc|injection|infusion|site|blood\s?stream|line|catheter|knie\w*|hüft\w*|\w*gelenk\w*)"
    r"\b.{0,24}\binf(?:e[ck]|iz)|\b\w*gelenk\w*infekt\w*|\b(?:\w{3,}bacill(?:us|i)|bacilli|\w*cocci)\b",
    re.IGNORECASE,
)
_NOTHING_GREW = re.compile(
    r"\b(?:negativ\w*|neg|steril\w*|no growth|nothing (?:grew|found)|(?:not|never) gr[eo]w\w*|non.?reactive"
    r"|not (?:found|detected|isolated|seen|confirmed|reactive|positive|infected)|excluded|ruled out|undetect\w*"
    r"|ujemn\w*)\b",
    re.IGNORECASE,
)
_AWAITED = re.compile(r"\b(?:pending|awaited|not yet|ausstehend|steht aus)\b", re.IGNORECASE)
_DENIED = re.compile(
    r"\b(?:kein(?:e|en|er)?|ohne|sans|nicht)\s+(?:(?:hinweis\w*|anhalt) (?:auf|für)\s+)?\w+"
    rf"|\bnot?\s+in\s+(?:(?:the|her|his)\s+)?\w+"
    rf"|\b(?:no|without|never|neither|nor|free of|free from)\s+(?:\w+\s+){{0,3}}?(?:{_GERM}|{_ILLNESS}|infect\w*)"
    rf"(?:\s*(?:,|/|or|and|nor)\s*(?:{_GERM}|{_ILLNESS}|infect\w*))*\b",
    re.IGNORECASE,
)
"""What a sentence says that there is not."""
_THOUGHT_OF = re.compile(
    rf"\b(?:prophyla\w*|screen\w*|tested|testing|risk|fear|afraid|contact) (?:of|for|against|with) (?:\w+ ){{0,2}}?"
    rf"(?:{_ILLNESS}|{_MARKER}|{_GERM})\b"
    rf"|\b(?:{_ILLNESS}|{_MARKER}|infection|fungal) (?:prophyla\w*|screening|control|prevention)\b"
    rf"|\b(?:{_GERM})\b(?: \w+)? allerg\w*|\ballerg\w* (?:to|against) (?:\w+ )?(?:{_GERM})\b"
    r"|\banti.?hbs\b(?!\s?ag)\W{0,3}\w*|\bgrowth (?:factors?|hormones?|plates?)\b"
    r"|\bblood (?:group|type) \S+ (?:(?:rh|rhesus)\w* )?positive?",
    re.IGNORECASE,
)
"""What is only thought of or tested for, and what sounds like germs."""
_GRAM_STAIN = re.compile(r"\bgram.?(?:stain\w*|färbung|preparat\w*)", re.IGNORECASE)
_KIND = re.compile(
    r"\bgram.?(?:neg|pos)\w*|\bcoag\w*[-. ]{0,2}neg\w*|\bnon?[- ]?steril\w*|\bnot sterile|\bunsteril\w*", re.IGNORECASE
)
"""Names a kind of germ, and no result; or that something is not sterile."""
_ELSEWHERE = re.compile(r"\b(?:urin\w*|harn\w*|bladder|[ck]ystitis|zystitis|uti)\b", re.IGNORECASE)
"""Where common germs come from by themselves."""
_INSIDE = re.compile(
    r"\b(?:blood(?! (?:group|type|pressure|sugar|glucose|count|in (?:the )?urine))\w*|blut\w*|joints?|\w*gelenk\w*"
    r"|knees?|hips?|knie\w*|hüft\w*|aspirat\w*|effusion|synovi\w*|discs?|csf|liquor|marrow|graft)\b",
    re.IGNORECASE,
)
"""The blood, and where cells go: a sentence that names it beside the urine is read part by part."""
_FOUND = re.compile(
    rf"\b(?:{_POSITIVE}|{_GREW}"
    r"|in (?:(?:the|two|both|\d) )*(?:blood|joint|knee|hip|bottles?|aspirate|blut|gelenk)\w*)\b",
    re.IGNORECASE,
)
"""What a later “negative” does not take back."""
_SENTENCE = re.compile(r"[;\n]|\.(?=\s+[A-Z][a-z]{2}|\s*$)")
_CLAUSE = re.compile(
    r",|\s[-–—]+\s|\b(?:but|however|although|though|then|later|afterwards|now|while|whereas|aber|dann|später|jetzt"
    r"|sondern|puis|mais)\b",
    re.IGNORECASE,
)
_AND = re.compile(r"\b(?:and|und|et)\b|\+", re.IGNORECASE)
_RESULT = re.compile(rf"{_NOTHING_GREW.pattern}|{_AWAITED.pattern}|\b(?:{_POSITIVE})\b", re.IGNORECASE)


@lru_cache(maxsize=4096)
def tells_of_germs(text: str) -> bool:
    """Whether an event tells of an infection of the blood or of where cells go, or names a germ found there."""
    return any(_germs_in(sentence) for one in pieces(text) for sentence in _SENTENCE.split(one))


def _germs_in(sentence: str) -> bool:
    read = _KIND.sub(" bacteria ", _GRAM_STAIN.sub("stain", sentence))
    read = _DENIED.sub(" ", _THOUGHT_OF.sub(" ", NO_GERMS.sub(" ", VACCINATED.sub(" ", read))))
    if _IN_BLOOD.search(affirmed(read)):
        return True
    told: list[str] = []
    inside = False
    for clause in _clauses(read):
        if _NOTHING_GREW.search(clause):
            told = [one for one in told if not _taken_back(one, clause)]
        elif not _AWAITED.search(clause) or _FOUND.search(clause):
            inside = inside or _INSIDE.search(clause) is not None
            if _names_germs(clause) and (_INSIDE.search(clause) or not _ELSEWHERE.search(clause)):
                told.append(clause)
    return bool(told) and (inside or not _ELSEWHERE.search(read))


def _taken_back(clause: str, negative: str) -> bool:
    """Whether a later “negative” is of what a clause named: of a suspicion, or of what stands in the same list."""
    if _FOUND.search(clause) or _ELSEWHERE.search(negative):
        return False
    return not _WHERE_CELLS_GO.search(negative) or len(clause.split()) <= 2


def _names_germs(clause: str) -> bool:
    said = affirmed(clause)
    return _WHERE_CELLS_GO.search(said) is not None or NAMES.search(said) is not None


def _clauses(sentence: str) -> list[str]:
    """Return the parts of a sentence that have a result of their own: “aerobic negative”, “anaerobic positive”."""
    found: list[str] = []
    for part in _CLAUSE.split(sentence):
        left = ""
        for one in _AND.split(part):
            if _RESULT.search(left) and _RESULT.search(one):
                found.append(left)
                left = one
            else:
                left = f"{left} and {one}" if left else one
        found.append(left)
    return found
