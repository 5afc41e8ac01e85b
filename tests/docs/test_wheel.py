"""The built wheel in an environment with a plain install only."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from command import Printed
from compiler import needs_compiler
from installs import installed

from tap_reports.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.installs, pytest.mark.xdist_group("wheel"), pytest.mark.timeout(600)]
DEVELOPMENT_ONLY = ("pytest", "hypothesis", "openpyxl", "psycopg", "pyarrow", "mypy", "ruff")


@pytest.fixture
def sandbox():
    with Sandbox(rows=5, speed=500, today=dt.date(2026, 3, 20)) as running:
        yield running


@pytest.fixture(scope="module")
def commands(tmp_path_factory) -> Path:
    """Build the wheel as a release does, and install it."""
    folder = tmp_path_factory.mktemp("wheel")
    tools = installed(folder / "tools", "build", "uv")
    done = subprocess.run(
        [tools / "python", "-m", "build", "--installer", "uv", "--outdir", folder, ROOT],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = folder.glob("*.whl")
    return installed(folder / "plain", str(wheel))


IS_COMPILED = "from tap_reports import speedups; print(speedups.is_compiled())"


@pytest.fixture
def run(commands, tmp_path):
    """Run a command of the environment, or of another, as its user has it; return what it prints."""

    def run(name, *arguments, commands=commands):
        done = subprocess.run(
            [commands / name, *arguments],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(tmp_path)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_a_plain_install_brings_no_package_of_development(run):
    code = "from importlib.metadata import distributions as d; print(*(one.name.lower() for one in d()))"
    assert not set(DEVELOPMENT_ONLY) & set(run("python", "-c", code).split())


@needs_compiler
def test_one_wheel_serves_all_pythons_and_has_the_compiled_module(commands, run):
    (wheel,) = commands.parents[1].glob("*.whl")
    assert "-cp311-abi3-" in wheel.name
    assert run("python", "-c", IS_COMPILED) == "True\n"


def test_it_installs_and_works_without_a_compiler(commands, run, tmp_path, sandbox):
    (sources,) = commands.parents[1].glob("*.tar.gz")
    folder = tmp_path / "uncompiled"
    uv = commands.parents[1] / "tools/bin/uv"
    for command in (
        [sys.executable, "-m", "venv", "--without-pip", folder],
        [uv, "pip", "install", "--quiet", "--python", folder, sources],
    ):
        subprocess.run(command, env=os.environ | {"CC": "no-such-compiler"}, check=True)
    assert run("python", "-c", IS_COMPILED, commands=folder / "bin") == "False\n"
    config = {**sandbox.config("digital_turbine"), "start_date": "2026-03-01"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    messages = run("tap-reports", "--config", "config.json", commands=folder / "bin")
    assert messages.count('"type":"RECORD"') == 5 * 19


def test_it_says_its_version_and_what_it_can_do(run):
    assert run("tap-reports", "--version").startswith("tap-reports v")
    settings = json.loads(run("tap-reports", "--about", "--format", "json"))["settings"]["properties"]
    assert {"similarweb", "impact", "digital_turbine", "second_nature"} <= set(settings)
    assert "auth_token" in run("tap-reports", "--about", "--format", "markdown")
    assert run("tap-reports-sandbox", "--version").strip()


def test_it_discovers_and_syncs_all_four_vendors(run, tmp_path, sandbox):
    config = {**sandbox.config(), "start_date": "2026-03-01"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    catalog = run("tap-reports", "--config", "config.json", "--discover")
    (tmp_path / "catalog.json").write_text(catalog)
    ran = Printed(0, run("tap-reports", "--config", "config.json", "--catalog", "catalog.json"), "")
    streams = {stream["tap_stream_id"] for stream in json.loads(catalog)["streams"]}
    # March's month is not final yet.
    with_rows = streams - {"similarweb_traffic_and_engagement_monthly"}
    assert {name for name in streams if ran.records(name)} == with_rows
    assert len(ran.records("digital_turbine_campaign_daily")) == 5 * 19


def test_the_sources_that_are_released_hold_no_more_than_they_should(commands):
    (sources,) = commands.parents[1].glob("*.tar.gz")
    with tarfile.open(sources) as archive:
        tops = {name.split("/")[1] for name in archive.getnames()}
    assert {"tap_reports", "tests", "README.md", "LICENSE", "meltano.yml"} <= tops
    assert not tops & {".quickstart", ".meltano", ".tests", ".venv"}
