"""What the reason for a no tells of: of the cells, of one container alone, or of nothing (hazards H9, H29).

Whoever rejects, holds, discards, sends back or stops a container writes a free sentence. Where that sentence speaks of
contamination, of a strange look or of whose cells they are, it counts for all containers that share the cells. This is
the one place that reads such sentences; `clinic.release.kin` says whom they concern.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from clinic.products.germ_names import GENERA, LATIN, LIKE
from clinic.wording import pieces

_GERMS = rf"""{GENERA}|{LIKE}|contaminat\w*|germs?|bacteri\w*|microb\w*|growth|grew|grown?|growing|mou?ld(y|s|ed)?
    |fung\w+|yeasts?
    |organisms?|micro-?organisms?|spores?|\w*cocc(i|us|al)|bacill\w+|rods|hyphae|coliforms?
    |mycoplasm\w*|virus\w*|viral|infect\w*|unsterile|non-?\s?sterile|not\ sterile
    |sterility(?=.*\b(doubt|lost|breach|compromis|cannot|not|fail|positive|question))|coloni(es|[sz]ed)|colony"""
_LOOK = r"""turbid\w*|cloud(y|ed|iness|ing)|clot\w*|clump\w*|aggregat\w+|particles?|particulate\w*|foreign
    |discolou?r\w*
    |colou?r\w*|ha?emoly\w+|smell\w*|odou?r\w*|stinks?|stank|flocc\w*|flakes?|precipitat\w*|sediment\w*|fib(re|er)s?
    |fibrin\w*|hairs?|insects?|debris|strange\w*|peculiar|odd|spots?|specks?|slim(e|y)|lumps?|stringy|deposits?|mil?ky
    |gas|gass(y|ed)|foam\w*|froth\w*|crystal\w*|glass|splinters?|worms?|shards?
    |green\w*|black\w*|brown\w*|yellow\w*|opaque|hazy|murky|rotten|putrid|pus"""
_WHOSE = r"""mis-?label\w*|wrongly\ labell?ed|labell?(ed|ing)?s?|mix(ed|ing)?[\ -]?ups?|swap\w*|swopped
    |interchang\w*|mistaken\ for
    |confus(ed\ with|ion\ (of|between))|(bags|labels|tubes|vials|syringes|containers)\ (were\ )?(switched|exchanged)
    |switched\ (bags?|labels?|with)|identit(y|ies)|identif\w+|unidentif\w+|mismatch\w*|(do|does|did)(\ not|n't)\ match
    |not\ match\w*|discrepan\w*|traceab\w*|chain\ of\ (identity|custody)|unknown\ (origin|source|donor|cells)
    |(origin|source|donor|contents?)\ (is\ |are\ )?(unknown|unclear)|tamper\w*|sabotage\w*
    |(another|other|different|foreign|second|wrong|somebody|someone)(\ else)?('s|s')?\ (\w+\ )?
        (patient|person|donor|recipient|name|identity|man|woman|child)('s|s')?
    |not\ (this|the|his|her|our|that)\ (right\ )?(patient|donor|person|recipient)('s|s')?|(somebody|someone)\ else('s)?
    |wrong\ (\w+\ )?(bags?|containers?|products?|cells|contents?|units?|syringes?|vials?|tubes?|din|numbers?|donation)
    |not\ (the\ )?(cells|product|bag)\ (that|of|from)|belong(s|ed|ing)?\ to
    |din\ of
    |(names?|numbers?|birth\ ?dates?|bands?)\ of\ (an?other|a\ different|the\ other|somebody|someone|mr|mrs|ms)"""
_DOUBT = r"""doubt\w*|suspect\w*|suspicio\w*|uncertain\w*|unsure|questionable
    |(cannot|can\ not|not|could\ not)\ be(en)?\ (excluded|ruled\ out)|not\ (excluded|ruled\ out)"""
_WHOSE_CELLS = re.compile(rf"\b({_WHOSE})\b", re.IGNORECASE | re.VERBOSE)
_OF_CELLS = re.compile(rf"\b({_GERMS}|{_LOOK}|{_DOUBT})\b", re.IGNORECASE | re.VERBOSE)
_BODY = r"(?:patient|recipient|he|she|his|her)(?:'?s)?"
_OF_BODY = re.compile(
    rf"\b{_BODY}\ (?:[\w-]+\ )*?(?:{_LOOK})\b|\b(?:{_LOOK})\ (?:of|in|on)\ (?:the\ )?{_BODY}\b",
    re.IGNORECASE | re.VERBOSE,
)
_THING = re.compile(
    r"""\b(?:bags?|syringes?|vials?|tubes?|containers?|products?|cells?|contents?|labels?|infusions?|suspension|rest|drip
    |fluid|liquid|volume|filter|see[ns]?|saw|notic\w+|spotted|said|says|told|report\w*|found|complain\w*)\b""",
    re.IGNORECASE | re.VERBOSE,
)
"""What a strange look is of: “patient turned yellow” tells of a body, “patient saw black spots in the bag” does not."""
_PARTS = re.compile(r"(,|:|\b(?:when|while|after|before|as|because|and|since|with)\b)", re.IGNORECASE)
_FILL = r"(?:(?:any|visible|signs?|evidence|of|obvious|further|seen|been|be|a|the|longer|such|traces?|microbial)\ )*"
_WORD = rf"(?:{_GERMS}|{_LOOK}|{_DOUBT}|mix-?ups?|mismatch\w*|discrepan\w*)"
_DENIED = re.compile(
    rf"\b(?:no|without|never|free\ of|free\ from|neither|nor|not)\s(?!sterile|be\b|been\b|excluded|ruled){_FILL}"
    rf"{_WORD}(?:\s*(?:,|/|or|nor|and)\s(?:no\s)?{_WORD})*\b(?!\ (?:and|or)\ (?:cannot|can\ not))"
    rf"|\b{_WORD}\s(?:was\ |were\ |is\ |has\ been\ )?"
    r"(?:excluded|ruled\ out|not\ (?:seen|found|confirmed|present|visible))\b",
    re.IGNORECASE | re.VERBOSE,
)
"""What a reason says that there is not: “no clots or mould”, “contamination was excluded”."""
_ELSEWHERE = re.compile(
    r"""\bclot\w*(?=.*\b(cannula|catheter|vein|venous|needle|line|tubing|access|port|iv)\b)
    |(?<=\b)(?:cannula|catheter|vein|needle|line|access|port|iv)\b[^.;]*?\bclot\w*
    |\binfect\w*\b(?=.*\b(patient|recipient|catheter|joint|wound|chest|lung|airways?|urinary|tooth|skin|knee|hip)\b)
    |\b(patient|recipient|catheter|joint|wound|chest|lung|airway|urinary|tooth|skin|knee|hip)\b[^.;]*?\binfect\w*
    |\b(poor|slow|insufficient|little|low|weak|cell)\ (cell\ )?growth|\bgrowth\ (medium|media|factors?|arrest\w*
    |curve|rate)
    |\b(cells?\ )?gr(e|o)w(n|ing)?\ (too\ |very\ )?(slow\w*|poor\w*|badly|little)|\b(did|do|does)\ not\ grow
    |\bmould\ (was\ |is\ )?(broken?|crack\w*|leak\w*|damaged|dropped)
    |\b(needed|reserved|kept|planned|intended)\ for\ (an)?other\ (patient|recipient|person)
    |\b(patient|recipient|he|she)\ (\w+\ ){0,2}?(confused|doubt\w*)\b(\ (with|by|from)\ pain)?
    |\b(colou?r)\ (is\ |was\ )?(normal|right|ok|as\ usual)|\bno\ doubt""",
    re.IGNORECASE | re.VERBOSE,
)
"""What sounds like it and tells of the way in, of the patient, or of cells that grow too slowly."""
_LABEL_ALONE = re.compile(
    r"""\blabell?(ed|ing)?s?\b(?=.*\b(torn|tore|smudg\w*|smear\w*|illegib\w*|unreadab\w*|faded|fading|wet|fell
    |came\ off
    |off|peel\w*|loose|damag\w*|missing|lost|correct|right|intact|ok|fine|checked|in\ order)\b)
    |\b(needs?|needed|wants?|requires?)\ (a\ )?new\ label\w*|\bnew\ label\w*\ (is\ |was\ )?(needed|required|missing)
    |\b(no|without|missing|torn|smudged|smeared|illegible|unreadable|faded|wet|loose|damaged|lost|correct
    |intact)\ label\w*""",
    re.IGNORECASE | re.VERBOSE,
)
"""A label that can no longer be read, or is right: that is of the one container which bears it."""
_CLAUSE = re.compile(r"[.;\n()]+(?=\s|$)|;|\bbut\b|\bhowever\b|\balthough\b", re.IGNORECASE)
_PLAIN = re.compile(
    r"""\d{1,3}\w{0,2}|a|an|the|this|that|it|its|is|are|was|were|be|been|being|has|have|had|of|in|on|at|to|for|from|by
    |with|and|or|as|than|no|none|not|any|more|less|too|very|only|also|but|so|all|both|one|two|three|half|part|parts|out
    |off|up|down|after|before|until|since|during|while|because|due|when|will|would|longer|already|just|slightly
    |bags?|vials?|syringes?|tubes?|containers?|products?|cells?|doses?|units?|aliquots?|contents?|samples?
    |expir\w+|shelf|life|date|passed|overdue|old|aged|time|times|hours?|minutes?|days?|weeks?|months?|years?|late|long
    |delay\w*|over|today|yesterday
    |sibling|needed|unneeded|required|wanted|used|unused|use|usable|unusable|spare|surplus|extra|excess|rest|left|leftovers?
    |remaining|remainder|remains|empty|emptied|drawn|drained|reserve|retention|discard\w*|dispos\w+|thrown|away
    |treatments?|course|therapy|study|trial|end|ends|ended|completed?|stopped|finished|closed|done|cancel+ed|postponed
    |surgery|operation|appointment|infusion|withdr[ae]wn?|withdrew|consent|refused|declined
    |volume|low|lower|small|smaller|insufficient|little|short|amount|minimum|maximum|count|viab\w+|above|below|limits?
    |percent|ml|kg|high|higher|large
    |leak\w*|broken?|break\w*|broke|burst|torn|tore|tear|crack\w*|split|spilt|spilled|hole|holes|punctur\w*|pierced
    |dropped|fell|fallen|damag\w*|spik(ed?|ing)|weld|seal|ports?|line|cannula|catheter|tubing|needle|floor|accident\w*
    |label|labels|smear\w*|smudg\w*|illegible|unreadable|faded|peel\w*|wet|new|needs?|read
    |thaw\w*|warm\w*|temperature|degrees|frozen|storage|contract|paperwork|papers|couriers?('s)?|transport\w*
    |arrived|arrival|returned|return|waiting|waits|awaited|awaiting|visible|signs?|evidence|excluded|seen""",
    re.IGNORECASE | re.VERBOSE,
)
"""Words of a container that was damaged, of its age, its figures and its use: alone they tell nothing of the cells.

Who gave the cells, what they were grown in and with, and a mistake of any kind are not among them.
"""
_OF_PATIENT = re.compile(
    r"""\b(?:the\ )?(?:patient|recipient|family|parents?)\ (?:(?:is|was|has|had|now|again|who|since|does|did|to)\ )*
    (?:in\ remission|remission|recovered|better|well|improved|died|dead|deceased|passed\ away|declin\w+|refus\w+
    |cancel\w+|withdr[ae]w\w*|moved(\ away)?|stopped|ill|sick|unwell|postponed
    |not\ (?:come|want\w*|need\w*|wish\w*)(\ (?:it|any\ more|the\ treatment))?)\b
    |\b(?:the\ )?(?:patient|recipient)\ (?:no\ longer|does\ not|doesn't)\ needs?\b(\ (?:it|this|them)\b)?
    |^residues?\ (?:left\ )?(?:after|of)\ (?:the\ )?(?:use|infusion|injection|giving)\.?$
    |\b(?:wish|request|decision|death|consent)\ of\ the\ (?:patient|family|parents?)\b
    |\b(?:patient|recipient|family)'s\ (?:wish|request|death|decision|consent)\b|\bin\ remission\b|\bdied\b""",
    re.IGNORECASE | re.VERBOSE,
)
"""What became of the patient, so that the container is no longer needed; or that it is what was left after its use."""


_OF_MANY = re.compile(
    r"""\b(?:temperatures?|degrees|too\ warm|overheated|trans(?:port\w*|it)|couriers?(?!['’]s)|shipments?|shipped
        |fridge|dry\ ice
        |refrigerator|freezer|incubator|cooling|storage(?!\ contract))\b
    |\b(?:thawed|warm(?:ed)?|warmed\ up)\ (?:in|during|on|before|at)\ (?:\w+\ )?(?:trans\w+|arrival|storage|delivery
        |receipt)
    |(?<!one\ of\ )(?<!one\ of\ the\ )\b(?:all|both|every|each|several|some|many|most|other|two|three|four|five|six|\d+)
        \ (?:of\ )?(?:the\ |these\ )?(?:\w+\ )?(?:bags|vials|syringes|tubes|containers|products|samples|units|aliquots
        |labels|doses)\b
    |\b(?:every|each|all)\ (?:bag|vial|syringe|tube|container|product|sample|unit|aliquot|of\ them)\b""",
    re.IGNORECASE | re.VERBOSE,
)
"""What befell whatever lay or traveled together, or more containers than one (hazard H31)."""
_SPARE = re.compile(
    r"\b(?:expired|unused|surplus|spare|left ?overs?|no longer needed|not needed|unneeded)\b", re.IGNORECASE
)
"""Why containers are thrown away that have no fault."""
_TITLED = re.compile(r"\b(dr|prof|mr|mrs|ms)\.?\s+(\w\.\s*)?\w+", re.IGNORECASE)


def _clauses(said: str) -> list[str]:
    clauses = _CLAUSE.split(" ".join(said.replace("’", "'").split()))
    return [piece for one in clauses if one and one.strip() for piece in pieces(one.strip())]


@lru_cache(maxsize=4096)
def speaks_of_the_cells(said: str | None) -> bool:
    """Whether a reason tells of contamination, a strange look, a doubt, or whose cells they are; a denial does not."""
    return any(_whose(one) or _of_cells(one) for one in _clauses(said or ""))


@lru_cache(maxsize=4096)
def speaks_of_whose(said: str | None) -> bool:
    """Whether a reason tells that the cells may be somebody else's."""
    return any(_whose(one) for one in _clauses(said or ""))


@lru_cache(maxsize=4096)
def of_one_container(said: str | None) -> bool:
    """Whether a reason is plainly of one container: all its words are of bags, figures, dates, or what they are for.

    A word that is not known may be a germ or a name, so it counts for what shares the cells.
    """
    clauses = (_DENIED.sub(" ", _ELSEWHERE.sub(" ", one)) for one in _clauses(_TITLED.sub(" ", said or "")))
    text = " . ".join(_OF_PATIENT.sub(" ", one) for one in clauses)
    words = re.findall(r"[^\W_]+(?:['-][^\W\d_]+)?", text)
    return (
        not speaks_of_the_cells(said)
        and not _OF_MANY.search(said or "")
        and all(
            _PLAIN.fullmatch(part)
            for one in words
            for part in ([one] if _PLAIN.fullmatch(one) else re.split(r"['-]", one))
        )
    )


def _whose(clause: str) -> bool:
    rest = _DENIED.sub(" ", _ELSEWHERE.sub(" ", clause))
    found = [one[0].lower() for one in _WHOSE_CELLS.finditer(rest)]
    if found and all(one.startswith("label") for one in found):
        return not _LABEL_ALONE.search(rest)
    return bool(found)


def _of_cells(clause: str) -> bool:
    rest = _DENIED.sub(" ", _ELSEWHERE.sub(" ", clause))
    rest = "".join(part if _THING.search(part) else _OF_BODY.sub(" ", part) for part in _PARTS.split(rest))
    return bool(_OF_CELLS.search(rest) or LATIN.search(rest))


def ever_said(record: Any, name: str) -> str:
    """Return a reason as it is, or as it was before a correction where only that speaks of the cells.

    A correction does not take back that somebody saw mould: quality decides.
    """
    now = getattr(record, name) or ""
    said = [str(one.changes[name][0] or "") for one in record.amendments if name in one.changes]
    return next((one for one in (now, *said) if speaks_of_the_cells(one)), now)
