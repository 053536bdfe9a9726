"""Survival at one year and what was expected: limits, deaths expected, status, and what a reader may type."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from clinic.reports import expectation
from clinic.reports.followed import Followed
from clinic.reports.statistics import poisson_interval
from tests.reading import Page
from tests.reports.published import BMT

HALF = 0.5


def people(*told):
    """Return patients from (days, died, days until now); None: a published history."""
    return [Followed(SimpleNamespace(id=str(n)), days, died, could) for n, (days, died, could) in enumerate(told)]


def test_exact_limits_where_nobody_is_censored():
    year = expectation.after_a_year(people(*[(100, True, 900)] * 3, *[(365, False, 365)] * 7))
    assert year[:3] == pytest.approx((0.7, 0.347547, 0.933260), abs=1e-6)  # R: binom.test(7, 10)
    assert year.kind == "exact"


def test_a_death_on_day_365_counts_and_one_later_does_not():
    assert expectation.after_a_year(people((365, True, 900), (366, True, 900))).share == HALF


def test_log_log_limits_where_somebody_is_censored():
    """38 transplants of acute lymphoblastic leukemia, one of them lost on day 226."""
    told = [(int(word.rstrip("+rd")), word[-1] != "+", None) for word in BMT["ALL"].split()]
    year = expectation.after_a_year(people(*told))
    assert year[:3] == pytest.approx((0.549199, 0.378297, 0.691100), abs=2e-6)
    assert year.kind == "log-log"


def test_nothing_is_told_of_a_year_that_nobody_reached():
    assert expectation.after_a_year(people((100, False, 100), (20, True, 100))) == expectation.Year()
    assert expectation.after_a_year(people((100, False, 100), (400, False, 400))) == expectation.Year(1.0)
    assert expectation.after_a_year(people((10, False, 10), (400, True, 500))) == expectation.Year(1.0)
    assert expectation.after_a_year(people((10, False, 10), (200, True, 500))) == expectation.Year(0.0)


@pytest.mark.parametrize(("told", "deaths"), [
    ([(365, False, 365)] * 10, 1.9),
    # a death is expected as if the patient could have been watched until today, not until the death
    ([(10, True, 900), (900, False, 900)], 0.38),
    ([(10, True, None)], 0.19),
    # half a year: 1 − √0.81 = 0.1; who was lost after half a year was watched no longer
    ([(182.5, False, 182.5), (182.5, False, 900), (20, True, 182.5)], 0.3),
    ([], 0.0),
])  # fmt: skip
def test_deaths_expected_are_those_of_the_time_that_could_be_observed(told, deaths):
    assert expectation.deaths_expected(people(*told), 0.81) == pytest.approx(deaths)


@pytest.mark.parametrize(("reference", "told"), [(0.5, 1), (0.6, 0), (0.7, 0), (0.8, 0), (0.81, -1), (1.0, -1)])
def test_the_status_says_whether_the_expectation_is_within_the_limits(reference, told):
    assert expectation.status(expectation.Year(0.7, 0.6, 0.8, "exact"), reference) == told
    assert expectation.status(expectation.Year(0.7), reference) is None


def test_limits_of_the_ratio_are_the_published_ones():
    # Garwood 1936, as printed by Ulm, Am J Epidemiol 1990;131:373: 10 deaths, 4.80 to 18.39
    assert poisson_interval(10) == pytest.approx((4.7954, 18.3904), abs=1e-4)


def test_no_status_of_people_who_were_not_followed(made):
    rows = made("expectation", protocol="BM-MSC-HEART", expected="90", reference="x")
    told = dict(zip([column.key for column in rows.columns], rows.total.figures, strict=True))
    assert rows.weak
    assert told["status"].value is None
    assert any("censored" in label for label, _ids in rows.missing)


@pytest.mark.parametrize(("asked", "sentence"), [
    ("expected=70", "Source of the expectation: required with “Expected one-year survival”. Enter both, or neither."),
    ("reference=x", "Expected one-year survival: required with “Source of the expectation”. Enter both, or neither."),
    *((f"expected={odd}&reference=x", "Expected one-year survival: “")
      for odd in ("0", "101", "-3", "nan", "7e1", "%D9%A7%D9%A0", "100.00001", "many")),
    ("expected=70&reference=" + "x" * 201, "Source of the expectation: enter up to 200 printable characters."),
    ("expected=70&reference=a%E2%80%AEb", "Source of the expectation: enter up to 200 printable characters."),
])  # fmt: skip
def test_what_is_typed_is_checked_and_not_lost(client_as, asked, sentence):
    answer = client_as("quality").get(f"/reports/expectation?{asked}")
    assert answer.status_code == 422
    page = Page.of(answer.text)
    assert page.problems() == []
    assert sentence in page
    if "expected=70" in asked:
        assert 'name="expected" value="70"' in answer.text


def test_expectation_and_source_are_said_on_every_format(client_as):
    browser, asked = client_as("quality"), "expected=71%2C5+%25&reference=%3DRegistry+2025,+p.+<7>"
    said = ("Expected one-year survival: 71.5 %", "Source of the expectation: =Registry 2025, p. <7>")
    page = browser.get(f"/reports/expectation?{asked}")
    assert all(words in Page.of(page.text) for words in said)
    csv = browser.get(f"/reports/expectation.csv?{asked}").text.replace('""', '"')
    assert all(words in csv for words in said)
    filters = browser.get(f"/reports/expectation.json?{asked}").json["filters"]
    assert [filters[key] for key in ("Expected one-year survival", "Source of the expectation")] == [
        words.split(": ")[1] for words in said
    ]
    for form in ("xlsx", "pdf"):
        assert browser.get(f"/reports/expectation.{form}?{asked}").status_code == 200
