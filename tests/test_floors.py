"""Imports go downwards only: a floor never reaches for one above it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "nbchat"
FLOORS = ["values", "wire", "providers", "flow", "io", "local", "model", "frame", "notebook"]
HEAVY = ["pandas", "ipywidgets", "genai_prices", "xllamacpp", "httpx", "IPython", "nest_asyncio", "botocore", "PIL"]

MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE)


def imported(path: Path) -> set[str]:
    """The floors that a module imports, at its top or inside a function; for type checkers alone does not count."""
    tree = ast.parse(path.read_text())
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    names = []
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names += [node.module] + [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return {name.split(".")[1] for name in names if name.startswith("nbchat.")} & set(FLOORS)


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_imports_go_downwards_only(module: Path) -> None:
    own = FLOORS.index(module.parts[0])
    above = {floor for floor in imported(PACKAGE / module) if FLOORS.index(floor) > own}
    assert not above, f"{module} is on floor {FLOORS[own]} and imports from {above}"


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_every_file_says_its_purpose_in_its_first_line(module: Path) -> None:
    assert ast.get_docstring(ast.parse((PACKAGE / module).read_text())), f"{module} has no docstring"


def test_importing_nbchat_imports_nothing_heavy() -> None:
    code = f"import sys, nbchat; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_only_one_file_imports_each_outside_door() -> None:
    doors = {"nest_asyncio": {"io/bridge.py"}, "pyreqwest": {"io/transport.py"}}
    for door, allowed in doors.items():
        found = {
            str(path.relative_to(PACKAGE))
            for path in PACKAGE.rglob("*.py")
            if f"import {door}" in path.read_text() or f"from {door}" in path.read_text()
        }
        assert found <= allowed, f"{door} is imported by {found - allowed}"
