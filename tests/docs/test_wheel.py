"""The built wheel, in an environment that has nothing but what a plain install brings."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from compiler import needs_compiler
from installs import installed

from tap_reports.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.installs, pytest.mark.xdist_group("wheel"), pytest.mark.timeout(600)]
DEVELOPMENT_ONLY = ("pytest", "hypothesis", "openpyxl", "psycopg", "pyarrow", "mypy", "ruff")


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


@pytest.fixture
def run(commands, tmp_path):
    def run(name, *arguments, status=0):
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
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    return run


def test_a_plain_install_brings_no_package_of_development(commands):
    code = "from importlib.metadata import distributions as d; print(*(one.name.lower() for one in d()))"
    listed = subprocess.run([commands / "python", "-c", code], capture_output=True, text=True, check=True)
    assert not set(DEVELOPMENT_ONLY) & set(listed.stdout.split())


@needs_compiler
def test_one_wheel_serves_all_pythons_and_has_the_compiled_module(commands):
    (wheel,) = commands.parents[1].glob("*.whl")
    assert "-cp311-abi3-" in wheel.name
    code = "from tap_reports import speedups; print(speedups.is_compiled())"
    said = subprocess.run([commands / "python", "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "True\n"


def test_it_installs_and_works_without_a_compiler(commands, tmp_path):
    (sources,) = commands.parents[1].glob("*.tar.gz")
    environment_of = os.environ | {"CC": "no-such-compiler"}
    folder = tmp_path / "uncompiled"
    for command in (
        [sys.executable, "-m", "venv", "--without-pip", folder],
        [commands.parents[1] / "tools/bin/uv", "pip", "install", "--quiet", "--python", folder, sources],
    ):
        subprocess.run(command, env=environment_of, check=True)
    code = "from tap_reports import speedups; print(speedups.is_compiled())"
    python = folder / "bin" / "python"
    said = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "False\n"
    with Sandbox(rows=5, speed=500, today=dt.date(2026, 3, 20)) as sandbox:
        config = {**sandbox.config("digital_turbine"), "start_date": "2026-03-01"}
        (tmp_path / "config.json").write_text(json.dumps(config))
        command = [folder / "bin" / "tap-reports", "--config", "config.json"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.count('"type":"RECORD"') == 5 * 19


def test_it_says_its_version_and_what_it_can_do(run):
    assert run("tap-reports", "--version").startswith("tap-reports v")
    settings = json.loads(run("tap-reports", "--about", "--format", "json"))["settings"]["properties"]
    assert {"similarweb", "impact", "digital_turbine", "second_nature"} <= set(settings)
    assert "auth_token" in run("tap-reports", "--about", "--format", "markdown")
    assert run("tap-reports-sandbox", "--version").strip()


def test_it_discovers_and_syncs_all_four_vendors(run, tmp_path):
    with Sandbox(rows=5, speed=500, today=dt.date(2026, 3, 20)) as sandbox:
        config = {**sandbox.config(), "start_date": "2026-03-01"}
        (tmp_path / "config.json").write_text(json.dumps(config))
        catalog = run("tap-reports", "--config", "config.json", "--discover")
        (tmp_path / "catalog.json").write_text(catalog)
        messages = run("tap-reports", "--config", "config.json", "--catalog", "catalog.json").splitlines()
    streams = {stream["tap_stream_id"] for stream in json.loads(catalog)["streams"]}
    records = [one for one in map(json.loads, messages) if one["type"] == "RECORD"]
    # March's month is not final yet.
    assert {one["stream"] for one in records} == streams - {"similarweb_traffic_and_engagement_monthly"}
    assert sum(one["stream"] == "digital_turbine_campaign_daily" for one in records) == 5 * 19


def test_the_sources_that_are_released_hold_no_more_than_they_should(commands):
    with_sources = list(commands.parents[1].glob("*.tar.gz"))
    assert len(with_sources) == 1
    with tarfile.open(with_sources[0]) as archive:
        tops = {name.split("/")[1] for name in archive.getnames()}
    assert {"tap_reports", "tests", "README.md", "LICENSE", "meltano.yml"} <= tops
    assert not tops & {".quickstart", ".meltano", ".tests", ".venv"}
