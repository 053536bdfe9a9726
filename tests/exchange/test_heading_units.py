"""A heading that says another unit than the fact has is not suggested, and is refused where the mapping has it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import select

from clinic.exchange import import_columns, import_rows, mapping, tables
from clinic.exchange.heading_units import told_otherwise, unit_faults
from clinic.exchange.import_targets import KINDS, described
from clinic.exchange.uploads import Upload
from clinic.patients.models import Weight
from tests.exchange.test_cells import CONSTANT, FACTS, START, run

OTHER = [
    ("Weight (lb)", "kg"), ("Weight (g)", "kg"), ("kg [lb]", "kg"), ("Weight, lbs", "kg"), ("weight_lb", "kg"),
    ("Weight/lb", "kg"), ("Weight in pounds", "kg"), ("weightLb", "kg"), ("lb", "kg"), ("Height (cm)", "kg"),
    ("Weight (lb at visit)", "kg"), ("Gewicht (Pfund)", "kg"), ("Height (in)", "cm"), ("Height (ft)", "cm"),
    ("height_m", "cm"), ("VAS (mm)", "cm"), ("Age at treatment (months)", "years"), ("age_months", "years"),
    ("Age (m)", "years"), ("Time (months)", "days"), ("CD34+ cells per kg (10^5/kg)", "×10⁶/kg"),
    ("CD34 (x 10⁵ / kg BW)", "×10⁶/kg"), ("CD34_x1e5_per_kg", "×10⁶/kg"), ("Dose (cells/kg)", "×10⁶/kg"),
    ("Volume (L)", "mL"), ("volume_l", "mL"), ("Endotoxin (IU/L)", "EU/mL"), ("Viability (fraction)", "%"),
    ("Viability (0–1)", "%"), ("viability_fraction", "%"), ("Flow (mL/min)", "L/min"), ("CD34 (cells/mL)", "/µL"),
    ("PaCO2 (kPa)", "mmHg"), ("Weight (kg) (lb)", "kg"), ("Weight (cm)", "points"),
]  # fmt: skip
RIGHT = [
    ("Weight", "kg"), ("Weight (kilograms)", "kg"), ("Weight in kg", "kg"), ("WEIGHT_KG", "kg"),
    ("Weight (first)", "kg"), ("Weight (day 30)", "kg"), ("weight_day", "kg"), ("SpO2 (min)", "%"), ("spo2_m3", "%"),
    ("Viability (% of cells)", "%"),
    ("Viability %", "%"), ("Volume (cc)", "mL"), ("Age (yrs)", "years"), ("Time to ANC (d)", "days"),
    ("CD34_x1e6_per_kg", "×10⁶/kg"), ("CD34/kg", "×10⁶/kg"), ("CD34 (10^6 cells/kg)", "×10⁶/kg"),
    ("CD34 (million/kg)", "×10⁶/kg"), ("Endotoxin EU/ml", "EU/mL"), ("Protein C", "%"), ("Weight (lb)", ""),
]  # fmt: skip


@pytest.mark.parametrize(("heading", "unit"), OTHER)
def test_a_heading_with_another_unit_is_told(heading, unit):
    assert told_otherwise(heading, unit)


@pytest.mark.parametrize(("heading", "unit"), RIGHT)
def test_a_heading_with_the_same_unit_or_none_is_read(heading, unit):
    assert not told_otherwise(heading, unit)


def test_each_fact_has_the_unit_of_its_own_headings():
    said = {(target, label, unit) for kind in KINDS for _k, target, label, unit, _v in described(kind) if unit}
    wrong = [
        (heading, unit)
        for target, label, unit in sorted(said)
        for name in (label, target, target.rsplit(".", maxsplit=1)[-1])
        for heading in (name, f"{name} ({unit})", f"{name} [{unit}]", f"{name}, {unit}", f"{name}_{unit}")
        if told_otherwise(heading, unit)
    ]  # fmt: skip
    assert not wrong


@pytest.mark.parametrize(("heading", "target"), [
    ("Body weight (kg)", "weight.kg"), ("Body weight [kg]", "weight.kg"), ("Body weight (lb)", ""),
    ("Body weight", "weight.kg"),    ("Body weight [g]", ""),
])  # fmt: skip
def test_a_column_in_another_unit_is_never_suggested(heading, target, table, monkeypatch):
    monkeypatch.setattr(import_columns, "suggestions", lambda _kind: {"bodyweight": "weight.kg"})

    read = tables.read(table(f"{heading};a", "154;1"))
    found = import_columns.columns(read, Upload(key="k", user_id="u", file="t.csv", mapping={"kind": "patients"}))
    assert found[0].to == target


@pytest.mark.parametrize(("heading", "how", "cell", "kg"), [
    ("kg [lb]", "", "154", None), ("Weight (g)", "", "7000", None), ("Height, cm", "", "70", None),
    ("Weight (lb)", ', as = "pounds_to_kg"', "154", Decimal("69.85322498")),
    ("Weight (lb)", ', as = "pounds_to_kg"', "154 lbs", Decimal("69.85322498")),
    ("Weight (lb)", ', as = "grams_to_kg"', "154", None), ("Weight (g)", ', as = "grams_to_kg"', "7000", Decimal(7)),
    ("Weight (kg)", ', as = "pounds_to_kg"', "154", None), ("Weight (lb)", ', factor = "0.5"', "154", Decimal(77)),
    ("Weight (lb)", ', factor = "1"', "70", Decimal(70)), ("Weight [kg]", "", "70", Decimal(70)),
])  # fmt: skip
def test_a_column_is_read_in_the_unit_of_its_heading_or_refused(session, team, table, heading, how, cell, kg):
    said = CONSTANT + FACTS.replace('kg = { to = "weight.kg" }', f'"{heading}" = {{ to = "weight.kg"{how} }}')
    report = run(session, team, table(f"id;name;sex;{heading};at", f"A-1;Ode;male;{cell};2020-03-04"), said)
    weights = list(session.scalars(select(Weight.kg)))
    if kg is None:
        assert [(one.row, one.column) for one in report.problems] == [(1, heading)], report.sentences()
        assert "its heading says" in report.problems[0].expected
        assert not weights
    else:
        assert not report.refused, report.sentences()
        assert [one.quantize(Decimal("0.01")) for one in weights] == [kg.quantize(Decimal("0.01"))]


LONG = (
    START.replace("patients", "scores")
    + """[columns]
id = { to = "patient.record_number" }
v = { to = "visit.name" }
i = { to = "score.instrument" }
"Value (mm)" = { to = "score.value" }
"""
)


def test_the_unit_of_a_heading_is_compared_with_the_instrument_of_its_row(session, team, table):

    said, told = mapping.parsed(LONG, "map.toml"), []
    for row, key in enumerate(("vas_pain_mm", "vas_pain_cm"), start=2):
        cells = {"id": "1", "v": "Month 6", "i": key, "Value (mm)": "5"}
        import_rows.given(row, row, cells, said, told)
    assert [(one.row, one.column) for one in told] == [(3, "Value (mm)")]


PAIR = (
    START.replace("patients", "courses")
    + """[pairs."score.outcome.anc_recovery"]
time = "Time (months)"
happened = "h"
"""
)


@pytest.mark.parametrize(("how", "refused"), [("", True), ('as = "months_to_days"\n', False)])
def test_the_time_of_a_pair_is_converted_from_months_or_refused(how, refused):

    said = mapping.parsed(PAIR + how, "map.toml")
    assert bool(unit_faults(said)) == refused
    if not refused:
        problems = []
        for happened, day in (("1", "60"), ("0", None)):
            found = import_rows.given(2, 1, {"Time (months)": "2", "h": happened}, said, problems)
            assert [one.text for one in found.values()] == [day]
            assert [one.by_day for one in found.values()] == [None if day else 60]
        assert not problems
