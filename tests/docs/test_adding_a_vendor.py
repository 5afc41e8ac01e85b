"""The worked example of docs/adding-a-vendor.md: a package of its own brings a vendor."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import subprocess
import sys
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "adding-a-vendor.md"
START, END = "2026-03-01", "2026-03-03"


class Handler(BaseHTTPRequestHandler):
    """Acme's API: a job is done at the second look."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.submissions.append(body)
        self.answer({"id": str(len(self.server.submissions))})

    def do_GET(self):
        if self.path.startswith("/files/"):
            days = [dt.date.fromisoformat(START) + dt.timedelta(days=n) for n in range(3)]
            self.answer("Day,Shop,Revenue\n" + "".join(f"{day},north,0.10\n" for day in days))
        elif self.headers["X-Token"] != "acme-word":
            self.send_error(401)
        elif self.path == "/v1/reports":
            self.answer([])
        else:
            number = self.path.rpartition("/")[2]
            self.server.looks += 1
            done = {"status": "done", "link": f"{self.server.url}/files/{number}.csv?signature=s1gn"}
            self.answer(done if self.server.looks > 1 else {"status": "queued"})

    def answer(self, content):
        data = (content if isinstance(content, str) else json.dumps(content)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def acme():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url, server.submissions, server.looks = f"http://127.0.0.1:{server.server_port}", [], 0
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def part(language, start):
    """Return the page's block of a language that starts so."""
    text = re.escape(start)
    (found,) = re.findall(rf"^```{language}\n({text}.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return found


def install(folder, name, point, **modules):
    """Make what an installed package with one entry point looks like."""
    folder.mkdir(exist_ok=True)
    for module, code in modules.items():
        (folder / f"{module}.py").write_text(code)
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[tap_reports.vendors]\n{point}\n")


@pytest.fixture
def tap(tmp_path, acme):
    """The program with the example installed as a package beside it."""
    project = tomllib.loads(part("toml", "[project]"))["project"]
    ((name, target),) = project["entry-points"]["tap_reports.vendors"].items()
    packages = tmp_path / "packages"
    install(packages, project["name"], f"{name} = {target}", acme_reports=part("python", '"""Acme'))
    block = {"owner": "1234", "token": "acme-word", "api_url": acme.url, "poll_interval_seconds": 0.01}
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"start_date": START, "end_date": END, "acme": block}))

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "tap_reports", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": f"{packages}:{ROOT}", "XDG_STATE_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_the_example_is_a_vendor_as_any_other(tap, acme):
    done = tap("--config", "config.json")
    assert done.returncode == 0, done.stderr
    messages = [json.loads(line, parse_float=str) for line in done.stdout.splitlines()]
    records = [one["record"] for one in messages if one["type"] == "RECORD"]
    assert [(one["day"], one["shop"], one["revenue"]) for one in records] == [
        (f"2026-03-0{day}", "north", "0.10") for day in (1, 2, 3)
    ]
    assert acme.submissions == [{"report": "daily_sales", "from": START, "to": END}]
    assert messages[-1]["value"]["bookmarks"]["acme_daily_sales"]["replication_key_value"] == END
    assert "s1gn" not in done.stderr

    again = tap("--config", "config.json")
    assert '"RECORD"' in again.stdout
    assert len(acme.submissions) == 1, "the second run reuses the finished job"


def test_its_settings_are_in_about_and_its_credentials_are_checked(tap):
    about = json.loads(tap("--about", "--format", "json").stdout)
    assert about["settings"]["properties"]["acme"]["properties"]["token"]["secret"] is True
    checked = tap("--config", "config.json", "--test")
    assert checked.returncode == 0
    assert "the token of 1234 is good" in checked.stdout


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import not_there", "can't be loaded (ModuleNotFoundError"),
        ("VENDOR = 1", "must name a tap_reports.vendor.Vendor"),
        (
            "from tap_reports.vendors.impact import VENDOR",
            'brings the vendor "impact", which tap-reports has already',
        ),
    ],
)
def test_a_package_whose_vendor_cannot_be_used_is_named(tap, tmp_path, code, said):
    install(tmp_path / "packages", "other-reports", "other = other_reports:VENDOR", other_reports=code)
    done = tap("--config", "config.json", "--plan")
    assert done.returncode != 0
    assert "other-reports: " in done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "tool", [["ruff", "format", "--check"], ["ruff", "check", "--ignore", "INP001"], ["mypy"]]
)
def test_the_example_passes_the_project_s_checks(tmp_path, tool):
    path = tmp_path / "acme_reports.py"
    path.write_text(part("python", '"""Acme'))
    option = "--config-file" if tool == ["mypy"] else "--config"
    done = subprocess.run(
        [sys.executable, "-m", *tool, option, ROOT / "pyproject.toml", path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
