"""An error text, a page or another report's file in place of the report: never data, for any vendor."""

from __future__ import annotations

import json

import pytest
from cli_under_test import Cli
from fake_digital_turbine import CLIENT_ID, CLIENT_SECRET, FakeDigitalTurbine
from fake_http import Answer
from fake_impact import BY_DAY, BY_PROGRAM, FakeImpact
from fake_second_nature import API_KEY, FakeSecondNature
from fake_similarweb import FakeSimilarweb

MESSAGE = "Report server busy, please wait a minute and ask again.\n"
FILES = {
    "a message": MESSAGE,
    "a message of two lines": f"{MESSAGE}Contact support, if this stays.\n",
    "a page": "<!doctype html><html><body>Report server busy</body></html>",
    "JSON": '{"error": "Report server busy"}',
    "another report": "Ticket,Report server busy\n1,yes\n",
}


def digital_turbine(folder, content, *splits):
    with FakeDigitalTurbine() as vendor:
        vendor.content = lambda _query: content.encode()
        report = {"name": "x", "metrics": ["Spend"], "splits": list(splits)}
        block = {"api_url": vendor.url, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        cli = Cli(folder)
        days = {"start_date": "2026-01-01", "end_date": "2026-01-01"}
        return cli.run(cli.config(**days, digital_turbine={**block, "reports": [report]}))


def impact(folder, content, report):
    vendor, tap = FakeImpact(), Cli(folder)
    vendor.make_file = lambda _: content
    try:
        days = {"start_date": "2024-08-01", "end_date": "2024-08-01"}
        return tap.run(tap.config(**days, impact={**vendor.settings(), "reports": [{"id": report}]}))
    finally:
        vendor.close()


def similarweb(folder, content):
    vendor, tap = FakeSimilarweb(), Cli(folder)
    vendor.make_file = lambda _: content
    try:
        report = {
            "table": "traffic_and_engagement",
            "granularity": "monthly",
            "metrics": ["all_traffic_visits"],
        }
        days = {"start_date": "2024-08-01", "end_date": "2024-08-31"}
        return tap.run(tap.config(**days, similarweb={**vendor.settings(), "reports": [report]}))
    finally:
        vendor.close()


def second_nature(folder, content, *, catalogued=False, **report):
    with FakeSecondNature() as vendor:
        cli = Cli(folder)
        block = {"report_name": "admin-xls-report", "format": "csv", **report}
        config = cli.config(
            start_date="2026-01-10",
            end_date="2026-01-20",
            second_nature={"api_url": vendor.api, "api_key": API_KEY, "reports": [block]},
        )
        catalog = json.loads(cli.run(config, "--discover").stdout) if catalogued else None
        vendor.on_file = lambda _ticket, _call: Answer(body=content.encode())
        return cli.run({**config, "reuse_job_hours": 0}, catalog=catalog)


REPORTS = {
    "Digital Turbine": lambda folder, content: digital_turbine(folder, content, "Date", "Country"),
    "Digital Turbine without days": lambda folder, content: digital_turbine(folder, content, "Country"),
    "impact.com without keys": lambda folder, content: impact(folder, content, BY_DAY),
    "impact.com without days": lambda folder, content: impact(folder, content, BY_PROGRAM),
    "Similarweb": similarweb,
    "Second Nature, learned": second_nature,
    "Second Nature with a catalog": lambda folder, content: second_nature(
        folder, content, catalogued=True, dated=True
    ),
}
UNKNOWABLE = ("Second Nature, learned", "another report")
"""Nothing is known yet of its columns."""


@pytest.mark.parametrize("report", REPORTS)
@pytest.mark.parametrize("file", FILES)
def test_what_is_not_the_report_is_an_error_that_shows_it(tmp_path, report, file):
    if (report, file) == UNKNOWABLE:
        return
    ran = REPORTS[report](tmp_path, FILES[file])
    messages = [json.loads(line) for line in ran.stdout.splitlines()]
    assert ran.status == 1, ran.stderr
    assert "Report server busy" in ran.stderr
    assert "unexpected" not in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not [one for one in messages if one["type"] == "RECORD"]
    for schema in (one["schema"] for one in messages if one["type"] == "SCHEMA"):
        assert not {"report_server_busy", "ticket"} & schema["properties"].keys()
    states = [one["value"] for one in messages if one["type"] == "STATE"]
    bookmarks = states[-1].get("bookmarks", {}) if states else {}
    assert not [one for one in bookmarks.values() if "replication_key_value" in one]


def test_the_file_settings_read_what_cannot_be_told(tmp_path):
    content = (
        "Report;Quiz überblick\nMade;2026-01-21\nTrainee;Day;Score;Bonus\n"
        "Ada;08/01/2026;1.091,50;n/a\nBo;09/01/2026;0,125;3\nTotal;;1.091,625;3\n"
    )
    settings = {
        "encoding": "cp1252",
        "delimiter": ";",
        "decimal_separator": ",",
        "header_row": 3,
        "footer_rows": 1,
        "null_words": ["n/a"],
        "date_format": "DD/MM/YYYY",
    }
    with FakeSecondNature() as vendor:
        vendor.on_file = lambda _ticket, _call: Answer(body=content.encode("cp1252"))
        cli = Cli(tmp_path)
        report = {"report_name": "admin-xls-report", "format": "csv", "file": settings}
        report["columns"] = {"Score": "number"}
        block = {"api_url": vendor.api, "api_key": API_KEY, "reports": [report]}
        ran = cli.run(cli.config(start_date="2026-01-10", second_nature=block))
    assert ran.status == 0, ran.stderr
    messages = [json.loads(line) for line in ran.stdout.splitlines()]
    schema = next(one["schema"]["properties"] for one in messages if one["type"] == "SCHEMA")
    assert (schema["day"]["format"], schema["bonus"]["type"][0]) == ("date", "number")
    names = ("trainee", "day", "score", "bonus")
    rows = [[one["record"][name] for name in names] for one in messages if one["type"] == "RECORD"]
    assert rows == [["Ada", "2026-01-08", 1091.5, None], ["Bo", "2026-01-09", 0.125, 3]]
