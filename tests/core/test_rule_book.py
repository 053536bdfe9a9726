"""The rule book says by which path each rule is shown to refuse, and why it cannot come in by the others."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def tool() -> Any:
    """The program that makes docs/rules.md."""
    path = Path(__file__).resolve().parents[2] / "tools" / "rules.py"
    spec = importlib.util.spec_from_file_location("rule_book", path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_each_enforced_rule_is_shown_by_each_path_or_says_why_it_cannot_come_in(tool):
    shown, kept = tool.by_path(), tool.enforced()
    assert len(kept) >= 68
    for path, words in tool.PATHS.items():
        reasons = tool.absent(path)
        missing = [number for number in kept if not shown[path][number] and number not in reasons]
        assert missing == [], f"not shown {words}: {missing}"
        both = [number for number in reasons if shown[path][number]]
        assert both == [], f"shown {words}, and said to be impossible: {both}"


def test_a_reason_is_a_sentence_about_rules_of_the_book(tool):
    known = {int(key) for key in tool.book()["rules"]}
    for path in tool.PATHS:
        for number, because in tool.absent(path).items():
            assert number in known
            assert len(because.split()) > 3


def test_a_mark_names_a_path_that_exists(tool):
    mark = ast.parse('rule(42, by=("http", "fax"))', mode="eval").body
    with pytest.raises(ValueError, match="fax"):
        tool._paths(mark)
