"""Every ordered pair of 50 patients and 50 bags that are all fit to give: the 50 right ones pass and no other."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from clinic import clock
from clinic.accounts.models import User
from clinic.administration import bedside
from clinic.administration.models import BedsideCheck
from clinic.administration.vital_signs import VitalSigns
from clinic.course_records import load
from clinic.identifiers import VALUES, check_character
from clinic.treatments.models import Treatment
from tests.bedside import VITALS, released_product
from tests.factories import PASSWORD, patient, ready_for_harvest

if TYPE_CHECKING:
    from tests.factories import Team

PEOPLE = 50
EVERY = os.environ.get("PROOF_PAIRS") == "all"
"""Whether all 2,500 pairs are also posted; else each patient's own bag and the next one's."""


def fifty(team: Team, people: int = PEOPLE) -> list[dict[str, Any]]:
    """Return 50 courses, each with its patient's own released bag, and how wristband and bag are read.

    Every second wristband is read by its chain of identity and every third bag by its donation number.
    """
    made = []
    for number in range(people):
        of = ready_for_harvest(team, patient(team, weight=60))
        din = f"A999926{number:06d}"
        bag = released_product(of, team, din=din, division="A")
        chain, din_check = of.chain_of_identity, 60 + VALUES.index(check_character(din))
        made.append({
            "course": of.id,
            "bag": bag.id,
            "wristband": chain + check_character(chain) if number % 2 else of.patient_id,
            "label": bag.id if number % 3 else f"={din}{din_check}/A",
        })  # fmt: skip
    return made


@pytest.mark.slow
@pytest.mark.rule(1)
@pytest.mark.rule(3)
@pytest.mark.hazard("H1")
def test_of_all_ordered_pairs_the_gate_lets_pass_the_fifty_right_ones(session, team, engine):
    pairs, nurse, physician = fifty(team), team.nurse.id, team.physician.id
    session.commit()
    passed = []
    with Session(engine) as reading:
        shared = load(reading, [one["course"] for one in pairs], product_ids=[one["bag"] for one in pairs])
        told, bedside.load = bedside.load, lambda _session, ids, **_more: {ids[0]: shared[ids[0]]}
        try:
            for mine, one in enumerate(pairs):
                at, by = clock.now(), reading.get(User, nurse)
                signs = VitalSigns.log(
                    by=by, at=at, performed_by=by, performed_at=at, treatment_id=one["course"], **VITALS
                )
                for theirs, other in enumerate(pairs):
                    with shared[one["course"]].unchanged():
                        found = bedside.gather(
                            reading, reading.get(Treatment, one["course"]), by=by, at=at,
                            second=reading.get(User, physician), patient_scan=one["wristband"],
                            product_scan=other["label"], vitals=signs,
                        )  # fmt: skip
                        verdict = bedside.judge(found, at)
                    if verdict.clear:
                        passed.append((mine, theirs))
                    else:
                        assert {reason.rule for reason in verdict.blocked} >= {1, 3}, (mine, theirs)
        finally:
            bedside.load = told
    assert passed == [(number, number) for number in range(PEOPLE)]


@pytest.mark.slow
@pytest.mark.rule(1)
@pytest.mark.hazard("H1")
def test_of_all_ordered_pairs_the_page_of_the_check_clears_the_fifty_right_ones(session, team, client_as, post):
    pairs, nurse, physician = fifty(team), client_as("nurse"), team.physician.id
    session.commit()
    sent = 0
    for mine, one in enumerate(pairs):
        for theirs in sorted({mine, *(range(PEOPLE) if EVERY else ((mine + 1) % PEOPLE,))}):
            answer = post(
                nurse, f"/treatments/{one['course']}/bedside", patient_scan=one["wristband"],
                product_scan=pairs[theirs]["label"], second_person_id=physician, password=PASSWORD,
                own_password=PASSWORD, **{name: str(value) for name, value in VITALS.items()},
            )  # fmt: skip
            assert answer.status_code == 303, answer.text[:2000]
            sent += 1
    checks = session.scalars(select(BedsideCheck)).all()
    assert len(checks) == sent
    clear = {(check.treatment_id, check.product_id) for check in checks if check.clear}
    assert clear == {(one["course"], one["bag"]) for one in pairs}
    assert all({reason["rule"] for reason in check.reasons} >= {1, 3} for check in checks if not check.clear)


@pytest.mark.slow
@pytest.mark.rule(1)
@pytest.mark.hazard("H1")
def test_a_wristband_and_a_bag_that_agree_are_refused_on_another_patients_page(session, team, client_as, post):
    """The nurse has the neighbour's page open: everything in the hands is right, and the course is wrong."""
    mine, other = fifty(team, 2)
    answer = post(
        client_as("nurse"), f"/treatments/{other['course']}/bedside", patient_scan=mine["wristband"],
        product_scan=mine["label"], second_person_id=team.physician.id, password=PASSWORD,
        own_password=PASSWORD, **{name: str(value) for name, value in VITALS.items()},
    )  # fmt: skip
    assert answer.status_code == 303
    (check,) = session.scalars(select(BedsideCheck)).all()
    assert not check.clear
    assert 1 in {reason["rule"] for reason in check.reasons}
