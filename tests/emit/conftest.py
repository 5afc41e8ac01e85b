"""Whatever writes blocks is tested with and without the compiled module."""

from __future__ import annotations

import pytest

from tap_reports import speedups


@pytest.fixture(params=["compiled", "python"])
def both_ways(request, monkeypatch):
    if request.param == "python":
        monkeypatch.setattr(speedups, "_compiled", None)
    elif not speedups.is_compiled():
        pytest.skip("the module is not compiled: no C compiler")
