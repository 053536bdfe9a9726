"""What an alert says against who the patient is, or whose the cells are: nobody gives cells on a doubt (rule 1)."""

from __future__ import annotations

import re

from clinic.wording import pieces

_PATIENT = r"(?:patients?|persons?|recipients?|man|woman|boy|girl|child|baby)"
_CELLS = (
    r"(?:cells?|bags?|products?|containers?|syringes?|vials?|units?|grafts?|donations?|infusions?|wrist\ ?bands?"
    r"|bracelets?"
    r"|(?:id\ |name\ |arm)?bands?|labels?|samples?|tubes?)"
)
_WHO = (
    r"(?:(?:sur|family\ |last\ |first\ )?names?|birth\ ?(?:date|day)s?"
    r"|date\ of\ birth|dob|sex|identity|identification|(?:photo|picture)(?:\ id)?"
    r"|passport"
    r"|id(?:\ card)?|mrn|din|chain\ of\ identity"
    r"|(?:record|patient|case|hospital|donation|bag|product|identity)\ (?:number|no\.?)s?|numbers?\ on)"
)
_OTHER = (
    r"(?:an?other|a\ different|the\ other|some(?:one|body)(?:\ else)?|a\ wrong|the\ wrong|the\ neighbou?ring|a\ second)"
)
_RELATIVE = (
    r"(?:mother|father|wife|husband|spouse|partner|sister|brother|sibling|twin|son|daughter|aunt|uncle|cousin|donor"
    r"|neighbou?r|room-?mate|namesake)"
)
_NOT = r"(?:\b(?:not|never|nor)|n[’']?t)"
_DOUBT = (
    r"(?:doubt\w*|uncertain\w*|unsure|unclear|unknown|unconfirmed|unverified|unproven|question\w*|disput\w*|suspicio\w*"
    r"|suspect\w*|wrong\w*|mistak\w*|confus\w*|mix(?:ed)?[\ -]?up|mismatch\w*|discrepan\w*|lost|missing"
    r"|(?:not|never|cannot\ be|could\ not\ be|can[’']?t\ be)\ (?:yet\ |been\ |be\ |fully\ )*(?:sure|certain"
    r"|clear\w*|confirm\w*"
    r"|verif\w*|establish\w*|prove[nd]?|proved|known|check\w*|agreed?|match\w*|right|correct)|contradict\w*|differ\w*"
    r"|conflict\w*)"
)
_AGREES_NOT = (
    rf"(?:(?:{_NOT}\ (?:quite\ |really\ |the\ )*(?:match\w*|agree\w*|fit\w*|correspond\w*|same|identical|hers?|his"
    rf"|theirs?"
    r"|right|correct|as)\b)|cannot\ be\ (?:read|matched)|mismatch\w*|discrepan\w*"
    r"|\bdiffer(?:s|ed|ing|ent)?\b|another\ than|other\ than|\bwrong|disagree\w*|incorrect|swap\w*|switched"
    r"|mix(?:ed)?[\ -]?up"
    r"|(?:inter|ex)changed|contradict\w*|confused)"
)
_NO_DOUBT = re.compile(
    r"\b(?:no|without|beyond|not in|not any|never in|nobody) (?:any |longer |longer in |more )*(?:doubt\w*|question\w*)"
    r"|\b(?:no|without) (?:mismatch|discrepanc\w+|mix[ -]?ups?|difference)"
    rf"|{_NOT} (?:any )?(?:wrong|differ\w*|mixed up|swapped|lost|missing)",
    re.IGNORECASE,
)
_ALIKE = re.compile(
    r"\b(?:same|similar\w*|like|alike|nearly|almost|resembl\w*|close to|sounds?|namesakes?|twins?)\b", re.IGNORECASE
)
"""A caution about two who are alike; it says of neither that she or he is the wrong one."""
_CAUTION = re.compile(
    r"\b(?:avoid\w*|prevent\w*|(?:risk|danger) of|beware of|(?:easily|often|never)\b.{0,12}\b(?:confus|mix|swap"
    r"|mistak)\w*"
    r"|(?:do not|don[’']t) (?:confus|mix|swap|mistak|interchang|exchang|switch|forget)\w*)",
    re.IGNORECASE,
)
"""A reminder not to confuse two; that something does not match, or is in doubt, is none, however careful it sounds."""
_OTHER_NAME = re.compile(r"\b(?:maiden|nick ?name|prefer\w*|formerly|stage|married|insurance)\b", re.IGNORECASE)
_GAP = r"[^.;:\n]"
_PLAIN = re.compile(
    rf"""\bidentity\b{_GAP}{{0,40}}\b{_DOUBT} | \b{_DOUBT}\b{_GAP}{{0,40}}\bidentity\b | \bidentity\s*\?
    |\bwrong\ (?:\w+\ )?(?:{_CELLS}|{_PATIENT}|recipient|name|birth\ ?date|date\ of\ birth|dob|identity|record|file
    |chart)\b
    |(?:{_NOT}|\bunsure|\bdoubt\w*|\bwonder\w*|\bquestion\w*|\bif|\bwhether|\bunclear){_GAP}{{0,30}}
        \b(?:right|correct|same|intended)\ (?:{_CELLS}|{_PATIENT}|one\b)
    |\b(?:right|correct)\ (?:{_CELLS}|{_PATIENT})\s*\?
    |{_NOT}\ (?:his|her|their|my)\ (?:own\ |name\ |id\ )?(?:{_CELLS}|{_WHO})\b
    |{_NOT}\ (?:his|her|their|my)\ (?:{_RELATIVE}|{_PATIENT})(?:'s|’s)\ (?:own\ )?(?:{_CELLS}|{_WHO})\b
    |{_NOT}\ (?:the|this|that|our|my)\ {_PATIENT}(?:'s|’s|s')\ (?:own\ )?(?:{_CELLS}|{_WHO})\b
    |\b{_CELLS}\b{_GAP}{{0,40}}{_NOT}\ (?:really\ |meant\ |intended\ |made\ |given\ |labell?ed\ )*
        (?:hers|theirs|mine|(?:for|from|of)\ (?:him|her|them|(?:this|the|that|our)\ {_PATIENT})(?=\s*(?:$|[^\w\s]
        |but|and))
        |(?:his|(?:this|the|that|our)\ {_PATIENT}(?:'s|’s))(?=\s*(?:$|[^\w\s]|but|and|at|according|because|since|he
        |she)))
    |\b{_CELLS}\b{_GAP}{{0,40}}\bbelong\w*\ to\ (?!(?:him|her|them|the\ patient|this\ patient)(?:self)?\b(?!['’]))
    |\b{_CELLS}\b{_GAP}{{0,40}}{_NOT}\ (?:really\ )?belong
    |\b{_CELLS}\b{_GAP}{{0,25}}\b(?:meant|intended|made|labell?ed|are|is)\ for\ (?:his|her|the|a)\ {_RELATIVE}\b
    |\b{_RELATIVE}(?:'s|’s)\ (?:{_WHO}|(?:wrist\ ?|arm|name\ )?bands?|bracelet|label)\b
    |\b(?:{_OTHER}\ {_PATIENT}|some(?:one|body)\ else)(?:'s|’s|s['’])\ (?:\w+\ )?(?:{_CELLS}|{_WHO})\b
    |\bwhose\b{_GAP}{{0,20}}\b{_CELLS}\b | \b{_CELLS}\b{_GAP}{{0,20}}\bof\ unknown\ (?:origin|person|source)
    |\b(?:is|was|be|are)\ (?:really\ |actually\ |in\ fact\ )?(?:some(?:one|body)\ else|{_OTHER}\ {_PATIENT})(?!['’]s)
    |\b(?:(?:is|was|be)(?:\ not|n[’']t))\ (?:really\ )?(?:the|this|that|our)\ (?:right\ |same\ )?{_PATIENT}(?!['’]s)\b
    |\b(?:is|was)(?:\ not|n[’']t)\ (?:mr|mrs|ms|miss)\b | \bnot\ who\ (?:he|she|they)\b | \bdenies\ being\b
    |\b(?:{_CELLS})\b{_GAP}{{0,25}}\bsome(?:one|body)\ else(?:'s|’s)
    |\b(?:doubt\w*|unsure|not\ (?:sure|certain)|uncertain|unclear|unknown|suspect\w*|who\ knows
    |nobody\ knows)\b{_GAP}{{0,20}}
        \b(?:who\ (?:he|she|this|the\ {_PATIENT}|it)\b|whose|about\ (?:the|this|these)\ {_CELLS}|whom)
    |{_NOT}\ (?:think|believe\w*|sure){_GAP}{{0,30}}\b{_CELLS}\b{_GAP}{{0,15}}
        \b(?:hers|his|theirs|mine|(?:for|from|of)\ (?:him|her|them))\b
    |\bwho\ is\ (?:this|the|that)\ {_PATIENT} | \bshows?\ some(?:one|body)\ else\b
    |\b{_CELLS}\b{_GAP}{{0,25}}\b(?:meant|intended|made|labell?ed)\ for\ the\ other\b
    |\b{_CELLS}\b{_GAP}{{0,20}}{_NOT}\ (?:from|of)\ (?:this|the|that|our)\ donor\b
    |\bimpersonat\w*|\bpretends?\ to\ be|\bimpost[eo]r|\bmis-?identif\w*|\bidentity\ (?:theft|fraud)|\bmis-?labell?\w*
    |\b{_PATIENT}\b{_GAP}{{0,20}}\b(?:cannot|could\ not|not|never)\ (?:be\ |been\ )*identified
    |\bunidentified\ {_PATIENT}|\b(?:cannot|could\ not)\ identify\ (?:the|this|him|her)""",
    re.IGNORECASE | re.VERBOSE,
)
_COMPARED = re.compile(
    rf"""\b(?:{_WHO}|{_CELLS})\b{_GAP}{{0,50}}{_AGREES_NOT}
    |\b(?:mismatch|discrepanc\w+|{_NOT}\ match\w*|swap\w*|switched|mix(?:ed)?[\ -]?ups?|mix(?:ed)?\ up|interchang\w*
        |exchanged)\b
        {_GAP}{{0,40}}\b(?:{_WHO}|{_CELLS}|{_PATIENT})\b
    |\b(?:{_CELLS}|{_WHO}|record|file|chart|blood)\b{_GAP}{{0,30}}
        \b(?:of|for|from|with|is|are|shows?|bears?|reads?|says?|names?)\ {_OTHER}\ (?:{_PATIENT}|{_WHO})\b
    |\b(?:{_CELLS})\b{_GAP}{{0,30}}\b(?:of|for|from)\ some(?:one|body)\ else\b
    |\b(?:gives?|gave|says?|states?|tells?|told|answers?\ to|reads?|shows?|bears?|wears?|calls?)\b{_GAP}{{0,25}}
        \b{_OTHER}\ (?:{_WHO}|wrist\ ?band|bracelet)\b(?!\ (?:badge|tag))
    |\b(?:confused|mistaken|exchanged)\ (?:with|for)\ {_OTHER}\ {_PATIENT}\b""",
    re.IGNORECASE | re.VERBOSE,
)
_OF_LABORATORY = re.compile(
    r"\b(?:hla|tissue)[- ]?(?:type|typing|match\w*|mismatch\w*)|\bmismatched? (?:un)?related\b", re.IGNORECASE
)
_CLAUSE = re.compile(r"[.;:\n]+|\bbut\b")


_HEADING = re.compile(r"\b(identity|wristband|bag|label|cells|patient)\s*:\s*", re.IGNORECASE)
_NOT_ALIKE = re.compile(r"\bnot (?:quite |really )?the same\b|\b(?:looks?|seems?) like\b", re.IGNORECASE)


def doubts_identity(text: str) -> bool:
    """Whether a text says that the patient or the cells may be another one's; that two are alike is no doubt."""
    said = _HEADING.sub(r"\1 ", text)
    return any(_doubts(clause) for one in pieces(said) for clause in _CLAUSE.split(one) if clause)


def _doubts(clause: str) -> bool:
    said = _OF_LABORATORY.sub(" ", _NO_DOUBT.sub(" ", " ".join(clause.split())))
    if _CAUTION.search(said) and not re.search(r"\bwrong|belong", said, re.IGNORECASE):
        return False
    if _PLAIN.search(said):
        return True
    return (
        not _ALIKE.search(_NOT_ALIKE.sub(" ", said)) and not _OTHER_NAME.search(said) and bool(_COMPARED.search(said))
    )
