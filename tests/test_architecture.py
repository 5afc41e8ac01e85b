"""Which package may import which: the dependencies go one way."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import tap_reports

PACKAGE = Path(tap_reports.__file__).parent
BASE = {"models", "exceptions", "redaction", "clock", "process", "vendor", "client", "setting", "wording"}
MAY_IMPORT = {
    "http": BASE,
    "downloads": {"http"} | BASE,
    "ledger": BASE,
    "speedups": BASE,
    "files": {"speedups"} | BASE,
    "vendors": {"http", "files"} | BASE,
    "settings": {"vendors", "http"} | BASE,
    "jobs": {"ledger", "downloads", "http"} | BASE,
    "postbacks": {"jobs"} | BASE,
    "emit": {"files", "speedups"} | BASE,
    "sync": {
        "streams",
        "settings",
        "vendors",
        "jobs",
        "ledger",
        "downloads",
        "http",
        "postbacks",
        "emit",
        "files",
    }
    | BASE,
    "streams": {"sync", "emit", "files", "tap"} | BASE,
    "commands": {"sync", "settings", "streams", "vendors", "jobs", "ledger", "http", "files"} | BASE,
    "cli": {"tap", "commands", "settings", "sync", "vendors"} | BASE,
}
NAMES_NO_VENDOR = ("jobs", "ledger", "downloads", "http", "files", "emit", "postbacks", "streams")
VENDORS = ("similarweb", "impact", "digital_turbine", "second_nature")


def modules():
    return [path for path in PACKAGE.rglob("*.py") if "sandbox" not in path.parts]


def package_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path):
    """Yield each package that a module imports, wherever the import stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tap_reports."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.ImportFrom) and node.module == "tap_reports":
            yield from (one.name for one in node.names if not one.name.startswith("_"))


@pytest.mark.parametrize("name", MAY_IMPORT)
def test_a_package_imports_only_packages_before_it(name):
    found = {
        (str(path.relative_to(PACKAGE)), other)
        for path in modules()
        if package_of(path) == name
        for other in imports(path)
        if other != name and other not in MAY_IMPORT[name]
    }
    assert found == set()


@pytest.mark.parametrize("name", NAMES_NO_VENDOR)
def test_the_engine_names_no_vendor(name):
    """A vendor differs by data and a few functions in its own file."""
    named = {
        (path.name, vendor)
        for path in modules()
        if package_of(path) == name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for vendor in VENDORS
        if node.value == vendor
    }
    assert named == set()


def test_only_known_modules_are_at_the_root():
    known = {"__init__", "__main__", "cli", "tap", "streams", *BASE}
    assert {path.stem for path in PACKAGE.glob("*.py")} <= known
