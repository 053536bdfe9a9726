"""Whether the reason for continuing in spite of a warning says anything: “ok” tells nobody why (rule 23)."""

from __future__ import annotations

import re

_SAYS_NOTHING = """
ok okay okey k yes yep yeah ja no not none na nil nothing fine good great right correct true sure done clear
checked check seen read known noted aware agreed accepted approved confirmed reviewed acknowledged all is it its
it's this that the a an and or of to be as so everything every alright problem problems issue issues concern
concerns reason reasons go ahead continue proceed given give cells start begin please thanks thank you we i see
above below same again test testing asdf qwerty xxx abc warning warnings ignore ignored override skip later tbd
doctor dr physician nurse said says told before after special per lorem ipsum ghjk fgh
file files chart notes record records document protocol usual standard routine discussed mentioned applicable
blah bla siehe akte wie besprochen
because just was were are very well now here there both with on in at for can may
"""
_BY_WHOM = re.compile(
    r"\b(?:by|with|asked|called)\b(?:\s+\w+){0,2}?\s+(?:physician|doctor|dr|nurse)\b"
    r"|\b(?:physician|doctor|dr|nurse)\b(?:\s+\w+){0,3}?\s+(?:aware|informed|told|asked|agree[sd]"
    r"|called|decides)\b",
    re.IGNORECASE,
)
_VOWEL = re.compile(r"[aeiouyäöüáéíóúàèìòùâêîôûãõåæøœ]")
_LEAST = 6
"""Letters in all."""


def _spoken(word: str) -> bool:
    """Whether a word can be spoken, or is an abbreviation: keys that were hit in a row are neither."""
    return len(word) < 4 or _VOWEL.search(word) is not None or any(ord(letter) > 0x24F for letter in word)


_COMPARED = "Compare the allergy with the bag: "
RECORD_NAMES = "The record names what is in the bag: "
_ASKS = {
    RECORD_NAMES: "Did it harm the patient, and who says so?",
    "Side of the diagnosis": "Which side is right, and how do you know?",
    "Infection": "Is it over, and who says so?",
    "Alert": "What was done about it?",
}
"""What is asked about a warning, by the first words of its name."""
_ANY = "Why may the cells be given all the same?"
_VITAL = {"Oxygen saturation", "Temperature", "Systolic pressure", "Diastolic pressure", "Pulse", "Breathing"}


def question(check: str, left: str) -> str:
    """Return in a few words what is asked about one warning, of its name and its first value."""
    if check.startswith(_COMPARED):
        what = check.removeprefix(_COMPARED)
        return f"{what[:1].upper()}{what[1:]}: how did you exclude it?"
    if check in _VITAL:
        return f"{left}: why may the cells be given?"
    return next((asks for begins, asks in _ASKS.items() if check.startswith(begins)), _ANY)


def says_why(reason: str | None) -> bool:
    """Whether a reason has two words at least, one of which tells something, and six letters."""
    empty = set(_SAYS_NOTHING.split())
    words = re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)?", (reason or "").lower())
    letters = sum(map(len, words))
    telling = [word for word in words if word not in empty and len(set(word)) > 2 and _spoken(word)]
    if any(ord(letter) > 0x24F for word in telling for letter in word):  # scripts that may not part words
        return letters >= 4
    told = bool(telling) or _BY_WHOM.search(reason or "") is not None
    return len(words) > 1 and letters >= _LEAST and told
