"""Words of a danger to life: airway, breathing, circulation, consciousness, bleeding, and what intensive care does.

They only tighten what a person says of an alert or of a reaction: a list of words is never whole (rule 23).
"""

from __future__ import annotations

import re

_CANNOT = r"(?:cannot|can ?not|can[’']?t|could ?n[o’']?t|could not|unable to|not able to|no longer able to)"
_FILL = r"(?:\w+ ){0,2}?"
_AIRWAY = (
    r"(?:throat|airways?)\b.{0,12}\b(?:clos\w*|swell\w*|swollen|tight\w*|block\w*|obstruct\w*)|chok(?:ing|es|ed)\b"
    r"|(?:clos|swell|swollen|tight)\w* (?:of |in )?(?:the |his |her )?(?:throat|airways?)"
    r"|(?:tongue|zunge|hals|rachen)\b.{0,16}\b(?:swell\w*|swollen|schwillt|geschwollen|zu)\b|zugeschwollen|stridor"
)
_BREATHING = (
    rf"{_CANNOT} {_FILL}(?:breathe?|breath(?:ing)?)\b|gets? no air|no air\b|not breathing|stopped breathing"
    r"|(?:struggl\w*|fight\w*|gasp\w*) (?:for|to) (?:air|breath\w*)|gasping|air hunger|suffocat\w*"
    r"|(?:respiratory|breathing) (?:arrest|failure|depression|distress)|apn(?:o?e|ea)\w*|(?:blue|gr[ae]y) lips"
    r"|turn(?:ed|s|ing) blue|cyano\w*|atemnot|luftnot|erstick\w*|atemstillstand|keine luft|schlecht luft"
)
_CIRCULATION = (
    r"(?:cardiac|circulatory|heart|cardio\w*) arrest|heart attack|heart (?:has )?stopped|asystol\w*|no pulse|pulseless"
    r"|ventricular (?:fibrill\w*|tachy\w*)|myocardial infarct\w*|herzinfarkt|herzstillstand|kreislauf\w*|kammerflimmern"
    r"|reanim\w*|wiederbeleb\w*|resuscit\w*|\bcpr\b|chest compressions?|defibrillat\w*|code blue|crash call"
    r"|shock\b(?! ?wave)|schock\b|collaps\w*|kollabi\w*|kollaps\w*|tamponade|no blood pressure"
)
_CONSCIOUS = (
    r"unconscious\w*|unresponsive|(?:not|no longer) respond\w*|pass(?:ed|es|ing) out|black(?:ed|s|ing) out|knocked out"
    r"|los(?:t|s|es|ing) (?:of )?consciousness|comatose|\bcoma\b|\bkoma\b|komatös"
    rf"|{_CANNOT} be (?:woken|roused|waked|awakened)|not rous\w*|bewusstlos\w*|bewußtlos\w*|nicht ansprechbar"
    rf"|ohnmächt\w*"
    r"|ohnmacht|(?:seizure|convulsion)s? (?:now|today|this|since|at)|seizing|status epilepticus|krampfanfall\w*|krampft"
    r"|\bgcs\W{0,3}\d|(?:went|gone|goes|is) limp|eyes (?:rolled|rolling|roll)|verdreht\w* die augen"
)
_BLEEDING = (
    r"(?:cough|vomit|spit|throw)\w* (?:up )?(?:\w+ )?blood|h[ae]*moptysis|h[ae]*matemesis|mel[ae]na"
    r"|bleed\w* (?:heavily|profusely|out|a lot|uncontroll\w*|does not stop|doesn[’']?t stop|won[’']?t stop)"
    r"|(?:massive|heavy|severe|internal|brain|cerebral|intracranial|uncontrolled|life.threatening) (?:bleed\w*"
    r"|h[ae]*morrhag\w*)|hirnblutung|blutsturz|blutet stark|erbricht blut|hustet blut"
)
_INTENSIVE = (
    r"intubat\w*|intubiert|(?:mechanical\w* |now |being )ventilat\w*|beatm\w*|beatmet|tracheo(?:s?tomy)?\b|\becmo\b"
    r"|intensive care|intensivstation|\b(?:icu|itu)\b|noradrenalin\w*|norepinephrin\w*|dobutamin\w*|vasopress\w*"
    r"|pressors?\b|\bepi(?:pen)?\b (?:was )?given|agonal"
    r"|(?:multi.?)?organ failure|multiorganversagen|rapid response|medical emergency team|life.threatening|lebensgefahr"
    r"|lebensbedroh\w*"
)
VITAL = f"{_AIRWAY}|{_BREATHING}|{_CIRCULATION}|{_CONSCIOUS}|{_BLEEDING}|{_INTENSIVE}"
"""What threatens life now; of an alert, too, which may speak of what a patient has lived with for years."""
NEURAL = (
    rf"{_CANNOT} {_FILL}(?:move|feel|speak|talk|swallow|stand|see|hear|lift)\b|(?:no|not) (?:feeling|moving"
    rf"|speaking|seeing)"
    r"|los(?:t|s|es|ing)\b.{0,16}\b(?:sight|vision|speech|hearing|feeling|sensation|power|strength|movement)"
    r"|(?:sight|vision|speech|eyesight)\b.{0,10}\b(?:gone|lost|loss|failed|fails)"
    r"|(?<!-)(?<!single )(?<!double )\bblind(?:ness)?\b"
    r"|sees? nothing|double vision|diplopia|slurr\w*|slurred|aphasi\w*|dysarthri\w*|fac(?:e|ial) (?:droop\w*|palsy)"
    r"|(?:face|mouth|eyelid)\b.{0,8}\bdroop\w*|paraly\w*|paresis|\w+plegi[ac]\w*|\w+paresis|gelähmt\w*|lähmung\w*"
    r"|(?:arms?|legs?|side|limbs?) (?:\w+ )?(?:weak|limp|numb|gone)\b|(?:limp|weak) (?:arms?|legs?|side)"
    r"|erblindet|sieht nichts|kann nicht (?:sehen|sprechen|schlucken|gehen|atmen)|incontinen\w*|encephalopath\w*"
    r"|icans\b"
    r"|seizure\w*|convuls\w*|(?:epileptic|had a|another|having a) fits?\b|fitting\b|krampf\w*"
)
"""What the nerves tell of a reaction; in an alert it may be of years ago."""
CLOTS = (
    r"(?-i:\bDVTs?\b|\bPE\b|\bTIA\b|\bMI\b|\bN?STEMI\b|\bVF\b|\bVT\b)|thrombos[ie]s|thromboembol\w*|blood clots?"
    r"|embol\w*"
    r"|strokes?\b|schlaganfall|infarct\w*|infarkt\w*|isch[ae]+mi\w*|h[ae]*morrhag\w*|blutung\w*|organ failure"
    r"|(?:kidney|renal|liver|hepatic|heart|respiratory) failure|\btrali\b|\btaco\b|\bdic\b|anuri[ac]|dialysis"
)
"""Clots, bleeding and organs that fail."""
_DENIED = (
    r"\b(?:no|without|never|not|nor|neither|denies|kein(?:e|en|er)?|ohne|nicht)\s+(?:(?:signs?|symptoms?|evidence|loss"
    r"|history|hinweis\w*|zeichen) (?:of |für |auf |von )|any |further |new |acute |known |longer |more |active "
    r"|been )*"
)
_LIVED_WITH = re.compile(
    r"\b(?:on exertion|on stairs|when (?:walking|climbing|lying)|at (?:blood|the sight)|(?:during|after"
    r"|at) (?:blood|needle"
    r"|injection|venipuncture|donat)\w*|easily|sometimes|often|once|chronic|known|since (?:birth|childhood)"
    r"|in (?:childhood"
    r"|the past)|history of|status post|years? ago|tendency|liable|if|in case|wishes?|living will|advance directive"
    r"|parents?|mother|father|brother|sister|son|daughter)\b",
    re.IGNORECASE,
)
"""What makes of a sign something that the patient lives with, or a plan."""


def _pattern(words: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    return (
        re.compile(rf"\b(?:{words})", re.IGNORECASE),
        re.compile(rf"{_DENIED}(?:{words})(?:\s*(?:,|/|or|and|nor|oder|und)\s*(?:{words}))*", re.IGNORECASE),
    )


_NOW = _pattern(VITAL)
_ANY = _pattern(f"{VITAL}|{NEURAL}|{CLOTS}")


def threatens_life(text: str) -> bool:
    """Whether an alert tells of a danger to life that goes on, other than that there is none."""
    said, denied = _NOW
    return not _LIVED_WITH.search(text) and said.search(denied.sub(" ", text)) is not None


def undenied(text: str) -> str:
    """Return what is written of a reaction without the failing functions that it denies."""
    return _ANY[1].sub(" ", text)


def fails(text: str) -> bool:
    """Whether what is written of a reaction tells of a vital function that fails, of nerves, clots or bleeding."""
    return _ANY[0].search(undenied(text)) is not None
