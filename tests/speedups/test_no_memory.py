"""Where memory runs out, at whichever request, the compiled module says so, or leaves the block to Python."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import os
import shlex
import subprocess
import sys
import sysconfig
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest
from compiler import COMMAND, needs_compiler

from tap_reports import speedups
from tap_reports.speedups import JsonKeys
from tap_reports.speedups.codes import Code, Flag, packed

SOURCES = Path(speedups.__file__).parent
FLAGS = Flag.TAKES_LOCAL | Flag.TAKES_THOUSANDS
ALLOCATORS = """
#include <stdlib.h>
int requests_left = -1;
static int fails(void) { return requests_left < 0 ? 0 : requests_left == 0 ? 1 : (requests_left--, 0); }
void *own_malloc(size_t size) { return fails() ? NULL : malloc(size); }
void *own_calloc(size_t count, size_t size) { return fails() ? NULL : calloc(count, size); }
void *own_realloc(void *block, size_t size) { return fails() ? NULL : realloc(block, size); }
"""
REPLACED = [f"-D{name}=own_{name}" for name in ("malloc", "calloc", "realloc")]
LONG = b"x" * 1000
pytestmark = needs_compiler


def test_an_install_has_the_compiled_module_where_there_is_a_compiler():
    assert speedups.is_compiled()


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """The module with allocators that fail on demand."""
    folder = tmp_path_factory.mktemp("no-memory")
    (folder / "allocators.c").write_text(ALLOCATORS)
    command = [COMMAND, "-fPIC", "-O1", *shlex.split(os.environ.get("CFLAGS", ""))]
    include = f"-I{sysconfig.get_path('include')}"
    own = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}  # a sanitizer of ours
    run = partial(subprocess.run, cwd=folder, env=own, check=True)
    run([*command, "-c", "allocators.c", "-o", "allocators.o"])
    library = folder / "_tap_reports_speedups.so"
    sources = sorted(map(str, SOURCES.glob("*.c")))
    run([*command, "-shared", include, *REPLACED, *sources, "allocators.o", "-o", library])
    spec = importlib.util.spec_from_file_location("_tap_reports_speedups", library)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module, ctypes.c_int.in_dll(ctypes.CDLL(str(library)), "requests_left")


def results(cells, fields):
    """Return what becomes of the cells in every way of writing them."""
    texts = (*(b'"%d":' % at for at in range(len(fields))), b"\n")
    invalid = speedups.convert(cells, 0, {}, lambda cell: b"7" if "$" in cell else None)
    rows = cells.rows - speedups.drop_nulls(cells, 1)
    written = packed(fields)
    return (
        invalid,
        speedups.days(cells, 2, "2026-01-01", "2026-01-31"),
        speedups.lines(cells, written, texts, 1, b"+00:00", (0, rows)),
        listed(speedups.columns(cells, written, 1, b"+00:00")),
    )


def listed(columns):
    return pa.record_batch(columns).to_pylist()


FIELDS = [(Code.INTEGER, 0), (Code.TEXT, 1), (Code.DAY, 2), (Code.NUMBER, 3), (Code.ROW, 0)]
CODES = bytes(code for code, _ in FIELDS[:4])


def of_csv():
    rows = b'$1,"a ""b""",2026-01-02,1.5\n2,%b,2026-02-01,\n,x,,3\nodd,,2026-01-05,4\n' % LONG
    return results(speedups.csv_cells(rows * 40, ",", CODES, FLAGS), FIELDS)


def of_json():
    names = (b"a", b"b", b"c", b"d")
    rows = b'{"a":"$1","b":"\\u0041\\n","c":"2026-01-02","d":1.5,"new":{"x":[1]}},{"b":{"x" : [1.5]}},' * 150
    found = speedups.json_keys(rows, 0, names, FLAGS)
    wanted = JsonKeys(names, CODES, b"\0\0\1\0\2\0\3\0", CODES)
    cells = speedups.json_cells(rows.replace(b',"new":{"x":[1]}', b""), 0, wanted, 1 << 20, FLAGS)
    return found, *results(cells, FIELDS)


SHEET = b'<row><c t="inlineStr"><is><t>a,"b"</t></is></c><c><v>1.5</v></c></row>' * 500


def of_sheet():
    book = SimpleNamespace(styles=b"", strings=[], is_1904=False)
    places = b"\1\0\2\0" + bytes(2 * 16382)
    return speedups.sheet_rows(SHEET, places, book, 0)


@pytest.mark.parametrize("read", [of_csv, of_json, of_sheet])
def test_a_request_for_memory_that_fails_is_an_error_and_nothing_worse(build, monkeypatch, read):
    module, requests_left = build
    monkeypatch.setattr(speedups, "_compiled", module)
    expected, failed = read(), 0
    assert expected
    for number in range(10_000):
        requests_left.value = number
        try:
            found = read()
        except MemoryError:
            failed += 1
            continue
        finally:
            left, requests_left.value = requests_left.value, -1
        assert found in (expected, None)  # what it leaves to Python is not wrong
        failed += found is None
        if left:
            break
    assert failed > 3
    assert read() == expected


@pytest.mark.skipif(not speedups.is_compiled(), reason="not compiled: no C compiler")
@pytest.mark.parametrize("read", ["of_csv", "of_json", "of_sheet"])
def test_a_request_of_python_that_fails_is_an_error_and_nothing_worse(read):
    pytest.importorskip("_testcapi")
    code = f"import test_no_memory as tests; tests.try_without_memory(tests.{read})"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    command = [sys.executable, "-c", code]  # a process of its own: all threads' requests fail
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def try_without_memory(read):
    hooks = importlib.import_module("_testcapi")
    globals()["listed"] = type  # Arrow's own requests are not ours to test
    expected, failed, found = read(), 0, None
    for number in range(10_000):
        try:
            hooks.set_nomemory(number, number + 1)
            found = read()
        except MemoryError:
            failed += 1
            continue
        finally:
            hooks.remove_mem_hooks()
        assert found in (expected, None)
        if number > 20 * failed + 200:  # what is left never fails
            break
    assert failed > 3
    assert read() == expected
