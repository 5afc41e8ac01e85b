"""With a catalog nothing is discovered; what is asked for must be the same."""

from __future__ import annotations

import datetime as dt
import json

from tap_reports.sandbox import Sandbox


def test_a_catalog_changes_no_slice(program):
    """Months of impact.com's daily reports are a job each, not a job a day, under Meltano too."""
    with Sandbox(rows=2, speed=600, today=dt.date(2026, 3, 20)) as sandbox:
        config = {**sandbox.config(), "start_date": "2026-01-01"}
        catalog = program.run(config, "--discover").json
        plans = []
        for given in (None, catalog):
            streams = json.loads(program.run(config, "--plan", "--format", "json", catalog=given).stdout)[
                "streams"
            ]
            plans.append(
                {
                    stream["stream"]: [(one["start"], one["end"]) for one in stream["slices"]]
                    for stream in streams
                    if not stream["stream"].startswith(
                        "second_nature"
                    )  # its sheets are known from a file only
                }
            )
    assert plans[0] == plans[1]
    assert len(plans[0]["impact_partner_performance_by_day"]) == 3
