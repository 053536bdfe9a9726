"""No cell of a table that leaves the clinic is run by a spreadsheet; what comes back is what was written (H32, R28)."""

from __future__ import annotations

import csv
import io

import pytest

from clinic.exchange.exporting import RUNS_AS_FORMULA
from tests.factories import course, patient

BEGINNINGS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")


@pytest.mark.hazard("H32")
@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_a_text_that_begins_like_a_formula_is_a_text_in_every_table(client_as, session, team, beginning):
    one = patient(team, family_name=f"{beginning}1+1", given_names="Ada")
    course(team, one, medication=f"{beginning}HYPERLINK(1)")
    session.commit()
    browser = client_as("physician")
    for url in ("/exports/patients.csv", f"/patients/{one.id}/timeline.csv", "/exports/treatments.csv"):
        answer = browser.get(url)
        assert answer.status_code == 200, url
        cells = [cell for row in csv.reader(io.StringIO(answer.text.lstrip("\ufeff"))) for cell in row]
        assert not [cell for cell in cells if cell.startswith(beginning) and not cell[1:2].isdigit() and cell[1:]], url
        assert f"{beginning}1+1" not in cells, url
    assert f"'{beginning}1+1" in browser.get("/exports/patients.csv").text
    assert set(BEGINNINGS) < set(RUNS_AS_FORMULA)
