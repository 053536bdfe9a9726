"""Which free text of a reaction is understood, to its last word and figure, to tell of nothing but what is mild (23).

It is the other way round than `reaction_words`: what is not understood is not mild. So no list of dangers has to be
whole; these lists may lack words, and then a physician decides.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from clinic.patients.vital_words import undenied


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SKIN = _words("""
itch itches itching itchy pruritus pruritis rash rashes hive hives urticaria urticarial wheal wheals flush flushes
flushed flushing redness reddened reddening erythema blotch blotches blotchy warm warmth sweat sweats sweating sweaty
""")
_LOCAL = _words("pain painful pains ache aches aching swelling swollen burning tingling tingle")
"""What is harmless in a limb, the joint or the vein, and not elsewhere, nor where nobody says where it is."""
_TENDER = _words("""
sore soreness bruise bruised bruises bruising hematoma haematoma stiff stiffness tender tenderness
""")
_GENERAL = _words("""
chill chills chilly shiver shivers shivering fever feverish headache headaches nausea nauseous nauseated queasy vomit
vomits vomited vomiting cough coughs coughed coughing dizzy dizziness lightheaded tired tiredness fatigue fatigued
anxious anxiety nervous sneezing sneeze sneezes goosebumps sorethroat mild mildly minor
""")
_TASTE = _words("taste tastes smell smells garlic metallic oysters onion onions sweetcorn bitter")
_CORE = _SKIN | _LOCAL | _TENDER | _GENERAL | _TASTE

_LIMB = _words("""
arm arms forearm forearms hand hands wrist wrists finger fingers elbow elbows shoulder shoulders leg legs knee knees
ankle ankles foot feet hip hips thigh thighs joint joints vein veins site sites puncture insertion cannula needle skin
plaster muscle muscles
""")
_TRUNK = _words("face cheek cheeks forehead ear ears neck chest trunk back belly abdomen scalp")
_MOUTH = _words("mouth throat breath")
_PLACES = _LIMB | _TRUNK | _MOUTH

_PLAIN = _words("""
a an the of in on at to and or with from by for after before during while since then when as it its is was are were
has had have be been her his she he they patient only just slight slightly some little bit few small light headed
transient transiently brief briefly short shortly local localized localised isolated single once twice one two three
first soon feels feel felt feeling reports reported reporting complains complained complaining complaint complaints
says said noted noticed seen observed started began begins start beginning end infusion injection transfusion
administration cells bag drip dose giving given resolved subsided settled better improved improving gone disappeared
spontaneously itself quickly rapidly slowly within minute minutes min afterwards later now today yesterday evening
morning night walk walking stairs exercise meal eating lunch breakfast dinner drinking standing sitting climbing
left right both upper lower cleared dmso reaction reactions area around
""")
_DONE = _words("""
paused pause stopped lowered half resumed continued
slowed slower rate halved reduced interrupted observation watched monitored cooled compress
compresses blanket blankets reassured reassurance rest rested water drink paracetamol acetaminophen ibuprofen
clemastine cetirizine levocetirizine loratadine desloratadine diphenhydramine dimetindene antihistamine ondansetron
metoclopramide granisetron oral orally iv po tablet tablets physician doctor informed agreed
""")
"""What is done of something mild."""
_KNOWN = _CORE | _PLACES | _PLAIN | _DONE

_DENIABLE = (
    r"(?:dyspn(?:o?ea)|short(?:ness)? of breath|wheez\w*|stridor|fever|chills?|rash|hives|urticaria|itch\w*|swelling"
    r"|nausea|vomiting|cough\w*|headache|dizziness|chest pain|pain|hypotension|tachycardia|bradycardia|bronchospasm"
    r"|anaphyla\w*|angio.?o?edema|hypoxi\w*|(?:other|further) (?:symptoms?|signs?|complaints?|reactions?)|symptoms?"
    r"|complaints?)"
)
_DENIED = re.compile(rf"\b(?:no|without|denies) {_DENIABLE}(?:(?:,? (?:or|and|nor)|,) (?:no )?{_DENIABLE})*(?![^\W\d])")
_PHRASES = (
    (re.compile(r"\bhot (flush(?:es)?)\b"), r"\1"),
    (re.compile(r"\bgoose (?:bumps|flesh|pimples)\b"), "goosebumps"),
    (re.compile(r"\bsore throat\b|\bthroat (?:is |feels )?(?:a (?:bit|little) )?sore\b"), "sorethroat"),
    (re.compile(r"\bwithout (?:any |further )?(?:treatment|therapy|intervention|medication)\b"), " "),
)
"""What is harmless as a phrase and not word by word."""
_FIGURES = re.compile(
    r"""\b(?:temp(?:erature)?|t|fever)[ :=]{0,3}(?:(?:up\ )?to\ |of\ |is\ )?3[5-8](?:[.,]\d)?(?!\d)(?:\ ?°?\ ?c\b)?
    |\b3[5-8](?:[.,]\d)?\ ?°\ ?c?\b
    |\b(?:bp|rr|blood\ pressure)[ :=]{0,3}(?:is\ |was\ |of\ )?1[0-5]\d\ ?/\ ?[5-9]\d\b(?:\ ?mmhg\b)?
    |\b(?:spo2|sao2|sats?|saturation)[ :=]{0,3}(?:is\ |was\ |of\ )?(?:9[3-9]|100)(?!\d)\ ?%?
    |\b(?:hr|pulse|heart\ rate)[ :=]{0,3}(?:is\ |was\ |of\ )?(?:[6-9]\d|1[01]\d)(?!\d)(?:\ ?/\ ?min\b|\ ?bpm\b)?
    |\b(?:at\ )?(?:[01]?\d|2[0-3]):[0-5]\d\b
    |\b\d{1,2}\ ?(?:min(?:ute)?s?|seconds?|sec|hours?|h)\b
    |\b[1-9](?:[.,]\d)?\ ?(?:cm|mm)\b
    |\b(?:vas|nrs)[ :=]{0,3}[0-3](?!\d|[.,]\d)(?:\ ?/\ ?10(?!\d))?
    |\b(?:[0-3]\ ?/\ ?10)(?!\d)|\bgrade\ 1\b|\b[1-3]\ ?(?:x|times)\b
    |\b\d{1,4}(?:[.,]\d{1,2})?\ ?(?:mg|ml(?:\ ?/\ ?h)?)\b|\b[12](?:[.,]5)?\ ?g\b""",
    re.VERBOSE,
)
"""Figures that are harmless: of vital signs in the usual range, times, sizes, doses of a drug that is named."""
_PARTS = re.compile(r"[;,\n.:()/&]|\s[-+–]\s|\band\b|\bthen\b")
_WORD = re.compile(r"[a-z]+")
_REST = re.compile(r"[a-z\s.,;:()/&'’\"“”+–-]*")
_REPEATED = re.compile(r"\+\s*\+|[+]\S|\S[+](?:\s|$)")
_VOMITS = _words("vomit vomits vomited vomiting")
_NAUSEA = _words("nausea nauseous nauseated queasy")
_FLUSH = _words("flush flushes flushed flushing")
_SWEAT = _words("sweat sweats sweating sweaty")
_WARM = _words("warm warmth")
_DIZZY = _words("dizzy dizziness lightheaded")
_SWELLS = _words("swelling swollen")
_RASH = _SKIN - _FLUSH - _WARM - _SWEAT
_SCALE = _words("mild mildly minor")
_TWO_SYSTEMS = (
    (_RASH, _VOMITS | _NAUSEA | _DIZZY | _words("cough coughs coughed coughing headed")),
    (_SWEAT | _NAUSEA | _VOMITS | _DIZZY, _LOCAL | _words("sore soreness stiff stiffness")),
    (_SWEAT, _DIZZY),
    (_words("headache headaches"), _VOMITS),
    (_SWELLS, _WARM),
    (_words("sorethroat"), _CORE - _words("sorethroat") - _SCALE - _TASTE),
)
"""What is mild alone, and together the picture of an anaphylaxis, of a failing circulation, a heart or a brain."""
_ONE_LIMB = _words("arm arms forearm forearms leg legs thigh thighs ankle ankles foot feet")
_CLOT = (
    _SWELLS,
    _words("pain painful pains ache aches aching") | _TENDER,
    _WARM | _words("redness reddened reddening"),
)
"""Any two of these in a limb may be a clotted vein."""
_REGIONS = tuple(map(_words, (
    "face cheek cheeks forehead ear ears scalp", "neck", "chest", "trunk back belly abdomen",
    "arm arms forearm forearms", "leg legs thigh thighs",
)))  # fmt: skip
_BESIDE = re.compile(r"\b([a-z]+)[\s,]+(?=([a-z]+))")
_COUGHED = _words("vomit vomits vomited vomiting cough coughs coughed coughing")


def only_mild(text: str) -> bool:
    """Whether every word and figure of a text is understood, and tells of something mild, where it is harmless."""
    plain = undenied(_searched(text))
    for phrase, instead in _PHRASES:
        plain = phrase.sub(instead, plain)
    said = _FIGURES.sub(" ", _DENIED.sub(" ", plain))
    if not _REST.fullmatch(said) or _REPEATED.search(said):
        return False
    parts = [set(_WORD.findall(part)) for part in _PARTS.split(said)]
    words = set[str]().union(*parts)
    if not words <= _KNOWN or not words & _CORE or _grave_together(words) or _said_twice(said):
        return False
    return all(_harmless_there(part, words & _PLACES) for part in parts)


def _grave_together(words: set[str]) -> bool:
    """Whether signs that are mild alone are not so together, or where they are on the body."""
    if any(words & one and words & other for one, other in _TWO_SYSTEMS):
        return True
    if words & _ONE_LIMB and sum(bool(words & one) for one in _CLOT) > 1:
        return True
    reached = sum(bool(words & region) for region in _REGIONS)
    spread = words & _TRUNK and reached > 1
    return bool(spread and (words & _RASH or (words & _FLUSH and reached > 2)))


def _said_twice(said: str) -> bool:
    """Whether a text repeats a sign, in whichever form of its word: so people write what does not end.

    What stands behind a semicolon may be the kind of the reaction that was chosen beside the text.
    """
    count = Counter(_sign(word) for word in _WORD.findall(said) if word in _CORE - _SCALE - _TASTE)
    return max(count.values(), default=0) > 2 or any(
        _sign(one) == _sign(other) for one, other in _BESIDE.findall(said) if one in _CORE - _TASTE
    )


def _sign(word: str) -> str:
    return word[:4]


def _searched(text: str) -> str:
    """Return a text in lower case, each subscript figure as a plain one, with single spaces in its lines."""
    plain = unicodedata.normalize("NFKC", text).lower()
    return "\n".join(re.sub(r"[^\S\n]+", " ", line).strip() for line in plain.splitlines())


def _harmless_there(part: set[str], anywhere: set[str]) -> bool:
    """Whether what a part of a text tells is harmless at its place; one that names none is at any of the others'."""
    own = part & _PLACES
    where = own or anywhere
    if part & _LOCAL and not (where and where <= _LIMB):
        return False
    if part & _TENDER and not where <= _LIMB:
        return False
    if own & _MOUTH and part & _CORE - _TASTE:
        return False
    return not (part & _COUGHED and part & (_SKIN | _LOCAL | _PLACES))
