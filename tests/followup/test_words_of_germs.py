"""Which words of an adverse event tell of germs in the blood or where cells go, and which do not (hazard H29)."""

from __future__ import annotations

import pytest

from clinic.followup.event_germs import tells_of_germs

GERMS = (
    "Blood and urine cultures positive for E. coli", "E. coli in urine and blood",
    "Blood culture negative at 24 h, then grew S. aureus", "Aerobic bottle negative and anaerobic bottle positive",
    "Blood culture positive on day 1 and negative on day 3", "Gram stain negative but culture grew C. acnes",
    "Blood culture grew E. coli, control culture negative", "HBsAg positive", "HCV RNA detected", "HIV test positive",
    "HIV-1 NAT reactive", "Anti-HBc reactive", "Bacillus cereus", "B. cereus in the bag",
    "C. acnes in the knee aspirate", "GNR in blood, two bottles", "GPC in clusters", "CoNS in one bottle",
    "GPR from the joint", "coag-neg staph", "Coagulase-negative staphylococci in blood",
    "Gram-negative rods in the aspirate", "Gramnegative Stäbchen im Blut", "Mould grew from the joint fluid",
    "yeast in the blood", "Fungus in the blood culture", "Rods in the knee aspirate", "blood culture flagged",
    "Bottle 2 flagged at 14 h", "Blood cultures turned positive", "culture turbid", "Tuberculosis of the hip",
    "Malaria", "Plasmodium falciparum in the smear", "Toxoplasmosis", "Chagas disease", "Borrelia in the joint",
    "Lyme arthritis", "Brucellosis", "Listeriosis", "Syphilis", "Septic arthritis of the knee",
    "Blutvergiftung, Keime in der Blutkultur", "Blutkultur positiv", "Blutkulturen bewachsen", "Kniegelenkinfekt",
    "Eiter im Gelenk", "Bakteriämie", "Hüftgelenk infiziert", "Pilze im Punktat", "Gelenkempyem", "septisch",
    "hémoculture positive", "hemocultivo positivo", "Posiew krwi dodatni", "MRSA in the blood", "Purulent aspirate",
    "Product not sterile", "Urine negative, blood culture positive", "Knee infection, urine negative",
    "Bacteremia, E. coli in two bottles", "Pyelonephritis with E. coli in the blood",
    "The blood culture grew Staphylococcus aureus", "Infection of the injection site",
    "Fever. No cough. Blood culture: Klebsiella", "Malaria parasites in the smear, HIV negative",
)  # fmt: skip
NONE = (
    "Fever, blood cultures negative", "Urinary infection, E. coli", "Pain at the patella",
    "UTI with E. coli, no sepsis", "UTI, E. coli, blood cultures negative",
    "UTI, E. coli grew, blood cultures negative", "E. coli in urine but not in blood", "HIV, HBV and HCV: negative",
    "HIV, HBV, HCV negative", "HBsAg negative", "anti-HBs positive", "Gram stain negative",
    "Blood cultures sterile after five days", "No bacteria in the joint fluid", "Blutkulturen negativ",
    "Kein Wachstum in der Blutkultur", "Keine Keime im Punktat", "Mould allergy", "Hepatitis B vaccination",
    "Blood group A positive", "Low blood pressure", "Malaria prophylaxis before a journey", "Culture pending",
    "Blood culture pending, knee swollen", "MRSA screening negative", "Bruise at the hip", "Isabella saw a rash",
    "Helicobacter breath test negative", "Headache", "Swelling of the knee, aspirate sterile",
    "Blood culture: no growth", "Bacteria and fungi not found", "Growth factor given", "Harnwegsinfekt mit E. coli",
    "Varicella in childhood", "Rash after plaster", "Neither bacteria nor fungi grew", "Blood drawn, CRP 4",
    "Nausea, vomited twice", "Sepsis excluded", "Tuberculosis excluded", "Joint effusion without germs",
    "Blood count normal", "Cultures of blood and urine negative", "Knee effusion, culture negative",
    "Red blood cells in the urine",
)  # fmt: skip


@pytest.mark.hazard("H29")
def test_what_tells_of_germs_is_told_from_what_does_not():
    assert [text for text in GERMS if not tells_of_germs(text)] == []
    assert [text for text in NONE if tells_of_germs(text)] == []


@pytest.mark.hazard("H29")
def test_what_stands_at_the_end_of_a_long_text_is_read():
    plain = "she slept well and the knee was calm " * 300
    assert not tells_of_germs(plain)
    assert tells_of_germs(f"{plain} GNR in two bottles")
