"""A long text is read in pieces, so that nobody's ten thousand brackets make a page slow, and nothing in it is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic.patients.infections import tells_of_infection
from clinic.patients.ruled_out import rules_out
from clinic.products.reasons import of_one_container, speaks_of_the_cells
from clinic.release.germ_words import tells_of_growth
from clinic.wording import pieces

LONG = 10_000


@given(st.text(alphabet="ab (", max_size=900), st.integers(20, 80))
def test_the_pieces_hold_the_whole_text_and_are_short(text, most):
    again, found = most // 4, pieces(text, most, most // 4)
    assert all(0 < len(one) <= most for one in found) or text == ""
    at = 0
    for one in found:
        begins = text.find(one, max(0, at - again))
        assert 0 <= begins <= at, "nothing lies between two pieces"
        at = begins + len(one)
    assert at == len(text)


@given(st.lists(st.text(alphabet="abc", min_size=1, max_size=9), min_size=1, max_size=200))
def test_no_word_is_cut(words):
    whole = set(words)
    assert {word for piece in pieces(" ".join(words), 60, 15) for word in piece.split()} == whole


@pytest.mark.parametrize("before", ["(" * LONG, "seen at the ward " * 600, "a-" * (LONG // 2), "x" * LONG])
@pytest.mark.parametrize(
    ("reads", "said"),
    [
        (rules_out, "She refuses further cells"),
        (tells_of_infection, "pneumonia"),
        (speaks_of_the_cells, "mould seen in the bag"),
        (tells_of_growth, "grew rods in both bottles"),
    ],
)
def test_what_stands_at_the_end_of_a_long_text_is_read(reads, said, before):
    assert not reads(before)
    assert reads(f"{before} {said}")


def test_a_long_plain_reason_is_plain_and_one_word_in_it_is_not():
    plain = "the bag leaked and was not needed " * 300
    assert of_one_container(plain)
    assert not of_one_container(f"{plain} Serratia")
