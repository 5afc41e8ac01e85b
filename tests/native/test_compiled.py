"""Where there is a compiler, an install has the compiled module."""

from __future__ import annotations

import shutil
import sysconfig

import pytest

from tap_reports import native


@pytest.mark.skipif(
    not shutil.which((sysconfig.get_config_var("CC") or "cc").split()[0]), reason="there is no C compiler"
)
def test_it_is_compiled_where_it_can_be():
    assert native.is_compiled()
