"""`--plan`, `--jobs`, `--test`: the JSON as it is promised, and tables that people read."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import re
import tracemalloc
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console

from tap_reports.cli.commands import Mode
from tap_reports.commands import console as tables
from tap_reports.commands import jobs as jobs_list
from tap_reports.commands.plan import plan
from tap_reports.commands.plan_table import parts as plan_parts
from tap_reports.commands.test import test as run_checks
from tap_reports.exceptions import ConfigError
from tap_reports.ledger.ledger import Wanted
from tap_reports.sandbox import Sandbox
from tap_reports.tap import TapReports

COLUMNS = (
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
)
UNANSWERED = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(rows=3, speed=600) as running:
        yield running


@pytest.fixture
def config(sandbox, tmp_path):
    sandbox.reset()
    config = sandbox.config()
    return {**config, "job_ledger": str(tmp_path / "jobs.sqlite")}


def answer(command, config, *args, **given):
    return command(TapReports(config=config, mode=Mode.ASK).run, *args, **given)


def show_plan(tap, *, as_json):
    return plan(tap.run, tap.selected_streams(), as_json=as_json)


def planned(config, capsys, **given):
    assert show_plan(TapReports(config=config, mode=Mode.PLAN, **given), as_json=True) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture(scope="module")
def synced(tmp_path_factory):
    """The configuration and the state of a sync of everything, at which the tests only look."""
    with Sandbox(rows=3, speed=600) as running:
        config = running.config()
        config["job_ledger"] = str(tmp_path_factory.mktemp("synced") / "jobs.sqlite")
        tap = TapReports(config=config)
        with contextlib.redirect_stdout(io.StringIO()):
            tap.sync_all()
        assert tap.outcome.status == 0
        yield config, json.loads(json.dumps(tap.state))


def listed(config, capsys, **chosen):
    assert answer(jobs_list.jobs, config, "json", **chosen) == 0
    return json.loads(capsys.readouterr().out)


# --- plan ---------------------------------------------------------------------------------------------


def test_a_plan_submits_nothing_and_has_the_promised_shape(config, sandbox, capsys):
    content = planned(config, capsys)
    assert sandbox.submissions().calls == 0
    assert set(content) == {"streams", "quotas", "totals", "verdict"}
    stream = content["streams"][0]
    assert set(stream) == {
        "stream",
        "replication_method",
        "first_day",
        "last_day",
        "slices",
        "warnings",
    }
    assert set(stream["slices"][0]) == {"start", "end", "action", "job_id", "estimated_credits"}
    assert set(content["quotas"][0]) == {"vendor", "quota", "limit", "used", "remaining", "resets_at"}
    assert set(content["totals"]) == {"submit", "resume", "reuse", "replay", "estimated_credits"}


def test_slices_cover_the_days_and_totals_add_up(config, capsys):
    content = planned(config, capsys)
    slices = [one for stream in content["streams"] for one in stream["slices"]]
    assert content["totals"]["submit"] == len(slices)
    estimates = [one["estimated_credits"] for one in slices if one["estimated_credits"] is not None]
    assert content["totals"]["estimated_credits"] == sum(estimates) > 0
    for stream in content["streams"]:
        if stream["first_day"]:
            assert stream["slices"][0]["start"] == stream["first_day"]
            assert stream["slices"][-1]["end"] == stream["last_day"]


def test_what_a_sync_has_done_is_reused_and_counted_in_the_quotas(synced, capsys):
    config, _ = synced
    content = planned(config, capsys)
    assert content["totals"]["submit"] == 0
    assert content["totals"]["reuse"] > 0
    assert all(one["job_id"] for stream in content["streams"] for one in stream["slices"])
    used = {(one["vendor"], one["quota"]): one for one in content["quotas"]}
    day = used["impact", "reports_per_day"]
    assert day["limit"] - day["used"] == day["remaining"]
    assert day["used"] > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT00:00:00\+00:00", day["resets_at"])


def test_a_plan_goes_by_state_and_catalog(synced, capsys):
    config, state = copy.deepcopy(synced)
    config["job_ledger"] = "off"
    everything = planned(config, capsys)
    name = "similarweb_traffic_and_engagement_daily"
    chosen = TapReports(config=config, mode=Mode.PLAN).catalog_dict
    chosen["streams"] = [one for one in chosen["streams"] if one["tap_stream_id"] == name]
    capsys.readouterr()
    content = planned(config, capsys, catalog=chosen, state=state)
    assert [one["stream"] for one in content["streams"]] == [name]
    assert content["streams"][0]["slices"] == []
    assert content["streams"][0]["first_day"] is None
    assert len(everything["streams"]) > 1


def test_nothing_new_is_said_in_the_table(synced, capsys):
    config, state = copy.deepcopy(synced)
    assert show_plan(TapReports(config=config, mode=Mode.PLAN, state=state), as_json=False) == 0
    out = capsys.readouterr().out
    line = next(line for line in out.splitlines() if "similarweb_traffic_and_engagement_daily" in line)
    assert line.split() == ["similarweb_traffic_and_engagement_daily", "-", "nothing", "new", "-", "-"]


def test_a_vendor_that_does_not_answer_fails_its_own_streams_only(config, capsys, caplog):
    catalog = TapReports(config=config, mode=Mode.PLAN).catalog_dict
    config["similarweb"]["api_url"] = UNANSWERED
    config |= {"max_request_retries": 0}
    tap = TapReports(config=config, mode=Mode.PLAN, catalog=catalog)
    capsys.readouterr()
    assert show_plan(tap, as_json=True) == 1
    content = json.loads(capsys.readouterr().out)
    vendors = {one["stream"].partition("_")[0] for one in content["streams"]}
    assert vendors == {"digital", "impact", "second"}
    assert "not planned: vendor similarweb, stream similarweb_traffic_and_engagement" in caplog.text
    assert next(one for one in content["quotas"] if one["quota"] == "credits")["remaining"] is None


def test_a_report_that_its_vendor_refuses_is_left_out_of_the_plan_and_its_sums(
    config, sandbox, capsys, caplog
):
    tap = TapReports(config=config, mode=Mode.PLAN)
    capsys.readouterr()
    refusal = {"status": 400, "body": '{"is_valid": false, "errors": ["no such country"]}'}
    sandbox.faults.add("status", vendor="similarweb", kind="validate", nth=2, **refusal)
    assert show_plan(tap, as_json=True) == 1
    content = json.loads(capsys.readouterr().out)
    streams = {one["stream"]: one for one in content["streams"]}
    refused = "similarweb_traffic_and_engagement_daily"
    assert "similarweb_traffic_and_engagement_monthly" in streams
    assert refused not in streams
    assert f"not planned: vendor similarweb, stream {refused}" in caplog.text
    assert "no such country" in caplog.text
    submits = [s for one in streams.values() for s in one["slices"] if s["action"] == "submit"]
    assert content["totals"]["submit"] == len(submits)
    assert sandbox.submissions("similarweb").accepted == 0


@pytest.mark.parametrize("mode", [Mode.DISCOVER, Mode.PLAN, Mode.SUBMIT, Mode.SYNC])
def test_an_unknown_report_is_told_before_anything_is_submitted(config, sandbox, mode):
    config["impact"]["reports"] = [{"id": "mp_action_listing_fst"}]
    config["similarweb"]["reports"] = [{"table": "traffic_and_engagemnt"}]
    with pytest.raises(ConfigError) as caught:
        TapReports(config=config, mode=mode).run_discovery()
    assert len(caught.value.errors) == 2
    assert all(near in str(caught.value) for near in ("mp_action_listing_fast", "traffic_and_engagement"))
    assert sandbox.submissions().calls == 0


# --- jobs ---------------------------------------------------------------------------------------------


def test_an_empty_ledger_is_an_empty_list_and_a_sentence(config, capsys):
    assert listed(config, capsys) == []
    assert answer(jobs_list.jobs, config, "text") == 0
    assert capsys.readouterr().out == "The ledger holds no jobs yet: a sync adds them.\n"
    assert answer(jobs_list.jobs, config, "html") == 0
    assert "The ledger holds no jobs yet" in capsys.readouterr().out


def test_jobs_have_the_promised_keys_newest_first_and_the_rows_that_came_out(synced, capsys):
    config, _ = synced
    found = listed(config, capsys)
    assert all(tuple(job) == COLUMNS for job in found)
    times = [job["submitted_at"] for job in found]
    assert times == sorted(times, reverse=True)
    assert {job["status"] for job in found} == {"succeeded"}
    assert all(job["rows"] for job in found)
    credits_ = {job["vendor"] for job in found if job["credits"] is not None}
    assert credits_ == {"similarweb"}


def test_a_report_of_several_sheets_is_listed_by_sheet_only(synced, capsys):
    config, _ = synced
    names = {job["stream"] for job in listed(config, capsys) if job["vendor"] == "second_nature"}
    assert names
    assert all("__" in name for name in names)


def test_a_pipe_gets_one_line_a_job_with_whole_ids(synced, capsys):
    config, _ = synced
    found = listed(config, capsys)
    answer(jobs_list.jobs, config, "text")
    lines = capsys.readouterr().out.splitlines()
    for job in found:
        sent = job["submitted_at"][:19].replace("T", " ")
        assert any(job["job_id"] in line and sent in line for line in lines)
    # A job of several sheets has a line for each of them.
    jobs = {job["job_id"] for job in found}
    assert len(jobs) < len(found)
    assert lines[-1].startswith(f"{len(jobs)} jobs, {sum(job['rows'] for job in found):,} rows, ")
    assert not any(line != line.rstrip() for line in lines)


# --- test ---------------------------------------------------------------------------------------------


def test_checks_of_good_accounts_are_well_and_submit_nothing(config, sandbox, capsys):
    assert run_checks(TapReports(config=config, mode=Mode.ASK).run, as_json=False) == 0
    out = capsys.readouterr().out
    assert "checks passed. Nothing was submitted." in out
    assert sandbox.submissions().calls == 0


def test_a_wrong_key_fails_with_what_to_do_and_without_the_key(config, capsys):
    config["similarweb"]["api_key"] = "wrong-key-of-nobody"
    assert run_checks(TapReports(config=config, mode=Mode.ASK).run, as_json=True) == 1
    out = capsys.readouterr().out
    failed = [check for check in json.loads(out) if not check["ok"]]
    assert failed
    assert {check["vendor"] for check in failed} == {"similarweb"}
    assert all(check["detail"] for check in failed)
    assert "wrong-key-of-nobody" not in out


def test_failed_checks_are_counted_in_words(config, capsys):
    config["similarweb"]["api_key"] = "wrong-key-of-nobody"
    assert run_checks(TapReports(config=config, mode=Mode.ASK).run, as_json=False) == 1
    assert re.search(r"\d of \d+ checks failed \(similarweb\)", capsys.readouterr().out)


# --- tables -------------------------------------------------------------------------------------------


def drawn(parts, width):
    console = Console(width=width, force_terminal=True, color_system=None, highlight=False)
    with console.capture() as captured:
        for part in parts(console):
            console.print(part)
    return captured.get().splitlines()


def test_a_plan_fits_80_columns_with_whole_ids(synced, capsys):
    config, _ = synced
    content = planned(config, capsys)
    lines = drawn(lambda console: plan_parts(content, console), 80)
    assert max(map(len, lines)) <= 80
    job = content["streams"][0]["slices"][0]
    line = next(line for line in lines if f"{job['start']}..{job['end']}" in line and "reuse" in line)
    assert job["job_id"] in line
    assert lines[-1].endswith("to reuse")


@pytest.mark.parametrize("width", [80, 260])
def test_jobs_fit_the_terminal_with_whole_ids(synced, capsys, width):
    config, _ = synced
    found = listed(config, capsys)
    lines = drawn(lambda console: jobs_list._parts(found, console, Wanted()), width)
    assert max(map(len, lines)) <= width
    for job in found:
        is_beside_its_stream = any(job["job_id"] in line and job["stream"] in line for line in lines)
        assert is_beside_its_stream is (width > 200)
        assert any(job["job_id"] in line for line in lines)


def test_what_is_asked_for_is_shown_and_that_there_is_more(synced, capsys):
    config, _ = synced
    found = listed(config, capsys, stream="impact_*", limit=2)
    assert [one["stream"].partition("_")[0] for one in found] == ["impact"] * 2
    assert answer(jobs_list.jobs, config, "text", limit=2) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "These are the newest 2; --limit N shows more."
    assert answer(jobs_list.jobs, config, "text", failed=True) == 0
    assert capsys.readouterr().out == "No job in the ledger fits.\n"
    assert answer(jobs_list.jobs, config, "html", stream="impact_*") == 0
    assert "second_nature" not in capsys.readouterr().out


def test_json_of_many_jobs_keeps_none_of_them(capsys):
    """20,000 jobs of 300 bytes would be 6 MB."""

    def items(count):
        for number in range(count):
            yield {"stream": f"impact_{number}", "credits": Decimal(number), "rest": "x" * 250}

    with capsys.disabled(), Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        tracemalloc.start()
        tables.write_json_list(items(20_000))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize("items", [[], [{"a": 1}], [{"a": 1}, {"b": Decimal("1.5")}]])
def test_a_list_item_by_item_is_json(items, capsys):
    tables.write_json_list(iter(items))
    assert json.loads(capsys.readouterr().out) == [
        {name: float(one) for name, one in item.items()} for item in items
    ]


def test_vendor_words_are_neither_markup_nor_control():
    text = tables.cell("[red]no[/red] \x1b[31mred\x07")
    assert text.plain == "[red]no[/red]  [31mred "


@pytest.mark.parametrize(
    ("count", "shown"), [(None, None), (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (6_150_000, "6.2 MB")]
)
def test_sizes_are_read_at_a_glance(count, shown):
    assert tables.size(count) == shown


def test_a_dead_network_is_one_failed_check_a_vendor_and_no_call(config, capsys, sandbox):
    for name in ("similarweb", "impact", "digital_turbine", "second_nature"):
        config[name]["api_url"] = UNANSWERED
    tap = TapReports(config=config, mode=Mode.ASK)
    assert run_checks(tap.run, as_json=True) == 1
    found = json.loads(capsys.readouterr().out)
    assert [(one["check"], one["ok"]) for one in found] == [("network", False)] * 4
    assert all("can't be reached" in one["detail"] for one in found)
    assert sandbox.calls == []


@pytest.mark.parametrize("proxy", ["http://[::1", "http://proxy:99999"])
def test_a_proxy_without_an_address_is_a_failed_check(config, capsys, monkeypatch, proxy):
    monkeypatch.setenv("HTTP_PROXY", proxy)
    monkeypatch.setenv("NO_PROXY", "")
    config = {name: config[name] for name in ("start_date", "job_ledger", "impact")}
    assert run_checks(TapReports(config=config, mode=Mode.ASK).run, as_json=True) == 1
    assert "Correct HTTPS_PROXY or HTTP_PROXY" in json.loads(capsys.readouterr().out)[0]["detail"]
