"""Whether a reason lies in the person or only in one course: by its words, where nobody has said which (rule 23)."""

from __future__ import annotations

import re

from clinic.patients.infections import tells_of_infection
from clinic.patients.ruled_out import affirmed, rules_out

_ALLERGIC = re.compile(r"\b(allerg|anaphyla|hypersens)", re.IGNORECASE)
_OF_COURSE = re.compile(
    r"""knees?|hips?|shoulders?|ankles?|elbows?|wrists?|thumb|finger|joints?|discs?|meniscus|cartilage|tendons?|ligaments?
    |cuff|rotator|osteoarthritis|fistula|donors?|donor's|cells?|bags?|containers?|products?|graft|doses?|harvest|lot|batch
    |aliquot|marrow|cord|adipose|lipoaspirate|viability|freezer|shipment|transport|device|leukapheresis|apheresis
    |centrifuge|protocol|protocol's|criteri(on|a)|study|trial|version|order|site|side|injection|implantation""",
    re.VERBOSE,
)
"""Words of one course: where the cells go, whose they are, what they are given under."""
_NEUTRAL = re.compile(
    r"""a|an|the|this|that|these|those|its?|is|are|was|were|be|been|being|has|have|had|does|do|did|will|would|can|could
    |may|of|in|on|at|to|for|from|by|with|without|under|over|after|before|until|since|between|into|as|than|and|or|but|nor
    |so|not|no|none|any|more|less|too|very|only|also|again|yet|still|all|both|each|other|another|one|two|three|left|right
    |upper|lower|medial|lateral|new|old|first|second|third|next|last|few|enough|(in)?sufficient|low|small|large|narrow
    |wide|space|severe|mild|moderate|advanced|late|early|grade|stage|score|degree|kellgren|lawrence|kl|swollen|swelling
    |(un)?stable|worn|replaced|replacement|prosthesis|planned|indication|indicated|eligible|(un)?suitable|(un)?available
    |(un)?usable|met|fits?|fulfilled|excluded|exclusion|inclusion|closed|ended|ask|out|required|needed|better|wrong|same
    |different|chosen|ordered|twice|duplicate|mistake|entered|typing|error|broken|lost|failed|failure|leaked|leaking
    |damaged|expired|discarded|released|rejected|thawed|frozen|number|count|volume|yield|found|matched|matching|mismatch
    |withdrew|today|january|february|march|april|june|july|august|september|october|november|december|[0-9]""",
    re.VERBOSE,
)
"""Words that tell of no illness beside a word of one course; a number of one figure, such as a grade."""
_ORDERED_OFF = re.compile(r"\bno (more )?(cells?|infusions?|injections?)\b(?! (were|was|left|in|available|grew|found))")
"""An order, not a reason: “no cells”."""
_WORD = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)?")


def tells_of_illness(reasons: str) -> bool:
    """Whether free text tells of an infection, a tumor, a pregnancy or an allergy, other than that there is none."""
    said = affirmed(reasons)
    return tells_of_infection(said) or rules_out(said) or bool(_ALLERGIC.search(said))


def is_personal(reasons: str, criteria: tuple[str, ...] = ()) -> bool:
    """Whether a reason counts in every course of the patient: unless all of it clearly concerns one course alone.

    A word that is not known to concern one course may be an illness by any name, so it counts. ``criteria``: the
    protocol's own, which are the course's in any words.
    """
    said = reasons.lower()
    if tells_of_illness(said):
        return True
    rest = said
    for one in criteria:
        rest = rest.replace(one.lower(), " protocol ")
    words = _WORD.findall(_ORDERED_OFF.sub(" ", rest).replace("’", "'"))
    of_course = [bool(_OF_COURSE.fullmatch(one)) for one in words]
    known = all(mine or _NEUTRAL.fullmatch(one) for one, mine in zip(words, of_course, strict=True))
    return not (known and any(of_course))
