"""The one layer that import-linter cannot see: worker.py is a module, not a package."""

import ast
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_PACKAGES = ("wdrip", "workflows", "activities", "starters", "localcloud")


def _imports(path: Path) -> set[str]:
    """Top-level names of everything that the file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_worker_stands_above_workflows_and_beside_starters() -> None:
    imported = _imports(_ROOT / "worker.py")
    assert {"workflows", "activities", "wdrip"} <= imported
    assert not imported & {"starters", "localcloud"}


def test_nothing_imports_the_worker() -> None:
    files = [path for package in _PACKAGES for path in (_ROOT / package).rglob("*.py")]
    assert files
    assert [path for path in files if "worker" in _imports(path)] == []
