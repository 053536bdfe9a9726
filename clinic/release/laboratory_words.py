"""Whether the words beside a test for germs or endotoxin are plainly those of its method (rules 42, 43; H9, H29).

There is no end of the ways to write that a bottle flagged, so no list of them is complete. A text is understood where
each of its words is a name of a method, a device, a sample or a day; any other counts as a call of the laboratory.
"""

from __future__ import annotations

import re
from functools import lru_cache

_HARMLESS = """
    a an the of in on at to for from by with and or as per into its all both either each one is was were are via
    after bact alert virtuo bactec bd bottle bottles vial vials blood culture cultures cultured automated system
    aerobic anaerobic fungal fungi bacteria bacterial microbial pediatric peds plus fan sa sn pf fa fn direct
    inoculation membrane filtration closed open canister steritest isolator tsb ftm thioglycollate thioglycolate
    soybean casein digest broth tryptic soy agar sabouraud plate plates medium media incubated incubation days weeks
    week hold room cabinet temperature usp ph eur ep jp european pharmacopoeia pharmacopeia chapter method methods
    compendial validated qualified verified alternative rapid fda iso cfr gmp gtp sop form version no number nr lal
    limulus amebocyte amoebocyte lysate tal gel clot kinetic chromogenic turbidimetric colorimetric endpoint end
    point recombinant factor c rfc endosafe pts mcs nexgen cartridge cartridges endozyme pyrogene bet endotoxin
    endotoxins test tests testing assay assays kit kits reader microplate mat monocyte activation lambda sensitivity
    dilution diluted undiluted neat mvd spike spiked recovery interference inhibition enhancement ppc npc standard
    cse rse curve range linear control controls valid passed pass complies comply meets within specification limit
    limits pcr qpcr rtpcr rt dpcr ddpcr real time realtime nat naat nucleic acid amplification dna rna extraction
    elisa elfa vidas hoechst stain stained staining indicator cell line vero mycotool microsart venor gem mycoseq
    mycoalert mycoplasma mycoplasmas acholeplasma specific broad gram microscopy microscope light oil immersion
    slide slides smear cytospin cytospun concentrated centrifuged preparation magnification fields field acridine
    orange maldi tof rcl rcr rca replication competent lentivirus retrovirus adenovirus aav vector vsvg vsv ml µl μl
    ul l mg g degrees celsius percent ca about approximately volume volumes inoculum total minimum lot batch charge
    lots id ref reference serial sample samples sampled specimen specimens numbers barcode final product products
    bag bags container dose supernatant wash washing waste rinse harvest harvested thawed frozen fresh fill filled
    formulation formulated suspension cells conditioned spent retention retained retain reserve surrogate satellite
    aliquot aliquots syringe sterile tube tubes process intermediate starting material apheresis marrow cord
    leukapheresis bulk drug substance before prior post pre cryopreservation cryopreserved thaw thawing dmso
    expansion passage passages p taken drawn collected negative neg ngtd nd clear read reading readings visual
    visually manual manually instrument device analyzer analyser laboratory lab labs external internal contract
    central hospital department institute microbiology accredited sent received courier duplicate triplicate
    replicate replicates singly twice single pooled pool report reports reported certificate coa attached letter
    electronic lims printed page dated date result results interim preliminary jan feb mar apr may jun jul aug sep
    sept oct nov dec january february march april june july august september october november december monday
    again reread checked
    tuesday wednesday thursday friday saturday sunday automatisierte kultur mikroskopie probe nach und der die
    das last first second fx
"""
"""Harmless words of a microbiology laboratory: its methods, devices, media, samples, papers and dates."""
_WORDS = frozenset(_HARMLESS.split())
_SEEN = (
    r"(?:\s+(?:was|were|has|have|been|seen|detected|found|observed|present|visible|isolated|so\s+far|yet|to\s+date))*"
)
_WHEN = (
    r"(?:[\s,(]+(?:after|at|on|by|until|to|through|for)?\s*"
    r"(?:days?\s*\d{1,3}|\d{1,3}[\s-]*(?:days?|d|h|hrs?|hours?|weeks?))\b)*"
)
_WHERE = (
    r"(?:\s+(?:in|on|from)\s+(?:(?:the|either|any|all|both|neither|aerobic|anaerobic|fungal|of|and|or|[1-4])\s+)*"
    r"(?:bottles?|plates?|cultures?|media|medium|broths?|tubes?|samples?|bags?|slides?|fields?))?"
)
_GERMS = (
    r"(?:growth|(?:micro-?\s?)?organisms?|germs?|bacteria|fungi|yeasts?|mould|mold|mycoplasmas?|contaminat\w+|cfus?"
    r"|colonies)"
)
_NONE = (
    rf"(?:(?:visible|microbial|bacterial|fungal|further|aerobic|anaerobic)\s+)*{_GERMS}"
    rf"(?:(?:\s+(?:or|and|nor)|,|/)\s*(?:no\s+)?{_GERMS})*{_SEEN}{_WHERE}{_WHEN}{_WHERE}"
)
_PHRASES = re.compile(
    rf"""\b(?:no|without|free\ (?:of|from)|negative\ for)\s+{_NONE}
    |\b(?:growth|(?:micro-?\s?)?organisms?|germs?)\s*:\s*(?:none|no|nil)\b{_WHEN}
    |\b(?:negative|sterile|clear)\b{_WHERE}{_WHEN}|\b(?:none|nothing)\ (?:seen|detected|found|grown)\b{_WHERE}{_WHEN}
    |\b(?:not\ (?:detected|diluted|applicable)|undetected|undetectable|none)\b
    |\brepeat\w*\ (?:is\ |was\ )?(?:not\ (?:needed|required|necessary)|unnecessary)
    |\bno\ (?:repeat|interference|inhibition|enhancement|remarks?|comments?|objections?|deviations?)\b
    |\bfinal\ (?:read\w*|reports?|results?)\ (?:is\ )?(?:pending|due|expected|awaited|follows|to\ follow)\b
    |\b(?:positive|negative)\ (?:product\ )?controls?\b
    |(?<![\d.,])(?:0|<\s*1)\s*cfus?\b(?:\s*/\s*\w+)?
    |(?:\b(?:sensitivity|lambda|limit)|λ|<|≤)\s*(?:of|is|=|:)?\s*\d[\d.,]*\s*(?:EU|IU)\s*(?:/|per\ )\s*(?:ml|kg)\b
    |\b(?:read|tested|performed|done|reviewed|taken|sampled)\ (?:on\ day\ \d+\ )?by\ (?:(?:dr|prof|mr|ms|mrs)\.?\ )?
    (?-i:[A-Z][\w.'-]*)(?:\ (?-i:[A-Z][\w.'-]+)){{0,2}}
    |\b(?:read|final|finished|incubated|interim|prelim\w*)\ (?:(?:until|on|after|to|at)\ )?day\ \d{{1,3}}\b
    |<\s?\d{{1,4}}\s?>""",
    re.IGNORECASE | re.VERBOSE,
)
"""What is understood as a whole: that there was nothing, a control, who read it and when."""
_FIGURE = re.compile(
    r"\d+(?:ml|µl|μl|ul|l|mg|g|c|x|days?|weeks?|st|nd|rd|th)?|\d{1,2}[a-z]\d*|[a-z]{1,3}\d{1,}\w{0,8}|\d{3,}\w{0,8}"
)
_NO_FIGURE = re.compile(r"(?:d|h|ct|cq|t)\d+|\d+(?:h|d|hrs?|mins?)")
_SIGNAL = re.compile(r"[+?!>≥↑]|\b\d[\d.,]*\s*(?:h|hrs?|hours?|min)\b|\b[dh]\s*\d", re.IGNORECASE)
"""Hours, and the cycle or day of a signal, are no figures of a method."""


@lru_cache(maxsize=4096)
def understood(text: str | None) -> bool:
    """Whether each word of a text beside a test for germs is harmless; figures of volumes, lots and degrees are."""
    rest = _PHRASES.sub(" ", (text or "").replace("’", "'"))
    if _SIGNAL.search(rest):
        return False
    return all(_harmless(word) for word in re.findall(r"[^\W_]+", rest.lower()))


def _harmless(word: str) -> bool:
    if len(word) == 1 or word in _WORDS:
        return True
    return bool(_FIGURE.fullmatch(word)) and not _NO_FIGURE.fullmatch(word)
