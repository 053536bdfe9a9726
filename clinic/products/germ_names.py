"""Names of germs as a pattern for free text: known genera, words that end like one, and Latin names of two words."""

from __future__ import annotations

import re

GENERA = r"""staph\w*|strep\w*|enterococ\w*|pseudomon\w*|e\.?\ ?coli|escherichia|klebsiel\w*|candida|aspergill\w*
    |cutibact\w*|propionibact\w*|acinetobact\w*|serratia|listeria|nocardia|proteus|clostrid\w*|bacteroides|fusarium
    |penicillium|mucor|rhizopus|malassezia|actinomyces|h(?:a)?emophilus|neisseria|burkholderia|yersinia|vibrio
    |cladosporium|alternaria|saccharomyces|trichosporon|rhodotorula|ralstonia|kocuria|rothia|leuconostoc|providencia
    |enterobact\w*|mycobact\w*|corynebact\w*|acremonium|paecilomyces|trichoderma"""
"""Genera that are found in cultures of cells, by their beginnings."""
LIKE = r"\w{2,}(?:cocc(?:us|i|al)|bacter(?:ia|ium)?|bacill(?:us|i)|monas|monads?|ella)"
"""Words that end as the names of genera do."""
NAMES = re.compile(rf"\b(?:{GENERA}|{LIKE})\b", re.IGNORECASE | re.VERBOSE)
LATIN = re.compile(
    r"\b[A-Z][a-z]{2,}(?:a|us|um|er|as|es|is|ix|on)\s[a-z]{3,}(?:us|um|is|ii|ae|[ae]ns|a|i|genes|oides)\b"
)
"""A name of two words, such as “Serratia marcescens”: only its spelling shows what it is."""
