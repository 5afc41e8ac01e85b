"""The quick start as it stands in the README, in a fresh copy of the project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import check_docs
import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.installs, pytest.mark.xdist_group("quickstart"), pytest.mark.timeout(600)]
BASH = shutil.which("bash") or "bash"
LINE = re.compile(r"^(\w+) +(\d+) +(\S+)(?: +(\S+))?  +(\S.*?\S) +(\d+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """What a checkout holds, without git and without anything that was made in it."""
    folder = tmp_path_factory.mktemp("checkout") / "project"
    shutil.copytree(
        ROOT, folder, ignore=shutil.ignore_patterns(".*", "__pycache__", "*.duckdb", "dist", "build")
    )
    return folder


def quickstart(folder, *arguments):
    command = check_docs.commands((ROOT / "README.md").read_text())["quickstart"]
    done = subprocess.run(
        [BASH, "-c", " ".join([command, *arguments])],
        cwd=folder,
        env={
            name: text for name, text in os.environ.items() if not name.startswith(("VIRTUAL_ENV", "PYTHON"))
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_loads_all_four_vendors_and_then_only_what_is_new(copy):
    first = {line[0]: line[1:] for line in LINE.findall(quickstart(copy))}
    vendors = ("similarweb", "impact", "digital_turbine", "second_nature")
    assert {vendor for vendor in vendors if any(name.startswith(vendor) for name in first)} == set(vendors)
    for name, (rows, _, _, _, now) in first.items():
        assert rows == now != "0", name

    second = {line[0]: line[1:] for line in LINE.findall(quickstart(copy))}
    assert set(second) == set(first)
    for name in ("digital_turbine_campaign_daily", "similarweb_traffic_and_engagement_daily"):
        rows, _, last_day, _, now = second[name]
        assert last_day > first[name][2]
        assert int(first[name][0]) < int(rows)
        assert 0 < int(now) < int(first[name][0])

    answer = quickstart(copy, "--sql", "'SELECT count(*) AS n FROM digital_turbine_campaign_daily'")
    assert second["digital_turbine_campaign_daily"][0] in answer
