"""STATE messages: each change of a small state at once, of a large one once a second."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout

import pytest

from tap_reports.emit.writer import LARGE_EVERY_SECONDS, MessageWriter, StateOutput


class Written:
    """A state of some jobs, on a clock that the test moves."""

    def __init__(self):
        self.seconds = 0.0
        self.out = io.StringIO()
        self.output = StateOutput(MessageWriter(), lambda: self.seconds)

    def put(self, jobs, **how):
        with redirect_stdout(self.out):
            return self.output.put({"bookmarks": {"a": {"pending_jobs": ["x" * 190] * jobs}}}, **how)

    @property
    def jobs(self):
        values = [json.loads(line)["value"] for line in self.out.getvalue().splitlines()]
        return [len(value["bookmarks"]["a"]["pending_jobs"]) for value in values]


@pytest.fixture
def written():
    return Written()


def test_each_change_of_a_small_state_is_written_at_once_and_nothing_twice(written):
    assert [written.put(jobs) for jobs in (1, 1, 2, 3)] == [0, 0, 0, 0]
    assert written.jobs == [1, 2, 3]


def test_a_large_state_is_written_once_a_second(written):
    assert written.put(1000) == 0
    written.seconds += 0.25
    assert written.put(1001) == pytest.approx(LARGE_EVERY_SECONDS - 0.25)
    written.seconds += 0.75
    assert written.put(1002) == 0
    assert written.jobs == [1000, 1002]


def test_a_large_state_is_written_where_it_must_be(written):
    written.put(1000)
    assert written.put(1001, now=True) == 0
    assert written.jobs == [1000, 1001]
