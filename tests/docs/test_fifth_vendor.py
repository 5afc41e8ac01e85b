"""A vendor in one file of another package, as docs/adding-a-vendor.md describes: `fifth_vendor.py`."""

from __future__ import annotations

from pathlib import Path

import pytest
from installed_vendor import install
from recorded_server import RecordedServer

CODE = (Path(__file__).parent / "fifth_vendor.py").read_text()
FILE = '{"day": "2026-03-01", "site": "a.example", "visits": %d}\n'


def answers():
    return {
        "GET /me": [{"zone": "Europe/Paris"}],
        "POST /price": [{"price": 3}],
        "POST /exports": [{"id": "members-8"}, {"id": 7}],
        "GET /exports/7": [
            {"state": "working"},
            {"state": "crashed", "why": "no memory"},
            {"state": "ready", "price": 2.5, "files": ["{url}/1?s=s1gn", "{url}/2?s=s1gn"]},
        ],
        "GET /exports/members-8": [{"state": "ready", "files": ["{url}/sites"]}],
        "POST /exports/7/retry": [{}],
        "GET /1": [FILE % 1],
        "GET /2": [FILE.replace("a.ex", "b.ex") % 2],
        "GET /sites": ['{"site": "a.example"}\n'],
    }


@pytest.fixture
def lumen():
    with RecordedServer(answers()) as server:
        yield server


@pytest.fixture
def tap(program, lumen):
    install(program, "lumen-reports", "lumen = lumen_reports:VENDOR", lumen_reports=CODE)

    def run(*options, **block):
        account = {"user": "u7", "word": "w0rd-of-u7", "api_url": lumen.url, "poll_interval_seconds": 0.01}
        days = {"start_date": "2026-03-01", "end_date": "2026-03-01"}
        return program.run_itself({**days, "lumen": {**account, **block}}, *options)

    return run


def test_it_is_one_file_of_less_than_150_lines():
    assert len(CODE.splitlines()) < 150


def test_prices_dated_reports_snapshots_retries_and_several_files(tap, lumen):
    plan = tap("--plan", "--format", "json").json["totals"]
    assert (plan["submit"], plan["estimated_credits"], lumen.bodies("POST /exports")) == (2, 6, [])
    done = tap()
    assert done.status == 0, done.stderr
    assert [(one["day"], one["site"], one["visits"]) for one in done.records("lumen_visits")] == [
        ("2026-03-01", "a.example", 1),
        ("2026-03-01", "b.example", 2),
    ]
    assert [one["site"] for one in done.records("lumen_sites")] == ["a.example"]
    asked = [{"export": "visits", "sites": [], "from": "2026-03-01", "to": "2026-03-01"}, {"export": "sites"}]
    assert sorted(map(str, lumen.bodies("POST /exports"))) == sorted(map(str, asked))
    assert lumen.bodies("POST /exports/7/retry") == [None]
    assert done.bookmark("lumen_visits") == "2026-03-01"
    assert "s1gn" not in done.stderr
    assert "w0rd-of-u7" not in done.stderr
    assert tap("--plan", "--format", "json").json["totals"]["reuse"] == 2


def test_a_limit_on_the_price_holds_and_the_account_is_tested_for_free(tap, lumen):
    done = tap(max_price=2)
    assert done.status == 1
    assert "would cost 3 credits" in done.stderr
    tested = tap("--test")
    assert (tested.status, "Europe/Paris" in tested.stdout) == (0, True)
    assert lumen.bodies("POST /exports") == []


def test_a_finished_job_without_a_file_is_not_a_day_without_data(tap, lumen):
    lumen.answers["GET /exports/7"] = [{"state": "ready", "files": []}]
    done = tap()
    assert done.status == 1
    assert "job 7: the vendor says that the job is done and names no file of it" in done.stderr
    assert done.bookmark("lumen_visits") is None


def test_errors_name_the_setting_or_the_missing_field(tap, lumen):
    wrong = tap("--check-config", usr="x")
    assert wrong.status == 78
    assert 'lumen.usr: unknown setting. Did you mean "user"?' in wrong.stderr
    lumen.answers["POST /exports"] = [{"export": 7}]
    odd = tap()
    assert odd.status == 1
    assert "no id came, only: export" in odd.stderr
    assert "Traceback" not in odd.stderr
