"""The demonstration protocols: whole, sourced, and true to the published figures."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic.fields import Range
from clinic.protocols.catalogues import FIELDS, MANIPULATIONS, QC_TESTS
from clinic.protocols.content import Content, DoseWindow, QCSpec, RegulatoryPath
from clinic.protocols.demonstration import DEMONSTRATIONS
from clinic.protocols.demonstration_parts import DEMONSTRATION
from clinic.protocols.problems import problems

D = Decimal
STEPS = {"harvest", "processing", "release", "administration", "followup"}
ROLES = {"coordinator", "nurse", "physician", "technologist", "quality", "director"}
every = pytest.mark.parametrize("code", DEMONSTRATIONS)

# J Transl Med 2020, doi 10.1186/s12967-020-02568-6, Table 2: dose ×10⁶/kg, viability %, CD73 %, CD90 %, CD105 %,
# negative markers %, endotoxin EU/mL (a value printed as "under" stands as that bound). All: no growth, mycoplasma
# negative, karyotype 46,XY,16qh+ (normal), differentiation passed.
PUBLISHED_INFUSIONS = [
    ("1.0", "97", "97.9", "100", "100", "0.9", "0.1"),
    ("1.0", "97", "98.5", "100", "100", "0.3", "0.05"),
    ("1.0", "96", "98.5", "100", "100", "0.3", "0.1"),
    ("1.0", "98", "98.3", "100", "100", "0.7", "0.1"),
    ("1.0", "98", "98.4", "100", "100", "0.1", "0.073"),
    ("1.0", "98", "99.63", "99.7", "100", "0.1", "0.05"),
    ("1.0", "97", "99.5", "100", "100", "0.0", "0.05"),
    ("1.0", "89", "99.6", "99.9", "100", "0.0", "0.05"),
]
PUBLISHED_OUTCOMES = {
    "sterility": "no_growth", "mycoplasma": "negative", "karyotype": "normal", "differentiation": "pass",
}  # fmt: skip


def test_every_field_has_a_demonstration() -> None:
    assert {content.field for content in DEMONSTRATIONS.values()} == set(FIELDS)
    assert len(DEMONSTRATIONS) >= 12


@every
def test_it_could_be_published(code: str) -> None:
    assert problems(DEMONSTRATIONS[code]) == []


@every
def test_it_says_that_it_is_a_demonstration(code: str) -> None:
    content = DEMONSTRATIONS[code]
    assert content.demonstration
    assert content.evidence.startswith(DEMONSTRATION)
    assert len(content.evidence) > len(DEMONSTRATION)
    assert content.ethics


@every
def test_every_limit_has_a_source(code: str) -> None:
    content = DEMONSTRATIONS[code]
    limits = [*content.qc, content.dose, content.expiry]
    if content.harvest.model_dump(exclude={"source"}, exclude_none=True):
        limits.append(content.harvest)
    assert [limit for limit in limits if not limit.source.strip()] == []


@every
def test_every_step_has_people_who_may_write_it_down_and_who_may_verify_it(code: str) -> None:
    content = DEMONSTRATIONS[code]
    for who in (content.logs, content.verifies):
        assert set(who) == STEPS
        assert all(roles and set(roles) <= ROLES for roles in who.values())


@every
@pytest.mark.rule(62)
def test_the_patient_is_asked_on_days_1_and_7_and_has_a_baseline(code: str) -> None:
    visits = DEMONSTRATIONS[code].visits
    assert visits[0].day == 0
    assert {visit.day for visit in visits if visit.contact} == {1, 7}
    assert all(visit.day - visit.before > 0 for visit in visits[1:])
    assert any(visit.instruments for visit in visits)


@every
@pytest.mark.rule(44)
def test_a_pending_culture_has_a_gram_stain_beside_it(code: str) -> None:
    specs = {spec.test: spec for spec in DEMONSTRATIONS[code].qc}
    assert "sterility" in specs
    assert all(QC_TESTS[spec.test].final_after_days for spec in specs.values() if spec.may_be_pending)
    if specs["sterility"].may_be_pending:
        assert specs["gram_stain"].accepted == "no_organisms"


@every
@pytest.mark.rule(22)
def test_what_is_more_than_minimally_manipulated_is_no_361_product(code: str) -> None:
    content = DEMONSTRATIONS[code]
    if any(MANIPULATIONS[key].more_than_minimal for key in content.manipulations):
        assert content.regulatory_path is not RegulatoryPath.HCTP_361


@every
@pytest.mark.rule(17)
def test_donors_cells_ask_for_donor_screening(code: str) -> None:
    content = DEMONSTRATIONS[code]
    if "allogeneic" in content.relations:
        assert {"hiv_ab", "hbsag", "hcv_ab", "syphilis"} <= set(content.screening.markers)


@every
def test_it_comes_back_from_json_as_it_went(code: str) -> None:
    content = DEMONSTRATIONS[code]
    assert Content.model_validate_json(content.model_dump_json()) == content
    assert Content.model_validate(content.model_dump(mode="json")) == content


ends = st.none() | st.decimals(min_value=-1000, max_value=100000, places=4, allow_nan=False, allow_infinity=False)
ranges = st.builds(Range, low=ends, high=ends, above=st.booleans(), below=st.booleans())


@given(ranges, st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=10**9))
def test_limits_and_doses_come_back_from_json_to_the_last_digit(limit: Range, usual: Decimal) -> None:
    content = DEMONSTRATIONS["BM-MSC-KNEE"]
    spec = QCSpec(test="viability", limit=limit, source="made up for the test")
    dose = DoseWindow(measure="cd34", per_kg=True, window=limit, usual=usual, source="made up for the test")
    changed = content.model_copy(update={"qc": (spec,), "dose": dose})
    back = Content.model_validate_json(changed.model_dump_json())
    assert back == changed
    assert isinstance(back.qc[0].limit, Range)
    assert str(back.qc[0].limit) == str(limit)


@pytest.mark.rule(40)
@pytest.mark.rule(41)
@pytest.mark.parametrize("infusion", PUBLISHED_INFUSIONS)
def test_all_published_infusions_pass_the_limits_of_their_protocol(infusion: tuple[str, ...]) -> None:
    content = DEMONSTRATIONS["UC-MSC-BPD"]
    names = ("viability", "cd73", "cd90", "cd105", "negative_markers", "endotoxin")
    values = dict(zip(names, map(D, infusion[1:]), strict=True))
    assert D(infusion[0]) in content.dose.window
    judged = {spec.test: spec for spec in content.qc if spec.mandatory}
    assert set(judged) == {*values, *PUBLISHED_OUTCOMES}
    for test, value in values.items():
        limit = judged[test].limit
        assert limit is not None
        assert value in limit
    assert {test: judged[test].accepted for test in PUBLISHED_OUTCOMES} == PUBLISHED_OUTCOMES


@pytest.mark.rule(51)
def test_a_childs_weight_is_valid_for_seven_days() -> None:
    for code in ("HPC-M-CHILD", "HPC-A-CHILD", "UC-MSC-BPD"):
        assert DEMONSTRATIONS[code].dose.weight_valid_days == 7


def test_the_dose_windows_hold_the_published_range_of_187_children_and_release_keeps_the_minimum() -> None:
    for code in ("HPC-M-CHILD", "HPC-A-CHILD"):
        content = DEMONSTRATIONS[code]
        assert D("0.79") in content.dose.window
        assert D("57.78") in content.dose.window
        minimum = next(spec.limit for spec in content.qc if spec.test == "cd34_dose")
        assert minimum is not None
        assert D("1.99") not in minimum
        assert D(2) in minimum


def broken(**changes: Any) -> Content:
    return DEMONSTRATIONS["UC-MSC-WELLNESS"].model_copy(update=changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sources": ("embryo",)}, "Source: “embryo” is not in the catalogue."),
        ({"sources": ()}, "Choose at least one source."),
        ({"cell_type": "magic"}, "Cell type: “magic” is not in the catalogue."),
        ({"conditions": ("stroke",)}, "Stroke recovery belongs to another field."),
        ({"evidence": " "}, "rule 74"),
        ({"regulatory_path": RegulatoryPath.HCTP_361}, "more than minimal"),
        ({"qc": (QCSpec(test="viability", source="x"),)}, "needs a limit"),
        ({"qc": (QCSpec(test="viability", limit=Range(D(70)), source=" "),)}, "needs the source"),
        ({"qc": (QCSpec(test="sterility", accepted="fine", source="x"),)}, "no outcome “fine”"),
        ({"qc": (QCSpec(test="sterility", limit=Range(D(70)), source="x"),)}, "an outcome, not a limit"),
        ({"qc": (QCSpec(test="cfu_f", mandatory=False, source="x"),) * 2}, "asked for twice"),
    ],
)
def test_a_fault_is_told_in_a_sentence(changes: dict[str, Any], said: str) -> None:
    assert any(said in fault for fault in problems(broken(**changes)))


@pytest.mark.rule(52)
def test_the_usual_dose_lies_in_its_window() -> None:
    dose = DEMONSTRATIONS["UC-MSC-WELLNESS"].dose
    assert "The usual dose is outside the dose window." in problems(
        broken(dose=dose.model_copy(update={"usual": D(9)}))
    )
    assert "More than one dose needs the days between them." in problems(
        broken(dose=dose.model_copy(update={"doses": 2, "days_between": None}))
    )
