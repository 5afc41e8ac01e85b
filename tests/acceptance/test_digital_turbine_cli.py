"""The command against a Digital Turbine written from its guide."""

from __future__ import annotations

import datetime as dt
import signal
import time
from decimal import Decimal

import pytest
from cli_under_test import Cli, select
from fake_digital_turbine import CLIENT_ID, CLIENT_SECRET, SIGNATURE, FakeDigitalTurbine
from fake_http import Answer, as_json

STREAM = "digital_turbine_campaign_daily"
DAY = {"start_date": "2026-01-01", "end_date": "2026-01-01"}
THREE_DAYS = {"start_date": "2026-01-01", "end_date": "2026-01-03"}


@pytest.fixture
def vendor():
    with FakeDigitalTurbine() as running:
        yield running


@pytest.fixture
def cli(tmp_path):
    return Cli(tmp_path)


@pytest.fixture
def config(cli, vendor):
    """A function: settings of the block, then of the top level."""

    def make(block=None, **top):
        known = {"api_url": vendor.url, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        return cli.config(**{**THREE_DAYS, **top}, digital_turbine={**known, **(block or {})})

    return make


def by_country(**settings):
    return {"reports": [{"name": "by_country", "metrics": ["Spend"], "splits": ["Country"], **settings}]}


def latest_final_day():
    """12:00 UTC of the next day closes a day."""
    now = dt.datetime.now(dt.UTC)
    return (now - dt.timedelta(days=1 if now.hour >= 12 else 2)).date()


def refused_after(result, status, *words):
    assert result.status == status, result.stderr
    for word in words:
        assert word in result.stderr
    assert "Traceback" not in result.stderr
    return True


# What is asked


def test_the_default_report_is_asked_for_exactly_as_the_guide_shows(cli, vendor, config):
    assert cli.run(config()).status == 0
    (call,) = vendor.submits
    assert call.method == "POST"
    assert call.headers["authorization"].startswith("Bearer ")
    assert call.headers["content-type"].split(";")[0] == "application/json"
    filters = call.json["query"].pop("filters", [])
    assert filters == []
    assert call.json | {"query": call.json["query"] | {"filters": []}} == {
        "product": "dtgrowth",
        "query": {
            "dateRange": {"start": "2026-01-01", "end": "2026-01-03"},
            "metrics": ["Impressions", "Clicks", "Installs", "Spend"],
            "splits": ["Date", "Campaign ID", "Campaign Name", "Country"],
            "filters": [],
            "reportFormat": "csv",
        },
    }


def test_filters_metrics_and_splits_are_asked_for_as_configured(cli, vendor, config):
    filters = [{"dimension": "Country", "values": ["US", "CA"]}]
    report = {
        "name": "Mine",
        "metrics": ["Spend", "Installs"],
        "splits": ["Country", "Date"],
        "filters": filters,
    }
    result = cli.run(config({"reports": [report]}))
    query = vendor.submits[0].json["query"]
    assert (query["metrics"], query["splits"], query["filters"]) == (
        ["Spend", "Installs"],
        ["Country", "Date"],
        filters,
    )
    assert result.streams == ["digital_turbine_mine"]
    assert result.schema("digital_turbine_mine")["key_properties"] == ["country", "date"]


def test_the_user_agent_is_the_configured_one(cli, vendor, config):
    cli.run(config(user_agent="mine/1"))
    assert {call.headers["user-agent"] for call in vendor.calls} == {"mine/1"}


# What comes out


def test_the_default_report_comes_out_as_the_contract_says(cli, vendor, config):
    result = cli.run(config())
    assert result.status == 0, result.stderr
    schema = result.schema(STREAM)
    properties = schema["schema"]["properties"]
    assert schema["key_properties"] == ["date", "campaign_id", "country"]
    assert schema["bookmark_properties"] == ["date"]
    assert {name: set(kind["type"]) for name, kind in properties.items() if not name.startswith("_")} == {
        "date": {"string", "null"},
        "campaign_id": {"string", "null"},
        "campaign_name": {"string", "null"},
        "country": {"string", "null"},
        "impressions": {"integer", "null"},
        "clicks": {"integer", "null"},
        "installs": {"integer", "null"},
        "spend": {"number", "null"},
    }
    assert properties["date"]["format"] == "date"
    assert properties["campaign_id"]["title"] == "Campaign ID"
    (name,) = vendor.reports
    assert result.records(STREAM)[0] == {
        "date": "2026-01-01",
        "campaign_id": "001",
        "campaign_name": "C, 1",
        "country": "US",
        "impressions": 1000,
        "clicks": 10,
        "installs": 3,
        "spend": Decimal("0.036300000000000006"),
        "_report_job_id": name,
        "_report_slice_start": "2026-01-01",
        "_report_slice_end": "2026-01-03",
        "_report_row": 1,
    }
    assert [one["_report_row"] for one in result.records(STREAM)] == [1, 2, 3, 4, 5, 6]
    assert result.bookmark(STREAM) == "2026-01-03"
    assert result.state["bookmarks"][STREAM]["replication_key"] == "date"
    assert result.pending(STREAM) == []
    assert cli.left_behind() == []


def test_lineage_columns_can_be_left_out(cli, config):
    result = cli.run(config(lineage_columns=False))
    assert not [name for name in result.schema(STREAM)["schema"]["properties"] if name.startswith("_")]
    assert set(result.records(STREAM)[0]) == {
        "date",
        "campaign_id",
        "campaign_name",
        "country",
        "impressions",
        "clicks",
        "installs",
        "spend",
    }


def test_declared_columns_override_what_is_known(cli, vendor, config):
    report = {
        "name": "x",
        "metrics": ["Spend", "Fill Rate"],
        "splits": ["Date", "Country"],
        "columns": {"Spend": "string", "fill_rate": "number"},
    }
    vendor.content = lambda _query: (
        b'Date,Country,Spend,Fill Rate\n2026-01-01,US,0.50,44%\n2026-01-01,CA,1,"1,234.5"\n'
    )
    result = cli.run(config({"reports": [report]}, **DAY))
    assert [(one["spend"], one["fill_rate"]) for one in result.records("digital_turbine_x")] == [
        ("0.50", 44),
        ("1", Decimal("1234.5")),
    ]


def test_primary_keys_and_replication_key_may_be_set(cli, config):
    report = {"name": "x", "metrics": ["Spend"], "splits": ["Date", "Country"], "primary_keys": ["Country"]}
    result = cli.run(config({"reports": [{**report, "replication_key": "Date"}]}, **DAY))
    schema = result.schema("digital_turbine_x")
    assert (schema["key_properties"], schema["bookmark_properties"]) == (["country"], ["date"])


def test_without_the_date_split_each_slice_is_one_day(cli, vendor, config):
    result = cli.run(config(by_country()))
    stream = "digital_turbine_by_country"
    assert result.status == 0, result.stderr
    assert sorted(vendor.ranges()) == [(day, day) for day in ("2026-01-01", "2026-01-02", "2026-01-03")]
    schema = result.schema(stream)
    assert set(schema["key_properties"]) == {"country", "_report_slice_start"}
    assert schema["bookmark_properties"] == ["_report_slice_end"]
    assert [one["_report_slice_start"] for one in result.records(stream)] == [
        day for day in ("2026-01-01", "2026-01-02", "2026-01-03") for _ in (1, 2)
    ]
    assert result.bookmark(stream) == "2026-01-03"
    assert result.state["bookmarks"][stream]["replication_key"] == "_report_slice_end"


def test_lineage_columns_that_are_keys_stay_on(cli, config):
    result = cli.run(config(by_country(), lineage_columns=False, **DAY))
    record = result.records("digital_turbine_by_country")[0]
    assert set(record) == {"country", "spend", "_report_slice_start", "_report_slice_end"}


def test_without_the_date_split_slice_days_lie_on_a_fixed_grid(cli, vendor, config):
    top = {"start_date": "2026-01-10", "end_date": "2026-03-05"}
    assert cli.run(config(by_country(slice_days=31), **top)).status == 0
    assert sorted(vendor.ranges()) == [
        ("2026-01-10", "2026-01-31"),
        ("2026-02-01", "2026-02-28"),
        ("2026-03-01", "2026-03-05"),
    ]


def test_without_the_date_split_short_steps_count_from_1970(cli, vendor, config):
    top = {"start_date": "2026-01-02", "end_date": "2026-01-14"}
    assert cli.run(config(by_country(slice_days=7), **top)).status == 0
    grid = {
        (dt.date.fromisoformat(start) - dt.date(1970, 1, 1)).days % 7
        for start, _ in sorted(vendor.ranges())[1:]
    }
    assert grid == {0}
    assert min(vendor.ranges())[0] == "2026-01-02"


# Which days


def test_a_slice_is_at_most_90_days(cli, vendor, config):
    assert cli.run(config(start_date="2026-01-01", end_date="2026-07-01")).status == 0
    assert sorted(vendor.ranges()) == [
        ("2026-01-01", "2026-03-31"),
        ("2026-04-01", "2026-06-29"),
        ("2026-06-30", "2026-07-01"),
    ]


def test_an_end_date_past_the_final_day_is_cut(cli, vendor, config):
    last = latest_final_day()
    far = (last + dt.timedelta(days=30)).isoformat()
    result = cli.run(config(start_date=last.isoformat(), end_date=far))
    assert vendor.ranges() == [(last.isoformat(), last.isoformat())]
    assert result.bookmark(STREAM) == last.isoformat()


def test_nothing_is_asked_for_before_a_day_is_final(cli, vendor, config):
    top = config(start_date=(latest_final_day() + dt.timedelta(days=1)).isoformat())
    del top["end_date"]
    result = cli.run(top)
    assert result.status == 0, result.stderr
    assert vendor.submits == []
    assert result.bookmark(STREAM) is None


@pytest.mark.parametrize(("lookback", "first"), [(None, "2026-01-02"), (0, "2026-01-03"), (10, "2026-01-01")])
def test_the_bookmark_and_the_lookback_say_where_to_start(cli, vendor, config, lookback, first):
    state = {"bookmarks": {STREAM: {"replication_key": "date", "replication_key_value": "2026-01-02"}}}
    block = {} if lookback is None else {"lookback_days": lookback}
    result = cli.run(config(block), state=state)
    assert vendor.ranges() == [(first, "2026-01-03")]
    assert result.bookmark(STREAM) == "2026-01-03"


def test_a_report_overrides_lookback_and_slice_days(cli, vendor, config):
    report = {"name": "x", "metrics": ["Spend"], "splits": ["Date"], "lookback_days": 2, "slice_days": 2}
    state = {
        "bookmarks": {"digital_turbine_x": {"replication_key": "date", "replication_key_value": "2026-01-03"}}
    }
    top = {"start_date": "2026-01-01", "end_date": "2026-01-04"}
    cli.run(config({"lookback_days": 0, "slice_days": 90, "reports": [report]}, **top), state=state)
    assert sorted(vendor.ranges()) == [("2026-01-02", "2026-01-03"), ("2026-01-04", "2026-01-04")]


# The file


def test_a_cell_that_does_not_fit_fails_the_stream_with_its_place(cli, vendor, config):
    vendor.content = lambda _query: (
        b"Date,Campaign ID,Campaign Name,Country,Impressions,Clicks,Installs,Spend\n"
        b"2026-01-01,1,a,US,1,1,1,1\n2026-01-01,2,b,US,many,1,1,1\n"
    )
    result = cli.run(config())
    assert refused_after(result, 1, "Impressions", "many", "2")
    assert result.bookmark(STREAM) is None


# The token


# Broken submissions


def test_a_bad_request_is_told_in_the_vendors_words(cli, vendor, config):
    vendor.next_submits = [as_json({"error": "bad_request", "message": "unknown metric Foo"}, 400)] * 5
    result = cli.run(config())
    assert refused_after(result, 1, STREAM, "unknown metric Foo", "digital_turbine")
    assert len(vendor.submits) == 1


# The link runs out


# Quotas


def test_two_processes_at_once_share_the_minutes_quota(cli, vendor, config, tmp_path):
    (tmp_path / "second").mkdir()
    second = Cli(tmp_path / "second")
    block = {"reports_per_minute": 3, "slice_days": 1}
    other = config({**block, "reports": [{"name": "other", "metrics": ["Spend"], "splits": ["Date"]}]})
    runs = [cli.start(config(block)), second.start(other)]
    runs[0].wait_until(lambda: len(vendor.submits) >= 3)
    time.sleep(0.7)
    assert len(vendor.submits) == 3
    for run in runs:
        run.send(signal.SIGTERM)
    assert len(vendor.submits) == 3


def test_a_spent_day_quota_fails_the_stream_after_its_finished_slices(cli, vendor, config):
    result = cli.run(config({"reports_per_day": 2, "slice_days": 1}))
    assert refused_after(result, 1, STREAM, "2026-01-03")
    assert len(vendor.submits) == 2
    assert result.bookmark(STREAM) == "2026-01-02"
    assert len(result.records(STREAM)) == 4
    tomorrow = (dt.datetime.now(dt.UTC) + dt.timedelta(days=1)).date().isoformat()
    assert tomorrow in result.stderr, "the reset time is named"


def test_a_spent_day_quota_holds_for_the_next_run(cli, vendor, config):
    block = {"reports_per_day": 2, "slice_days": 1}
    first = cli.run(config(block))
    again = cli.run(config(block), state=first.state)
    assert again.status == 1
    assert len(vendor.submits) == 2
    assert again.bookmark(STREAM) == "2026-01-02"


# Taken up again


def test_a_late_job_keeps_its_id_and_is_taken_up_by_the_next_run(cli, vendor, config):
    vendor.empty_polls = 10_000
    first = cli.run(config(job_deadline_seconds=0.4))
    assert refused_after(first, 1, STREAM, *vendor.reports)
    (pending,) = first.pending(STREAM)
    assert set(pending) >= {"key", "id", "slice_start", "slice_end", "submitted_at"}
    assert [pending["id"]] == list(vendor.reports)
    assert (pending["slice_start"], pending["slice_end"]) == ("2026-01-01", "2026-01-03")
    vendor.empty_polls = 0
    second = cli.run(config(), state=first.state)
    assert second.status == 0, second.stderr
    assert len(vendor.submits) == 1
    assert len(second.records(STREAM)) == 6
    assert second.pending(STREAM) == []


def test_the_ledger_alone_takes_a_job_up(cli, vendor, config):
    vendor.empty_polls = 10_000
    cli.run(config(job_deadline_seconds=0.3))
    vendor.empty_polls = 0
    assert cli.run(config()).status == 0
    assert len(vendor.submits) == 1


def test_with_state_alone_the_report_is_asked_for_again(cli, vendor, config):
    vendor.empty_polls = 10_000
    first = cli.run(config(job_deadline_seconds=0.3))
    cli.ledger.unlink()
    vendor.empty_polls = 0
    second = cli.run(config(), state=first.state)
    assert second.status == 0, second.stderr
    assert len(vendor.submits) == 2
    assert second.pending(STREAM) == []


def test_a_finished_report_is_not_asked_for_again(cli, vendor, config):
    assert cli.run(config()).status == 0
    second = cli.run(config(reuse_job_hours=0))
    assert second.status == 0, second.stderr
    assert len(second.records(STREAM)) == 6
    assert len(vendor.submits) == 1, "it finished after its days could no longer change"


def test_the_ledger_can_be_read_by_its_owner_alone(cli, config):
    assert cli.run(config()).status == 0
    assert cli.ledger.stat().st_mode & 0o777 == 0o600


def test_the_signature_stands_nowhere(cli, vendor, config):
    vendor.empty_polls = 10_000
    late = cli.run(config(job_deadline_seconds=0.3), LOGLEVEL="DEBUG", TAP_REPORTS_LOGLEVEL="DEBUG")
    vendor.empty_polls = 0
    vendor.on_file = lambda _report, _call: Answer(403, b"Request has expired")
    refused = cli.run(config(), LOGLEVEL="DEBUG", TAP_REPORTS_LOGLEVEL="DEBUG")
    listed = cli.run(config(), "--jobs")
    as_text = cli.run(config(), "--jobs", "--format", "json")
    tokens = list(vendor.tokens)
    for result in (late, refused, listed, as_text):
        for secret in (SIGNATURE, "X-Amz-Signature=d", CLIENT_SECRET, *tokens):
            assert secret not in result.everything
    assert len(late.stderr) > 1000


def test_jobs_are_listed_by_the_links_last_part(cli, vendor, config):
    cli.run(config({"slice_days": 1}))
    listed = cli.run(config(), "--jobs", "--format", "json").json
    assert {one["job_id"] for one in listed} == set(vendor.reports)
    assert set(listed[0]) == {
        "stream",
        "vendor",
        "slice_start",
        "slice_end",
        "job_id",
        "status",
        "submitted_at",
        "finished_at",
        "downloaded_at",
        "rows",
        "bytes",
        "credits",
    }
    assert {one["stream"] for one in listed} == {STREAM}
    assert {one["vendor"] for one in listed} == {"digital_turbine"}
    assert {one["rows"] for one in listed} == {2}
    assert all(one["bytes"] > 0 and one["credits"] is None and one["finished_at"] for one in listed)
    stamps = [one["submitted_at"] for one in listed]
    assert stamps == sorted(stamps, reverse=True)


# Discovery and plan


def test_discovery_submits_nothing(cli, vendor, config):
    result = cli.run(config(), "--discover")
    assert result.status == 0, result.stderr
    assert vendor.submits == []
    (entry,) = result.json["streams"]
    assert entry["tap_stream_id"] == STREAM
    assert entry["key_properties"] == ["date", "campaign_id", "country"]
    assert entry["replication_key"] == "date"


def test_a_catalog_selects_columns(cli, vendor, config):
    catalog = cli.run(config(), "--discover").json
    picked = select(catalog, STREAM, without={STREAM: ["clicks", "campaign_id", "spend", "_report_row"]})
    result = cli.run(config(), catalog=picked)
    assert result.status == 0, result.stderr
    record = result.records(STREAM)[0]
    assert "clicks" not in record
    assert "spend" not in record
    assert "_report_row" not in record
    assert record["campaign_id"] == "001", "keys are always there"
    assert "clicks" not in result.schema(STREAM)["schema"]["properties"]
    assert vendor.submits[0].json["query"]["splits"][0] == "Date"


def test_the_plan_submits_nothing_and_says_what_would_be(cli, vendor, config):
    plan = cli.run(config({"slice_days": 2}), "--plan", "--format", "json")
    assert plan.status == 0, plan.stderr
    assert vendor.submits == []
    (stream,) = plan.json["streams"]
    assert (stream["stream"], stream["replication_method"]) == (STREAM, "INCREMENTAL")
    assert (stream["first_day"], stream["last_day"]) == ("2026-01-01", "2026-01-03")
    assert stream["slices"] == [
        {
            "start": "2026-01-01",
            "end": "2026-01-02",
            "action": "submit",
            "job_id": None,
            "estimated_credits": None,
        },
        {
            "start": "2026-01-03",
            "end": "2026-01-03",
            "action": "submit",
            "job_id": None,
            "estimated_credits": None,
        },
    ]
    assert {"submit": 2, "resume": 0, "reuse": 0, "replay": 0}.items() <= plan.json["totals"].items()
    assert "estimated_credits" in plan.json["totals"]
    limits = {(one["vendor"], one["limit"]): one for one in plan.json["quotas"]}
    for limit in (5, 100):
        quota = limits["digital_turbine", limit]
        assert (quota["used"], quota["remaining"]) == (0, limit)
        assert {"quota", "resets_at"} <= set(quota)


def test_the_plan_names_what_is_resumed_and_reused(cli, vendor, config):
    vendor.on_file = lambda report, _call: (
        Answer(200) if report.body["query"]["dateRange"]["start"] > "2026-01-01" else None
    )
    late = cli.run(config({"slice_days": 1}, end_date="2026-01-02", job_deadline_seconds=0.5))
    assert late.status == 1
    plan = cli.run(config({"slice_days": 1}), "--plan", "--format", "json").json
    done, running = (
        next(
            name
            for name, report in vendor.reports.items()
            if report.body["query"]["dateRange"]["start"] == day
        )
        for day in ("2026-01-01", "2026-01-02")
    )
    assert [(one["action"], one["job_id"]) for one in plan["streams"][0]["slices"]] == [
        ("reuse", done),
        ("resume", running),
        ("submit", None),
    ]
    assert {one["limit"]: one["used"] for one in plan["quotas"]}[100] == 2


def test_the_plan_counts_what_the_day_has_used_and_when_it_ends(cli, config):
    assert cli.run(config()).status == 0
    plan = cli.run(config(), "--plan", "--format", "json").json
    day = next(one for one in plan["quotas"] if one["limit"] == 100)
    assert (day["used"], day["remaining"]) == (1, 99)
    assert plan["totals"]["reuse"] == 1
    assert plan["totals"]["submit"] == 0


def test_two_streams_of_the_vendor_fail_each_for_themselves(cli, vendor, config):
    def one_is_bad(report, _call):
        return Answer(200, b"<html>") if report.body["query"]["metrics"] == ["Clicks"] else None

    vendor.on_file = one_is_bad
    reports = [
        {"name": "bad", "metrics": ["Clicks"], "splits": ["Date"]},
        {"name": "good", "metrics": ["Spend"], "splits": ["Date"]},
    ]
    result = cli.run(config({"reports": reports}, max_request_retries=0))
    assert refused_after(result, 1, "digital_turbine_bad")
    assert result.bookmark("digital_turbine_good") == "2026-01-03"
    assert result.bookmark("digital_turbine_bad") is None


def test_the_day_quota_does_not_stop_another_vendor_or_reuse(cli, config):
    first = cli.run(config({"reports_per_day": 1}))
    assert first.status == 0
    again = cli.run(config({"reports_per_day": 1}))
    assert again.status == 0, again.stderr
    assert len(again.records(STREAM)) == 6
