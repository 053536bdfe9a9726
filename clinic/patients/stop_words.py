"""Words by which somebody says stop, or takes back an agreement, in everyday English and a few other languages (23)."""

from __future__ import annotations

import re

_WHO = (
    r"(?:patient\w*|she|he|they|mother|father|mum|dad|parents?|guardian|family|wife|husband|doctor|physician|director"
    r"|(?:dr|prof)\.? \w+)"
)
_RUNS = r"(?:drip|infusion|transfusion|pump|perfusor|line|syringe|flow|bag|cells?|injection|giving|product|treatment)"
_AGREED = (
    r"(?:agreement|permission|approval|assent|authori[sz]ation|consent|yes|signature|willingness|decision to take part)"
)
_ENDED = re.compile(
    r"(?<!not )(?<!never )(?<!n’t )(?<!n't )(?<!to )\b(?:stop|halt|interrupt|break off|cut off|shut off|turn off"
    r"|switch off"
    r"|quit|cease|clamp|abort|disconnect|unhook|take down|suspend|discontinue|terminate) "
    rf"(?:(?:the|this|that|these|all|any|his|her|giving|of) )*{_RUNS}\b"
    r"|\b(?:withdr[ae]w\w*|revok\w*|rescind\w*|retract\w*|cancel\w*|take[sn]? back|took back|zurückgezogen"
    r"|widerruf\w*) (?:(?:her|his|their|the|any|all|further|parental|own|it|of|from) )*"
    rf"{_AGREED}\b(?! (?:for|to) (?!(?:the |any |further )*(?:cells?|infusion|treatment|study|trial)))"
    rf"|\b{_AGREED}\b (?:(?:was|is|has|been|were) )*(?:withdrawn|revoked|taken back|retracted|rescinded)"
    r"|\b(?:back(?:s|ed)|pull(?:s|ed)|drop(?:s|ped)) out\b(?! of (?!the (?:study|trial)))|\b(?:wants?"
    r"|wanted) out\b|\bleft the (?:study|trial)\b"
    rf"|\bagainst (?:it|having it|the (?:cells|infusion|treatment|study|trial))\b|\b{_WHO} (?:does not|doesn[’']t"
    rf"|do not)"
    r" (?:agree|consent|want it)\b(?! (?:to|with|for) (?!the (?:cells|infusion|treatment|study|trial)))",
    re.IGNORECASE,
)
_SAID_STOP = re.compile(
    rf"\b(?:{_WHO} )(?:has |have |just |now )*(?:says?|said|shout\w*|cries|cried|calls?|called|asks?|asked|tells?|told"
    r"|orders?|ordered|begs?|begged|wants?|sagt\w*)\b[:,]?(?: (?:us|me|the \w+|to|that we|we|please|must|should"
    r"|for|a|it))*"
    r" [\"“'‘]?(?:stop|halt|stopp|no more|enough|quit|aufhören|nein)\b[\"”'’]?(?P<of>[^.;,:!?\n]*)",
    re.IGNORECASE,
)
_BARE = re.compile(
    r"(?:^|[.;:!?\n])[\s\"“'*-]*(?:please )?(?:stop|stopp|halt|nicht geben|nichts geben|abbrechen"
    r"|sofort (?:stoppen|anhalten))"
    r"\b[\"”'’]?(?P<of>[^.;,:!?\n]*)",
    re.IGNORECASE,
)
_PLAIN = re.compile(
    r"(?:at|it|now|everything|all|please|immediately|once|this|that|the|today|again|right|away|any|more|and|call"
    r"|dr|doctor"
    r"|physician|giving|sofort|alles|jetzt|bitte|of|infusion|cells?|drip|treatment|to|be|done|here|stop|halt|"
    r"transfusion|with|bag|pump|is|was|she|he|patient)",
    re.IGNORECASE,
)
"""What may stand behind a “stop” without naming anything else that is stopped."""
_NOT_NOW = re.compile(
    r"\b(?:if|when|in case|whenever|should|wenn|falls|before|after|for|at \d|until|once a)\b", re.IGNORECASE
)
_DE = (
    r"(?:zellen?|stammzellen|infusion\w*|transfusion\w*|transplant\w*|behandlung|therapie|beutel|injektion\w*|produkt"
    r"|spritze|gabe|zellgabe)"
)
_DE_GIVE = (
    r"(?:geben|gegeben|infundieren|infundiert|transfundieren|verabreich\w*|anhängen|auftauen|starten|beginnen"
    r"|injizieren"
    r"|injiziert|spritzen|freigeben|freigegeben|erlaubt|zulässig|gestattet|behandeln|anwenden|verwenden)"
)
_OTHERS = re.compile(
    r"\bverstorben\b|\blehnt\b[^.;\n]{0,40}\bab\b|\bno[- ]?go\b"
    r"|\bstroke (?:today|last night|yesterday|now|this morning)\b"
    r"|\b(?:mi|herzinfarkt|schlaganfall) (?:today|last night|yesterday|heute|gestern)\b"
    rf"|\b(?:nicht|nichts|niemals|nie) (?:mehr |weiter |heute )?{_DE_GIVE}\b(?<!behandeln lassen)"
    rf"|\b{_DE}\b[^.;,\n]{{0,24}}\b(?:stopp\w*|abbrechen|abgebrochen|anhalten|angehalten|unterbrechen|gestoppt"
    rf"|verschieben"
    r"|verschoben|abgesagt|absagen|pausieren|zurückhalten|verboten|untersagt|abgelehnt|absetzen|verweigert)\b"
    rf"|\bkeine? (?:weiteren? |mehr )*{_DE}\b(?! (?:gesehen|nachweisbar|im|in))"
    r"|\b(?:einwilligung|zustimmung|einverständnis)\b[^.;,\n]{0,30}\b(?:widerruf\w*|zurückgezogen|zurückgenommen|fehlt"
    r"|entzogen|ungültig)|\bwiderr(?:uf\w*|ief)\b[^.;,\n]{0,20}\b(?:einwilligung|zustimmung)"
    r"|\b(?:patient\w*|mutter|vater|eltern|vormund|er|sie)\b (?:verweigert|lehnt (?:ab|die|das|weitere)|widerruft"
    r"|will nicht(?: mehr)?|möchte nicht(?: mehr)?)(?=\s*(?:$|[.;,!]|die|das|mehr|weiter))"
    r"|\bfalsche[rsn]? (?:patient\w*|beutel|zellen|name|etikett)|\bverwechs(?:elt|lung)|\bvertauscht"
    r"|(?<!nicht )(?<!frau ist )\bschwanger(?!schaft\w* ausgeschlossen)\b|\bne (?:pas|plus) (?:donner|injecter|perfuser"
    r"|administrer|transfuser)|\barrêter? (?:la |les )?(?:perfusion|cellules|traitement)|\bretir\w* (?:son|sa) "
    r"(?:consentement|accord)|\bno (?:administrar|infundir|inyectar|transfundir)|\bparar (?:la |las )?(?:infusión"
    r"|células)"
    r"|\bretir\w* (?:su|el) consentimiento|\bnon (?:somministrare|infondere|iniettare)|\bniet (?:geven|toedienen"
    r"|infunderen)"
    r"|\bnie (?:podawać|przetaczać)|\bnepodávat",
    re.IGNORECASE,
)


def says_stop(text: str) -> bool:
    """Whether somebody says stop, or takes an agreement back; “stop smoking” and “stop if rash” are no such words."""
    if _ENDED.search(text) or _OTHERS.search(text):
        return True
    return any(_of_nothing_else(found["of"]) for one in (_SAID_STOP, _BARE) for found in one.finditer(text))


def _of_nothing_else(tail: str) -> bool:
    """Whether a “stop” is of the cells, or of nothing that is named, and now."""
    words = re.findall(r"[^\W_]+", tail)
    return not _NOT_NOW.search(tail) and (not words or _PLAIN.fullmatch(words[0]) is not None)
