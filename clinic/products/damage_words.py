"""What a note beside a movement tells of a container that is called intact, or of which nobody says (rules 34, 60)."""

from __future__ import annotations

import re
from functools import lru_cache

from clinic.products.reasons import speaks_of_the_cells
from clinic.wording import pieces

NOTED = frozenset({"received", "stored", "thawed", "issued", "handed_over", "returned", "shipped"})
"""Movements whose reason is a note on the container; of others it says why they were."""
_PART = (
    r"(?:ports?|caps?|seals?|lids?|clamps?|stoppers?|valves?|closures?|plugs?|zip|welds?|tubing|line|bag|vial|syringe)"
)
_DAMAGE = re.compile(
    rf"""\b(?:leak\w*|drip\w*|seep\w*|ooz\w*|weep\w*|trickl\w*|drops?\ of|droplets?|puddle|wet|moist\w*|damp|sticky
    |crack\w*|brok\w*|break\w*|burst\w*|torn|tears?|ripped|rips?|punctur\w*|pierc\w*|pinhole|holes?|split\b(?!\ into)
    |spil\w*|slit|dropped|fell|fallen|damag\w*|defect\w*|dent\w*|bulg\w*|swollen|deform\w*|kink\w*|crush\w*|bent|loose
    |lost\ volume|not\ (?:intact|tight|sealed|closed|whole|correct|legible|readable)|unsealed|untight|undicht|tropft
    |riss\w*|kaputt|nass|beschädig\w*|smudg\w*|smear\w*|illegible|unreadable|faded|peel\w*|melt\w*|too\ warm
    |thawed\ (?:on|in|during|before)
    |overheated|alarm\w*)\b
    |\b{_PART}\b[^.;,\n]{{0,24}}\b(?:open|off|missing|gone|undone|came\ away|gives\ way|not\ (?:closed|tight))\b
    |\b(?:open|missing|lost)\ (?:\w+\ )?{_PART}\b
    |\blabels?\b[^.;,\n]{{0,24}}\b(?:off|missing|wrong|another|other|lost|half|not)\b
    |\b(?:wrong|no|missing|second)\ label\b""",
    re.IGNORECASE | re.VERBOSE,
)
_DENIED = re.compile(
    r"\b(?:no(?!\s+label\b)|without|never|nothing|none|free\s+of|kein(?:e|en|er)?|ohne|nicht|neither|nor)\b[^.;,\n]*"
    r"|\bnot\s+(?:leak\w*|drip\w*|damag\w*|brok\w*|crack\w*|torn|wet|loose|open\w*|thawed|melt\w*|seen|found|any)[^.;,\n]*"
    r"|[^.;,\n]*\b(?:excluded|ruled\s+out)\b|\b(?:if|should|unless|in\s+case|whether)\b[^.;,\n]*",
    re.IGNORECASE,
)


_READ = re.compile(
    r"\blabels?\s+(?:(?:was|were|is)\s+)?(?:read|checked|compared|verified|scanned|matche[sd])\b", re.IGNORECASE
)
"""What is done with every label."""


@lru_cache(maxsize=4096)
def tells_of_damage(note: str | None) -> bool:
    """Whether a note tells that a container leaks, is broken, badly labeled, too warm or of strange look."""
    said = _READ.sub(" ", (note or "").replace("’", "'"))
    return speaks_of_the_cells(said) or any(_DAMAGE.search(_DENIED.sub(" ", piece)) for piece in pieces(said))
