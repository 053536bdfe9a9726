"""The words by which free text tells of a reaction to cells, and of which kind (rule 23).

They only tighten what a person says of its severity: a list of words is never whole.
"""

from __future__ import annotations

import re

from clinic.followup.mild_words import only_mild
from clinic.patients.vital_words import fails, undenied

_SEVERE = re.compile(
    r"anaphyla|angio.?edema|angio.?oedema|bronchospas|laryngospas|stridor|wheez|cytokine release|\bcrs\b|shock|collaps"
    r"|arrest|resuscitat|\bcpr\b|unconscious|unresponsive|syncop|seizure|convuls|intubat|ventilat|\bicu\b"
    r"|intensive care"
    r"|epinephrine|adrenalin|epipen|noradrenalin|vasopress|hypotens|hypox|cyano|desaturat|dyspn|short(ness)? of breath"
    r"|respiratory distress|chest pain|arrhythm|emboli|stroke|sepsis|septic|h[ae]?emoly"
    r"|swollen (tongue|face|lip|throat)|life.?threat|severe|serious|\bdied\b|death|fatal"
    r"|low (blood )?pressure|(pressure|\bbp\b).{0,12}(drop|fell|fall|low)|faint|apn(o?e|ea)|not breathing|coma\b|confus"
    r"|tongue|\blips?\b|throat (tight|swell|clos)|(tight|swell|swollen|clos)\w* (of |in )?(the )?(throat|face)"
    r"|(face|facial) swell|chest tight|tightness|hoarse|paraly|paresis",
    re.IGNORECASE,
)
ANAPHYLACTIC = re.compile(r"anaphyla|angio.?o?edema|bronchospasm|cytokine release", re.IGNORECASE)
"""What stays severe whatever grade a physician gave it."""
_LOW = re.compile(
    r"\b[4-8]\d\s*/\s*\d{2}\b(?!\s*/)|\b(?:bp|rr|pressure|systolic)\b[^\d.,;]{0,14}[2-8]\d\b(?!\s*/)|\b[2-8]\d\s+systolic"
    r"|\b(?:spo2|spo₂|sats?\w*|saturation)\b[^\d.,;]{0,14}[4-8]\d\b"
    r"|\b(?:hr|pulse|puls|heart rate)\b[^\d.,;]{0,14}(?:[1-3]\d|1[6-9]\d|2\d\d)\b"
    r"|\b(?:fever|fieber|temp\w*)\b[^\d.,;]{0,14}4[1-3]\b|\bunrecordable\b",
    re.IGNORECASE,
)
"""A systolic pressure below 90 mmHg, a saturation below 90 %, a pulse below 40 or above 160 a minute, a temperature of
41 °C and more, as they are jotted down."""
_ABSENT = re.compile(
    r"\b(no|without|never|not)\s+((signs?|symptoms?|evidence)\s+of\s+|any\s+)?(anaphyla\w*|angio.?o?edema|bronchospasm\w*"
    r"|laryngospasm\w*|stridor|wheez\w*|shock|hypotension|hypoxia|dyspn\w*|shortness of breath|chest pain|epinephrine"
    r"|adrenaline?|severe|serious|tachycardia|bradycardia)(\s*(,|or|and|nor)\s*(anaphyla\w*|bronchospasm\w*|stridor"
    r"|wheez\w*|shock|hypotension|hypoxia|dyspn\w*|chest pain|tachycardia|bradycardia))*",
    re.IGNORECASE,
)
_ALLERGIC = re.compile(r"allerg|hypersens|urticaria|infusion.{0,12}reaction|transfusion.{0,12}reaction", re.IGNORECASE)


def is_severe(text: str) -> bool:
    """Whether free text tells of an anaphylaxis, a shock and the like, other than that there was none."""
    said = undenied(_ABSENT.sub(" ", text))
    return bool(_SEVERE.search(said) or _LOW.search(text) or fails(said))


def is_anaphylactic(text: str) -> bool:
    """Whether free text tells of what stays severe whatever grade a physician gave it."""
    return ANAPHYLACTIC.search(_ABSENT.sub(" ", text)) is not None


def is_mild(text: str) -> bool:
    """Whether free text is understood to tell of nothing but what is mild, by all that it says."""
    return not is_severe(text) and only_mild(text)


def is_allergic(text: str) -> bool:
    """Whether free text calls it an allergy, or a reaction to what was given."""
    return _ALLERGIC.search(text) is not None
