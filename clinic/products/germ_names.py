"""Names of germs as a pattern for free text: known genera, words that end like one, and Latin names of two words.

Also the shorthand of a laboratory, parasites, the illnesses that are named for a germ, and a few words of German.
"""

from __future__ import annotations

import re

GENERA = r"""staph\w*|strep\w*|enterococ\w*|pseudomon\w*|e\.?\ ?coli|escherichia|klebsiel\w*|candida|aspergill\w*
    |cutibact\w*|propionibact\w*|acinetobact\w*|serratia|listeria|nocardia|proteus|clostrid\w*|bacteroides|fusarium
    |penicillium|mucor|rhizopus|malassezia|actinomyces|h(?:a)?emophilus|neisseria|burkholderia|yersinia|vibrio
    |cladosporium|alternaria|saccharomyces|trichosporon|rhodotorula|ralstonia|kocuria|rothia|leuconostoc|providencia
    |enterobact\w*|mycobact\w*|corynebact\w*|acremonium|paecilomyces|trichoderma|bacillus|borrelia|leptospira
    |treponema|chlamydia|coxiella|rickettsia|ehrlichia|anaplasma|abiotrophia|lactobacill\w*|pantoea|hafnia
    |capnocytophaga|eikenella|finegoldia|parvimonas|erysipelothrix|tsukamurella|gordonia|streptomyces|exophiala
    |scedosporium|curvularia|histoplasma|coccidioides|blastomyces|pneumocystis|ureaplasma|methylobact\w*
    |toxoplasma|plasmodium|trypanosom\w*|leishmania|babesia|strongyloides|schistosom\w*|microfilari\w*|bartonella
    |brucella|fusobact\w*|hafnia|geotrichum|aureobasidium|chaetomium|diphtheroids?|coryneform\w*|coliforms?"""
"""Genera that are found in cultures of cells, by their beginnings."""
SPECIES = r"""aureus|epidermidis|acnes|cereus|pneumoniae|aeruginosa|faecalis|faecium|pyogenes|agalactiae|mirabilis
    |maltophilia|cloacae|marcescens|albicans|glabrata|parapsilosis|krusei|fumigatus|ha?emolyticus|lugdunensis|warneri
    |baumannii|difficile|perfringens|monocytogenes|meningitidis|oxytoca|burgdorferi|falciparum|vivax|pallidum
    |saprophyticus|simulans"""
"""Second names that need no first one to be understood."""
SHORTHAND = r"""(?-i:GPCs?|GPRs?|GPB|GNRs?|GNBs?|GNC|GNDC|GPDC|CoNS|CONS|AFB|MRSA|MSSA|MRSE|MSSE|VRE|ESBL|CRE|KPC|NTM
        |MTB)
    |(?-i:[A-Z])\.\s?(?-i:[a-z]{4,}(?:us|um|is|ii|ae|[ae]ns|oides|coli))
    |c\.?\s?diff|coag(?:ulase)?[-. ]{1,2}neg\w*|gram[- ]?(?:pos|neg)\w*\.?\s(?!stain|control)\w+"""
"""What a laboratory writes for a germ: “GPC in clusters”, “S. aureus”, “coag-neg.”."""
LIKE = r"\w{2,}(?:cocc(?:us|i|al)|bacter(?:ia|ium)?|bacill(?:us|i)|monas|monads?|ella)"
"""Words that end as the names of genera do."""
NAMES = re.compile(rf"\b(?:{GENERA}|{LIKE}|{SPECIES}|{SHORTHAND})\b", re.IGNORECASE | re.VERBOSE)
LATIN = re.compile(
    r"\b[A-Z][a-z]{2,}(?:a|us|um|er|as|es|is|ix|on)\s[a-z]{3,}(?:us|um|is|ii|ae|[ae]ns|a|i|genes|oides)\b"
)
"""A name of two words, such as “Serratia marcescens”: only its spelling shows what it is."""
NO_GERMS = re.compile(
    r"\b(?:patella|rubella|varicella|umbrella|isabella|gabriella|daniella|paella|mozzarella|lamella|novella|fontanella"
    r"|columella|capella|predella)\w*",
    re.IGNORECASE,
)
"""Words that end as the names of germs do, and are none that cells carry."""
