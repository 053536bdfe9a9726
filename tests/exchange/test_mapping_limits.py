"""A mapping that would take long, or fill a page, is refused in a short sentence."""

from __future__ import annotations

import io
import time

import pytest

from clinic.errors import RuleBroken
from clinic.exchange import mapping

START = 'kind = "courses"\nsource = "s"\n'


@pytest.mark.parametrize(("text", "says"), [
    (".".join("a" * 20_000) + "=1", "line 1 has more than 60 full stops"),
    (f"[{'.'.join('a' * 20_000)}]", "line 1 has more than 60 full stops"),
    ("a=1\n" * 40_000, "larger than 128 kB"),
    ("a = " + "[" * 2_000 + "]" * 2_000, "too many brackets"),
    ("a = " + "{a=" * 2_000 + "1" + "}" * 2_000, "too many brackets"),
    ("heading_row = " + "9" * 5_000, "cannot be read"),
    ("".join(f"b{n} = 1\n" for n in range(10_000)), "9,982 more mistakes"),
    (START + "a" * 100_000 + " = 1", "aaa…: Extra inputs"),
    (START + 'encoding = "' + "a" * 100_000 + '"', "aaa…"),
    (START + "[" + "x" * 5_000, "cannot be read"),
])  # fmt: skip
def test_a_mapping_is_bounded(text, says):
    began = time.process_time()
    with pytest.raises(RuleBroken, match=says) as refused:
        mapping.read_from(io.BytesIO(text.encode()), "m.toml")
    assert time.process_time() - began < 1
    assert len(str(refused.value)) < 15_000
