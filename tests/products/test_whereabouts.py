"""Where a container lies is the last place that somebody put it at; whose it is, is said beside it."""

from __future__ import annotations

import pytest

from clinic.products.movements import whereabouts

STORED = ("stored", "Tank 2, box 14")


@pytest.mark.parametrize(
    ("moves", "said"),
    [
        ([], "Laboratory"),
        ([STORED], "Stored at Tank 2, box 14"),
        ([STORED, ("assigned", "A9999")], "Stored at Tank 2, box 14 · assigned"),
        ([STORED, ("assigned", "A9999"), ("unassigned", None)], "Stored at Tank 2, box 14"),
        ([STORED, ("assigned", "A9999"), ("thawed", None)], "Thawed · assigned"),
        ([STORED, ("assigned", "A9999"), ("thawed", None), ("given", "A9999")], "Given"),
        ([STORED, ("assigned", "A9999"), ("discarded", None)], "Discarded"),
    ],
)
def test_a_number_of_the_chain_of_identity_is_no_place(moves, said):
    assert whereabouts(moves) == said
