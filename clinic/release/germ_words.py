"""What free text beside a test for germs says: does a finding name something, does a note tell of growth (rule 43)."""

from __future__ import annotations

import re
from functools import lru_cache

from clinic.products.germ_names import LATIN, NAMES, NO_GERMS
from clinic.wording import pieces

_SAID = {
    "N": "no without zero kein keine",
    "M": "none nil nothing",
    "X": "not nicht",
    "G": "negative neg sterile ngtd nd undetected complies meets na steril",
    "S": "growth wachstum keime"
    " organism organisms microorganism microorganisms bacteria bacterium fungi fungus yeast yeasts"
    " mould mold mycoplasma virus viruses colony colonies cfu rcl rca dna rna",
    "V": "seen detected found isolated observed present grew grown identified nachweisbar nachgewiesen",
    "A": "microbial bacterial fungal visible aerobic anaerobic",
    "O": "or",
    "R": "for",
    "P": "pending awaited",
    "F": "after day days hour hours d h hrs final preliminary interim both all bottles bottle in at to date by pcr"
    " specification so far yet culture cultures the with"
    " still read reading nach",
    "B": "was were is remains remained stays stayed",
    "Q": "few many moderate some rare numerous occasional scant abundant several",
    "W": "white red blood epithelial nucleated mononuclear",
    "C": "cells neutrophils leukocytes leucocytes lymphocytes monocytes macrophages erythrocytes granulocytes wbc wbcs",
}
_LETTER = {word: letter for letter, words in _SAID.items() for word in words.split()}
"""The few words of a finding that is plainly “nothing”, each with the letter of its part in the sentence."""
_NOTHING = re.compile(r"[FA]*(?:[NM]A*S(?:ON?S)*B?V?|MB?V?|A*SB?(?:XV|G|M)|B?XV|B?G(?:RA*S(?:OS)*)?|B?P)[FA]*")
"""What one part of a finding may say: “no growth”, “none seen”, “growth: none”, “not detected”, “negative for …”."""
_ASIDE = re.compile(r"[FA]*|Q*W*CV?")
"""What may stand beside it: days and bottles, and what of the patient's own cells was seen."""
_FUNGAL = frozenset({"fungi", "fungus", "fungal", "yeast", "yeasts", "mould", "mold"})
_OTHER = frozenset(
    {"bacteria", "bacterium", "bacterial", "organism", "organisms", "microorganism", "microorganisms", "microbial"}
)
"""A part that speaks of fungi and of no other germs says nothing of those."""
_TWO_DEGREES = r"\d{2}(?:\s*(?:-|–|to)\s*\d{2})?(?:\s*°\s?c)?\s*(?:and|\+|&)\s*\d{2}(?:\s*(?:-|–|to)\s*\d{2})?"
_FIGURE = (
    (
        re.compile(r"(?<![\w.,<>≤≥-])(?:<\s*10?|0)\s*cfu(?:\s*/\s*(?:\d+\s*)?(?:ml|bag|plate|bottle))?(?![\w.,]*\d)"),
        " nil ",
    ),
    (re.compile(r"^\s*(?:<\s*1|0)\s*$"), " nil "),
    (re.compile(r"\bn\s?[./]\s?[ad]\b\.?"), " na "),
    (re.compile(rf"\bat\s+{_TWO_DEGREES}\s*(?:degrees(?:\s*c(?:elsius)?)?|°\s?c)\b\.?"), " at "),
    (re.compile(r"\bbact\s?[/-]?\s?alert\b|\bbactec\b"), " by "),
    (re.compile(r"\bmycoplasma dna\b"), " mycoplasma "),
    (re.compile(r"\bmicro-organism"), " microorganism"),
    (
        re.compile(
            r"\b(?:days?|hours?|d|h)\s?\d{1,3}\b(?![.,]\d)|(?<![.,\d])\b\d{1,3}[\s-]?(?:days?|tag(?:en?)?|hours?|hrs?|d|h)\b"
        ),
        " day ",
    ),
)
"""Figures of nothing, and of days."""
_FEWER = re.compile(_FIGURE[0][0].pattern, re.IGNORECASE)
_PART = re.compile(r"[,;()\[\]\n/]|\.(?=\s|$)|\band\b")
_CLAUSE = re.compile(
    r"[.;,:!()\n]+(?=\s|$)|;|\s[-–—]+\s"
    r"|\b(?:but|however|although|though|except|apart from|other than|besides|save|then|later|afterwards|aber|dann"
    r"|später)\b"
    r"|\band\b(?=\s+(?:then\s+|later\s+)?(?:growth|grew|rods|cocci|organisms|positive|haz[ey]|turbid|GPC|GNR|GPR)\b)",
    re.IGNORECASE,
)
_ABBREVIATED = re.compile(
    r"\b([A-Za-z])\.\s(?!bacteri|colon|hyphae|fungi|cocci|bacilli)(?=(?:[a-z]{4,}(?:us|um|is|i|ae|[ae]ns|a)|coli|diff)\b)"
)
"""The stop of “S. aureus” ends no sentence."""
_DENIED_AFTER = re.compile(
    r".*\b(?:(?:not|never)\ (?:been\ )?"
    r"(?:detected|seen|found|grown|isolated|observed|present|identified|visible|recovered|confirmed)"
    r"|none|absent|excluded|ruled\ out|undetect\w*|nil)\b(?:\s+\w+){0,4}\W*",
    re.IGNORECASE | re.VERBOSE,
)
_GROWTH = re.compile(
    r"""\b(?:grew|grow(?:s|n|ing|th)?|rods?|\w*cocc(?:i|us|oid\w*)|bacill\w*|bacteri(?:a|um)|yeasts?|fung(?:us|i)
    |hyphae
    |mou?ld(?:s|y)?|turbid\w*|cloud(?:y|ed|ing|iness)|haz(?:e|y|iness)|opaque|opalescen\w*|pellicle
    |film\ on\ the\ surface|gas(?:\ bubbles)?\ (?:seen|formed|formation|production)
    |contaminat\w*|organisms?|micro-?organisms?|germs?|colon(?:y|ies)
    |spores?|pathogens?
    |positive(?!\ cells)|mycoplasm\w+\ (?:found|seen|detected|positive|dna)|gram[- ]?(?:pos|neg)\w*
    |flag(?:ged|s)?|alarm(?:ed)?|(?<!non-)(?<!non\ )reactive
    |keime?n?|bakterien|pilze?n?|hefen?|schimmel\w*|erreger\w*|kokken|stäbchen|wachstum|(?:ge|be)wachsen|wuchs
    |trüb\w*|eintrübung|verkeim\w*|kontaminiert\w*|positiv|unsteril\w*|unsterile|afb|mrsa|malaria|tubercul\w*|parasites?
    |levures?|moisissures?|germes?|hongos?|levaduras?|lieviti|muff[ae]|bakterie|bacteri\w+
    |infect(?:ed|ion)|infiziert\w*|budding|(?:pseudo)?hypha\w*|biofilm|signal+ed
    |[1-9]\d*\s?(?:x\s?)?cfus?(?![ -]?(?:f|gm|e|c)\b)
    |(?:identification|id)\ (?:was\ |is\ )?(?:sent|ongoing|pending|follows|to\ follow|requested|awaited)
    |ct(?:\ value)?\s?[:=]?\s?[1-3]?\d(?:[.,]\d+)?(?!\s?(?:scan|%|ml))
    )\b|(?<![\w+])\+{1,4}(?:ve\b|\s?(?:at|after|on|by|from|in)\s?(?:day\s?)?\d)|\bbottles?\b(?:\s\d+)?\W{1,3}\+{1,4}(?!\w)""",
    re.IGNORECASE | re.VERBOSE,
)
_ALLOWED = re.compile(
    r"""\bgrowth[ -](?:medium|media|promotion|factors?|curve|rate|arrest|area|direct)\w*|\bcell\ growth
    |\bgrowth\ of\ (?:the\ )?cells
    |[^.;,]*\b(?:controls?|(?:control|reference)\ strains?)\b[^.;,]*
    |\bcells\ (?:are\ |were\ |have\ )?gr(?:e|o)w\w*|\b(?:if|should|whether|unless|in\ case|until|when)\b[^.;,]*
    |\byeast\ extract|\bcolony[ -]forming|\bmould\ container|\bred\ flag
    |\bcd\s?\d+\w?\W{0,2}\s?positive|\b(?:rh|rhesus|hla)\W{0,2}\s?(?:d\s)?positive""",
    re.IGNORECASE | re.VERBOSE,
)
_NEGATED = re.compile(
    r"""\b(?:no(?!\s+(?:longer|doubt))|not|none|nothing|without|never|neither|nor|free\ (?:of|from)|absence\ of
    |negative\ for|neg\.?\ for
    |excluded?s?|rule[sd]?\ out|nil|kein(?:e|en|er)?|ohne|nicht)\b.*""",
    re.IGNORECASE | re.VERBOSE,
)
_NOT_QUITE = re.compile(
    r"""\bnot\s+(?:sterile|excluded|ruled\s+out|only|negative|clear)|\bcannot\s+(?:be\s+)?(?:exclude\w*|rule\w*)
    |\breported\s+(?:by\s+mistake|in\s+error|wrongly|erroneously|falsely|too\s+early|prematurely)
    |\b(?:results?|reports?|findings?|outcomes?)\s+(?:(?:is|are|was|were|has|have|had|been|now)\s+)*
    (?:withdrawn|retracted|revoked|recalled|wrong|false|invalid(?:ated)?|cancel+ed|not\s+(?:valid|right|reliable))\b
    |\b(?:withdr[ae]w\w*|retract\w*|revok\w*|recall\w*)\s+(?:the|this|its|their)\s+(?:result|report|finding)""",
    re.IGNORECASE | re.VERBOSE,
)
"""Denials that deny nothing, and a result that was taken back."""
_OF_CELLS = re.compile(
    r"""\b(?:positiv\w*|reactiv\w*|flag\w*|alarm\w*|gr[eo]wn?|grow(?:s|ing|th)|colon(?:y|ies)|signal+ed|ct)\b|\+{1,4}
    |\b(?:(?:vector|virus|viral|lentivir\w*|retrovir\w*)\W+|multiplicity\ of\ )infect\w*
    |\binfect\w*\W+(?:with|by)\W+(?:the\W+)?(?:vector|lentivir\w*|retrovir\w*|aav)\b
    |\bcontaminat\w*\W+(?:(?:with|by|of|few|some|the)\W+)*(?:red|white|blood|rbcs?|wbcs?|erythro\w*|granulo\w*
    |leu[ck]o\w*|platelets?|monocyt\w*|lympho\w*|neutrophil\w*|fibroblast\w*|[tb][ -]cells?|nk|cd\s?\d+\w*|dna
    |plasmid\w*)
    |\b(?:turbid|cloudy|hazy|opaque|opalescent)\W+(?:\w+\W+)?suspension
    |\bsuspension\b[^.;,]{0,20}\b(?:turbid|cloudy|hazy|opaque|opalescent)\b|\b\w*(?:genesis|lysis|osis)\b""",
    re.IGNORECASE | re.VERBOSE,
)
"""Words that tell of germs beside a culture, and of the cells beside a test of these: “Oil Red O positive”."""
_LABORATORY = re.compile(
    r"""\b(?:bottles?|plates?|agar|broth|microbiolog\w*|sterility|aerobic|anaerobic|gram|swabs?|bact\w*|mycoplasm\w*
    |(?<!cell\ )(?<!in\ )cultures?(?!\ (?:medium|media|flasks?|vessels?|supernatant|bags?|of\ )))\b""",
    re.IGNORECASE | re.VERBOSE,
)
"""Beside these words the others tell of germs, whatever the test is for."""
_DOTS = r"(?:dots?|specks?|spots?|points?)"
_SMELL = r"(?:smell|odou?r)\w*"
_MEDIUM = r"(?:medium|media|supernatant)"
_LIVES = re.compile(
    rf"""\b(?:suspect\w*|suspicion|possibl\w+|probabl\w+|likely)\b[^.;]{{0,24}}\bmycoplasm\w*
    |\bmycoplasm\w*\b[^.;]{{0,24}}\b(?:suspect\w*|suspicion|possibl\w+|probabl\w+|likely)\b
    |\b(?:moving|motile|swimming|multiplying|black|dark)\ (?:\w+\ )?{_DOTS}\b
    |\b{_DOTS}\b[^.;]{{0,20}}\b(?:mov\w+|multiply(?:ing)?|multiplie[sd]|motile|swim\w*|increase\w*)\b
    |\b(?:foul|bad|putrid|strange|sour|musty|unusual)\W+{_SMELL}|\b(?:smell(?:s|ed|y)|stinks?|stank|smelt)\b
    |\b{_MEDIUM}\b[^.;]{{0,30}}\b(?:yellow\w*|cloudy|turbid|orange|acid\w*)\b
    |\b(?:yellow\w*|cloudy|turbid)\ {_MEDIUM}\b
    |\bph\b[^.;]{{0,16}}\b(?:drop\w*|fell|falls|fall|down)\b|\bdrop\w*\ (?:of|in)\ (?:the\ )?ph\b""",
    re.IGNORECASE | re.VERBOSE,
)
"""How who looks at cells describes that something else lives between them."""
_COLONIES = re.compile(r"\b(?:\d+\s?(?:x\s?)?)?(?:cfus?|colon(?:y|ies))\b", re.IGNORECASE)
"""What a count of the colonies that cells form says of these."""
_AWAITED = re.compile(
    r"""\b(?:pending|awaited|awaiting|preliminary|prelim|provisional|interim|outstanding|to\ follow|follows|in\ progress
    |ongoing|running|incubating|(?:being|still)\ (?:incubated|cultured|tested)|tb[acd]|to\ be\ (?:announced|confirmed
    |determined|reported|read)|unknown|(?:not|no)\ (?:yet\ )?(?:known|final|finished|completed?|read|done|tested
    |reported|available|performed|results?)\b(?:\ yet)?|not\ yet|unfinished|incomplete|inconclusive
    |indeterminate|equivocal
    |waiting|wait|ausstehend|steht\ (?:noch\ )?aus|vorläufig\w*|folgt|läuft(?:\ noch)?|noch\ nicht)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_EARLY = re.compile(r"\b(?:prelim\w*|interim|provisional|vorläufig\w*)\b")
_NO_RESULT = re.compile(
    r"\b(?:nothing|none|no (?:results?|reads?|tests?)) (?:is |are )?(?:pending|outstanding|awaited)\b"
)
"""Words of a result that is not there yet, and that none is missing."""


@lru_cache(maxsize=4096)
def names_something(finding: str | None) -> bool:
    """Whether a finding names what was found, or could: true of every text that is not plainly “nothing”.

    Each part of it is made of the few words of `_SAID` in the order of such a sentence. What has another word, a figure
    or a doubt may name a germ, and what speaks of one bottle or one kind of germs says nothing of the other, so it is
    refused at its box: remarks go into the note.
    """
    said = (finding or "").strip().lower()
    if not said.strip("-–—. "):
        return False
    for figure, word in _FIGURE:
        said = figure.sub(word, said)
    if bool(re.search(r"\baerobic\b", said)) is not bool(re.search(r"\banaerobic\b", said)):
        return True
    split = _PART.split(said)
    parts = [part for one in split if (part := _letters(one))]
    if any("?" in part for part in parts) or ("X" in "".join(parts) and re.search(r"\b(?:all|both)\b", said)):
        return True
    whole = [one for one in split if _NOTHING.fullmatch(_letters(one)) and not _limited(one)]
    return not whole or not all(_NOTHING.fullmatch(one) or _ASIDE.fullmatch(one) for one in parts)


def not_known_yet(finding: str | None, *, early: bool = False) -> bool:
    """Whether a finding says that the result is still awaited, beside whatever else it says.

    ``early``: it was read before its days were over, so “preliminary” and “no growth, final read pending” are true.
    """
    said = _NO_RESULT.sub(" ", (finding or "").lower())
    if _AWAITED.search(said) is None:
        return False
    read = any(_NOTHING.fullmatch(letters) and "P" not in letters for letters in map(_letters, _PART.split(said)))
    return not (early and (read or _EARLY.search(said)))


def _limited(part: str) -> bool:
    """Whether a part speaks of fungi alone."""
    words = set(re.findall(r"\w+", part))
    return bool(words & _FUNGAL) and not words & _OTHER


def _letters(part: str) -> str:
    """Return what one part says, a letter for each word; “?” for a word that is not of the few."""
    words = (one.strip("-–—:.!'\"“”") for one in part.replace(":", " ").split())
    return "".join(_LETTER.get(one, "?") for one in words if one)


@lru_cache(maxsize=4096)
def tells_of_growth(note: str | None, *, of_cells: bool = False, colonies: bool = False) -> bool:
    """Whether a note says that something grew or was seen; what it denies, and what a control did, is not that.

    ``of_cells``: it stands beside a test of the cells, whose words of culture and marker are theirs. ``colonies``: so
    are the colonies that are counted.
    """
    text = _ABBREVIATED.sub(r"\1.", (note or "").replace("’", "'"))
    text = _FEWER.sub(" nil ", _COLONIES.sub(" ", text) if colonies else text)
    of_cells = of_cells and not _LABORATORY.search(text)
    return any(
        bool(not_quite)
        or _LIVES.search(_NEGATED.sub(" ", said)) is not None
        or (_tells(_NEGATED.sub(" ", _ALLOWED.sub(" ", one))) and not _DENIED_AFTER.fullmatch(one))
        for said in (piece.strip(" .") for part in _CLAUSE.split(text) for piece in pieces(part))
        for one in [_OF_CELLS.sub(" ", said) if of_cells else said]
        if one
        for not_quite in [_NOT_QUITE.search(_ALLOWED.sub(" ", one))]
    )


def _tells(said: str) -> bool:
    return any(pattern.search(NO_GERMS.sub(" ", said)) for pattern in (_GROWTH, NAMES, LATIN))
