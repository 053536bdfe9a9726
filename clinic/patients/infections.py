"""What an alert or an order says of an infection, for a person at the bedside to judge (rule 23)."""

from __future__ import annotations

import re

from clinic.patients.ruled_out import affirmed, of_the_patient
from clinic.wording import pieces

INFECTED = re.compile(
    r"infect(?!ious disease marker)|\b(?:uro-?)?sepsis|\bpyrexi|\bseptic|pneumoni|febril|\bfever|abscess"
    r"|cellulitis|osteomyelitis|"
    r"bacter[ai]*emia|"
    r"meningitis|encephalitis|endocarditis|peritonitis|pyelonephritis|cystitis|cholangitis|erysipelas|influenza|covid|"
    r"sars.cov|tubercul|viremia|viraemia|fung[ae]+mia|shingles|zoster|\bpus\b|purulent"
    r"|blutvergiftung|\binfekt|bakteriämie|lungenentzündung|hirnhautentzündung|\beitrig|\bfiebert|\bfieber\b",
    re.IGNORECASE,
)
AGENT = re.compile(
    r"\b(hiv|hbv|hcv|htlv|cmv|ebv|mrsa|vre|esbl)\b|hepatitis|syphilis|malaria|septic|(?<!non.)reactive\b|\bgrew\b"
    r"|(?:cultures?|\w*kultur(?:en)?|bottles?)\b.{0,24}\b(?:positive?|flag(?:ged|s)?|turned|grew|grows|growing|alarm\w*"
    r"|gewachsen|bewachsen|wachstum)\b"
    r"|(?:staph\w*|strep\w*|klebsiel\w*|e\.? ?coli|pseudomon\w*|candida|enteroc\w*|acinetob\w*|serratia|listeria"
    r"|aureus|yeasts?"
    r"|fung(?:i|us)|germs?|keime?|rods|cocci|(?-i:GNR|GPC|GPR|CoNS))\b.{0,24}\b(?:blood|blut\w*|cultures?|bottles?"
    r"|csf|line)\b"
    r"|\b(?:blood|blut\w*|csf)\b.{0,24}\b(?:staph\w*|klebsiel\w*|e\.? ?coli|pseudomon\w*|candida|enteroc\w*"
    r"|yeasts?|fung(?:i"
    r"|us)|germs?|keime?|rods|cocci|(?-i:GNR|GPC|GPR|CoNS))\b"
    r"|cultures?\b.{0,20}(positive|growth)|(positive|growth).{0,20}cultures?\b|\bvir(us|al)\b|bacteri|neutropeni",
    re.IGNORECASE,
)

VACCINATED = re.compile(
    r"(?:[\w-]+\s+){0,2}[\w-]*(?:vaccin|immuni[sz])\w*(?:\s+(?:against|for)\s+[\w-]+(?:\s+[a-d]\b)?)?", re.IGNORECASE
)


def tells_of_infection(text: str) -> bool:
    """Whether an alert speaks of an infection: whoever is at the bedside asks whether it is over."""
    known = (affirmed(of_the_patient(VACCINATED.sub(" ", one))) for one in pieces(text))
    return any(INFECTED.search(said) or AGENT.search(said) for said in known)
