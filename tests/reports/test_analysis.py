"""Tables for analysis: they join, agree with the records and with each other, and the research variant names nobody."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import zipfile
from collections import Counter, defaultdict
from datetime import datetime
from decimal import Decimal

import openpyxl
import pytest
from sqlalchemy import select

from clinic.accounts.models import User
from clinic.release.results import QCResult, standing
from clinic.reports import asking
from clinic.reports.analysis import ADMINISTRATIONS, COURSES, PRODUCTS, TABLES
from clinic.reports.analysis_files import archive, workbook
from clinic.reports.analysis_rows import rows
from clinic.reports.analysis_views import CHOICE
from clinic.reports.data import Data
from tests.demonstration import AT
from tests.reports.naive import ZONE

pytestmark = pytest.mark.slow
DAY = re.compile(r"\b(?:19|20)\d{2}-\d{2}(?:-\d{2})?\b")


@pytest.fixture
def chosen(demonstration, north):
    """Return what is read for filters of an address: ``chosen(condition="osteoarthritis")``."""

    def one(**said):
        asked, wrong = asking.read(CHOICE, {key.rstrip("_"): value for key, value in said.items()}, today=AT.date())
        assert wrong == {}
        return Data(demonstration, asked, zone=ZONE, at=AT)

    return one


def table(data, wanted, *, research=False):
    keys = [column.key for column in wanted.chosen(research=research)]
    return [dict(zip(keys, row, strict=True)) for row in rows(data, wanted, research=research)]


def test_every_course_product_and_giving_is_one_row_and_they_join(clinic, chosen):
    courses, products, given = (table(chosen(), one) for one in (COURSES, PRODUCTS, ADMINISTRATIONS))
    assert sorted(one["course_id"] for one in courses) == sorted(row["id"] for row in clinic["treatment"])
    assert sorted(one["product_id"] for one in products) == sorted(row["id"] for row in clinic["product"])
    assert sorted(one["administration_id"] for one in given) == sorted(row["id"] for row in clinic["administration"])
    ids = {one["course_id"] for one in courses}
    assert {one["course_id"] for one in products} - {None} <= ids
    assert {one["course_id"] for one in given} <= ids
    assert {one["product_id"] for one in given} - {None} <= {one["product_id"] for one in products}
    counted = Counter(one["course_id"] for one in given if one["outcome"] != "voided" and one["volume_given"] != 0)
    assert all(one["administrations"] == counted[one["course_id"]] for one in courses)
    total = sum((one["volume_given"] or Decimal(0) for one in courses), Decimal(0))
    assert total == sum((one["volume_given"] or Decimal(0) for one in given if one["outcome"] != "voided"), Decimal(0))
    assert sum(one["serious_events"] or 0 for one in courses) == sum(
        bool(json.loads(row["serious"])) for row in clinic["adverse_event"]
    )
    assert all(one["state"] for one in (*courses, *products))


def test_a_result_has_its_figure_its_comparator_and_its_verdict(demonstration, chosen):
    read = defaultdict(list)
    for result in demonstration.scalars(select(QCResult).order_by(QCResult.performed_at, QCResult.id)):
        read[result.product_id, result.test].append(result)
    seen = Counter()
    for row in table(chosen(), PRODUCTS):
        for (product, test), results in read.items():
            if product == row["product_id"]:
                last = standing(results, test)[-1]
                assert row[test] == (last.value if last.outcome is None else last.outcome)
                assert row[f"{test}_verdict"] == last.verdict.label
                seen[last.verdict] += 1
    assert len(seen) >= 3


def test_a_filter_and_a_period_choose_courses_and_with_them_all_that_is_theirs(clinic, chosen):
    data = {"condition": "osteoarthritis", "from_": "2026-01-01"}
    courses = table(chosen(**data), COURSES)
    assert courses
    assert {one["condition"] for one in courses} == {"osteoarthritis"}
    ids = {one["course_id"] for one in courses}
    wanted = {row["id"] for row in clinic["administration"] if row["treatment_id"] in ids}
    assert {one["administration_id"] for one in table(chosen(**data), ADMINISTRATIONS)} == wanted
    products = {row["id"] for row in clinic["product"] if row["treatment_id"] in ids}
    assert {one["product_id"] for one in table(chosen(**data), PRODUCTS)} == products


@pytest.mark.rule(73)
def test_the_research_variant_names_nobody_and_no_day(demonstration, chosen, clinic):
    names = {name for (name,) in demonstration.execute(select(User.printed_name))}
    numbers = {row["record_number"] for row in clinic["patient"] if row["origin"] == "clinic"}
    made = archive(chosen(people="research"), [("Variant", "research")], research=True)
    with made, zipfile.ZipFile(made) as packed:
        for name in ("courses.csv", "products.csv", "administrations.csv"):
            for row in csv.DictReader(io.StringIO(packed.read(name).decode())):
                said = " | ".join(value for key, value in row.items() if key != "missing" and not key.endswith("_id"))
                assert not DAY.search(said), (name, said)
                assert not any(one in said for one in names | numbers), (name, said)
    whole, shifted = (table(chosen(), COURSES, research=research) for research in (False, True))
    assert any(re.search(r"\d{4}", row["state"]) for row in whole)
    assert not any(re.search(r"\d{4}", row["state"]) for row in shifted)
    for one, other in zip(whole, shifted, strict=True):
        if one["first_given"] and one["died"]:
            assert other["died_days"] == (one["died"] - one["first_given"]).days
        assert other["first_given_days"] in {0, None}


def test_the_archive_describes_itself(chosen):
    with archive(chosen(), [("Site", "Cellcourse North")], research=False) as made, zipfile.ZipFile(made) as packed:
        package = json.loads(packed.read("datapackage.json"))
        assert "Site: Cellcourse North" in package["description"]
        told = list(csv.DictReader(io.StringIO(packed.read("dictionary.csv").decode())))
        for resource in package["resources"]:
            found = list(csv.reader(io.StringIO(packed.read(resource["path"]).decode())))
            fields = [field["name"] for field in resource["schema"]["fields"]]
            assert found[0] == fields == [row["column"] for row in told if row["table"] == resource["name"]]
            assert len(found) - 1 == resource["rows"]
            key = fields.index(resource["schema"]["primaryKey"])
            assert len({row[key] for row in found[1:]}) == resource["rows"]
            _typed(resource, found)
    units = {row["column"]: row["unit"] for row in told if row["table"] == "courses"}
    assert (units["weight_kg"], units["harvested_volume"], units["vas_pain_cm_last"]) == ("kg", "mL", "cm")


def _typed(resource, found):
    """Every cell can be read as the type that the description gives its column."""
    reads = {"number": Decimal, "integer": int, "date": datetime.fromisoformat, "boolean": {"yes": 1, "no": 0}.get}
    for place, field in enumerate(resource["schema"]["fields"]):
        allowed = field.get("constraints", {}).get("enum")
        for row in found[1:]:
            if row[place]:
                assert reads.get(field["type"], str)(row[place]) is not None, field
                assert not allowed or row[place] in allowed, (field, row[place])


def test_a_spreadsheet_has_real_dates_and_keeps_the_digits(chosen):
    with workbook(chosen(), COURSES, [("Site", "North")], research=False) as file:
        book = openpyxl.load_workbook(file)
    page = book[COURSES.title]
    head = [cell.value for cell in page[1]]
    asis = table(chosen(), COURSES)
    for place in ("ordered", "koos_pain_baseline", "weight_kg", "synthetic"):
        column = head.index(place) + 1
        for line, row in enumerate(asis, start=2):
            cell = page.cell(line, column)
            if row[place] is None:
                assert cell.value is None
            elif place == "ordered":
                assert cell.value.date() == row[place]
            elif isinstance(row[place], Decimal):
                assert Decimal(str(cell.value)) == row[place]
                digits = -row[place].as_tuple().exponent
                assert cell.number_format == (f"0.{'0' * digits}" if digits > 0 else "0")
    assert [row[1].value for row in book["Dictionary"].iter_rows(min_row=2)] == head
    assert book["About"]["B2"].value == "North"


def test_pages_and_files_answer_and_refuse(client_as):
    browser = client_as("quality")
    page = browser.get("/analysis").text
    for name in TABLES:
        for form in ("csv", "xlsx", "jsonl"):
            answer = browser.get(f"/analysis/{name}.{form}?people=research")
            assert answer.status_code == 200
            assert answer.headers["Cache-Control"] == "no-store"
        assert f"/analysis/{name}.csv" in page
    assert browser.get("/analysis/everything.zip").mimetype == "application/zip"
    assert browser.get("/analysis/everything.csv").status_code == 404
    for variant in ("named", "research"):
        with zipfile.ZipFile(io.BytesIO(browser.get(f"/analysis/everything.zip?people={variant}").data)) as packed:
            told = packed.read("dictionary.csv")
        assert browser.get(f"/analysis/dictionary.csv?people={variant}").data.removeprefix(codecs.BOM_UTF8) == told
    assert "/analysis/dictionary.csv" in page
    assert browser.get("/analysis/dictionary.xlsx").status_code == 404
    assert browser.get("/analysis/nothing.csv").status_code == 404
    assert browser.get("/analysis?from=2026-02-30").status_code == 422
    assert browser.get("/analysis/courses.csv?from=2026-02-30").status_code == 409
    assert browser.get("/analysis/courses.csv?diagnosis=x").status_code == 409
