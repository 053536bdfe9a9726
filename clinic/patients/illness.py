"""Whether a text tells of an illness that goes on: an infection, a fever, a severe one by its signs (rule 23)."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from clinic.patients.infections import VACCINATED, tells_of_infection
from clinic.patients.ruled_out import affirmed, of_the_patient
from clinic.patients.vital_words import threatens_life
from clinic.wording import pieces

if TYPE_CHECKING:
    from datetime import date

_GRAVE = re.compile(
    r"""\bshock(?!\s*wave)|vasopress\w*|\b(?:nor)?(?:adrenalin|epinephrin)e?\ (?:drip|infusion|running|perfusor|at)
    |pressors?\b
    |\bnoradrenalin\w*|\bnorepinephrin\w*|\bintubat\w*|\bventilat(?:ed|ion|or)\b|\bintensive\ care|\b(?:icu|itu|ecmo)\b
    |resuscitat|\bcpr\b|(?:cardiac|respiratory|circulatory)\ arrest|heart\ attack|\b(?:n?stemi|mods)\b
    |(?:myocardial|brain|cerebral)\ infarct\w*|\b(?:acute|new|fresh)\ (?:stroke|infarct\w*|heart\ failure)
    |(?:organ|respiratory|liver|kidney|renal|multi-?organ)\ failure\b|pulmonary\ (?:embol\w*|ed?ema)
    |respiratory\ distress
    |\bunconscious|\bunresponsive|\bcomatose|\bin\ (?:a\ )?coma\b|\bcollaps\w*|\bstatus\ epilepticus|\bseizing
    |\b(?:internal|active\w*|massive|severe|gastrointestinal|gi|cerebral|intracranial|heavy|heavily)\ (?:bleed\w*
    |ha?emorrhag\w*)
    |\bbleeding\ (?:heavily|actively|now)|\bchills?\b|\brigou?rs?\b|\bshivering|\bhypotensi(?:ve|on)\b
    |\bhypoxi[ac]\w*|\bcyano\w*
    |\b(?:critically|severely|acutely|gravely|seriously)\ (?:ill|unwell|sick)|\bmoribund|\bdying\b|life.threatening
    |\banaphyla\w*\ (?:to|after|on|with|from)\b|\bseizures?\b|\bdyspn\w+|\bvomit\w*\ blood|\bha?ematemesis
    |\btroponin\b|\bchest\ pain|\btb\ suspected|\bsuspected\ tb|\b(?:is|was|keeps?)\ bleeding
    |\bsirs\b|\bfieber\b|\b(?:bp|blood\ pressure)\b\D{0,12}[3-8]\d\s*/\s*\d\d
    |\b(?:spo2|saturation|sats?)\b\D{0,12}[4-8]\d\b
    |\buro-?sepsis|(?<!chronic\ )\b(?:gastroenteritis|bronchitis|tonsillitis|sinusitis|appendicitis|pancreatitis
    |myocarditis
        |pericarditis|phlebitis|varicella|chicken\ ?pox|measles|norovirus|flu|uti)\b
    |\b(?:pyrexi\w*|febrile|hypertherm\w*)""",
    re.IGNORECASE | re.VERBOSE,
)
"""A severe illness by its signs and its treatment."""
_HOT = re.compile(
    r"\b(?:temp(?:erature)?|t|fever\w*|°c)\b[^\d.;\n]{0,20}(?:3[89]|4[0-3])(?:[.,]\d+)?(?![\d.,]*\d)"
    r"|(?<![\d.,])(?:3[89]|4[0-2])(?:[.,]\d)?\s*(?:°\s*c?\b|°|degrees|c\b)|(?<![\d.,])10[1-7](?:[.,]\d)?\s*°?\s*f\b",
    re.IGNORECASE,
)
_OVER = re.compile(
    r"""\b(?:history\ of|h/o|hx|status\ post|s/p|in\ the\ past|past\ (?:medical\ )?history|in\ childhood|childhood
    |as\ a\ (?:child|baby|boy|girl|newborn|neonate)
    |(?:for|against|in\ case\ of)\ (?:fever|temperatures?)\ (?:above|over)
    |in\ (?:youth|infancy)|(?:years?|months?|decades?)\ ago|last\ year|years?\ (?:before|earlier)
    |previous\ (?:infection|sepsis|pneumonia|covid)\w*
    |(?:is|was|are|now)\ over|(?:had|has\ had|once\ had|earlier\ had)\ .*\bin\ (?:19|20)\d\d
    |(?<!not\ )(?<!not\ yet\ )(?<!never\ )(?<!not\ fully\ )(?:resolved|recovered|cured|healed|subsided|cleared
    |gone)
    |(?<!despite\ )(?<!despite\ antibiotic\ )prophyla\w*
    |risk(?!\s*:)|prone|prevent\w*|infection\ control|fever\ blisters?|infectious\ disease\ clinic|screening
    |afebrile
    |fever-?free|infection-?free
    |free\ of|allergic|allergy|hay\ fever|if|in\ case\ of|should|whenever|tends?\ to|afraid|fear\w*|blankets?
    |gets?\ chills)\b""",
    re.IGNORECASE | re.VERBOSE,
)
"""An illness of earlier years, one that is over, or one that is only thought of."""
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_NOW = re.compile(
    r"\b(?:again|now|today|currently|since|this (?:morning|night|evening)|tonight|active|acute|new)\b", re.IGNORECASE
)
_CLAUSE = re.compile(r"[;,\n]|\.(?=\s|$)|\bbut\b|\bnow\b(?= )")
RECENT = timedelta(days=60)


def ill_now(text: str, day: date) -> bool:
    """Whether a text tells of an infection, a fever or a severe illness that goes on; a history of one does not."""
    return any(_ill(clause, day) for one in pieces(text) for clause in _CLAUSE.split(one) if clause and clause.strip())


def _ill(clause: str, day: date) -> bool:
    years = [int(year) for year in _YEAR.findall(clause)]
    past = bool(years) and max(years) < (day - RECENT).year and not _NOW.search(clause)
    if past or _OVER.search(clause):
        return False
    said = affirmed(of_the_patient(VACCINATED.sub(" ", clause)))
    grave = _GRAVE.search(said) or _HOT.search(said) or threatens_life(of_the_patient(clause))
    return tells_of_infection(clause) or bool(grave)
