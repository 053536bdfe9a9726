"""Each report agrees with its naive twin, whatever was asked."""

from __future__ import annotations

import json
import re
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clinic.pathway.course import completeness
from clinic.reports.catalog import REPORTS
from clinic.treatments.models import Treatment
from tests.judging import records_of
from tests.reports import naive, naive_courses, naive_registry

TWINS = {
    "activity": naive.activity,
    "center-volumes": naive.volumes,
    "funnel": naive.funnel,
    "releases": naive.releases,
    "inventory": naive.inventory,
    "bedside-refusals": naive.refused,
    "cultures": naive.cultures,
    "infusion-reactions": naive.reactions,
    "adverse-events": naive.events,
    "vigilance": naive.vigilance,
    "tabulation": naive_courses.tabulation,
    "serious-events": naive.serious,
    "visits-due": naive_courses.visits,
    "survival": naive_courses.survival,
    "expectation": naive_courses.expectation,
    "follow-up-completeness": naive_courses.followup,
    "engraftment": naive_courses.engraftment,
    "outcomes": naive_courses.outcomes,
    "signatures": naive_courses.signatures,
    "source-errors": naive_courses.source_errors,
    "yields": naive_courses.yields,
    "registry-4000": naive_registry.form_4000,
    "registry-4003": naive_registry.form_4003,
    "registry-4006": naive_registry.form_4006,
    "registry-4100": naive_registry.form_4100,
    "registry-ebmt": naive_registry.ebmt,
}
ELSEWHERE = {"reporting-completeness", "turnaround"}
"""Their twins are below."""
FILTERS = {
    "source": ["bone_marrow", "peripheral_blood", "cord_tissue"],
    "origin": ["clinic", "imported"],
    "sex": ["male", "female"],
    "relation": ["autologous", "allogeneic"],
    "age": ["0", "10", "40", "65", "unknown"],
    "condition": ["osteoarthritis", "all", "bpd"],
    "cell_type": ["msc", "hsc"],
    "donor": ["self", "unrelated", "cord"],
    "protocol": ["BMAC-KNEE"],
}
DAYS = st.dates(date(2025, 1, 1), date(2026, 12, 31)).map(str)


@st.composite
def asked(draw, name):
    """Return what may be asked of a report: a period or none, up to two filters, a grouping."""
    said = {
        key: draw(st.sampled_from(FILTERS[key])) for key in draw(st.sets(st.sampled_from(sorted(FILTERS)), max_size=2))
    }
    ends = draw(st.lists(DAYS, max_size=2))
    if len(ends) == 2:
        said["from"], said["to"] = sorted(ends)
    elif ends:
        said[draw(st.sampled_from(["from", "to"]))] = ends[0]
    by = [key for key in REPORTS[name].by if key != "profile"]
    return said | ({"by": draw(st.sampled_from(by))} if by else {})


def figures(result, column):
    place = [one.key for one in result.columns].index(column)
    told = {
        row.label if re.fullmatch("[0-9a-f]{32}", row.key) else row.key: row.figures[place].value for row in result.rows
    }
    return {key: float(value) for key, value in told.items() if value}


def test_every_report_has_a_twin():
    assert set(REPORTS) == set(TWINS) | ELSEWHERE


@pytest.mark.parametrize("name", list(TWINS))
def test_a_report_agrees_with_its_twin(made, clinic, name):
    @settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow], database=None)
    @given(asked(name))
    def agree(said):
        result = made(name, **said)
        columns = {one.key for one in result.columns}
        for column, told in TWINS[name](clinic, said).items():
            found = figures(result, column) if column in columns else {}
            assert found == pytest.approx({key: value for key, value in told.items() if value}, abs=0.051), column

    agree()


def test_the_line_listing_names_each_serious_event_once_with_what_is_recorded(made, clinic):
    listed = {row.key: [figure.value for figure in row.figures] for row in made("serious-events", rows="line").rows}
    rows = {e["id"]: e for e in clinic["adverse_event"] if json.loads(e["serious"])}
    assert set(listed) == set(rows)
    assert listed
    for id_, told in listed.items():
        assert (told[0], told[1]) == (naive.day(rows[id_]["performed_at"]), rows[id_]["term"])
        assert (told[8] or "").split(" ")[0].lower() in {"", "resolved", rows[id_]["outcome"]}


def test_completeness_of_reporting_is_what_each_course_says(made, demonstration, clinic):
    """The page of a course works it out on records; the report on columns."""
    result = made("reporting-completeness", origin="clinic", by="protocol")
    told: dict[str, list[int]] = {}
    for course in demonstration.query(Treatment).filter(Treatment.origin == "clinic"):
        done, asked_, _missing = completeness(records_of(course))
        code = course.protocol_version.protocol.code
        told[code] = [x + y for x, y in zip(told.get(code, [0, 0]), (done, asked_), strict=True)]
    found = {row.key: [int(str(f.value)) for f in row.figures[1:3]] for row in result.rows}
    assert found == told


def test_turnaround_agrees_with_its_twin(made, clinic):
    result = made("turnaround", cells="all", origin="clinic")
    at = {(m["product_id"], m["kind"]): naive.moment(m["performed_at"]) for m in reversed(clinic["movement"])}
    at |= {
        (r["product_id"], "released"): naive.moment(r["performed_at"])
        for r in reversed(clinic["release"])
        if r["decision"] in {"conforms", "conditional", "exceptional"}
    }
    at |= {(a["product_id"], "given"): naive.moment(a["performed_at"]) for a in clinic["administration"]}
    products = [p for p in clinic["product"] if p["origin"] == "clinic" and p["treatment_id"] and p["collected_at"]]
    at |= {(p["id"], "collected"): naive.moment(p["collected_at"]) for p in products}
    for key, begin, end in (
        ("receipt", "collected", "received"),
        ("issue", "released", "issued"),
        ("vein", "collected", "given"),
    ):
        hours = [
            (at[p["id"], end] - at[p["id"], begin]).total_seconds() / 3600
            for p in products
            if (p["id"], begin) in at and (p["id"], end) in at and (key != "receipt" or p["run_id"] is None)
        ]
        row = next(row for row in result.rows if row.key == key)
        assert row.figures[0].value == len(hours)
        assert float(str(row.figures[4].value)) == pytest.approx(max(hours), abs=0.06)
