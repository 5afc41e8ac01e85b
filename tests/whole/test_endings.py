"""How a run may end early: signals, a closed pipe, a full disk."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import os
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import pytest
from command import PIPE_BYTES, POLLS, Printed
from run_messages import mark_of
from scenarios import SCENARIOS, run_here

from tap_reports.emit.writer import OutputError
from tap_reports.jobs.event_loop import LAST_ANSWER_SECONDS
from tap_reports.sandbox import Sandbox
from tap_reports.tap import TapReports

LIMITED = """
import resource, runpy, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({bytes}, {bytes}))
sys.argv = ["tap-reports", *sys.argv[1:]]
runpy.run_module("tap_reports", run_name="__main__")
"""
"""A limit on the size of files stands for a full disk: writing fails in the same place."""


def unread(pipe):
    """Return how many bytes wait in a pipe."""
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]


@contextlib.contextmanager
def started(program, config, stdout=subprocess.PIPE, *, most=None):
    """Start the command itself, whose output nobody reads, and whose files may have so many bytes at most.
    Yields it, and a function for its log.
    """
    path = program.folder / "stderr.txt"
    command = ["-c", LIMITED.format(bytes=most)] if most else ["-m", "tap_reports"]
    with (
        path.open("wb") as errors,
        subprocess.Popen(
            [sys.executable, *command, *program.arguments(config)],
            stdout=stdout,
            stderr=errors,
            env=program.environment,
            text=True,
        ) as process,
    ):
        try:
            yield process, path.read_text
        finally:
            process.kill()
    assert "Traceback" not in path.read_text()


# --- signals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vendor", "signum", "status"),
    [("similarweb", signal.SIGTERM, 143), ("second_nature", signal.SIGINT, 130)],
)
def test_a_signal_ends_the_run_with_a_last_state_and_no_temporary_file(
    program, sandbox, vendor, signum, status
):
    """Second Nature is asked already in discovery, before there are streams."""
    scenario = SCENARIOS[vendor]
    fault = sandbox.faults.add("statuses", vendor=vendor, kind="poll", words=["pending"] * 10_000)
    running = program.start(scenario.config(sandbox, block=POLLS))
    running.wait_until(lambda: fault.seen >= 1 and len(sandbox.calls_of(vendor, "poll")) > 2)
    ended = running.send(signum)
    assert ended.status == status
    assert ended.messages[-1]["type"] == "STATE"
    assert ended.pending(scenario.stream)
    assert program.left_behind() == []
    assert "Traceback" not in ended.stderr
    sandbox.faults.clear()
    for job in sandbox.jobs.of(vendor):
        job.words.clear()
    submitted = sandbox.submissions(vendor).accepted
    again = program.run(scenario.config(sandbox), state=ended.state)
    assert again.status == 0
    assert again.rows(scenario.stream) | ended.rows(scenario.stream) == scenario.rows(sandbox)
    assert sandbox.submissions(vendor).accepted <= max(2, submitted)


def test_a_signal_in_a_call_that_is_being_repeated_ends_it_at_once(program, sandbox):
    sandbox.faults.add("status", kind="describe", status=503, retry_after=600, times=0)
    running = program.start(sandbox.config("similarweb"))
    running.wait_until(lambda: sandbox.calls_of("similarweb", "describe"))
    ended = running.send(signal.SIGTERM)  # much sooner than in 600 seconds
    assert ended.status == 143
    assert "Traceback" not in ended.stderr


def test_a_second_signal_ends_at_once_even_while_nobody_reads(program):
    with Sandbox(rows=100, speed=1000, delay=0) as sandbox:
        scenario = SCENARIOS["digital_turbine"]
        with program.start(scenario.config(sandbox), reads=1) as run:
            run.wait_until(lambda: unread(run.reader) == PIPE_BYTES, "a full pipe")
            run.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            assert run.status is None  # it waits for its reader
            while run.status is None:  # two that come at the same time count as one
                run.send_signal(signal.SIGTERM)
                time.sleep(0.1)
            assert run.status == 143
        assert program.left_behind() != []
        # Nobody else can clean up after that; the next run does.
        first_day = scenario.first_day(sandbox).isoformat()
        assert program.run(scenario.config(sandbox, end_date=first_day)).status == 0
        assert program.left_behind() == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_run_that_ends_during_a_download_leaves_no_file(program, sandbox, number, status):
    scenario = SCENARIOS["digital_turbine"]
    config = scenario.config(sandbox)
    sandbox.faults.add("slow", kind="download", seconds=60, times=0)
    run = program.start(config)
    run.wait_until(program.left_behind, "a work folder")
    ended = run.send(number)
    assert ended.status == status
    assert (program.left_behind() == []) is (number == signal.SIGTERM)
    sandbox.faults.clear()
    again = program.run(config, state=ended.state)
    assert again.rows(scenario.stream) == scenario.rows(sandbox)
    assert program.left_behind() == [], "the next run removes what a killed one left"
    assert sandbox.submissions(scenario.vendor).accepted == 2


# --- outputs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_closed_pipe_is_exit_1_and_a_clear_line(program, unbuffered):
    with Sandbox(rows=40, speed=1000, delay=0) as sandbox:
        scenario = SCENARIOS["impact"]
        program.environment["PYTHONUNBUFFERED"] = unbuffered
        with started(program, scenario.config(sandbox)) as (process, log):
            process.stdout.readline()
            process.stdout.close()
            assert process.wait(100) == 1
        assert "standard output was closed by its reader" in log()
        assert program.left_behind() == []


def test_an_output_without_room_is_a_clear_line_and_costs_nothing(program, sandbox):
    scenario = SCENARIOS["similarweb"]
    config = scenario.config(sandbox)
    with (
        Path("/dev/full").open("w", encoding="utf-8") as full,
        started(program, config, full) as (process, log),
    ):
        assert process.wait(100) == 1
    assert "can't write: No space left on device" in log()
    assert program.left_behind() == []
    again = program.run(config)
    assert again.rows(scenario.stream) == scenario.rows(sandbox)
    assert sandbox.submissions(scenario.vendor).accepted == 2


class Full(io.StringIO):
    """An output that has no room for the names of jobs."""

    since = 0.0

    def write(self, text):
        if '"submitted_at"' in text:
            self.since = self.since or time.monotonic()
            raise OutputError(errno.ENOSPC, "No space left on device")
        return super().write(text)


@pytest.mark.parametrize("vendor", SCENARIOS)
def test_an_output_that_fails_is_not_waited_for_and_the_ledger_has_the_jobs(sandbox, vendor, tmp_path):
    scenario, full, before = SCENARIOS[vendor], Full(), set(threading.enumerate())
    config = scenario.config(sandbox, job_ledger=str(tmp_path / "jobs.sqlite"))
    with contextlib.redirect_stdout(full), pytest.raises(OutputError):
        TapReports(config=config).sync_all()
    assert time.monotonic() - full.since < LAST_ANSWER_SECONDS - 2
    for thread in set(threading.enumerate()) - before:
        if thread.name.startswith(vendor):
            thread.join(60)  # so that its connections are closed in this test
    submitted = sandbox.submissions(vendor).accepted
    again = run_here(config)
    assert again.rows(scenario.stream) == scenario.rows(sandbox)
    assert submitted >= 1
    assert sandbox.submissions(vendor).accepted == 2


def test_a_disk_that_fills_during_the_output_is_an_error_and_the_next_run_resumes(program):
    with Sandbox(rows=60, speed=1000, delay=0) as sandbox:
        scenario = SCENARIOS["digital_turbine"]
        config = scenario.config(sandbox)
        path = program.folder / "output.jsonl"
        with (
            path.open("w", encoding="utf-8") as output,
            started(program, config, output, most=400_000) as (process, log),
        ):
            assert process.wait(100) == 1
        assert "can't write: File too large" in log()
        assert program.left_behind() == []
        whole, _, cut = path.read_text().rpartition("\n")
        assert cut  # the disk ends anywhere
        first = Printed(1, whole, log())
        again = program.run(config, state=first.state)
        assert again.status == 0
        assert again.rows(scenario.stream) | first.rows(scenario.stream) == scenario.rows(sandbox)
        assert sandbox.submissions(scenario.vendor).accepted == 2


# --- disks --------------------------------------------------------------------------------------------


def test_a_disk_that_fills_during_a_download_is_an_error_and_the_next_run_resumes(program):
    with Sandbox(rows=500, speed=1000, delay=0) as sandbox:
        scenario = SCENARIOS["digital_turbine"]
        config = scenario.config(sandbox)
        with started(program, config, most=400_000) as (process, log):
            output, _ = process.communicate(timeout=100)
        assert process.returncode == 1
        assert "no room" in log()
        state = Printed(1, output, "").state
        assert "replication_key_value" not in mark_of(state, scenario.stream)
        assert program.left_behind() == []
        again = program.run(config, state=state)
        assert again.status == 0
        assert len(again.records(scenario.stream)) == len(scenario.expected(sandbox))
        assert sandbox.submissions(scenario.vendor).accepted == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_temporary_folder_that_can_t_be_written_is_an_error_in_words(program, sandbox):
    folder = program.folder / "closed"
    folder.mkdir(mode=0o500)
    program.environment["TMPDIR"] = str(folder)
    assert program.run(SCENARIOS["impact"].config(sandbox)).status == 1
