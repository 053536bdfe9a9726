"""What a room hands to one below it: a gate that nobody registered asks nothing, and no other test would say so."""

from __future__ import annotations

from typing import Any

import pytest

from clinic import record_pages
from clinic.accounts import views as accounts
from clinic.administration.models import Administration
from clinic.eligibility.models import Eligibility
from clinic.inventory import thawing
from clinic.pathway import projection
from clinic.patients.banner import CELLS_RUNNING
from clinic.patients.models import Patient
from clinic.processing.step import WITHHELD
from clinic.products import movements
from clinic.products.models import Movement, Product
from clinic.release.kin import RUNNING, SPEAKS


@pytest.mark.parametrize(
    ("registered", "rooms"),
    [
        (RUNNING, ["administration"]),
        (CELLS_RUNNING, ["administration"]),
        (WITHHELD, ["release"]),
        (Patient.warned_by, ["release"] * 3),
        (Movement.thawed_in_run, ["processing"]),
        (Product.when_times_change, ["processing"]),
        (Product.begun_by, ["harvest", "processing"]),
        (Administration.past_reactions, ["followup"]),
        (Administration.when_started, ["downtime", "followup"]),
        (Eligibility.stopped_starts, ["administration"]),
        (thawing.KNOWN_AGAINST, ["administration"]),
        (movements.ASKED_OF_A_THAW, ["administration"]),
        (projection.MOVED, ["downtime"]),
        (record_pages.CONSEQUENCES, ["pathway", "release"]),
        (record_pages.BESIDE, ["attachments", "documents", "downtime", "followup", "requests"]),
        (accounts.BESIDE, ["pathway"]),
    ],
)
def test_the_rooms_above_have_registered_what_is_asked_below(app: Any, registered: Any, rooms: list[str]) -> None:
    assert sorted(_room(one) for one in registered) == rooms


def test_every_kind_of_record_that_can_speak_against_cells_does(app: Any) -> None:
    assert sorted(kind.__name__ for kind in SPEAKS) == ["Administration", "Movement", "Release"]


def _room(one: Any) -> str:
    asked = one[0] if isinstance(one, tuple) else one
    return asked.__module__.split(".")[1]
