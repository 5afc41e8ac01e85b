"""A server with accounts, a sync of everything to look at, and the commands' JSON."""

from __future__ import annotations

import contextlib
import io
import json
from contextlib import closing

import pytest
from rich.console import Console

from tap_reports.commands.jobs import jobs
from tap_reports.commands.plan import plan
from tap_reports.commands.test import test as run_checks
from tap_reports.sandbox import Sandbox
from tap_reports.sync.mode import Mode
from tap_reports.tap import TapReports


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(rows=3, speed=600) as running:
        yield running


@pytest.fixture
def config(sandbox, tmp_path):
    sandbox.reset()
    config = sandbox.config()
    return {**config, "job_ledger": str(tmp_path / "jobs.sqlite")}


@pytest.fixture(scope="module")
def synced(tmp_path_factory):
    """The configuration and the state of a sync of everything, at which the tests only look."""
    with Sandbox(rows=3, speed=600) as running:
        config = running.config()
        config["job_ledger"] = str(tmp_path_factory.mktemp("synced") / "jobs.sqlite")
        tap = TapReports(config=config)
        with contextlib.redirect_stdout(io.StringIO()):
            tap.sync_all()
        assert tap.outcome.exit_status == 0
        yield config, json.loads(json.dumps(tap.state))


@pytest.fixture
def planned(capsys):
    """Plan with a configuration, or a tap; return the JSON."""

    def content(config, status=0, **given):
        tap = TapReports(config=config, mode=Mode.PLAN, **given) if isinstance(config, dict) else config
        streams = tap.selected_streams()
        capsys.readouterr()
        with closing(tap):
            assert plan(tap.run, streams, as_json=True) == status
        return json.loads(capsys.readouterr().out)

    return content


@pytest.fixture
def listed(capsys):
    """List the jobs of a configuration's ledger; return the JSON, or the text of another style."""

    def content(config, style="json", **chosen):
        with closing(TapReports(config=config, mode=Mode.ASK)) as tap:
            assert jobs(tap.run, style, **chosen) == 0
        out = capsys.readouterr().out
        return json.loads(out) if style == "json" else out

    return content


@pytest.fixture
def checked(capsys):
    """Check a configuration's accounts; return the exit status and what was printed."""

    def content(config, *, as_json):
        with closing(TapReports(config=config, mode=Mode.ASK)) as tap:
            status = run_checks(tap.run, as_json=as_json)
        out = capsys.readouterr().out
        return status, json.loads(out) if as_json else out

    return content


@pytest.fixture
def drawn():
    """Draw parts; return the lines that a terminal of a width shows."""

    def lines(parts, width):
        console = Console(width=width, force_terminal=True, color_system=None, highlight=False)
        with console.capture() as captured:
            for part in parts(console):
                console.print(part)
        return captured.get().splitlines()

    return lines
