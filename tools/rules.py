"""Makes docs/rules.md: each rule, where code refuses with its number, and the marked tests that show it refused.

python tools/rules.py            # writes the page
python tools/rules.py --check    # exits 1 where the page is not what would be written

A rule is enforced where both are there. A docstring or a comment that names a rule proves nothing and is not read.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "rules.md"
KINDS = {"S": "stop", "W": "warning", "C": "computed"}
SAYING_NO = frozenset({"Blocked", "Problem", "Question", "RuleBroken"})
"""What a refusal is made of; its number is the keyword ``rule=``, or stands in its sentence: “(rule 22)”."""
GATE = frozenset({"fault", "judge", "warn"})
"""How a check of the bedside gate speaks: what was checked, then the number of its rule."""
IN_WORDS = re.compile(r"\(rules? (\d+)\)|\bRule (\d+)\.")
REFUSALS = frozenset({"not_given", "said_no", "rules", "blockers", "refusal", "clear", "blocked", "reasons"})
"""Names in a test that ask for a refusal, beside `pytest.raises` and a status of 409, 422 or 403."""
STATUSES = frozenset({403, 409, 422})
MOST = 6

Found = dict[int, set[str]]


def raised() -> Found:
    """Return the functions that refuse with a rule's number, by number."""
    found: Found = defaultdict(set)
    for path in sorted((ROOT / "clinic").rglob("*.py")):
        file = path.relative_to(ROOT / "clinic").as_posix()
        for name, body in _functions(ast.parse(path.read_text())):
            for number in _refused_in(body):
                found[number].add(f"`{file}` {name}")
    return found


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Yield each function with the name of its class before it, if it has one."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, ast.FunctionDef):
                    yield f"{node.name}.{part.name}", part


def _refused_in(body: ast.AST) -> set[int]:
    found: set[int] = set()
    for node in ast.walk(body):
        if isinstance(node, ast.Call):
            found |= _numbers_of(node)
        elif isinstance(node, ast.Yield) and node.value is not None:
            found |= _in_words(node.value)
    return found - {0}


def _numbers_of(call: ast.Call) -> set[int]:
    """Return the rules that a call refuses by: ``rule=``, the second argument of a gate's check, words in a refusal."""
    called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if called in GATE and len(call.args) > 1:
        return _whole_numbers(call.args[1])
    found = {n for key in call.keywords if key.arg == "rule" for n in _whole_numbers(key.value)}
    return found | _in_words(call) if called in SAYING_NO else found if called in {"__init__", "fault"} else set()


def _whole_numbers(value: ast.expr) -> set[int]:
    return {part.value for part in ast.walk(value) if isinstance(part, ast.Constant) and type(part.value) is int}


def _in_words(value: ast.AST) -> set[int]:
    texts = [part.value for part in ast.walk(value) if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return {int(one or other) for text in texts for one, other in IN_WORDS.findall(text)}


def tested() -> Found:
    """Return the marked tests that show a refusal, by number; a mark on a class counts for each of its tests."""
    found: Found = defaultdict(set)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        tree, file = ast.parse(path.read_text()), path.relative_to(ROOT).as_posix()
        helpers = {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and _shows_refusal(node, set())}
        for test, numbers in _tests(tree):
            if _shows_refusal(test, helpers):
                for number in numbers:
                    found[number].add(f"`{file}` {test.name}")
    return found


def computed() -> Found:
    """Return all marked tests by number: a computed rule is shown by its figures, not by a refusal."""
    found: Found = defaultdict(set)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for test, numbers in _tests(ast.parse(path.read_text())):
            for number in numbers:
                found[number].add(f"`{path.relative_to(ROOT).as_posix()}` {test.name}")
    return found


def _tests(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef, set[int]]]:
    for node in tree.body:
        inside = [node] if isinstance(node, ast.FunctionDef) else node.body if isinstance(node, ast.ClassDef) else []
        of_class = _marks(node) if isinstance(node, ast.ClassDef) else set()
        for test in inside:
            if isinstance(test, ast.FunctionDef) and (numbers := _marks(test) | of_class):
                yield test, numbers


def _marks(node: ast.FunctionDef | ast.ClassDef) -> set[int]:
    marks = [mark for mark in node.decorator_list if isinstance(mark, ast.Call)]
    named = [mark for mark in marks if ast.unparse(mark.func).endswith("mark.rule")]
    return {ast.literal_eval(argument) for mark in named for argument in mark.args}


def _shows_refusal(test: ast.FunctionDef, helpers: set[str]) -> bool:
    """Whether a test asks for a refusal, itself or by a function of its file that does."""
    for node in ast.walk(test):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"pytest.raises", "raises", *helpers}:
            return True
        if isinstance(node, ast.Constant) and type(node.value) is int and node.value in STATUSES:
            return True
        name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        if name in REFUSALS:
            return True
    return False


def state(kind: str, where: set[str], tests: set[str]) -> str:
    """Return in words how far a rule is kept."""
    if kind == "C" and tests:
        return "computed and tested"
    if where and tests:
        return "**enforced**"
    if where:
        return "raised, not shown by a test"
    return "tested, raised without its number" if tests else "not enforced"


def page() -> str:
    """Return the page as it should be."""
    rules = tomllib.loads((ROOT / "docs" / "rules.toml").read_text())["rules"]
    where, refusing, marked = raised(), tested(), computed()
    rows, kept = [], 0
    for key, (kind, says) in rules.items():
        number = int(key)
        tests = marked[number] if kind == "C" else refusing[number]
        told = state(kind, where[number], tests)
        kept += told in {"**enforced**", "computed and tested"}
        cells = (key, KINDS[kind], says, _listed(where[number]), _listed(tests), told)
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(
        [
            "# The rule book",
            "",
            "Made by `make rules`; do not edit. A rule counts as enforced only where code refuses with its number and",
            "a test that carries its mark shows the refusal. A rule that is computed is shown by its figures.",
            "",
            f"{kept} of {len(rules)} rules are enforced, or computed and tested.",
            "",
            "| rule | kind | says | raised in | refused by tests | state |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _listed(lines: set[str]) -> str:
    shown = sorted(lines)[:MOST]
    return "<br>".join(shown + [f"and {len(lines) - MOST} more"] * (len(lines) > MOST))


def main() -> int:
    """Write the page, or say whether it is current."""
    made = page()
    if "--check" in sys.argv:
        if not PAGE.exists() or PAGE.read_text() != made:
            sys.stderr.write("docs/rules.md is not current: run make rules.\n")
            return 1
        return 0
    PAGE.write_text(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
