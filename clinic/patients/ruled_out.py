"""What an alert says that rules cells out until a physician has decided.

A refusal, an order not to give, a doubt whose the cells are, a pregnancy, a malignancy, a death (rules 1, 23).
"""

from __future__ import annotations

import re

from clinic.patients.names import searchable
from clinic.patients.stop_words import says_stop
from clinic.patients.whose import doubts_identity
from clinic.protocols.catalogues import CONDITIONS
from clinic.wording import pieces

_RELATIVE = (
    r"(?:mother|father|mum|dad|wife|husband|spouse|partner|girlfriend|boyfriend|sister|brother|sibling|son|daughter"
    r"|aunt|uncle|cousin|grand\w+|parents?|famil(?:y|ial)|relatives?)\b(?!-)"
)
_OF_OTHERS = re.compile(
    rf"[^.;,:!?\n]*\b(?:in|of)\s+(?:(?:her|his|the|a|patient'?s)\s+)?{_RELATIVE}[^.;,:!?\n]*"
    rf"|[^.;,:!?\n]*\({_RELATIVE}\)"
    rf"|\b{_RELATIVE}(?!['’]?s?\s+(?:has\s+|just\s+)?(?:says?|said|reports?|reported|tells?|told|calls?|called|phoned"
    r"|informs?|thinks?|believes?|asks?|of\b))[^.;,:!?\n]*",
    re.IGNORECASE,
)
"""What is told of a relative, not what a relative tells of the patient."""
_KIN = re.compile(rf"\b{_RELATIVE}", re.IGNORECASE)
_PREGNANT = re.compile(
    r"pregnan|gravid|hcg\b|gestation|trimester|breast.?feed|lactating|\bexpecting\b.{0,12}(baby|child|twins)"
    r"|(missed|late) (her )?period",
    re.IGNORECASE,
)
_NO_HCG = re.compile(
    r"hcg\s*(?:level|test|serum|urine)?\s*(?:[:=]|is|was)?\s*(?:(?:<|≤|<=|below|under)\s*(?:1?\d|2[0-5])"
    r"|[0-4](?:[.,]\d+)?)"
    r"(?![\d.,]*\d)",
    re.IGNORECASE,
)
_MALIGNANT = re.compile(
    r"malignan|cancer|tumou?r|carcinom|sarcom|lymphom|leuk[ae]*emi|melanom|blastom|myelom|metasta|neoplas|mesotheliom"
    r"|gliom|\bblasts?\b|\bblast cells|myelodysplas|\bmds\b",
    re.IGNORECASE,
)
_ABBREVIATED = re.compile(
    r"\b(AML|CML|CLL|NHL|MPN|DLBCL|NSCLC|SCLC)\b|\b([BT]-)?ALL\b(?= (in|diagnos|relaps|confirm|suspect)|\W*$)"
)
_DEAD = re.compile(r"\bdied\b|\bdeceased\b|passed away|\b(is|was|found) dead\b|\bdeath\b|brain.?dead", re.IGNORECASE)
_OPEN = re.compile(
    r"\b(?:cannot|can not|can[’']t|could not|not|never|unable to|to)\s+(?:(?:yet|be|been|fully|safely)\s+)*"
    r"(?:excluded?|ruled? out)\b",
    re.IGNORECASE,
)
"""What nobody has excluded yet."""
_DENIED = re.compile(
    r"\b(no|not|without|never|denies|nor|kein(?:e|en|er)?|ohne)"
    r"\s+((signs?|evidence|history) of |active |known |any |longer )*\w+",
    re.IGNORECASE,
)
_RULED_OUT = re.compile(
    r"\b(\w+[ -]){1,2}(is |was |were )?(negative|excluded|ruled out|non.?reactive)\b", re.IGNORECASE
)
"""What an alert says that there is not."""

_CELLS = (
    r"(?:cells?|infusions?|injections?|treatments?|(?<!physical )therap(?:y|ies)|consents?|doses?|procedures?"
    r"|transplant\w*|study|trial|administration|course|collection|harvest\w*|aspiration|participat\w*|grafts?"
    r"|(?<!blood )transfusions?|(?:the|this|these|that|those|any|his|her) (?:bags?|products?|containers?|syringes?"
    r"|vials?))"
)
_OBJECT = re.compile(
    rf"\b{_CELLS}\b|\bbe(?:ing)? (?:treated|given|infused|injected)\b|\bgo(?:ing)? on\b|\bcontinue\b|\bproceed\b"
    r"|\btake part\b",
    re.IGNORECASE,
)
_HOW = re.compile(
    r"\b(?:faster|quicker|slower|too (?:fast|quickly)|more than|less than|above \d|over \d)", re.IGNORECASE
)
"""How cells are given, not that they are not."""
_NOT_REFUSED = re.compile(
    r"(?:\b(?:not|never|no|without)|n[’']t)\s+(?:yet\s+|ever\s+|been\s+|any\s+)?"
    r"(?:refus|withdr[ae]w|revok|rescind|object|declin|contra.?indica)\w*",
    re.IGNORECASE,
)
_GIVE = (
    r"(?:treat|g[ia]ve|inject|infus|transfus|want|wish|consent|agree|continue|proceed|start|beg[iau]n|receive"
    r"|receiving|get\b"
    r"|got\b"
    r"|administer|use\b|used\b|hang|hung|connect|thaw|appl|spike|release|releasing)"
)
_AGAINST = re.compile(
    r"\brefus\w*|\bwithdr[ae]w\w*|\brevok\w*|\brescind\w*|\bdeclin\w*"
    r"|(?<!metal )(?<!foreign )\bobject(?:s|ed|ing|ion)\b"
    r"|\bopt(?:s|ed)? out\b|\bsa(?:ys|id) no\b|\b(?:wants?|wishes|asks?|asked|wanted) (?:for )?(?:no|nothing)\b"
    r"|\b(?:wants?|wishes|asks?|asked|wanted) (?:for )?to (?:stop|quit|end|discontinue)\b|\bno longer (?:wants?|wishes"
    r"|consents?|agrees?|willing)\b|\bcontra.?indicated\b"
    rf"|(?:\b(?:do|does|did|will|must|should|may|can|would|shall)(?: ?not|n[’']?t)|\bcannot|\bnever|\bnot to"
    rf"|\b(?:nobody|no one|none) (?:may|must|should|shall|is to)) (?:be )?{_GIVE}\w*"
    r"(?! to (?:see|look|watch|know|hear|talk|be told))|\bnot (?:giving|infusing"
    rf"|transfusing)"
    r"|\bforbid\w*|\bforbade|\bprohibit\w*|\bvetoe?[sd]?\b|\bnot (?:yet )?(?:allowed|permitted|cleared|approved|fit)\b",
    re.IGNORECASE,
)
"""A “no”: of what, stands behind it."""
_CLAUSE = re.compile(r"[.;,:!?()\n]|\bbut\b")
_ADVERB = re.compile(
    r"\b(?:since|because|due|until|after|before|when|if|unless|for|at|on|during"
    r"|in(?! (?:the )?(?:left|right|arm|same)))\b",
    re.IGNORECASE,
)
_FILLER = re.compile(
    r"(?:to|the|any|all|more|further|be|being|again|by|via|of|it|this|that|so|now|today|yesterday|tomorrow|anymore"
    r"|longer"
    r"|at|everything|anything|nothing|patient\w*|guardian|she|he|her|his|him|they|them|and|has|have|is|was|were"
    r"|telephone"
    r"|phone|mail|email|letter|writing|strictly|completely|morning|evening|night|verbally|explicitly|mother|father"
    r"|parents?|husband|wife|family|himself|herself|as|well|please|yet|first|just)",
    re.IGNORECASE,
)
_PUT_OFF = (
    r"(?:stopped|cancel\w*|halted|on hold|held(?: back)?|withheld|suspended|terminated|called off|abandoned|postponed"
    r"|deferred|put off|paused|not to be (?:given|started|used|infused|transfused|injected))"
)
_STOPPED = re.compile(
    rf"(?<!likes to )(?<!wants to )(?:stop|cancel|hold|halt|withhold|postpon|defer|discontinu|paus"
    r"|abort)\w* (?:(?:off|back|on|with|the|all|this"
    rf"|these|any|further|giving|his|her|today[’']s|next) )*{_CELLS}\b|\bdnr\b|against medical advice"
    rf"|\b(?:put off|keep back|hold back|wait with|refrain from|suspend|delay|block|no giving of) (?:(?:the|all"
    rf"|this|these"
    rf"|any|further|giving|his|her) )*{_CELLS}\b|\bhold (?:everything|all)\b"
    r"|\b(?:give|infuse|transfuse|inject|administer|start|hang) (?:(?:him|her|them|the patient) )?(?:nothing|none)\b"
    r"(?! (?:by mouth|orally|per os|to (?:eat|drink)|cold|with|containing|hot|sweet))"
    r"|\bnothing (?:(?:is|may|must|to|should|can|shall|be) )+(?:given|infused|transfused|injected|started|administered)"
    r"(?! (?:by mouth|orally|per os))"
    rf"|\b{_CELLS}\W{{1,3}}(?:no|not|none|nothing|never|stop|hold|wait)\b(?=\s*(?:$|[.;,:!?]|today|now|yet|before"
    rf"|until))"
    rf"|\b(?:keep|leave) (?:(?:the|all|these|both) )*{_CELLS} in (?:the )?"
    r"(?:tank|freezer|storage|quarantine|nitrogen)\b"
    rf"|\b(?:await|waiting for|wait for)\b[^.;\n]{{0,40}}\bbefore (?:(?:the|any|giving|further) )*"
    rf"(?:{_CELLS}|giving|start\w*)\b"
    rf"|\b{_CELLS} (?:(?:must|has|have|should|to|will|can) )+wait\b"
    rf"|\b{_CELLS} only (?:after|when|once|if)\b.{{0,40}}\b(?:approv|agree|director|physician|doctor|dr\b|talk"
    rf"|spoke|speak"
    r"|decision|decid|call|confirm|clear)"
    r"|changed (her|his|their|the) mind"
    rf"|(?:^|[.;,:!?\n]\s*|\b(?:the|all|any|this|further|cells?|her|his|patient['’]?s|study) ){_CELLS} "
    rf"(?:(?:was|is|are|were|has|have|been|must|be|to) )*{_PUT_OFF}\b"
    rf"|\bno (?:more|further|other) {_CELLS}\b|\bno cells\b(?! (?:seen|found|detected|in|counted))"
    r"|\bno (?:infusions?|injections?|treatments?|doses?|transfusions?|stem cells?|administration)\b"
    r"(?=\s*(?:$|[.;,:!?]|today|tonight|tomorrow|now|yet|until|till|before|unless|at all|any|this|on|for now|please))"
    rf"|\bno (?:longer |valid |any )*consent\b(?! (?:for|to) (?!(?:the |any |further )*{_CELLS}))"
    r"|\bconsent\b.{0,25}\b(?:no longer|invalid|void|cancel\w*|expired|lapsed|missing"
    r"|not (?:valid|given|obtained|signed))"
    rf"|\bcontra.?indica\w* (?:for |to |against )?(?:the |any |further )*{_CELLS}"
    rf"|(?<!\w)(?:ineligible|not eligible)\b(?! (?:for|to) (?!(?:the |any |further )*{_CELLS}))",
    re.IGNORECASE,
)
_CONTRAINDICATED = re.compile(
    r"contra.?indicated|forbidden|prohibited|vetoed|not (?:yet )?(?:allowed|permitted|cleared|approved)", re.IGNORECASE
)
_NEGATES = frozenset(["no", "not", "never", "without", "non", "nor", "denies", "now", "nil", "none", "kein", "nicht"])


def rules_out(text: str, condition: str | None = None) -> bool:
    """Whether an alert speaks of a pregnancy, a malignancy, a death, a refusal, an order not to give, another's cells.

    ``condition``: what the course treats; a malignancy is no news where it is what is treated. What is told of a
    relative rules out nothing, a refusal only where it is of cells, treatment or consent, or of nothing named.
    """
    treated = CONDITIONS.get(condition or "")
    curable = treated is not None and treated.malignant
    return doubts_identity(text) or any(_rules_out(one, curable=curable) for one in pieces(text))


def _rules_out(text: str, *, curable: bool) -> bool:
    said = affirmed(text)
    own = _NO_HCG.sub(" ", of_the_patient(said))
    malignant = _MALIGNANT.search(own) or _ABBREVIATED.search(own)
    return bool(_refuses(text) or _DEAD.search(own) or _PREGNANT.search(own) or (not curable and malignant))


def affirmed(text: str) -> str:
    """Return what a text says that there is, or may be: what nobody has excluded is not excluded."""
    return _DENIED.sub(" ", _RULED_OUT.sub(" ", _OPEN.sub(" possible ", text)))


def of_the_patient(text: str) -> str:
    """Return a text without what it tells of relatives."""
    return _OF_OTHERS.sub(" ", text) if _KIN.search(text) else text


def _refuses(text: str) -> bool:
    said = _NOT_REFUSED.sub(" ", text)
    if _STOPPED.search(said) or says_stop(said):
        return True
    return any(_about_cells(said, found) for found in _AGAINST.finditer(said))


def _about_cells(said: str, found: re.Match[str]) -> bool:
    """Whether a “no” is about cells or their giving, or about nothing that is named."""
    tail = _CLAUSE.split(said[found.end() :])[0]
    near = _ADVERB.split(tail)[0] if not re.search(r"\bgo(?:ing)? on\b", tail) else tail
    if _OBJECT.search(near):
        return not _HOW.search(near)
    words = re.findall(r"[^\W_]+", near)
    if _CONTRAINDICATED.fullmatch(found[0]):  # of what, stands before it
        head = _CLAUSE.split(said[: found.start()])[-1]
        if head.strip():
            return bool(_OBJECT.search(head))
    return all(_FILLER.fullmatch(word) or word.isdigit() for word in words)


_SIGN = re.compile(r"[+<>=≤≥±↑↓→?!−–]|(?<!\w)-|-(?!\w)")
"""Signs that change what a text says; a hyphen within a word is none."""


def same_meaning(old: str, new: str) -> bool:
    """Whether a text was only corrected in its spelling: word by word the same, but for one letter of longer ones.

    The first letter of a word is none to correct (“afebrile”), and a sign such as + or < is no letter.
    """
    ours, its = searchable(old).split(), searchable(new).split()
    if len(ours) != len(its) or rules_out(old) is not rules_out(new) or _SIGN.findall(old) != _SIGN.findall(new):
        return False
    return all(a == b or (not {a, b} & _NEGATES and _one_letter_off(a, b)) for a, b in zip(ours, its, strict=True))


def _one_letter_off(one: str, other: str) -> bool:
    """Whether a letter was added, left out or replaced, or two were exchanged; figures are never a slip."""
    short, long = sorted((one, other), key=len)
    if len(short) < 4 or one[0] != other[0] or not (one + other).isalpha() or len(long) - len(short) > 1:
        return False
    same = next((n for n, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    rest, its = short[same:], long[same:]
    swapped = len(rest) == len(its) and rest[1:2] + rest[:1] + rest[2:] == its
    return swapped or rest[1:] == its[1:] or rest == its[1:]
