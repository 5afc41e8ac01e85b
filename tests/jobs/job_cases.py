"""How a run ended."""

from __future__ import annotations

import pytest


def vendors(*names):
    """Run a test with these vendors' scenarios."""
    return pytest.mark.parametrize("scenario", names, indirect=True)


def is_whole(ran, scenario, sandbox):
    """Return whether all rows were emitted, once."""
    return ran.status == 0 and ran.rows(scenario.stream) == scenario.rows(sandbox)


def is_loud(ran, scenario):
    """Return whether the run failed, and nothing of the stream was emitted or bookmarked."""
    marks = ran.state.get("bookmarks", {}).get(scenario.stream, {})
    return ran.status == 1 and not ran.records(scenario.stream) and "replication_key_value" not in marks
