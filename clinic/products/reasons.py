"""What the reason for a no tells of: of the cells, of one container alone, or of nothing (hazards H9, H29).

Whoever rejects, holds, discards, sends back or stops a container writes a free sentence. Where that sentence speaks of
contamination, of a strange look or of whose cells they are, it counts for all containers that share the cells. This is
the one place that reads such sentences; `clinic.release.kin` says whom they concern.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

_GERMS = r"""contaminat\w*|germs?|bacteri\w*|microb\w*|growth|grew|grown?|growing|mou?ld(y|s|ed)?|fung\w+|yeasts?
    |organisms?|micro-?organisms?|spores?|\w*cocc(i|us|al)|bacill\w+|rods|hyphae|candida|aspergill\w+|staph\w*|strep\w*
    |pseudomon\w+|e\.?\ ?coli|coliforms?|mycoplasm\w*|virus\w*|viral|infect\w*|unsterile|non-?\s?sterile|not\ sterile
    |sterility(?=.*\b(doubt|lost|breach|compromis|cannot|not|fail|positive|question))|coloni(es|[sz]ed)|colony"""
_LOOK = r"""turbid\w*|cloud(y|ed|iness|ing)|clot\w*|clump\w*|aggregat\w+|particles?|particulate\w*|foreign
    |discolou?r\w*
    |colou?r\w*|ha?emoly\w+|smell\w*|odou?r\w*|stinks?|stank|flocc\w*|flakes?|precipitat\w*|sediment\w*|fib(re|er)s?
    |fibrin\w*|hairs?|insects?|debris|strange\w*|peculiar|odd|spots?|specks?|slim(e|y)|lumps?|stringy|deposits?|mil?ky
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
    |not\ (the\ )?(cells|product|bag)\ (that|of|from)"""
_DOUBT = r"""doubt\w*|suspect\w*|suspicio\w*|uncertain\w*|unsure|questionable
    |(cannot|can\ not|not|could\ not)\ be(en)?\ (excluded|ruled\ out)|not\ (excluded|ruled\ out)"""
_WHOSE_CELLS = re.compile(rf"\b({_WHOSE})\b", re.IGNORECASE | re.VERBOSE)
_OF_CELLS = re.compile(rf"\b({_GERMS}|{_LOOK}|{_DOUBT})\b", re.IGNORECASE | re.VERBOSE)
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
    |\b(colou?r)\ (is\ |was\ )?(normal|right|ok|as\ usual)|\bno\ doubt""",
    re.IGNORECASE | re.VERBOSE,
)
"""What sounds like it and tells of the way in, of the patient, or of cells that grow too slowly."""
_LABEL_ALONE = re.compile(
    r"""\blabell?(ed|ing)?s?\b(?=.*\b(torn|tore|smudg\w*|smear\w*|illegib\w*|unreadab\w*|faded|fading|wet|fell
    |came\ off
    |off|peel\w*|loose|damag\w*|missing|lost|correct|right|intact|ok|fine|checked|in\ order)\b)
    |\b(no|without|missing|torn|smudged|smeared|illegible|unreadable|faded|wet|loose|damaged|lost|correct
    |intact)\ label\w*""",
    re.IGNORECASE | re.VERBOSE,
)
"""A label that can no longer be read, or is right: that is of the one container which bears it."""
_CLAUSE = re.compile(r"[.;\n()]+(?=\s|$)|;|\bbut\b|\bhowever\b|\balthough\b", re.IGNORECASE)
_PLAIN = re.compile(
    r"""\d\S*|\S|\S\S|n't|a|an|the|this|that|these|those|its?|is|are|was|were|be|been|being|has|have|had|does|did
    |will|would|can
    |could|cannot|may|must|of|in|on|at|to|for|from|by|with|without|under|over|after|before|until|since|between|into|as
    |than|and|or|but|nor|so|not|no|none|any|more|less|too|very|only|also|again|yet|still|all|both|each|other|another
    |one
    |two|three|four|five|half|part|parts|rest|left|new|old|first|second|third|next|last|few|enough|see|file|form|sheet
    |record|records|report|note|notes|above|below|beyond|outside|within|out|off|up|down|here|there|when|while
    |because|due
    |he|she|they|we|who|which|nobody|somebody|quality|physician|doctor|nurse|technologist|laboratory|lab|clinic|ward
    |bags?|vials?|syringes?|tubes?|containers?|products?|cells?|doses?|units?|aliquots?|samples?|batch|lots?|content
    |contents
    |patients?|recipients?|donors?|family|parents?|course|study|trial|treatment|order|ordered|protocol|version|consent
    |withdrew|withdrawn|withdraws|died|dead|death|declined?|declines|refused|refuses|moved|ill|sick|fever|pregnan\w*
    |unwell
    |stable|unstable|cancel+ed|postponed|stopped|ended|closed|over|planned|changed|needed|unneeded|required|wanted|used
    |unused|usable|unusable|useful|spare|surplus|extra|excess|retention|reserve|training|test|tests|tested|testing
    |validation
    |expir\w+|overdue|aged?|late|delay\w*|hours?|minutes?|days?|weeks?|months?|years?|time|times|long|longer|short
    |today
    |yesterday|night|morning|evening|weekend|leak\w*|broken?|breaks?|broke|burst\w*|tears?|torn|tore|crack\w*|split
    |hole
    |holes|pierced|punctured|ruptur\w*|damag\w*|dropped|fell|fallen|spill\w*|spilt|defect\w*|weld|seal|sealed|port
    |ports
    |label|labels|labell?ed|smudg\w*|illegible|unreadable|faded|missing|lost|found|empty|emptied|full|drawn|drained
    |remainder|leftovers?
    |volume|small|smaller|low|lower|little|large|high|higher|big|minimum|maximum|count|counts|counted|number|amount
    |yield
    |recovery|viab\w+|insufficient|sufficient|inadequate|poor|slow\w*|grow\w*|growth|expand\w*|expansion|potency
    |cfu\S*|cd\d+\S*
    |hematocrit|dmso|endotoxin|karyotype|limits?|range|percent|per|kg|ml|results?|pending|awaited|awaiting|await
    |waiting
    |wait|culture|sterility|gram|stain|conform\w*|nonconform\w*|fails?|failed|failing|failure|pass\w*|criteria
    |criterion
    |specification|freezers?|alarm\w*|rang|fridge|refrigerator|tank|storage|stored|frozen|freeze|freezing|thaw\w*
    |warm\w*|cold
    |hot|cool\w*|temperature|degrees|transport|shipment|shipped|shipping|courier|dry|ice|nitrogen|power|cut|device|pump
    |centrifuge|filter|line|cannula|catheter|vein|access|needle|clotted|clot|clots|returned|return|issued|received
    |arrived|came|sent
    |went|put|kept|given|give|giving|discard\w*|reject\w*|held|hold|release[ds]?|releasing|decid\w+|decision|look\w*
    |check\w*
    |review\w*|investigat\w*|question|asked|asks?|request\w*|wish\w*|instead|better|enough|wrong|mistake|error
    |entered|twice
    |duplicate|infect\w*|reaction|nausea|pain|blood|pressure|chest|joint|wound|knee|hip|skin|reserved|intended|mould
    |medium
    |factor|rate|correct|right|intact|fine|excluded|ruled|visible|signs?|evidence|obvious|seen|never|free|normal
    |germs?|clumps?|turbid\w*|cloudy|contaminat\w*|organisms?|particles?|doubt\w*|nothing|opened|open|handled
    |handling|remaining
    |leukocytes?|donation|harvest\w*|collect\w+|run|processing|processed|washed|wash|bank|space|room|place|shelf|box
    |clean\w*
    |stock|inventory|back|away|took|taken|take|make|made|reads?|write|written|already|done|finished|complete\w*
    |cause|much|many|during|through
    |arriv\w*|grew|confus\w*|restless|anxious|felt|feels|reason|reasons""",
    re.IGNORECASE | re.VERBOSE,
)
"""Words of a container, its way and its figures, of people and of the house: alone they tell nothing of the cells."""


_TITLED = re.compile(r"\b(dr|prof|mr|mrs|ms)\.?\s+(\w\.\s*)?\w+", re.IGNORECASE)


def _clauses(said: str) -> list[str]:
    return [one.strip() for one in _CLAUSE.split(" ".join(said.replace("’", "'").split())) if one and one.strip()]


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
    """Whether a reason is plainly of one container: all its words are of bags, figures, dates, or of the patient.

    A word that is not known may be a germ or a name, so it counts for what shares the cells.
    """
    text = _TITLED.sub(" ", (said or "").replace("’", "'"))
    words = re.findall(r"[^\W_]+(?:['-][^\W\d_]+)?", text)
    return not speaks_of_the_cells(said) and all(
        _PLAIN.fullmatch(part) for one in words for part in ([one] if _PLAIN.fullmatch(one) else re.split(r"['-]", one))
    )


def _whose(clause: str) -> bool:
    rest = _DENIED.sub(" ", _ELSEWHERE.sub(" ", clause))
    found = [one[0].lower() for one in _WHOSE_CELLS.finditer(rest)]
    if found and all(one.startswith("label") for one in found):
        return not _LABEL_ALONE.search(rest)
    return bool(found)


def _of_cells(clause: str) -> bool:
    return bool(_OF_CELLS.search(_DENIED.sub(" ", _ELSEWHERE.sub(" ", clause))))


def ever_said(record: Any, name: str) -> str:
    """Return a reason as it is, or as it was before a correction where only that speaks of the cells.

    A correction does not take back that somebody saw mould: quality decides.
    """
    now = getattr(record, name) or ""
    said = [str(one.changes[name][0] or "") for one in record.amendments if name in one.changes]
    return next((one for one in (now, *said) if speaks_of_the_cells(one)), now)
