"""Which package may import which. At run time, neither packages nor modules import each other in a circle."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import tap_reports

PACKAGE = Path(tap_reports.__file__).parent
BASE = {"wording", "exceptions", "redaction", "process", "clock", "models", "setting", "vendor", "client"}
MAY_IMPORT: dict[str, set[str]] = {
    # modules that everything else may use
    "wording": set(),
    "redaction": set(),
    "process": set(),
    "setting": set(),
    "exceptions": {"wording"},
    "clock": {"exceptions"},
    "models": {"exceptions", "wording"},
    "vendor": {"models"},
    "client": {"exceptions", "models", "setting"},
    # packages that each serve one purpose
    "http": BASE,
    "downloads": {"http"} | BASE,
    "ledger": BASE,
    "speedups": BASE,
    "files": {"speedups"} | BASE,
    "vendors": {"http"} | BASE,
    "settings": {"vendors", "http"} | BASE,
    "jobs": {"ledger", "downloads", "http"} | BASE,
    "postbacks": {"jobs"} | BASE,
    "emit": {"files", "speedups"} | BASE,
    # a run, and what people see of it
    "sync": {"settings", "vendors", "jobs", "ledger", "downloads", "http", "postbacks", "emit", "files"}
    | BASE,
    "streams": {"sync", "emit"} | BASE,
    "console": {"jobs"} | BASE,
    "tap": {"streams", "sync", "settings", "emit", "ledger", "console", "cli"} | BASE,
    "commands": {"console", "jobs", "ledger", "http", "files"} | BASE,
    "cli": {"commands", "console", "settings", "sync", "vendors"} | BASE,
    "__init__": set(),
    "__main__": {"tap", "sync"} | BASE,
    "sandbox": {"http"} | BASE,
}
"""What a module of a package may import, in functions too."""
MAY_IMPORT_TYPES: dict[str, set[str]] = {
    "client": {"vendor"},
    "vendor": {"client", "clock", "http"},
    "sync": {"streams"},
    "streams": {"tap", "files"},
    "tap": {"jobs"},
    "console": {"sync", "streams", "ledger"},
    "commands": {"sync", "streams"},
    "cli": {"tap"},
}
"""What it may import in addition for type checking only: such an import may close a circle."""
NAMES_NO_VENDOR = ("jobs", "ledger", "downloads", "http", "files", "emit", "postbacks", "streams")
VENDORS = ("similarweb", "impact", "digital_turbine", "second_nature")
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}


def package_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def module_name(path: Path) -> str:
    name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    return name.removesuffix(".__init__")


def statements(node: ast.AST, *, types: bool, functions: bool):
    """Yield the import statements below a node: only those for type checking, or only the others."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            if types:
                yield from (inner for inner in ast.walk(child) if isinstance(inner, ast.ImportFrom))
        elif functions or not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            if isinstance(child, ast.ImportFrom) and not types:
                yield child
            yield from statements(child, types=types, functions=functions)


def imports(path: Path, *, types: bool = False, functions: bool = True):
    """Yield each module of this project that a module imports, `functions`: wherever the import stands."""
    for statement in statements(TREES[path], types=types, functions=functions):
        if statement.module and statement.module.split(".")[0] == "tap_reports":
            names = [f"{statement.module}.{alias.name}" for alias in statement.names]
            yield from (name if name in MODULES else statement.module for name in names)


MODULES = {module_name(path): path for path in TREES}


def test_each_module_belongs_to_a_known_package():
    assert {package_of(path) for path in TREES} == MAY_IMPORT.keys()


@pytest.mark.parametrize("types", [False, True], ids=["at run time", "for type checking"])
@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_only_what_it_may(package, types):
    allowed = MAY_IMPORT[package] | (MAY_IMPORT_TYPES.get(package, set()) if types else set())
    modules = [path for path in TREES if package_of(path) == package]
    used = {
        (str(path.relative_to(PACKAGE)), name.split(".")[1])
        for path in modules
        for name in imports(path, types=types)
        if "." in name and name.split(".")[1] not in {package, *allowed}
    }
    assert used == set()


def test_packages_form_no_circle():
    TopologicalSorter(MAY_IMPORT).prepare()  # raises CycleError


def test_modules_form_no_circle_when_they_are_imported():
    graph = {name: set(imports(path, functions=False)) - {name} for name, path in MODULES.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError


@pytest.mark.parametrize("name", NAMES_NO_VENDOR)
def test_the_engine_names_no_vendor(name):
    """A vendor differs by data and a few functions in its own file."""
    named = {
        (path.name, vendor)
        for path in TREES
        if package_of(path) == name
        for node in ast.walk(TREES[path])
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for vendor in VENDORS
        if node.value == vendor
    }
    assert named == set()
