"""The metrics script on a summary and a plan, the alert rules, the views and the dashboard."""

from __future__ import annotations

import datetime as dt
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml
from recorded_server import RecordedServer

from tap_reports.ledger import schema

ROOT = Path(__file__).resolve().parents[2] / "integrations/monitoring"
SUMMARY = {
    "version": "0.1.0",
    "started_at": "2026-03-20T13:30:00+00:00",
    "seconds": 61.5,
    "exit_status": 1,
    "signal": None,
    "streams": [
        {
            "stream": "impact_clicks",
            "outcome": "failed",
            "error": 'a "quoted" word',
            "rows": 0,
            "jobs": [{"job_id": "1", "action": "submit", "bytes": None, "credits": None, "seconds": 1}],
        },
        {
            "stream": "similarweb_a",
            "outcome": "done",
            "error": None,
            "rows": 30,
            "jobs": [{"job_id": "2", "action": "submit", "bytes": 9, "credits": 36, "seconds": 1}],
        },
    ],
    "state": {"bookmarks": {"similarweb_a": {"replication_key_value": "2026-03-15"}}},
}
PLAN = {
    "streams": [{"stream": "similarweb_a", "last_day": "2026-03-16"}, {"stream": "empty", "last_day": None}],
    "quotas": [
        {"vendor": "impact", "quota": "reports_per_day", "limit": 100, "used": 97, "remaining": 3},
        {"vendor": "similarweb", "quota": "credits", "limit": None, "used": None, "remaining": 998712},
    ],
}


@pytest.fixture
def files(tmp_path):
    arguments = []
    for name, value in (("summary", SUMMARY), ("plan", PLAN)):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(value))
        arguments += [f"--{name}", str(path)]
    return arguments


def run(*arguments):
    command = [sys.executable, str(ROOT / "tap_reports_metrics.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_prometheus_gets_a_gauge_for_each_fact(files):
    shown = run(*files)
    assert 'tap_reports_stream_failed{stream="impact_clicks"} 1\n' in shown
    assert 'tap_reports_stream_credits{stream="similarweb_a"} 36\n' in shown
    assert 'tap_reports_quota_remaining{vendor="impact",quota="reports_per_day"} 3\n' in shown
    assert 'tap_reports_quota_limit{vendor="similarweb"' not in shown
    final, bookmark = (
        float(re.search(rf"^tap_reports_stream_{name}_seconds{{.*}} (\S+)$", shown, re.MULTILINE)[1])
        for name in ("final_day", "bookmark")
    )
    assert final - bookmark == 86400
    for line in shown.splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) \w+ .+|\w+(\{(\w+="[^"]*",?)+\})? [0-9.e+-]+', line), line


def test_a_collector_gets_the_same_as_otlp(files):
    with RecordedServer({"POST /v1/metrics": [200]}) as server:
        run(*files, "--otlp", f"{server.url}/v1/metrics")
        (came,) = server.bodies("POST /v1/metrics")
    (scope,) = came["resourceMetrics"][0]["scopeMetrics"]
    rows = next(one for one in scope["metrics"] if one["name"] == "tap_reports_stream_rows")
    assert [point["asDouble"] for point in rows["gauge"]["dataPoints"]] == [0, 30]


def test_the_alerts_name_metrics_that_exist(files):
    shown = set(re.findall(r"^(tap_reports_\w+)", run(*files), re.MULTILINE))
    rules = yaml.safe_load((ROOT / "alerts.yml").read_text())["groups"][0]["rules"]
    for rule in rules:
        assert set(re.findall(r"tap_reports_\w+", rule["expr"])) <= shown


def test_the_views_and_the_panels_of_the_dashboard_work_on_a_ledger(postgres_url):
    ledger = sa.create_engine(postgres_url)
    schema.metadata.create_all(ledger)
    now = dt.datetime.now(dt.UTC)
    with ledger.begin() as db:
        for number, outcome in enumerate(["done", "failed"]):
            run = {"id": str(number), "version": "0", "started_at": now + dt.timedelta(minutes=number)}
            db.execute(schema.runs.insert().values(**run, exit_status=number, seconds=1.5))
            db.execute(
                schema.run_streams.insert().values(
                    run=str(number),
                    stream="a",
                    outcome=outcome,
                    rows=3,
                    slices=2,
                    slices_done=1,
                    last_day=now,
                )
            )
        for statement in (ROOT / "ledger_views.sql").read_text().split(";"):
            if statement.strip():
                db.exec_driver_sql(statement)
        dashboard = json.loads((ROOT / "grafana-dashboard.json").read_text())
        found = {
            panel["title"]: db.exec_driver_sql(panel["targets"][0]["rawSql"]).fetchall()
            for panel in dashboard["panels"]
        }
    ledger.dispose()
    (status,) = found["Streams: how the last run ended"]
    assert status[:2] == ("a", "failed")
    assert found["Freshness: days behind today"][0][2] == 0
