"""What the documents show of a terminal is what a terminal shows."""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios
from collections import Counter
from pathlib import Path

import pytest

from tap_reports.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[2]
BASH = shutil.which("bash") or "bash"
TRANSCRIPT = re.compile(r"^```console\n\$ (.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
VARYING = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{2}…"), "JOB"),
    (re.compile(r"\b(2\d{3}-)?\d\d-\d\d \d\d:\d\d(:\d\d)?\b"), "TIME"),
    (re.compile(r"─+"), "RULE"),
    (re.compile(r"[ \t]+"), " "),
)
COLUMNS = 100
pytestmark = pytest.mark.xdist_group("transcripts")
TODAY = dt.date(2026, 3, 20)


def transcripts():
    return TRANSCRIPT.findall((ROOT / "docs" / "operations.md").read_text())


def on_terminal(command, folder):
    """Return what a terminal shows of a command that must succeed, and may send its output to a file."""
    known = {name: text for name, text in os.environ.items() if name not in {"CI", "NO_COLOR", "COLUMNS"}}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    master, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    with subprocess.Popen(
        [BASH, "-c", command],
        cwd=folder,
        env={**known, "PATH": path, "TERM": "xterm-256color", "XDG_STATE_HOME": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=terminal,
    ) as process:
        os.close(terminal)
        shown = b""
        with contextlib.suppress(OSError):  # the other side is closed
            while data := os.read(master, 1 << 16):
                shown += data
        os.close(master)
    text = ESCAPES.sub("", shown.decode()).replace("\r", "")
    assert process.returncode == 0, text
    return text


def same(text):
    """Return the lines without log lines and what differs from run to run, in any order."""
    lines = [line for line in text.splitlines() if "| INFO" not in line]
    masked = "\n".join(lines)
    for pattern, word in VARYING:
        masked = pattern.sub(word, masked)
    return Counter(line.strip() for line in masked.splitlines() if line.strip())


def shape(text):
    """Return a text with N for each number, on one line."""
    return " ".join(re.sub(r"\d[\d,]*", "N", text).split())


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Run the transcripts' commands one after the other; return what each showed."""
    folder = tmp_path_factory.mktemp("transcripts")
    with Sandbox(rows=10, delay=8, today=TODAY) as sandbox:
        config = {**sandbox.config("digital_turbine"), **sandbox.config("similarweb")}
        daily = {"table": "traffic_and_engagement", "granularity": "daily", "metrics": ["desktop_visits"]}
        config["similarweb"]["reports"] = [{"table": "traffic_and_engagement"}, daily]
        (folder / "config.json").write_text(json.dumps({**config, "start_date": "2026-02-01"}))
        return {command: on_terminal(command, folder) for command, _ in transcripts()}


def test_tables_are_shown_as_they_are(shown):
    asked = [(command, text) for command, text in transcripts() if ">" not in command]
    assert [command.split()[-1] for command, _ in asked] == ["--test", "--plan", "--jobs"]
    for command, text in asked:
        assert same(shown[command]) == same(text), shown[command]


def test_the_live_table_is_shown_as_it_is(shown):
    ((command, text),) = [one for one in transcripts() if ">" in one[0]]
    lines = text.splitlines()
    screen = shape(shown[command])
    assert shape(lines[0]) in screen
    for line in lines[-2:]:
        assert shape(line) in screen
    for line in lines[1:-2]:
        stream, days, status, *_ = line.split()
        assert f"{stream} {shape(days)} {status} " in screen, line
