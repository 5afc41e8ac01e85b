"""The live table: on a terminal only, without touching standard output, and gone at the end."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import logging
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading

import pytest

from tap_reports.console.progress import SHORT_FORMAT, is_wanted
from tap_reports.console.progress_table import duration, shortened
from tap_reports.redaction import add_secrets
from tap_reports.sandbox import Sandbox

TERMINAL = {"TERM": "xterm-256color"}


class Screen(io.StringIO):
    def __init__(self, *, terminal):
        super().__init__()
        self._terminal = terminal

    def isatty(self):
        return self._terminal


# --- when it is wanted --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "stderr", "stdout", "wanted"),
    [
        (TERMINAL, True, False, True),
        (TERMINAL | {"NO_COLOR": "1"}, True, False, True),
        (TERMINAL | {"NO_COLOR": ""}, True, False, True),
        (TERMINAL | {"CI": "false"}, True, False, True),
        (TERMINAL, False, False, False),
        (TERMINAL, True, True, False),
        (TERMINAL | {"CI": "true"}, True, False, False),
        ({"TERM": "dumb"}, True, False, False),
        ({}, True, False, False),
        (TERMINAL | {"SINGER_SDK_LOG_CONFIG": "log.yml"}, True, False, False),
        (TERMINAL | {"TAP_REPORTS_LOG_FORMAT": "json"}, True, False, False),
    ],
)
def test_it_is_shown_on_a_terminal_only(environment, stderr, stdout, wanted):
    assert is_wanted(environment, stderr=Screen(terminal=stderr), stdout=Screen(terminal=stdout)) is wanted


def test_there_is_no_table_at_debug_level(caplog):
    with caplog.at_level(logging.DEBUG):
        assert not is_wanted(TERMINAL, stderr=Screen(terminal=True), stdout=Screen(terminal=False))


def test_a_closed_file_is_not_a_terminal():
    closed = io.StringIO()
    closed.close()
    assert not is_wanted(TERMINAL, stderr=closed, stdout=Screen(terminal=False))


# --- what it shows ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shown"),
    [("similarweb_traffic_and_engagement_daily", "similarwe…ment_daily"), ("impact_a", "impact_a")],
)
def test_names_are_cut_in_their_middle(name, shown):
    assert shortened(name, 20) == shown


@pytest.mark.parametrize(("seconds", "shown"), [(0.4, "0:00"), (65, "1:05"), (3725, "1:02:05")])
def test_ages_are_minutes_and_seconds(seconds, shown):
    assert duration(seconds) == shown


# --- the program on a terminal ------------------------------------------------------------------------


class Watched:
    """A run whose standard error is a terminal of 100 columns."""

    def __init__(self, config, folder, **environment):
        path = folder / "config.json"
        path.write_text(json.dumps(config))
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        known = {name: text for name, text in os.environ.items() if name not in {"CI", "NO_COLOR", "COLUMNS"}}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tap_reports", "--config", str(path)],
            stdout=subprocess.PIPE,
            stderr=slave,
            env={**known, **TERMINAL, "XDG_STATE_HOME": str(folder), **environment},
        )
        os.close(slave)
        self.seen = b""
        self.jobs_seen = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        with contextlib.suppress(OSError):  # the other side is closed
            while data := os.read(self._master, 1 << 16):
                self.seen += data
                if b"pending" in self.seen or b"queued" in self.seen:
                    self.jobs_seen.set()

    def finish(self):
        out = self.process.communicate(timeout=120)[0]
        self._reader.join(timeout=10)
        os.close(self._master)
        return self.process.returncode, out.decode(), self.seen.decode(errors="replace")


def plain(seen):
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen)


def said(seen):
    """Return the text on one line: it is broken at the terminal's width."""
    return " ".join(plain(seen).split())


@pytest.fixture
def config():
    with Sandbox(rows=3, speed=4, delay=8) as sandbox:
        config = sandbox.config("impact")
        yield {**config, "job_ledger": "off"}


@pytest.fixture
def watched(config, tmp_path):
    runs = []

    def start(**environment):
        runs.append(Watched(config, tmp_path, **environment))
        return runs[-1]

    yield start
    for run in runs:
        if run.process.poll() is None:
            run.process.kill()
            run.finish()


def test_a_line_above_the_table_holds_no_secret_and_nothing_that_a_terminal_obeys():
    add_secrets(["open-sesame-now"])
    line = SHORT_FORMAT.format(logging.makeLogRecord({"msg": "sent open-sesame-now \x1b]0;owned\x07\x1b[2J"}))
    assert line.isprintable()
    assert "open-sesame-now" not in line


def test_a_terminal_shows_the_table_and_standard_output_only_messages(watched):
    status, out, seen = watched().finish()
    assert status == 0
    assert {json.loads(line)["type"] for line in out.splitlines()} == {"SCHEMA", "RECORD", "STATE"}
    assert "\x1b[" not in out
    assert re.search(r"stream\s+slice\s+status\s+age\s+rows\s+bytes", plain(seen))
    assert re.search(r"Left: impact reports_per_day \d+", seen)
    assert "job vendor=impact" not in seen
    assert "Beginning" not in seen
    assert "2 streams: 2 done" in said(seen)
    assert seen.rfind("\x1b[?25h") > seen.rfind("\x1b[?25l")  # the cursor is not left hidden


@pytest.mark.parametrize(
    ("environment", "has_metrics"),
    [({"TERM": "dumb"}, False), ({"CI": "true", "TAP_REPORTS_METRICS": "true"}, True)],
)
def test_without_a_table_each_transition_is_a_line_and_metrics_are_optional(
    watched, environment, has_metrics
):
    status, _, seen = watched(**environment).finish()
    assert status == 0
    assert "\x1b[" not in seen
    assert "job vendor=impact stream=impact_" in seen
    assert ("METRIC" in seen) is has_metrics
    assert ('"metric":"job_duration"' in seen) is has_metrics


def test_an_interrupt_removes_the_table_and_says_what_happens_next(watched):
    run = watched()
    assert run.jobs_seen.wait(60)
    run.process.send_signal(signal.SIGINT)
    status, out, seen = run.finish()
    assert status == 130
    assert json.loads(out.splitlines()[-1])["type"] == "STATE"
    assert "2 streams: 2 stopped" in said(seen)
    assert "ended by SIGINT; submitted jobs are resumed by the next run" in said(seen)
