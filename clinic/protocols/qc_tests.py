"""What is measured on a product, and what a donor is tested for.

Limits belong to the protocol version; a test has its unit, what can be recorded at all, the rule that it breaks, and
the scale of its bar.
LOINC codes are given only where the code's own page was read; elsewhere "".
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from clinic.fields import SHARE, Share
from clinic.protocols.catalogue import Catalogue, Entry, Number, at_least, at_most, between

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clinic.fields import Range


UNSAID = "unsaid"


class Counts(NamedTuple):
    """What a test counts that the amount of a container, or a count of the run, may say too (rule 38).

    ``what``: key of the count. ``each``: for how many one unit of the test stands. ``per``: "kg", "mL", or "" for all.
    """

    what: str
    each: Decimal
    per: str = ""


@dataclass(frozen=True, kw_only=True)
class QCTest(Entry):
    """One test. Measured (``unit``, ``possible``) or with an outcome (``outcomes``: key → words), never both.

    ``in_doses``: on the DOSES line, among the characteristics that the cells exhibit. ``rule``: number of the rule
    that a bad result breaks; None: only the protocol's limit. ``clean``: the one good outcome of a test for germs;
    no exception releases a product with any other (rule 43); None: no test for germs. ``shared``: what it finds is
    true of all containers that share cells, which are held with it (germs, endotoxin, identity, genes); False: of
    this container alone (hazards H9, H29). ``usual``: the limit, or the good outcome, that judges a result where
    the protocol does not ask for the test (domain defaults: ISCT 2006, published release limits); None: there is
    none. All five must be said: an entry without them is a `TypeError` at import.

    ``final_after_days``: until then no result is final (rule 44). ``scale``: the ends of the bar on a page, in the
    unit. ``expected``: outside it asks once whether it is right (rule 39).
    """

    in_doses: bool
    rule: int | None
    shared: bool
    usual: Range | str | None
    tested_anew_after_opening: bool
    clean: str | None = UNSAID
    unit: str = ""
    possible: Range | None = None
    expected: Range | None = None
    outcomes: Mapping[str, str] | None = None
    final_after_days: int = 0
    stands_in: bool = False
    few: bool = False
    counts: Counts | None = None
    counts_colonies: bool = False
    loinc: str = ""
    decimals: int = 1
    scale: tuple[Number, Number] = (0, 100)

    def __post_init__(self) -> None:
        if self.outcomes is None:
            object.__setattr__(self, "clean", None)
        elif self.clean is not None and self.clean not in self.outcomes:
            raise TypeError(f"{self.key}: say which outcome is clean, or None where it is no test for germs")
        if self.clean is not None and not self.shared:
            raise TypeError(f"{self.key}: germs are in all containers that share cells")
        if not (self.shared or self.tested_anew_after_opening):
            raise TypeError(f"{self.key}: what is true of one container alone is tested anew in another one")
        if isinstance(self.usual, str) and self.usual not in (self.outcomes or {}):
            raise TypeError(f"{self.key}: {self.usual} is not one of its outcomes")

    @property
    def nothing_found(self) -> str | None:
        """The outcome which says that what the test looks for is not there: germs, a virus; None: it looks for none."""
        return self.clean or (self.usual if self.outcomes is DETECTED and isinstance(self.usual, str) else None)

    @property
    def of_germs(self) -> bool:
        """Whether it looks for germs, their remains or a virus."""
        return self.nothing_found is not None or self.rule in {ENDOTOXIN, GERMS}

    def broken_rule(self, *, may_wait: bool = False) -> int:
        """Return the number of the rule that a product breaks by this test; 0 where no rule names it.

        ``may_wait``: the result may still be pending (rule 44); identity may not wait for it.
        """
        return 44 if may_wait and self.rule != IDENTITY else self.rule or 0


VIABLE, IDENTITY, ENDOTOXIN, GERMS = 40, 41, 42, 43
"""Numbers of the rules of release that a test can break."""
PERCENT = between(0, 100)
INHIBITION = Share(-100, 100)
NOT_NEGATIVE = at_least(0)
GROWTH = MappingProxyType({"no_growth": "No growth", "growth": "Growth"})
ORGANISMS = MappingProxyType({"no_organisms": "No organisms seen", "organisms": "Organisms seen"})
DETECTED = MappingProxyType({"negative": "Negative", "positive": "Positive"})
KARYOTYPES = MappingProxyType({"normal": "Normal", "abnormal": "Abnormal"})
PASSED = MappingProxyType({"pass": "Pass", "fail": "Fail"})
BLOOD_GROUPS = MappingProxyType({
    "O-": "O RhD negative", "O+": "O RhD positive", "A-": "A RhD negative", "A+": "A RhD positive",
    "B-": "B RhD negative", "B+": "B RhD positive", "AB-": "AB RhD negative", "AB+": "AB RhD positive",
})  # fmt: skip

QC_TESTS = Catalogue(
    QCTest(key="viability", tested_anew_after_opening=True,
        expected=SHARE, shared=False, usual=at_least(70), label="Viability", unit="%",
        possible=PERCENT,
        in_doses=True, rule=VIABLE),
    QCTest(key="cd73", tested_anew_after_opening=False,
        expected=SHARE, shared=True, usual=at_least(95), label="CD73", unit="%", possible=PERCENT,
        decimals=2,
        in_doses=True, rule=IDENTITY),
    QCTest(key="cd90", tested_anew_after_opening=False,
        expected=SHARE, shared=True, usual=at_least(95), label="CD90", unit="%", possible=PERCENT,
        decimals=2,
        in_doses=True, rule=IDENTITY),
    QCTest(key="cd105", tested_anew_after_opening=False,
        expected=SHARE, shared=True, usual=at_least(95), label="CD105", unit="%", possible=PERCENT,
        decimals=2,
        in_doses=True, rule=IDENTITY),
    QCTest(key="negative_markers", tested_anew_after_opening=False, few=True,
        shared=True, usual=at_most(2),
        label="Negative markers (CD11b, CD19, CD34, CD45, HLA-DR)",
        unit="%", possible=PERCENT, scale=(0, 10), in_doses=True, rule=IDENTITY),
    QCTest(key="cd45", tested_anew_after_opening=False, few=True,
        shared=True, usual=at_most(2), label="CD45", unit="%", possible=PERCENT, scale=(0, 10),
        in_doses=True, rule=IDENTITY),
    QCTest(key="cd34_negative", tested_anew_after_opening=False, few=True,
        shared=True, usual=at_most(2), label="CD34 (as negative marker)", unit="%",
        possible=PERCENT, scale=(0, 10), in_doses=True, rule=IDENTITY),
    QCTest(key="cd14", tested_anew_after_opening=False, few=True,
        shared=True, usual=at_most(2), label="CD14", unit="%", possible=PERCENT, scale=(0, 10),
        in_doses=True, rule=IDENTITY),
    QCTest(key="cd45_cd31", tested_anew_after_opening=False, few=True,
        shared=True, usual=at_most(5), label="CD45 and CD31", unit="%", possible=PERCENT, scale=(0,
        20), in_doses=True, rule=IDENTITY),
    QCTest(key="hla_dr", tested_anew_after_opening=False, few=True,
        shared=True, usual=at_most(2), label="HLA-DR", unit="%", possible=PERCENT, scale=(0, 30),
        in_doses=True, rule=IDENTITY),
    QCTest(key="endotoxin", tested_anew_after_opening=True,
        shared=True, usual=at_most("12.5"), label="Endotoxin", unit="EU/mL", possible=NOT_NEGATIVE,
        decimals=3, scale=(0, 5), in_doses=False, rule=ENDOTOXIN),
    QCTest(key="gram_stain", tested_anew_after_opening=True, stands_in=True,
        shared=True, usual="no_organisms", label="Gram stain", outcomes=ORGANISMS, in_doses=False,
        rule=GERMS, clean="no_organisms"),
    QCTest(key="sterility", tested_anew_after_opening=True,
        shared=True, usual="no_growth", label="Sterility (aerobic, anaerobic, fungal)",
        outcomes=GROWTH, final_after_days=14, in_doses=False, rule=GERMS, clean="no_growth"),
    QCTest(key="mycoplasma", tested_anew_after_opening=False,
        shared=True, usual="negative", label="Mycoplasma", outcomes=DETECTED, in_doses=False,
        rule=GERMS, clean="negative"),
    QCTest(key="karyotype", tested_anew_after_opening=False,
        shared=True, usual="normal", label="Karyotype", outcomes=KARYOTYPES, in_doses=False,
        rule=None, clean=None),
    QCTest(key="differentiation", tested_anew_after_opening=False,
        shared=True, usual="pass", label="Differentiation (adipo-, chondro-, osteogenic)",
        outcomes=PASSED, in_doses=True, rule=None, clean=None),
    QCTest(key="cfu_f", tested_anew_after_opening=True, counts_colonies=True,
        shared=False, usual=None, label="CFU-F", unit="per 1000 cells", possible=between(0, 1000),
        scale=(0, 1000), in_doses=True, rule=None),
    QCTest(key="potency", tested_anew_after_opening=True,
        expected=INHIBITION, shared=False, usual=None,
        label="Potency (inhibition of PBMC proliferation)", unit="%",
        possible=between(-100, 100), in_doses=True, rule=None),
    QCTest(key="potency_assay", tested_anew_after_opening=True,
        shared=False, usual="pass", label="Potency assay of the protocol", outcomes=PASSED,
        in_doses=True, rule=None, clean=None),
    QCTest(key="tnc", tested_anew_after_opening=True, counts=Counts("tnc", Decimal(10**8)),
        expected=between("0.01", 10000), shared=False, usual=None, label="Total nucleated cells",
        unit="×10⁸", possible=NOT_NEGATIVE,
        decimals=2, scale=(0, 50), in_doses=False, rule=None),
    QCTest(key="tnc_dose_8", tested_anew_after_opening=True, counts=Counts("tnc", Decimal(10**8), "kg"),
        expected=between("0.01", 100), shared=False, usual=None, label="Nucleated cells per kg",
        unit="×10⁸/kg",
        possible=NOT_NEGATIVE, decimals=2, loinc="78003-1", scale=(0, 10), in_doses=False, rule=None),
    QCTest(key="tnc_dose_7", tested_anew_after_opening=True, counts=Counts("tnc", Decimal(10**7), "kg"),
        expected=between("0.01", 1000), shared=False, usual=None,
        label="Nucleated cells per kg (cord blood)", unit="×10⁷/kg",
        possible=NOT_NEGATIVE, decimals=2, loinc="78003-1", scale=(0, 20), in_doses=False, rule=None),
    QCTest(key="cd34_concentration", tested_anew_after_opening=True, counts=Counts("cd34", Decimal(10**6), "mL"),
        expected=between("0.001", 1000), shared=False, usual=None,
        label="CD34+ concentration", unit="×10⁶/mL",
        possible=NOT_NEGATIVE, decimals=3, loinc="74838-4", scale=(0, 10), in_doses=False, rule=None),
    QCTest(key="cd34_count", tested_anew_after_opening=True, counts=Counts("cd34", Decimal(10**6)),
        expected=between("0.01", 10000), shared=False, usual=None,
        label="CD34+ cells in the product", unit="×10⁶",
        possible=NOT_NEGATIVE, scale=(0, 1000), in_doses=False, rule=None),
    QCTest(key="cd34_dose", tested_anew_after_opening=True, counts=Counts("cd34", Decimal(10**6), "kg"),
        shared=False, usual=None, label="CD34+ cells per kg", unit="×10⁶/kg", possible=NOT_NEGATIVE,
        expected=between("0.1", 100), decimals=2, loinc="78002-3", scale=(0, 20), in_doses=False, rule=None),
    QCTest(key="cd34_viability", tested_anew_after_opening=True,
        expected=SHARE, shared=False, usual=None, label="Viability of CD34+ cells", unit="%",
        possible=PERCENT,
        in_doses=True, rule=None),
    QCTest(key="cd34_purity", tested_anew_after_opening=True,
        expected=SHARE, shared=False, usual=None, label="CD34+ purity", unit="%",
        possible=PERCENT, in_doses=True,
        rule=None),
    QCTest(key="cd3_dose", tested_anew_after_opening=True,
        expected=between("0.0001", 100), shared=False, usual=None, label="CD3+ cells per kg",
        unit="×10⁸/kg", possible=NOT_NEGATIVE,
        decimals=2, scale=(0, 20), in_doses=False, rule=None),
    QCTest(key="cfu_gm", tested_anew_after_opening=True, counts_colonies=True,
        expected=between("0.01", 1000), shared=False, usual=None, label="CFU-GM per kg",
        unit="×10⁵/kg", possible=NOT_NEGATIVE,
        scale=(0, 20), in_doses=False, rule=None),
    QCTest(key="hematocrit", tested_anew_after_opening=True,
        expected=SHARE, shared=False, usual=None, label="Hematocrit", unit="%", possible=PERCENT,
        in_doses=False,
        rule=None),
    QCTest(key="abo_rh", tested_anew_after_opening=False,
        shared=True, usual=None, label="ABO and RhD", outcomes=BLOOD_GROUPS, in_doses=False, rule=None,
        clean=None),
    QCTest(key="pluripotent_cells", tested_anew_after_opening=False, few=True,
        shared=True, usual=at_most("0.1"), label="Residual pluripotent cells", unit="%",
        possible=PERCENT, decimals=4, scale=(0, 1), in_doses=False, rule=None),
    QCTest(key="cell_purity", tested_anew_after_opening=False,
        expected=SHARE, shared=True, usual=None, label="Cells of the intended type", unit="%",
        possible=PERCENT,
        in_doses=True, rule=None),
    QCTest(key="vector_copies", tested_anew_after_opening=False,
        shared=True, usual=at_most(5), label="Vector copy number", unit="copies/cell",
        possible=NOT_NEGATIVE, decimals=2, scale=(0, 10), in_doses=False, rule=None),
    QCTest(key="transduced_cells", tested_anew_after_opening=True,
        expected=SHARE, shared=False, usual=None, label="Transduced cells", unit="%",
        possible=PERCENT,
        in_doses=False, rule=None),
    QCTest(key="replicating_virus", tested_anew_after_opening=False,
        shared=True, usual="negative", label="Replication-competent virus",
        outcomes=DETECTED, in_doses=False, rule=None, clean=None),
    QCTest(key="particle_concentration", tested_anew_after_opening=True,
        counts=Counts("particles", Decimal(10**9), "mL"), expected=between("0.001", 100000), shared=False, usual=None,
        label="Particle concentration", unit="×10⁹/mL",
        possible=NOT_NEGATIVE, scale=(0, 500), in_doses=False, rule=None),
    QCTest(key="particle_size", tested_anew_after_opening=True,
        shared=False, usual=None, label="Particle size (mode)", unit="nm", possible=between(1,
        10000), decimals=0, scale=(0, 300), in_doses=False, rule=None),
    QCTest(key="vesicle_markers", tested_anew_after_opening=False,
        shared=True, usual="pass", label="Vesicle markers CD9, CD63, CD81", outcomes=PASSED,
        in_doses=True, rule=None, clean=None),
    QCTest(key="vesicle_protein", tested_anew_after_opening=True,
        shared=False, usual=None, label="Protein", unit="µg/mL", possible=NOT_NEGATIVE,
        scale=(0, 1000), in_doses=False, rule=None),
    QCTest(key="construct_thickness", tested_anew_after_opening=True,
        shared=False, usual=None, label="Construct thickness", unit="mm",
        possible=between(0, 100), decimals=2, scale=(0, 10), in_doses=False, rule=None),
    QCTest(key="construct_diameter", tested_anew_after_opening=True,
        shared=False, usual=None, label="Construct diameter", unit="mm",
        possible=between(0, 500), scale=(0, 50), in_doses=False, rule=None),
    QCTest(key="construct_handling", tested_anew_after_opening=True,
        shared=False, usual="pass", label="Construct intact when handled", outcomes=PASSED,
        in_doses=False, rule=None, clean=None),
    QCTest(key="appearance", tested_anew_after_opening=True,
        shared=False, usual="pass", label="Appearance and container integrity", outcomes=PASSED,
        in_doses=False, rule=None, clean=None),
)  # fmt: skip

CLEAN = {key: test.clean for key, test in QC_TESTS.items() if test.clean is not None}
"""Tests for germs with their one good outcome. Any other outcome no exception can release (rule 43, hazard H26)."""


@dataclass(frozen=True, kw_only=True)
class Marker(Entry):
    """An infectious disease marker. ``excludes``: reactive makes the donor ineligible (21 CFR 1271.75, .80)."""

    agent: str
    excludes: bool = True


REACTIVE = MappingProxyType(
    {"negative": "Negative / non-reactive", "reactive": "Reactive", "indeterminate": "Indeterminate"}
)

MARKERS = Catalogue(
    Marker(key="hiv_ab", label="HIV-1/2 antibody", agent="HIV"),
    Marker(key="hiv_nat", label="HIV NAT", agent="HIV"),
    Marker(key="hbsag", label="HBsAg", agent="Hepatitis B virus"),
    Marker(key="anti_hbc", label="Anti-HBc", agent="Hepatitis B virus"),
    Marker(key="hbv_nat", label="HBV NAT", agent="Hepatitis B virus"),
    Marker(key="hcv_ab", label="HCV antibody", agent="Hepatitis C virus"),
    Marker(key="hcv_nat", label="HCV NAT", agent="Hepatitis C virus"),
    Marker(key="syphilis", label="Syphilis", agent="Treponema pallidum"),
    Marker(key="htlv", label="HTLV-I/II antibody", agent="HTLV"),
    Marker(key="cmv", label="CMV antibody", agent="Cytomegalovirus", excludes=False),
    Marker(key="wnv_nat", label="West Nile virus NAT", agent="West Nile virus"),
    Marker(key="chagas", label="Trypanosoma cruzi antibody", agent="Trypanosoma cruzi"),
)
