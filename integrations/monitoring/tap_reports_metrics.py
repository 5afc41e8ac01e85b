"""Metrics of a run, for Prometheus (a text file of the node exporter) or an OpenTelemetry collector.

python3 tap_reports_metrics.py --summary summary.json --plan plan.json > tap_reports.prom
python3 tap_reports_metrics.py --summary summary.json --otlp http://localhost:4318/v1/metrics

`summary.json` comes from `tap-reports … --summary summary.json`, `plan.json` from `--plan --format json`.
Needs Python alone. Write the text file under another name and rename it: the exporter may read at any time.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HELP = {
    "tap_reports_run_exit_status": "Exit status of the last run.",
    "tap_reports_run_seconds": "Seconds that the last run took.",
    "tap_reports_run_timestamp_seconds": "Unix time at which the last run started.",
    "tap_reports_stream_failed": "1 if the stream failed in the last run.",
    "tap_reports_stream_rows": "Rows of the stream in the last run.",
    "tap_reports_stream_jobs": "Jobs of the stream in the last run.",
    "tap_reports_stream_credits": "Credits that the stream's jobs cost in the last run.",
    "tap_reports_stream_bookmark_seconds": "Unix time at which the last day that is out begins (UTC).",
    "tap_reports_stream_final_day_seconds": "Unix time at which the last day that is final begins (UTC).",
    "tap_reports_quota_limit": "The quota's limit.",
    "tap_reports_quota_remaining": "What is left of the quota.",
}


@dataclass(frozen=True)
class Point:
    """One value of a gauge."""

    name: str
    value: float
    labels: dict[str, str] = field(default_factory=dict)


def points(summary: dict[str, Any] | None, plan: dict[str, Any] | None) -> Iterator[Point]:
    """Yield the values of a run's summary, and of a plan."""
    if summary:
        yield from _of_run(summary)
    if plan:
        yield from _of_plan(plan)


def _of_run(summary: dict[str, Any]) -> Iterator[Point]:
    yield Point("tap_reports_run_exit_status", summary["exit_status"])
    yield Point("tap_reports_run_seconds", summary["seconds"])
    started = dt.datetime.fromisoformat(summary["started_at"])
    yield Point("tap_reports_run_timestamp_seconds", started.timestamp())
    bookmarks = summary.get("state", {}).get("bookmarks", {})
    for stream in summary["streams"]:
        labels = {"stream": stream["stream"]}
        jobs = stream["jobs"]
        yield Point("tap_reports_stream_failed", float(stream["outcome"] == "failed"), labels)
        yield Point("tap_reports_stream_rows", stream["rows"], labels)
        yield Point("tap_reports_stream_jobs", len(jobs), labels)
        yield Point("tap_reports_stream_credits", sum(job["credits"] or 0 for job in jobs), labels)
        day = bookmarks.get(stream["stream"], {}).get("replication_key_value")
        if day:
            yield Point("tap_reports_stream_bookmark_seconds", _midnight(day), labels)


def _of_plan(plan: dict[str, Any]) -> Iterator[Point]:
    for stream in plan["streams"]:
        if stream["last_day"]:
            labels = {"stream": stream["stream"]}
            yield Point("tap_reports_stream_final_day_seconds", _midnight(stream["last_day"]), labels)
    for quota in plan["quotas"]:
        labels = {"vendor": quota["vendor"], "quota": quota["quota"]}
        for name in ("limit", "remaining"):
            if quota[name] is not None:
                yield Point(f"tap_reports_quota_{name}", quota[name], labels)


def _midnight(day: str) -> float:
    return dt.datetime.fromisoformat(day[:10]).replace(tzinfo=dt.UTC).timestamp()


def prometheus(found: list[Point]) -> str:
    """Return the values in Prometheus' text format."""
    lines = []
    for name, about in HELP.items():
        of_name = [point for point in found if point.name == name]
        if of_name:
            lines += [f"# HELP {name} {about}", f"# TYPE {name} gauge"]
            lines += [f"{name}{_labels(point.labels)} {point.value:.15g}" for point in of_name]
    return "".join(f"{line}\n" for line in lines)


def _labels(labels: dict[str, str]) -> str:
    shown = ",".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in labels.items())
    return f"{{{shown}}}" if shown else ""


def otlp(found: list[Point]) -> dict[str, Any]:
    """Return the values as OTLP's JSON (opentelemetry.io/docs/specs/otlp)."""
    now = str(time.time_ns())
    metrics = [
        {
            "name": name,
            "description": about,
            "gauge": {
                "dataPoints": [
                    {"timeUnixNano": now, "asDouble": point.value, "attributes": _attributes(point.labels)}
                    for point in found
                    if point.name == name
                ]
            },
        }
        for name, about in HELP.items()
    ]
    scope = {
        "scope": {"name": "tap-reports"},
        "metrics": [one for one in metrics if one["gauge"]["dataPoints"]],
    }
    resource = {"attributes": _attributes({"service.name": "tap-reports"})}
    return {"resourceMetrics": [{"resource": resource, "scopeMetrics": [scope]}]}


def _attributes(labels: dict[str, str]) -> list[dict[str, Any]]:
    return [{"key": name, "value": {"stringValue": value}} for name, value in labels.items()]


def main() -> int:
    """Print or send the metrics. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--summary", type=Path)
    parser.add_argument("--plan", type=Path)
    parser.add_argument("--otlp", metavar="URL", help="send to a collector instead of printing")
    given = parser.parse_args()
    if not (given.summary or given.plan):
        parser.error("give --summary, --plan or both")
    read = [
        json.loads(path.read_text(encoding="utf-8")) if path else None for path in (given.summary, given.plan)
    ]
    found = list(points(*read))
    if not given.otlp:
        sys.stdout.write(prometheus(found))
        return 0
    body = json.dumps(otlp(found)).encode()
    request = urllib.request.Request(given.otlp, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30):
        return 0


if __name__ == "__main__":
    sys.exit(main())
