"""Makes docs/rules.md: each rule, where the code names it, and the tests that carry its mark.

python tools/rules.py            # writes the page
python tools/rules.py --check    # exits 1 where the page is not what would be written
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "rules.md"
KINDS = {"S": "stop", "W": "warning", "C": "computed"}
NAMED = re.compile(r"\brules? ((?:\d+(?:, | to | and )?)+)")


def numbers(said: str) -> set[int]:
    """Return the numbers in “14 to 16, 23 and 42”."""
    found: set[int] = set()
    for low, high in re.findall(r"(\d+)(?: to (\d+))?", said):
        found |= set(range(int(low), int(high or low) + 1))
    return found


def enforced() -> dict[int, set[str]]:
    """Return the functions whose docstring, comment or refusal names a rule, by number."""
    found: dict[int, set[str]] = defaultdict(set)
    for path in sorted((ROOT / "clinic").rglob("*.py")):
        source = path.read_text()
        tree = ast.parse(source)
        spans = [
            (node.lineno, node.end_lineno or node.lineno, node.name)
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.ClassDef)
        ]
        for line, text in enumerate(source.splitlines(), start=1):
            named = {n for said in NAMED.findall(text) for n in numbers(said)}
            named |= {int(n) for n in re.findall(r"\brule=(\d+)", text)} - {0}
            inside = [span for span in spans if span[0] <= line <= span[1]]
            place = max(inside)[2] if inside else path.stem
            for number in named:
                found[number].add(f"`{path.relative_to(ROOT / 'clinic')}` {place}")
    return found


def tested() -> dict[int, set[str]]:
    """Return the tests that carry a rule's mark, by number; a mark on a class or module counts for its tests."""
    found: dict[int, set[str]] = defaultdict(set)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                for mark in node.decorator_list:
                    if isinstance(mark, ast.Call) and ast.unparse(mark.func).endswith("mark.rule"):
                        for argument in mark.args:
                            found[ast.literal_eval(argument)].add(f"`{path.relative_to(ROOT)}` {node.name}")
    return found


def page() -> str:
    """Return the page as it should stand."""
    rules = tomllib.loads((ROOT / "docs" / "rules.toml").read_text())["rules"]
    where, tests = enforced(), tested()
    proved = [number for number in map(int, rules) if tests[number]]
    lines = [
        "# The rule book: rule → where it is enforced → tests",
        "",
        "Made by `make rules`; do not edit. A rule without a test is not enforced yet.",
        "",
        f"{len(proved)} of {len(rules)} rules have a test that carries their number.",
        "",
        "| rule | kind | says | where | tests |",
        "|---|---|---|---|---|",
    ]
    for key, (kind, says) in rules.items():
        number = int(key)
        proof = sorted(tests[number])
        shown = "<br>".join(proof[:6]) + (f"<br>and {len(proof) - 6} more" if len(proof) > 6 else "")
        lines.append(f"| {number} | {KINDS[kind]} | {says} | {'<br>'.join(sorted(where[number])[:8])} | {shown} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the page, or tell whether it is current."""
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
