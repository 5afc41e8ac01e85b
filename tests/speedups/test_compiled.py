"""Where there is a compiler, an install has the compiled module."""

from __future__ import annotations

from compiler import needs_compiler

from tap_reports import speedups


@needs_compiler
def test_it_is_compiled_where_it_can_be():
    assert speedups.is_compiled()
