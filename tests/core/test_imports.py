"""No part of the clinic needs, not even for its types, a part that needs it."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import pytest

import clinic

PACKAGE = Path(clinic.__file__).parent


def module_name(file: Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(text: str, known: set[str]) -> set[str]:
    """Return the modules that a text imports: at the top, inside functions, and where only types are checked."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "modules are named in full"
            module = str(node.module)
            found |= {whole if (whole := f"{module}.{name.name}") in known else module for name in node.names}
    return found & known


def circles(imports: dict[str, set[str]]) -> list[set[str]]:
    """Return the sets of modules of which each leads to each other."""
    reached = {name: _reached(name, imports) for name in imports}
    together = {name: frozenset(one for one in reached[name] if name in reached[one]) for name in imports}
    return sorted((set(circle) for circle in set(together.values()) if circle), key=sorted)


def _reached(name: str, imports: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [*imports[name]]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += imports[one]
    return found


def test_no_import_leads_back_to_where_it_began():
    texts = {module_name(file): file.read_text() for file in PACKAGE.rglob("*.py")}
    assert len(texts) > 100
    imports = {name: imported(text, set(texts)) - {name} for name, text in texts.items()}
    assert sum(map(len, imports.values())) > 500
    assert circles(imports) == []


@pytest.mark.parametrize("text", [
    "import clinic.b",
    "from clinic import b",
    "from clinic.b import something",
    "def later():\n    from clinic.b import something",
    "if TYPE_CHECKING:\n    from clinic import b",
])  # fmt: skip
def test_every_way_to_import_counts(text):
    imports: dict[str, set[str]] = defaultdict(set)
    imports["clinic.a"] = imported(text, {"clinic.a", "clinic.b"})
    imports["clinic.b"] = imported("from clinic.a import other", {"clinic.a", "clinic.b"})
    assert circles(imports) == [{"clinic.a", "clinic.b"}]
