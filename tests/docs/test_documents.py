"""The documents against the program: settings, links, and every command that they show."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import check_docs
import pytest
import settings_listing
import yaml
from command import free_ports

from tap_reports.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[2]
BASH = shutil.which("bash") or "bash"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ELSEWHERE = {
    "scripts/quickstart.py": "test_quickstart.py",
    "scripts/run_tests.py": "itself",
    "pip install": "test_wheel.py",
    "meltano ": "tests/meltano",
}
"""What the first line of a block holds -> where it is tested instead, since it installs packages."""


def blocks():
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for number, block in enumerate(BLOCK.findall(path.read_text())):
            if not any(word in block.splitlines()[0] for word in ELSEWHERE):
                yield pytest.param(block, id=f"{path.name}-{number}")


def test_the_definitions_and_the_list_of_settings_are_those_of_the_tap():
    for name, content in settings_listing.FILES.items():
        assert (ROOT / name).read_text() == content(), f"run scripts/settings_listing.py: {name}"


def test_every_secret_is_sensitive_in_meltano_and_none_has_a_value():
    plugin = yaml.safe_load((ROOT / "meltano.yml").read_text())["plugins"]["extractors"][0]
    secrets = [entry for entry in plugin["settings"] if entry.get("sensitive")]
    assert {entry["name"] for entry in secrets} == {
        "similarweb.api_key",
        "impact.auth_token",
        "digital_turbine.client_secret",
        "second_nature.api_key",
        "postbacks.secret",
    }
    assert not any("value" in entry for entry in secrets)
    names = {entry["name"] for entry in plugin["settings"]}
    assert {name for group in plugin["settings_group_validation"] for name in group} <= names


def test_links_and_names_of_settings_are_valid():
    assert list(check_docs.problems()) == []


def test_the_two_commands_stand_right_below_the_first_paragraph():
    lines = (ROOT / "README.md").read_text().splitlines()
    assert lines[0].startswith("# ")
    rest = lines[lines.index("", 2) + 1 :]
    assert rest[:9:5] == ["<!-- quickstart -->", "<!-- tests -->"]
    assert rest[1] == rest[6] == "```sh"
    assert rest[3] == rest[8] == "```"


def test_a_problem_in_a_document_is_found(tmp_path, monkeypatch):
    """The check itself: a broken link, an unknown setting, an unknown variable, a missing command."""
    (tmp_path / "README.md").write_text(
        "# t\n\n[x](nowhere.md) [y](#none) `impact.auth_tokn` TAP_REPORTS_IMPAKT_ACCOUNT_SID\n"
    )
    monkeypatch.setattr(check_docs, "ROOT", tmp_path)
    assert len(list(check_docs.problems())) == 6


TARGET = f"""#!{sys.executable}
import json, sys
for message in map(json.loads, sys.stdin):
    if message["type"] == "STATE":
        print(json.dumps(message["value"]))
"""
"""Stands for a target, which would install packages: it prints the states that it has loaded."""


@pytest.mark.documents
@pytest.mark.parametrize("block", list(blocks()))
def test_the_commands_that_are_shown_work(block, program):
    """Runs a block as it stands, but for the port and made-up credentials, beside a sandbox."""
    script = "\n".join(line for line in block.splitlines() if not line.startswith("export "))
    assert "tap-reports" in script or "/_sandbox" in script, "say in ELSEWHERE where this is tested"
    Path(program.write("target-jsonl", TARGET)).chmod(0o755)
    with Sandbox(rows=2, speed=500) as sandbox:
        port, health = free_ports(2)
        port = port if "tap-reports-sandbox" in script else urlsplit(sandbox.url).port
        script = re.sub(r"tap-reports-sandbox (?!--port)", "tap-reports-sandbox --port 8765 ", script)
        ports = {"8765": str(port), "8080": str(health)}
        script = re.sub("8765|8080", lambda found: ports[found[0]], script)
        program.write("config.json", sandbox.config())
        path = os.pathsep.join([str(program.folder), str(Path(sys.executable).parent), os.environ["PATH"]])
        done = subprocess.run(
            [BASH, "-euo", "pipefail", "-c", f"trap 'kill $(jobs -p)' EXIT\n{script}"],
            cwd=program.folder,
            env={**program.environment, "PATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
    assert done.returncode == 0 or "kill: usage" in done.stderr, done.stdout[-2000:] + done.stderr[-4000:]
