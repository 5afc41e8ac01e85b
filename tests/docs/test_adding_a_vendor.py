"""The worked example of docs/adding-a-vendor.md: a vendor in a separate package."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest
from installed_vendor import install
from recorded_server import RecordedServer

PAGE = Path(__file__).resolve().parents[2] / "docs" / "adding-a-vendor.md"
START, END = "2026-03-01", "2026-03-03"


@pytest.fixture
def acme():
    """Acme's API: a job is done at the second look."""
    days = [dt.date.fromisoformat(START) + dt.timedelta(days=n) for n in range(3)]
    answers = {
        "GET /v1/reports": [[]],
        "POST /v1/reports": [{"id": "1"}],
        "GET /v1/reports/1": [
            {"status": "queued"},
            {"status": "done", "link": "{url}/files/1.csv?signature=s1gn"},
        ],
        "GET /files/1.csv": ["Day,Country,Revenue\n" + "".join(f"{day},DE,0.10\n" for day in days)],
    }
    with RecordedServer(answers) as server:
        yield server


def part(language, start):
    """Return the page's block of a language that starts so."""
    text = re.escape(start)
    (found,) = re.findall(rf"^```{language}\n({text}.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return found


@pytest.fixture
def tap(program, acme):
    """The command with the example installed as a package beside it."""
    project = tomllib.loads(part("toml", "[project]"))["project"]
    ((name, target),) = project["entry-points"]["tap_reports.vendors"].items()
    install(program, project["name"], f"{name} = {target}", acme_reports=part("python", '"""Acme'))
    block = {"account": "1234", "token": "acme-word", "api_url": acme.url, "poll_interval_seconds": 0.01}
    config = {"start_date": START, "end_date": END, "acme": block}
    return lambda *options: program.run_itself(config, *options)


def test_the_example_works_like_any_vendor(tap, acme):
    done = tap()
    assert done.status == 0, done.stderr
    rows = [(one["day"], one["country"], one["revenue"]) for one in done.records("acme_daily_sales")]
    assert rows == [(f"2026-03-0{day}", "DE", Decimal("0.10")) for day in (1, 2, 3)]
    asked = [{"report": "daily_sales", "from": START, "to": END}]
    assert acme.bodies("POST /v1/reports") == asked
    assert done.bookmark("acme_daily_sales") == END
    assert "s1gn" not in done.stderr

    assert tap().rows("acme_daily_sales") == done.rows("acme_daily_sales")
    assert acme.bodies("POST /v1/reports") == asked, "the second run reuses the finished job"


def test_a_finished_job_without_its_link_is_an_error_in_words_and_not_asked_for_again(tap, acme):
    acme.answers["GET /v1/reports/1"] = [{"status": "done", "link": None}]
    for _ in range(2):
        done = tap()
        assert done.status == 1
        assert "GET /v1/reports/1: HTTP 200: no link came, only: status, link" in done.stderr
        assert len(acme.bodies("POST /v1/reports")) == 1


def test_its_settings_are_in_about_and_its_credentials_are_checked(tap):
    about = tap("--about", "--format", "json").json
    assert about["settings"]["properties"]["acme"]["properties"]["token"]["secret"] is True
    checked = tap("--test")
    assert checked.status == 0
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
def test_a_package_whose_vendor_cannot_be_used_is_named(tap, program, code, said):
    install(program, "other-reports", "other = other_reports:VENDOR", other_reports=code)
    done = tap("--plan")
    assert done.status != 0
    assert "other-reports: " in done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
