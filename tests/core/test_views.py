"""A view gets a row, checks a form, calls one verb, commits and redirects; rules and refusals are elsewhere."""

from __future__ import annotations

import ast
from pathlib import Path
from statistics import mean

import clinic

ROOT = Path(clinic.__file__).parent
MODULES = sorted({*ROOT.rglob("*views.py"), ROOT / "record_pages.py"})
LONGEST, MEAN = 20, 12


def _is_view(function):
    names = {getattr(d.func, "attr", "") for d in function.decorator_list if isinstance(d, ast.Call)}
    return bool(names & {"get", "post", "route"})


def views():
    """Yield the name and the number of lines of every view; lines of its docstring and decorators do not count."""
    for module in MODULES:
        for node in ast.parse(module.read_text()).body:
            if isinstance(node, ast.FunctionDef) and _is_view(node):
                words = node.body[0].end_lineno - node.body[0].lineno + 1 if ast.get_docstring(node) else 0
                yield f"{module.relative_to(ROOT)}:{node.name}", node.end_lineno - node.lineno + 1 - words


def test_no_view_is_long():
    found = dict(views())
    assert len(found) > 80
    assert {name: lines for name, lines in found.items() if lines > LONGEST} == {}
    assert mean(found.values()) <= MEAN


def test_no_module_of_views_catches_anything():
    for module in MODULES:
        caught = [node.lineno for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Try)]
        assert not caught, f"{module.relative_to(ROOT)} has a try in lines {caught}"


def test_a_route_names_its_id_and_shadows_nothing(app):
    rules = list(app.url_map.iter_rules())
    assert [rule.rule for rule in rules if "id" in rule.arguments] == []
    assert [path.name for path in ROOT.rglob("*.py") if "noqa: A002" in path.read_text()] == []
