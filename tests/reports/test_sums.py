"""Sums of each report, counted by hand from the stories that the demonstration tells and from the published tables.

The north: 187 published children, 4 published infants with 8 infusions, 32 stories. Cells were given in 15 of the
stories, in 3 of them twice (knee with donor cells, lupus, spinal cord).
"""

from __future__ import annotations

from decimal import Decimal

import pytest

SUMS = [
    # 187 + 4 + 15 patients; 187 + 8 + 15 + 3 administrations, of which 4 + 3 came later in a course
    ("activity", {}, {("total", "patients"): 206, ("total", "all"): 213, ("total", "later"): 7}),
    ("activity", {"from_": "2025-07-01", "to": "2025-12-31"}, {("2025-cord", "all"): 8, ("2025-cord", "patients"): 4}),
    # without the children, who have no dates; the infants are the only ones with this disease
    ("center-volumes", {}, {("total", "patients"): 19, ("total", "administrations"): 26,
                            ("bpd", "administrations"): 8}),
    # 32 stories and 4 infants; one story stopped before the harvest; every infant has finished
    ("funnel", {}, {("ordered", "reached"): 36, ("harvest", "ended"): 1, ("followup", "reached"): 5}),
    # one of the stories missed month 3, “away on a journey”
    ("outcomes", {}, {("osteoarthritis-Month 3", "due"): 2, ("osteoarthritis-Month 3", "unknown"): 1,
                      ("osteoarthritis-Month 12", "change"): Decimal("1.00")}),
    # UCI data set 565: 85 of 187 died, 24 of 42 after marrow; alive after a year 64.7059 %
    ("survival", {"origin": "imported"}, {("total", "events"): 85, ("bone_marrow", "events"): 24,
        ("total", "s100"): Decimal("82.9"), ("total", "s365"): Decimal("64.7"), ("total", "low365"): Decimal("57.4"),
        ("total", "high365"): Decimal("71.1"), ("total", "risk365"): 121, ("total", "s730"): Decimal("56.9"),
        ("total", "s1095"): Decimal("54.2"), ("total", "median"): None, ("total", "median-low"): Decimal(672)}),
    ("survival", {"origin": "imported", "condition": "nonmalignant", "by": "condition"}, {("total", "n"): 32,
        ("total", "events"): 12, ("nonmalignant", "s365"): Decimal("65.6")}),
    # of the 187, all followed for a year, 66 died; of 70 % 187 × 0.3 = 56.1 deaths are expected, 66 ÷ 56.1 = 1.18. The
    # exact limits of 121 of 187 are 57.4 and 71.5 %, those of 66 deaths 51.04 and 83.97
    ("expectation", {"origin": "imported", "expected": "70", "reference": "registry"}, {("total", "n"): 187,
        ("total", "events"): 66, ("total", "censored"): 0, ("total", "alive"): Decimal("64.7"),
        ("total", "low"): Decimal("57.4"), ("total", "high"): Decimal("71.5"), ("total", "limits"): "exact",
        ("total", "expected"): Decimal("56.10"), ("total", "difference"): Decimal("9.90"),
        ("total", "ratio"): Decimal("1.18"), ("total", "ratio-low"): Decimal("0.91"),
        ("total", "ratio-high"): Decimal("1.50"), ("total", "status"): 0}),
    ("expectation", {"origin": "imported", "expected": "80 %", "reference": "x"}, {("total", "status"): -1}),
    ("expectation", {"origin": "imported", "expected": "57,3", "reference": "x"}, {("total", "status"): 1}),
    # nobody says what to expect
    ("expectation", {"origin": "imported"}, {("total", "events"): 66, ("total", "expected"): None,
                                             ("total", "status"): None}),
    # neutrophils: 182 of 187 on day 9 to 26, quartiles 13, 15, 17; the other five died before
    ("engraftment", {"origin": "imported"}, {("total", "recovered"): 182, ("total", "died"): 5,
        ("total", "median"): Decimal(15), ("total", "lower"): Decimal(13), ("total", "upper"): Decimal(17),
        ("total", "first"): Decimal(9), ("total", "last"): Decimal(26), ("total", "waiting"): 0}),
    # platelets: 170 of 187, in the middle on day 21, the last one on day 285
    ("engraftment", {"origin": "imported", "line": "platelets"}, {("total", "recovered"): 170,
        ("total", "median"): Decimal(21), ("total", "last"): Decimal(285)}),
    # two of the four events of the north began within a day of the cells: sepsis (grade 4) and embolism (grade 3)
    ("infusion-reactions", {}, {("total", "n"): 26, ("total", "g4"): 1, ("total", "g3"): 1}),
    ("adverse-events", {}, {("total", "events"): 4, ("total", "serious"): 2, ("Fever", "severe"): 0,
                            ("total", "per-given"): Decimal("15.4")}),
    ("vigilance", {}, {("total", "reactions"): 2, ("total", "applied"): 26, ("total", "recipients"): 19,
                       ("cord_tissue", "distributed"): 13}),
    # sepsis and embolism began within a day of the cells, fever and graft versus host disease later; the last one
    # is not from the administration. 1,000 × 2 ÷ 26 = 76.9
    ("tabulation", {}, {("giving", "n"): 2, ("giving-serious", "n"): 2, ("follow-up", "n"): 2, ("all", "delivery"): 3,
                        ("follow-up-serious", "n"): 0, ("all", "cells"): 4, ("all", "open"): 0, ("applied", "n"): 26,
                        ("recipients", "n"): 19, ("giving", "rate"): Decimal("76.9"), ("before", "rate"): None}),
    # the graft versus host disease began in October
    ("tabulation", {"from_": "2026-11-01"}, {("all", "n"): 4}),
    ("tabulation", {"from_": "2026-11-01", "counted": "period"}, {("all", "n"): 3}),
    # a culture of six weeks; 26 bags given, 9 of them collected for their patient
    ("turnaround", {}, {("receipt", "done"): 19, ("vein", "done"): 9, ("vein", "disorder"): 0}),
    # the failed culture was rejected, the short graft released by exception
    ("releases", {}, {("total", "reject"): 1, ("total", "exceptional"): 1, ("hsc", "exceptional"): 1,
                      ("total", "apart"): Decimal("6.2")}),
    # two bags of cord MSC and two of vesicles are released; donations and cultures wait; what ends depends on the day;
    # what shares cells with those before the septic arthritis and before the embolism, both possibly theirs, is on hold
    ("inventory", {}, {("total", "n"): 19, ("total", "usable"): 4, ("total", "hold"): 2, ("total", "rejected"): 1}),
    # every check of the stories agreed
    ("bedside-refusals", {}, {("total", "refused"): 0}),
    # nothing ever grew; marrow given on the day is cultured for 14 days still
    ("cultures", {}, {("total", "positive"): 0, ("bone_marrow", "pending"): 5, ("cord_tissue", "pending"): 0}),
    # the failed culture had 64 %
    ("yields", {}, {("bone_marrow", "least"): Decimal("64.0"), ("total", "n"): 30, ("total", "most"): Decimal("98.0")}),
    # missed: month 3 on a journey, month 12 lost; left out: month 3 of the spinal cord
    ("visits-due", {}, {("total", "missed"): 2, ("total", "none"): 1, ("Month 3", "in"): 3}),
    # UCI: everybody was followed for a year; 1 − C is the time lost to censoring later
    ("follow-up-completeness", {"origin": "imported"}, {("total", "c"): Decimal("100.0"), ("total", "died"): 66,
                                                        ("total", "whole"): 121}),
    ("follow-up-completeness", {"origin": "imported", "horizon": "730"}, {("total", "c"): Decimal("96.7")}),
    ("follow-up-completeness", {"origin": "imported", "horizon": "1095"}, {("total", "c"): Decimal("91.2")}),
    # three checks of infants, of which four fields apply each; one source is missing, two fields differ: 2 of 11
    ("source-errors", {}, {("total", "fields"): Decimal(11), ("total", "wrong"): Decimal(2),
        ("total", "rate"): Decimal("18.2"), ("total", "missing"): Decimal(1), ("total", "wrong-donor"): 0,
        ("total", "wrong-survival"): 2}),
    # unsigned: an order or consent not given yet, the running dose, the dose, harvest and runs told so
    ("signatures", {}, {("total", "unsigned"): 6, ("AD", "unsigned"): 1, ("AE", "unsigned"): 0}),
    # of an infant 31 facts: 7 of the order, 4 of each of two bags, 8 of each infusion; ASA class and illnesses lack
    ("reporting-completeness", {}, {("UC-MSC-BPD", "asked"): Decimal(124), ("UC-MSC-BPD", "done"): Decimal(116),
                                    ("total", "courses"): 223}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "asked", "sums"), SUMS, ids=lambda value: value if isinstance(value, str) else "")
def test_the_sums_are_those_counted_by_hand(made, name, asked, sums):
    result = made(name, **asked)
    columns = [column.key for column in result.columns]
    told = {
        (key, column): figure.value
        for row in result.all_rows
        for key in (row.key, row.label)
        for column, figure in zip(columns, row.figures, strict=True)
    }
    assert {key: told[key] for key in sums} == sums


def test_log_rank_of_the_children_is_what_was_computed_elsewhere(made):
    assert "χ² 3.8344, 1 df, p 0.0502." in made("survival", origin="imported", by="source").finding


def test_an_outcome_of_people_who_were_not_followed_is_drawn_gray(made):
    assert made("survival", origin="imported").weak == ""
    assert "49.6" not in (weak := made("survival", protocol="BM-MSC-HEART").weak)
    assert weak.startswith("Follow-up within 365 days is 50 % complete (Clark's C)")


def test_a_period_leaves_out_what_has_no_date_and_says_so(made):
    result = made("activity", from_="2026-01-01")
    assert [(aside.label, aside.figure.value) for aside in result.asides][-1] == (
        "Not included: no calendar date (published histories)", 187,
    )  # fmt: skip
    assert [row.key.split("-")[0] for row in result.rows] == ["2026"] * 3
