"""Which alerts are everyday cautions, so that anybody may say that cells go on over them (rule 23).

Every part of the text has to be one of the phrases here, from its first word to its last. What is none of them is not
forbidden: cells wait until a physician has read it. So no list of dangers has to be whole.
"""

from __future__ import annotations

import re

from clinic.patients.allergens import ADDITIVES, mentions, reacts, remainder, spelled
from clinic.patients.names import searchable

_WHO = (
    r"(?:(?:the )?(?:patient|pt|she|he|they) )?(?:is |has |are |have )?(?:a |an |the |her |his |very |quite "
    r"|rather |slightly )*"
)
_SIDE = (
    r"(?: (?:on|in|for|at) (?:the )?(?:left|right|both)(?: (?:ears?|eyes?|sides?|arms?|hands?|legs?|knees?))?"
    r"| (?:left|right)(?: (?:ear|eye|side|leg|arm))?)?"
)
_LANGUAGE = (
    r"(?:english|german|french|spanish|italian|portuguese|polish|turkish|arabic|russian|ukrainian|romanian|bulgarian"
    r"|greek|serbian|croatian|bosnian|albanian|hungarian|czech|slovak|dutch|danish|swedish|norwegian|finnish|estonian"
    r"|latvian|lithuanian|persian|farsi|dari|pashto|kurdish|hebrew|hindi|urdu|bengali|tamil|punjabi|chinese|mandarin"
    r"|cantonese|japanese|korean|vietnamese|thai|tagalog|somali|amharic|tigrinya|swahili|sign language|deutsch)"
)
_WITH = r"(?:daughter|son|mother|father|parents?|wife|husband|partner|sister|brother|carer|friend|neighbou?r|family)"
_THING = (
    r"(?:hearing aids?|glasses|spectacles|contact lens(?:es)?|dentures?|wheelchair|rollator|walker|walking (?:frame"
    r"|stick|aid)|crutch(?:es)?|cane|stick|prosthe(?:sis|tic leg)|wig|compression stockings?|hoist|lift|blanket"
    r"|pillow"
    r"|extra (?:blanket|pillow|time)|more time|large print|guide dog)"
)
_IMPLANT = (
    r"(?:(?:cardiac )?pacemaker|port(?: catheter)?|port a cath|icd|(?:implanted )?defibrillator|(?:coronary )?stents?"
    r"|(?:hip|knee|shoulder)(?: joint)? (?:replacement|prosthesis|endoprosthesis)|cochlear implant|insulin pump)"
)
_PHRASES = (
    r"(?:(?:at )?(?:high |low |moderate |increased )?)(?:fall risk|falls risk|risk (?:of|for) (?:falls?|falling))",
    r"(?:left|right|both) (?:ears?|eyes?)|falls easily|prone to falls|unsteady on stairs|walks slowly|slow walker"
    r"|walks with " + _THING,
    (rf"(?:hard of hearing|deaf|hearing impaired|poor hearing|short ?sighted|long ?sighted|poor eyesight"
    rf"|visually impaired){_SIDE}"),
    (rf"(?:wears|uses|needs|has|with|brings|own|likes)? ?(?:a |an |her |his |two )?{_THING}{_SIDE}(?: (?:needed"
    rf"|please|user|at night))?"),
    r"(?:reads lips|lip reads?|lip reader|(?:please )?speak (?:slowly|loudly|up|clearly)(?: please)?|talk slowly)",
    (rf"(?:needs |uses |with |book )?(?:an? )?(?:{_LANGUAGE} )?(?:interpreter|translator)(?: for {_LANGUAGE})?"
    rf"(?: (?:is )?(?:needed|required|booked|please))?(?: (?:for )?{_LANGUAGE})?"),
    (rf"(?:speaks|understands|reads) (?:only |a little |little |some |mainly |no |good )?{_LANGUAGE}(?: only)?"
    rf"|{_LANGUAGE}(?: only| speaking)?|no {_LANGUAGE}"),
    (r"(?:afraid|scared|frightened|terrified|nervous|anxious) (?:of|about) (?:the )?(?:needles?|injections?|blood"
    r"|hospitals?|lifts?|dogs?|the dark|noise)"),
    (r"(?:fear of |fears )(?:needles?|injections?|blood|hospitals?|lifts?)|(?:needle|blood|injection) (?:fear"
    r"|phobi[ac]|phobic|shy)|claustrophobi[ac]"),
    r"let (?:her|him|them|the patient) (?:lie down|sit|rest|drink|talk)(?: first| before)?|stutters|stammers|lisps",
    (rf"{_IMPLANT}(?: in situ)?{_SIDE}(?: (?:since )?(?:19|20)\d\d)?|(?:left|right|both|bilateral) {_IMPLANT}"
    r"(?: (?:since )?(?:19|20)\d\d)?"),
    r"(?:(?:nearly |almost )?(?:the )?(?:same|similar) )?(?:name|birth date)(?: (?:as|to) (?:another|a) patient)?",
    (r"(?:identical |twin )?(?:twin|brother|sister|twin brother|twin sister) is also (?:a )?(?:patient|treated)"
    r"(?: here)?"),
    r"faints? (?:easily )?at (?:the )?(?:sight of )?(?:blood|needles?)",
    (r"(?:difficult|poor|bad|fragile|small|thin|rolling)(?: to find)? (?:veins?|venous access|iv access)"
    r"|veins? (?:are )?(?:difficult|hard|poor)(?: to find)?"),
    (r"(?:prefers|likes|drinks|wants)(?: (?:a |the |some )?(?:tea|coffee|water|juice|milk|music|window seat|window"
    r"|radio|television|quiet room"
    r"|single room|company|silence|(?:early |late )?(?:morning|afternoon|evening)s?(?: appointments?)?"
    r"|early appointments?|late appointments?"
    r"|(?:female|male|women|men)(?: (?:nurses?|staff|physicians?|doctors?))?|(?:left|right) (?:arm|hand|side)"
    r"|to talk|to be alone))(?: please)?"),
    (r"(?:should|must|needs to|has to|likes to|prefers to|wants to)? ?(?:sits?|lies?)(?: (?:up|upright|down|flat"
    r"|badly|best|still|poorly|comfortably))+"),
    (r"(?:vegetarian|vegan|kosher|halal|gluten free|lactose free|no pork|soft food|diabetic diet)(?: (?:diet|food"
    r"|meals?))?"),
    r"(?:use|take|prefers) (?:the )?(?:left|right) (?:arm|hand)(?: only)?|(?:left|right) handed",
    (r"no (?:blood pressure|cuff|venipuncture|needles?|cannula|iv|blood draws?)(?: measurement)? (?:on|in"
    r"|at) (?:the )?(?:left|right) (?:arm|hand|side|leg)"),
    (r"needs? help (?:with|to) (?:dressing|dress|walking|walk|eating|eat|standing up|stand up|the stairs|forms"
    r"|reading|the toilet)"),
    rf"lives (?:alone|far away|with (?:her |his )?{_WITH})|comes by (?:taxi|bus|train|car|ambulance)|taxi booked",
    (rf"(?:accompanied by|comes with|brings) (?:a |her |his )?{_WITH}|(?:her |his )?{_WITH} (?:comes along|comes too"
    rf"|accompanies (?:her|him)|waits outside|is present)"),
    r"(?:non |ex )?smoker|does not smoke|gets cold easily|freezes easily|keep warm|shy|talkative|early riser",
    (r"(?:nearly |almost |quite )?(?:the )?same name as (?:another|a) patient|(?:read|say|ask|check) (?:the )?(?:record"
    r" number|full name|name|birth date|date of birth)(?: and (?:the )?(?:record number|name|birth date))?(?: aloud)?"),
    (r"do not transfuse (?:platelets|red cells|blood|plasma)(?: products)? without irradiation|irradiated (?:blood"
    r"|platelets|red cells)(?: products)? only"),
    r"no (?:fever|infection|allergies|known allergies)|afebrile",
    r"(?:(?:hepatitis [ab]|flu|influenza|covid(?: 19)?|tetanus|measles|pneumococcal|fully) )?vaccinated",
    r"(?:wife|girlfriend|partner|daughter|sister|daughter in law) is pregnant",
    (r"(?:history of |earlier |previous )?(?:fever|pneumonia|sepsis|influenza|covid|covid 19|bronchitis|cystitis"
    r"|appendicitis|tonsillitis|shingles|measles|mumps|chickenpox)"
    r" (?:in (?:childhood|infancy|youth)|as a (?:child|baby)|(?:in )?(?:19|20)\d\d)"),
)  # fmt: skip
"""What people write of everybody's needs and habits, and of an illness that the bedside asks about."""
_EVERYDAY = re.compile(rf"{_WHO}(?:{'|'.join(_PHRASES)})")
_PARTS = re.compile(r"[;,.:!/&\n()]|\band\b|\s[-–—]\s")
_SPOILED = re.compile(r"[^\w\s;,.:!/&()’'“”\"–—-]")
"""Signs that change what a text says: a question, an arrow, a plus."""
_OF = re.compile(r"\b(?:to|after|on|from|against|with|of) ([a-z]+)(?: |$)")


_CALLED = re.compile(
    r"^\s*(?i:similar name)\s*:\s*[A-ZÀ-Þ]{2,}\s*,\s*[A-ZÀ-Þ][a-zß-ÿ]+(?=\s*[.;]|\s*$)"
    r"|\b(?i:prefers to be called|likes to be called) [A-ZÀ-Þ][a-zß-ÿ]{1,20}(?=\s*[.;,]|\s*$)"
)
"""A person's name, where a text plainly tells that it is one."""


def is_everyday(text: str) -> bool:
    """Whether every part of an alert is a plain caution of everyday, or an allergy that is compared with each bag."""
    text = _CALLED.sub("similar name", text)
    if _SPOILED.search(text) and not _is_allergy(text):
        return False
    parts = [part for one in _PARTS.split(text) if (part := searchable(one))]
    return bool(parts) and (all(_EVERYDAY.fullmatch(part) for part in parts) or _is_allergy(text))


def _is_allergy(text: str) -> bool:
    """Whether an alert tells of a reaction to a component or to one thing that it names, and of nothing else."""
    said, open_ = spelled(text), remainder(text)
    if not reacts(text) and not open_:
        return any(mentions(said, words) for words in ADDITIVES.values())  # “Human albumin!!”
    strange = [word for word in open_ if word not in {"after", "against", "to"}]
    known = any(mentions(said, words) for words in ADDITIVES.values()) or "allerg" in said
    return (
        reacts(text)
        and (not strange or (len(strange) == 1 and strange[0] in _OF.findall(said)))
        and (known or bool(strange))
    )
