# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The structure that docs/architecture.md describes: who imports whom, sizes, errors, and each thing once."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Dict, Iterator, List, Set, Tuple

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common import setting_names
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import BitwardenError

from tests.support.tools.commands import ROOT

PLUGINS = ROOT / "plugins"
UTILS = PLUGINS / "module_utils"
COLLECTION = "ansible_collections.selfhosted.bitwarden"
# The one file of module_utils that knows Ansible. It stands beside the packages, on the lowest of them.
EDGE = "_host_module"
LONGEST_FILE = 300
LONGEST_FUNCTION = 50
# Generated, or made of documentation.
LONG_FILES = {"plugins/module_utils/_settings/catalog.py"}
FILES = sorted(path for path in PLUGINS.rglob("*.py") if path.name != "__init__.py")
DOCUMENTATION = ("DOCUMENTATION", "EXAMPLES", "RETURN")


def packages() -> List[str]:
    """Return the packages in the order of the table: each may import those before it."""
    part = (ROOT / "docs/architecture.md").read_text().split("\n## Packages of `plugins/module_utils`\n")[1]
    return re.findall(r"^\| `(\w+)` \|", part.split("\n## ")[0], re.MULTILINE)


@lru_cache(maxsize=None)
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imported(path: Path, types: bool = True) -> Iterator[str]:
    """Yield the absolute names that a file imports, wherever in it. ``types``: those only for types as well."""
    for_types = {
        id(node)
        for block in ast.walk(tree_of(path))
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for node in ast.walk(block)
    }
    package = [COLLECTION, *path.relative_to(ROOT).parent.parts]
    for node in ast.walk(tree_of(path)):
        if id(node) in for_types and not types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            # ``from package import file`` is an import of the file.
            yield from (f"{module}.{alias.name}" for alias in node.names)


def imported_utils(path: Path) -> Iterator[Tuple[str, ...]]:
    """Yield what a file imports of module_utils, as (package, file, …)."""
    prefix = f"{COLLECTION}.plugins.module_utils."
    for name in imported(path):
        if name.startswith(prefix):
            yield tuple(name[len(prefix) :].split("."))


def test_no_hall():
    """Beside the packages there is only the edge."""
    assert [path.name for path in UTILS.glob("*.py") if path.name != "__init__.py"] == [f"{EDGE}.py"]


@pytest.mark.parametrize("package", packages())
def test_no_import_runs_up(package):
    above = packages()[: packages().index(package) + 1]
    wrong = [
        f"{path.name}: {'.'.join(name)}"
        for path in sorted(UTILS.glob(f"{package}/*.py"))
        for name in imported_utils(path)
        if name[0] not in (*above, EDGE)
    ]
    assert wrong == []


@pytest.mark.parametrize("package", packages())
def test_no_files_of_a_package_import_each_other(package):
    names = {path.stem for path in UTILS.glob(f"{package}/*.py")}
    graph: Dict[str, Set[str]] = {
        path.stem: {name[1] for name in imported_utils(path) if name[0] == package and name[1] in names}
        for path in UTILS.glob(f"{package}/*.py")
    }
    while graph:
        leaves = {name for name, used in graph.items() if not used & set(graph)}
        assert leaves, f"import one another in a ring: {sorted(graph)}"
        graph = {name: used for name, used in graph.items() if name not in leaves}


def test_the_edge_stands_on_the_lowest_package():
    assert {name[0] for name in imported_utils(UTILS / f"{EDGE}.py")} == {packages()[0]}


def test_only_the_edge_knows_ansible():
    """Others may name its types."""
    found = [
        str(path.relative_to(UTILS))
        for path in UTILS.rglob("*.py")
        if any(re.match(r"ansible(\.|$)", name) for name in imported(path, types=False))
    ]
    assert found == []


def test_every_error_has_the_one_base():
    found = set()
    for path in FILES:
        module = importlib.import_module(".".join((COLLECTION, *path.relative_to(ROOT).with_suffix("").parts)))
        for _name, value in inspect.getmembers(module, inspect.isclass):
            # What is not an Exception is not an error: no handler of errors catches it.
            if issubclass(value, Exception) and value.__module__.startswith(COLLECTION):
                found.add(value)
    assert len(found) > 10
    assert sorted(str(one) for one in found if not issubclass(one, BitwardenError)) == []


def test_no_guard_is_an_assertion():
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in FILES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Assert) or (isinstance(node, ast.Name) and node.id == "AssertionError")
    ]
    assert wrong == []


def test_no_file_is_long():
    """Except those of documentation, of which only the code counts."""
    sizes = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) - documented(path) for path in FILES}
    assert {name: size for name, size in sizes.items() if size > LONGEST_FILE and name not in LONG_FILES} == {}


def documented(path: Path) -> int:
    """Return how many lines of a file are plugin documentation."""
    return sum(
        (node.end_lineno or 0) - node.lineno
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in DOCUMENTATION
    )


def test_no_function_is_long():
    sizes = {
        f"{path.relative_to(ROOT)}:{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in FILES
        for node in ast.walk(tree_of(path))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    assert {name: size for name, size in sizes.items() if size > LONGEST_FUNCTION} == {}


def texts(path: Path) -> Iterator[ast.Constant]:
    """Yield the texts of a file, without docstrings and plugin documentation."""
    skipped: Set[int] = set()
    for node in ast.walk(tree_of(path)):
        documentation = isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in DOCUMENTATION
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if documentation or docstring:
            skipped.add(id(node.value))  # type: ignore[attr-defined]
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node


def test_each_setting_name_is_written_once():
    """The catalog, which is generated, has them all."""
    names = {value for name, value in vars(setting_names).items() if name.isupper() and isinstance(value, str)}
    whole = re.compile(r"(?:global|admin|keyConnector)Settings__\w+")
    found: Counter[str] = Counter()
    for path in FILES:
        if path.name != "catalog.py":
            for text in texts(path):
                found.update(name for name in whole.findall(str(text.value)) if name in names or name == text.value)
    assert {name: count for name, count in found.items() if count > 1} == {}
