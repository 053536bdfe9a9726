"""A history that names an infection makes no eligible donor, from the moment when it is written (rules 17, 18)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clinic import clock
from clinic.patients.donor_history import names_infection
from clinic.patients.donors import DonorEligibility
from tests.factories import day_boxes
from tests.safety.test_donors_and_samples import cord

__all__ = ["cord"]
pytestmark = [pytest.mark.rule(17), pytest.mark.rule(18), pytest.mark.hazard("H13")]
MOTHER = "Mother phoned: tested HIV positive last month, infected before the birth"


def determines(ward, donor, outcome, history):
    markers = {f"marker_{name}": said for name, said in donor.eligibilities[0].markers.items()}
    day = clock.day(clock.now(), "Europe/Berlin") - timedelta(days=1)
    facts = {"outcome": outcome, "history": history, **day_boxes("sample_taken_on", day)}
    return ward.fill("physician", f"/donors/{donor.id}/eligibility/new", sure="asked", **markers, **facts)


def test_an_eligible_donor_has_no_such_history(ward, cord):
    bag, mine, donor = cord
    assert determines(ward, donor, "eligible", MOTHER).status_code == 422
    ward.said_no("The history names an infection")
    assert determines(ward, donor, "ineligible", MOTHER).status_code == 303, ward.refused
    ward.give(mine, bag)
    ward.not_given(bag, "not eligible")


def test_a_history_that_is_corrected_counts_at_once(ward, cord):
    _bag, _mine, donor = cord
    (one,) = donor.eligibilities
    assert ward.amend("physician", one, history=MOTHER).status_code == 422
    ward.said_no("The history names an infection")


@pytest.mark.parametrize("signed", [False, True])
def test_a_determination_of_before_holds_the_cells(ward, cord, monkeypatch, signed):
    bag, mine, donor = cord
    by, at, last = ward.team.physician, clock.now(), donor.eligibilities[0]
    with monkeypatch.context() as before:
        before.setattr("clinic.patients.donors.told_infection", lambda _one: False)
        one = DonorEligibility.log(
            by=by, at=at, donor=donor, markers=last.markers, outcome="eligible", history=MOTHER, performed_by=by,
            sample_taken_on=last.sample_taken_on, performed_at=at,
        )  # fmt: skip
    ward.team.add(one)
    if signed:
        ward.stands(one, "physician")
    ward.session.commit()
    assert ward.tag(bag) == "On hold"
    ward.give(mine, bag)
    ward.not_given(bag, "names an infection")


@pytest.mark.parametrize(
    "history",
    [
        MOTHER, "HIV+", "HCV RNA detected", "partner HIV positive", "mother has hepatitis B", "fever last week", "lues",
        "Chagas", "Hepatitis C treated 2019", "HIV negative in May, positive in June", "HIV negative; HCV positive",
        "tuberculosis in 2020", "no HIV but hepatitis C", "HIV infection cannot be excluded",
        "HIV positive, HCV negative",
        "reactive for HBsAg", "mother had fever and E. coli in blood culture", "Not vaccinated; hepatitis B",
        "CMV and HIV positive", "Denies risk, though tested positive for HIV in May",
        "No HIV known, HCV found last month", "Measles in childhood and untreated syphilis",
        "Chlamydia, treated last week", "Injects drugs; shared needles until last year", "dura graft 1985",
        "EBV and hepatitis B positive", "Sister had HIV and so has she", "rubella immune and HCV RNA detected",
        "No allergies, hepatitis B", "HIV and CMV positive", "sex for money in 2024", "HIV positive, malaria excluded",
        "in prison last year", "corneal graft", "pituitary growth hormone as a child", "No HIV, tested HCV positive",
    ],
)  # fmt: skip
def test_an_infection_is_named(history):
    assert names_infection(history)


@pytest.mark.parametrize(
    "history",
    [
        None, "no history of hepatitis", "HIV negative", "pneumonia 2015, recovered", "hepatitis A as a child, healed",
        "chickenpox as a child", "vaccinated against hepatitis B, anti-HBs positive", "denies HIV, hepatitis",
        "no fever",
        "All markers negative; CMV IgG positive", "hepatitis B: negative; HIV: negative", "risk of hepatitis: none",
        "HIV, HBV, HCV: negative", "negative for HIV and hepatitis", "never had malaria or syphilis",
        "HIV not detected",
        "No infection, no travel, no transfusion", "CJD in the family", "brother had hepatitis A",
        "O positive, healthy", "HCV antibody false positive, NAT negative, excluded", "no HIV, HCV or syphilis",
        "CMV (IgG) positive, EBV IgG: positive", "Measles in childhood and no syphilis",
        "No HIV, HCV or syphilis found",
        "Denies injecting drugs, prison, sex for money", "Chlamydia, treated 2015",
        "All markers negative: HIV, HBV, HCV",
        "No risk found at the interview.", "pneumonia (2015, recovered)", "HIV (negative)", "Drug use: no",
        "Never had a dura graft or growth hormone",
    ],
)  # fmt: skip
def test_what_is_denied_over_or_harmless_is_none(history):
    assert not names_infection(history)
