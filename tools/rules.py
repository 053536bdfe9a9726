"""Makes docs/rules.md: each rule, where code refuses with its number, and the marked tests that show it refused.

python tools/rules.py            # writes the page
python tools/rules.py --check    # exits 1 where the page is not what would be written

A rule is enforced where both are there. A docstring or a comment that names a rule proves nothing and is not read.
A mark says by which path its test shows the refusal: ``@pytest.mark.rule(42, by="http")``, or several in a tuple. Why a
rule cannot come in by a path is said in docs/rules.toml.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "rules.md"
KINDS = {"S": "stop", "W": "warning", "C": "computed"}
SAYING_NO = frozenset({"Blocked", "Problem", "Question", "RuleBroken"})
"""What a refusal is made of; its number is the keyword ``rule=``, or stands in its sentence: “(rule 22)”."""
GATE = frozenset({"fault", "judge", "warn"})
"""How a check of the bedside gate speaks: what was checked, then the number of its rule."""
DECLARING = frozenset({"QCTest", "field"})
"""What is declared once with the number of the rule that refuses it wherever it comes in."""
IN_WORDS = re.compile(r"\(rules? (\d+)\)|\bRule (\d+)\.")
REFUSALS = frozenset({"not_given", "said_no", "rules", "blockers", "refusal", "clear", "blocked", "reasons"})
"""Names in a test that ask for a refusal, beside `pytest.raises` and a status of 409, 422 or 403."""
STATUSES = frozenset({403, 409, 422})
PATHS = {"http": "over HTTP", "amendment": "by amendment", "import": "by import"}
"""The ways in which a fact comes in: a form that is sent, a correction of a record, a table that is imported."""
REPORTING = frozenset({"problems", "refused", "notes"})
"""Names in a test of an import that ask for a refusal, or for what is asked: those of its report."""
MOST = 6
SHOWN = 3

Found = dict[int, set[str]]
ByPath = dict[str, Found]


def raised() -> Found:
    """Return the functions that refuse with a rule's number, by number."""
    found: Found = defaultdict(set)
    for path in sorted((ROOT / "clinic").rglob("*.py")):
        file = path.relative_to(ROOT / "clinic").as_posix()
        tree = ast.parse(path.read_text())
        for name, body in _functions(tree):
            for number in _refused_in(body):
                found[number].add(f"`{file}` {name}")
        for name, number in _declared_in(tree):
            found[number].add(f"`{file}` {name}")
    return found


def _declared_in(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield what is declared with the rule that it breaks: a fact of a record, an entry of a catalogue."""
    known = dict(_constants(tree))
    for node in ast.walk(tree):
        called = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
        if not isinstance(node, ast.Call) or called not in DECLARING:
            continue
        for key in node.keywords:
            if key.arg == "rule":
                numbers = _whole_numbers(key.value) | {known.get(getattr(key.value, "id", ""), 0)}
                yield from ((called, number) for number in numbers - {0})


def _constants(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield the names of a module that stand for whole numbers: ``A = 1``, ``A, B = 1, 2``."""
    for node in tree.body:
        if not isinstance(node, ast.Assign):
            continue
        named, values = node.targets[0], node.value
        pairs = (
            zip(named.elts, values.elts, strict=False)
            if isinstance(values, ast.Tuple) and isinstance(named, ast.Tuple)
            else [(named, values)]
        )
        for name, value in pairs:
            if isinstance(name, ast.Name) and isinstance(value, ast.Constant) and type(value.value) is int:
                yield name.id, value.value


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
    for where, test, marks, helpers in _marked():
        if _shows_refusal(test, helpers):
            for number, _path in marks:
                found[number].add(where)
    return found


def by_path() -> ByPath:
    """Return the marked tests that show a rule by a path, by path and number; one that shows no refusal is left out.

    A computed rule is shown by its figures, so that each test that is marked with the path counts.
    """
    found: ByPath = {path: defaultdict(set) for path in PATHS}
    kinds = {int(key): kind for key, (kind, _says) in book()["rules"].items()}
    for where, test, marks, helpers in _marked():
        for number, path in marks:
            more = REPORTING if path == "import" else frozenset()
            if path and (kinds[number] == "C" or _shows_refusal(test, helpers, more)):
                found[path][number].add(where)
    return found


def _marked() -> Iterator[tuple[str, ast.FunctionDef, set[tuple[int, str]], set[str]]]:
    """Yield each marked test: file and name, its tree, its marks, and the functions of its file that show refusals."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        tree, file = ast.parse(path.read_text()), path.relative_to(ROOT).as_posix()
        functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        helpers = {one.name for one in functions if _shows_refusal(one, set())}
        imports = {one.name for one in functions if _shows_refusal(one, set(), REPORTING)}
        for test, marks in _tests(tree):
            yield f"`{file}` {test.name}", test, marks, imports if any(p == "import" for _n, p in marks) else helpers


def computed() -> Found:
    """Return all marked tests by number: a computed rule is shown by its figures, not by a refusal."""
    found: Found = defaultdict(set)
    for where, _test, marks, _helpers in _marked():
        for number, _path in marks:
            found[number].add(where)
    return found


def _tests(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef, set[tuple[int, str]]]]:
    for node in tree.body:
        inside = [node] if isinstance(node, ast.FunctionDef) else node.body if isinstance(node, ast.ClassDef) else []
        of_class = _marks(node) if isinstance(node, ast.ClassDef) else set()
        for test in inside:
            if isinstance(test, ast.FunctionDef) and (numbers := _marks(test) | of_class):
                yield test, numbers


def _marks(node: ast.FunctionDef | ast.ClassDef) -> set[tuple[int, str]]:
    """Return number and path of each mark; the path is empty where the mark names none."""
    marks = [mark for mark in node.decorator_list if isinstance(mark, ast.Call)]
    named = [mark for mark in marks if ast.unparse(mark.func).endswith("mark.rule")]
    return {(ast.literal_eval(number), path) for mark in named for number in mark.args for path in _paths(mark)}


def _paths(mark: ast.Call) -> tuple[str, ...]:
    """Return the paths that a mark names; raises `ValueError` for one that does not exist."""
    said = next((ast.literal_eval(key.value) for key in mark.keywords if key.arg == "by"), "")
    paths = (said,) if isinstance(said, str) else tuple(said)
    if unknown := set(paths) - {"", *PATHS}:
        raise ValueError(f"A rule is marked with the unknown path {', '.join(sorted(unknown))}.")
    return paths


def _shows_refusal(test: ast.FunctionDef, helpers: set[str], more: frozenset[str] = frozenset()) -> bool:
    """Whether a test asks for a refusal, itself or by a function of its file that does; ``more``: names that do too."""
    for node in ast.walk(test):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"pytest.raises", "raises", *helpers}:
            return True
        if isinstance(node, ast.Constant) and type(node.value) is int and node.value in STATUSES:
            return True
        name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        if name in REFUSALS | more:
            return True
    return False


def book() -> dict[str, Any]:
    """Return docs/rules.toml: the rules, and why some of them cannot come in by a path."""
    return tomllib.loads((ROOT / "docs" / "rules.toml").read_text())


def absent(path: str) -> dict[int, str]:
    """Return why rules cannot come in by a path, by number; raises `ValueError` where two reasons name one rule."""
    found: dict[int, str] = {}
    for reason in book().get("absent", {}).get(path, ()):
        for number in reason["rules"]:
            if number in found:
                raise ValueError(f"Rule {number} has two reasons why it cannot come in {PATHS[path]}.")
            found[number] = reason["because"]
    return found


def enforced() -> list[int]:
    """Return the numbers of the rules that are enforced, or computed and tested."""
    where, refusing, marked = raised(), tested(), computed()
    kinds = {int(key): kind for key, (kind, _says) in book()["rules"].items()}
    tests = {number: marked[number] if kind == "C" else refusing[number] for number, kind in kinds.items()}
    kept = {"**enforced**", "computed and tested"}
    return [number for number, kind in kinds.items() if state(kind, where[number], tests[number]) in kept]


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
    rules, lacking = book()["rules"], book()["in_part"]
    where, refusing, marked = raised(), tested(), computed()
    rows, kept = [], 0
    for key, (kind, says) in rules.items():
        number = int(key)
        tests = marked[number] if kind == "C" else refusing[number]
        told = state(kind, where[number], tests)
        kept += told in {"**enforced**", "computed and tested"} and key not in lacking
        told += f", in part: {lacking[key]}" if key in lacking else ""
        cells = (key, KINDS[kind], says, _listed(where[number]), _listed(tests), told)
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(
        [
            "# The rule book",
            "",
            "Made by `make rules`; do not edit. A rule counts as enforced only where code refuses with its number and",
            "a test that carries its mark shows the refusal. A rule that is computed is shown by its figures.",
            "",
            f"{kept} of {len(rules)} rules are enforced, or computed and tested, and {len(lacking)} more in part.",
            "",
            "| rule | kind | says | raised in | refused by tests | state |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            "## How each rule is shown",
            "",
            "A fact comes in over HTTP, by an amendment of a record, or by an import; what was imported and is refused",
            "when it is used counts as shown by import. A path by which a rule cannot come in says why.",
            "",
            f"| rule | {' | '.join(PATHS.values())} |",
            "|---|---|---|---|",
            *_ways(rules),
            "",
        ]
    )


def _ways(rules: dict[str, Any]) -> Iterator[str]:
    """Yield a row for each rule: the tests that show it by each path, or why it cannot come in by it."""
    shown, reasons = by_path(), {path: absent(path) for path in PATHS}
    for number in map(int, rules):
        cells = [
            _listed(shown[path][number], SHOWN)
            if shown[path][number]
            else f"cannot: {reasons[path][number]}"
            if number in reasons[path]
            else "**not shown**"
            for path in PATHS
        ]
        yield f"| {number} | {' | '.join(cells)} |"


def _listed(lines: set[str], most: int = MOST) -> str:
    shown = sorted(lines)[:most]
    return "<br>".join(shown + [f"and {len(lines) - most} more"] * (len(lines) > most))


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
