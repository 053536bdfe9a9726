"""What free text beside a test for germs says: does a finding name something, does a note tell of growth (rule 43)."""

from __future__ import annotations

import re
from functools import lru_cache

_NEUTRAL = r"""\d\S*|\S|and|or|of|in|on|at|by|to|the|an?|is|are|was|were|has|have|been|be|any|all|both|each|per|with
    |after
    |until|till|since|so|far|as|yet|from|for|this|that|its?|day|days|d|hours?|hrs?|h|weeks?|months?|minutes?|date|final
    |interim|preliminary|first|second|third|last|read(ing)?s?|report(ed)?|result|results|test(ed)?|tests|aerobic
    |anaerobic
    |aerobically|anaerobically|bottles?|bottle|plates?|tubes?|media|medium|broth|agar|tsb|ftm|bact|alert|bactec
    |culture[sd]?
    |incubat\w*|membrane|filtration|direct|inoculation|gram|stain(ed|s)?|smear|slide|pcr|nat|qpcr|ct|copies|method
    |sample
    |samples|aliquots?|product|supernatant|cells?|leu[ck]ocytes?|wbc|granulocytes?|neutrophils?|lymphocytes?
    |mononuclear
    |polymorphs?|pmn|epithelial|erythrocytes?|red|white|blood|few|some|many|rare|occasional|numerous|moderate|debris
    |seen
    |only|host|human|background|°c|degrees|room|temperature|lot|no\.|nr|number|lab(oratory)?|confirmed|repeat(ed)?
    |twice
    |duplicate|triplicate|control|controls|valid|passed|pass|conforms?|ok|okay|fine|unremarkable|normal|clean|clear
    |sterile
    |see|note|file|n\.?a|n\s?a|applicable|recorded|specified|ph|eur|ep|usp|according|inclusive|hf|fields?|hpf
    |pending|awaited|awaiting|follows?|progress|running|incubating|outstanding|not\ yet|done|complete[d]?"""
_SUBJECT = r"""growth|organisms?|micro-?organisms?|microbes?|bacteri\w*|fung\w*|yeasts?|mou?lds?|mycoplasm\w*|germs?
    |microbial
    |pathogens?|dna|rna|rcl|rcr|rca|virus\w*|viral|replication|competent|contaminat\w*|colony|colonies|finding|findings
    |acholeplasma|ureaplasma|cfu|turbidity|spores?|rods?|cocci|outcome|signal|amplification|sterility|detection|gx"""
_N, _S = rf"(?:{_NEUTRAL})", rf"(?:{_NEUTRAL}|{_SUBJECT})"
_CLAUSE = re.compile(
    r"[.;,:!()\n]+(?=\s|$)|;|\s[-–—]+\s"
    r"|\b(?:but|however|although|though|except|apart from|other than|besides|save|then|later|afterwards)\b"
    r"|\band\b(?=\s+(?:then\s+|later\s+)?(?:growth|grew|rods|cocci|organisms|positive)\b)",
    re.IGNORECASE,
)
_COLON = re.compile(rf"\b({_SUBJECT})\s*:", re.IGNORECASE | re.VERBOSE)
_LIST = re.compile(
    rf"\b(?:no|neither|without)\s+(?:{_SUBJECT})(?:\s*,\s*(?:no\s+)?(?:{_SUBJECT}))*"
    rf"\s*,?\s+(?:or|nor)\s+(?:{_SUBJECT})\b",
    re.IGNORECASE | re.VERBOSE,
)
"""“No bacteria, yeast or mould”: one denial of several."""
_GRAM = re.compile(
    r"\bgram[- ]?(?:pos(?:itive)?|negative|neg|variable|labile|[+-])(?!\w)"
    r"|\b(?:coagulase|catalase|oxidase|lactose)[- ]\w+",
    re.IGNORECASE,
)
_NOTHING = re.compile(
    rf"""(?:{_S}\s+)*(?:
      (?:no(?!\s+(?:longer|doubt)\b)|none|nil|nothing|without|never|neither|absence|absent|free|zero|not\ any)\b.*
    |0(?:\s+{_S})*
      |(?:not|non)\b(?!\s*-?(?:sterile|clean|clear|only|yet|negative|normal|ok|conform\w*|valid)\b).*
      |(?:negative|neg\.?)(?:\s+(?:for|of|in)\b.*|(?:\s+{_S})*)
      |(?:un|below)\s?-?(?:detect\w*|the\ .*|limit.*|l\.?o\.?d.*)
      |sterile(?:\s+{_N})*
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_DENIED_AFTER = re.compile(
    r".*\b(?:(?:not|never)\ (?:been\ )?"
    r"(?:detected|seen|found|grown|isolated|observed|present|identified|visible|recovered|confirmed)"
    r"|none|absent|excluded|ruled\ out|undetect\w*|nil)\b(?:\s+\w+){0,4}\W*",
    re.IGNORECASE | re.VERBOSE,
)
_PLAIN = re.compile(rf"(?:{_N}(?:\s+|$))*", re.IGNORECASE | re.VERBOSE)
_AFFIRMED = re.compile(
    r"\b(?:grew|turbid\b|positive|was\ (?:seen|found|isolated)|were\ (?:seen|found|isolated)|isolated\ (?:on|from))",
    re.IGNORECASE,
)
_NONE_GREW = re.compile(r"\b(?:nothing|none|never|no \w+)\s+(?:\w+\s+)?(?:grew|was|were)\b", re.IGNORECASE)
_GROWTH = re.compile(
    r"""\b(?:grew|grow(?:s|n|ing|th)?|rods?|\w*cocc(?:i|us|oid\w*)|bacill\w*|bacteri(?:a|um)|yeasts?|fung(?:us|i)
    |hyphae
    |mou?ld(?:s|y)?|turbid\w*|cloud(?:y|ed|iness)|contaminat\w*|organisms?|micro-?organisms?|germs?|colon(?:y|ies)
    |spores?|pathogens?
    |staph\w*|strep\w*|enterococ\w*|pseudomon\w*|e\.?\ coli|escherichia|klebsiel\w*|candida|aspergill\w*|cutibact\w*
    |propionibact\w*|acinetobact\w*|mycoplasm\w+\ (?:found|seen|detected|positive|dna)|gram[- ]?(?:pos|neg)\w*
    |flag(?:ged|s)?|(?:bottles?|cultures?|plates?|pcr|signal|tested|test|result|alarm)\s
        (?:(?:is|was|were|turned|became|went)\s)?positive
    |positive\ (?:bottles?|cultures?|plates?|pcr|signal|result|in|on|at|after|for))\b""",
    re.IGNORECASE | re.VERBOSE,
)
_ALLOWED = re.compile(
    r"""\bgrowth[ -](?:medium|media|promotion|factors?|curve|rate|arrest|area|direct)\w*|\bcell\ growth
    |\bgrowth\ of\ (?:the\ )?cells
    |[^.;,]*\b(?:controls?|(?:control|reference)\ strains?)\b[^.;,]*
    |\bcells\ (?:are\ |were\ |have\ )?gr(?:e|o)w\w*|\b(?:if|should|whether|unless|in\ case|until|when)\b[^.;,]*
    |\byeast\ extract|\bcolony[ -]forming|\bmould\ container|\bred\ flag""",
    re.IGNORECASE | re.VERBOSE,
)
_NEGATED = re.compile(
    r"""\b(?:no(?!\s+(?:longer|doubt))|not|none|nothing|without|never|neither|nor|free\ (?:of|from)|absence\ of
    |negative\ for|neg\.?\ for
    |excluded?s?|rule[sd]?\ out|nil)\b.*""",
    re.IGNORECASE | re.VERBOSE,
)
_NOT_QUITE = re.compile(
    r"\bnot\s+(?:sterile|excluded|ruled\s+out|only|negative|clear)|\bcannot\s+(?:be\s+)?(?:exclude\w*|rule\w*)",
    re.IGNORECASE,
)


def _clauses(said: str | None) -> list[str]:
    """Return the parts of a text that each say something by themselves, without what stands around the words."""
    text = _GRAM.sub(" gramstained ", (said or "").replace("’", "'"))
    text = re.sub(r"[()\[\]]", " ; ", _LIST.sub(" none ", _COLON.sub(r"\1 ", text))).replace("/", " ")
    return [one for one in (part.strip(" \t-–—'\"“”*_?!.,") for part in _CLAUSE.split(text)) if one]


@lru_cache(maxsize=4096)
def names_something(finding: str | None) -> bool:
    """Whether a finding names what was found, or could: true of every text that is not plainly “nothing”."""
    return any(not _is_nothing(one) for one in _clauses(finding))


def _is_nothing(clause: str) -> bool:
    said = " ".join(clause.split())
    if _NOT_QUITE.search(said):
        return False
    if _PLAIN.fullmatch(f"{said} ") or _DENIED_AFTER.fullmatch(said):
        return True
    return _NOTHING.fullmatch(said) is not None and not _AFFIRMED.search(_NONE_GREW.sub(" ", said))


@lru_cache(maxsize=4096)
def tells_of_growth(note: str | None) -> bool:
    """Whether a note says that something grew or was seen; what it denies, and what a control did, is not that."""
    text = (note or "").replace("’", "'")
    return any(
        _GROWTH.search(_ALLOWED.sub(" ", one if _NOT_QUITE.search(one) else _NEGATED.sub(" ", one)))
        and (_NOT_QUITE.search(one) or not _DENIED_AFTER.fullmatch(one))
        for one in (part.strip(" .") for part in _CLAUSE.split(text))
        if one
    )
