"""impact.com as users see it: settings in, calls out, messages and exit status."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import pytest
from cli_under_test import select
from fake_http import as_json
from fake_impact import BY_DAY, BY_PROGRAM, LISTING, METADATA, SID, TOKEN, FakeImpact

DAY_STREAM = f"impact_{BY_DAY}"
LIST_STREAM = f"impact_{LISTING}"
PROGRAM_STREAM = f"impact_{BY_PROGRAM}"
CLICKS = "impact_clicks"
GRID_KEYS = ["_report_slice_start", "_report_row"]
QUICK = {
    "poll_interval_seconds": 0.05,
    "poll_max_interval_seconds": 0.05,
    "retry_backoff_seconds": 0.05,
    "start_date": "2024-08-01",
    "end_date": "2024-08-03",
}


@pytest.fixture
def vendor():
    fake = FakeImpact()
    yield fake
    fake.close()


@pytest.fixture
def account(request):
    fake = FakeImpact(request.param)
    yield fake
    fake.close()


def config(vendor, *reports, top=None, **block):
    settings = vendor.settings(**block)
    if reports:
        settings["reports"] = [{"id": one} if isinstance(one, str) else one for one in reports]
    return {**QUICK, **(top or {}), "impact": settings}


# --- calls ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("account", ["brand", "partner", "agency"], indirect=True)
def test_each_account_type_has_its_prefix_and_basic_credentials(tap, account):
    ran = tap.run(config(account, BY_DAY, api_version="14"))
    assert ran.status == 0, ran.stderr
    assert all(one.path.startswith(account.prefix + "/") for one in account.api.calls)
    (call,) = account.submitted
    assert (call.method, call.path) == ("GET", f"{account.prefix}/ReportExport/{BY_DAY}")
    assert call.query["START_DATE"] == "2024-08-01"
    assert call.query["END_DATE"] == "2024-08-03"
    assert call.query.get("ResultFormat", "CSV") == "CSV"
    assert {one.headers.get("ir-version") for one in account.api.calls} == {"14"}
    assert {one.headers.get("accept") for one in account.api.to("/ReportExport")} == {"application/json"}
    assert [one["date_display"] for one in ran.records(DAY_STREAM)] == [
        "2024-08-01",
        "2024-08-02",
        "2024-08-03",
    ]
    assert TOKEN not in ran.stdout + ran.stderr


def test_the_redirect_to_another_origin_gets_no_credentials(tap, vendor):
    ran = tap.run(config(vendor, BY_DAY))
    assert ran.status == 0, ran.stderr
    assert vendor.bucket.calls
    assert all("authorization" not in one.headers for one in vendor.bucket.calls)
    assert "signed-link" not in ran.stdout + ran.stderr
    assert tap.left_behind() == []


# --- records ----------------------------------------------------------------------------------------------


def test_a_keyless_report_has_grid_keys_display_dates_and_every_digit(tap, vendor):
    ran = tap.run(config(vendor, BY_DAY))
    assert ran.status == 0, ran.stderr
    schema = ran.schemas(DAY_STREAM)[-1]
    assert schema["key_properties"] == GRID_KEYS
    assert schema["bookmark_properties"] == ["date_display"]
    properties = schema["schema"]["properties"]
    assert properties["date_display"]["format"] == "date"
    assert properties["sale_zzz_amount"]["title"] == "Sale_zzzAmount"
    assert properties["sale_zzz_amount"]["type"] == ["number", "null"]
    assert properties["clicks"]["type"] == ["integer", "null"]
    (job_id,) = vendor.jobs
    assert ran.records(DAY_STREAM)[0] == {
        "date_display": "2024-08-01",
        "clicks": 1,
        "sale_zzz_amount": 5,
        "_report_job_id": job_id,
        "_report_slice_start": "2024-08-01",
        "_report_slice_end": "2024-08-03",
        "_report_row": 1,
    }
    assert ran.bookmark(DAY_STREAM) == "2024-08-03"


def test_an_action_listing_has_its_action_id_as_key_and_keeps_18_digits(tap, vendor):
    ran = tap.run(config(vendor, LISTING))
    assert ran.status == 0, ran.stderr
    schema = ran.schemas(LIST_STREAM)[-1]
    assert schema["key_properties"] == ["action_id"]
    assert schema["bookmark_properties"] == ["action_date"]
    assert schema["schema"]["properties"]["action_date"]["format"] == "date-time"
    record = ran.records(LIST_STREAM)[0]
    assert str(record["payout"]) == "1.000000000000000001"
    moment = dt.datetime.fromisoformat(record["action_date"])
    assert moment == dt.datetime.fromisoformat("2024-08-01T10:00:00-06:00")
    assert ran.bookmark(LIST_STREAM) == "2024-08-03"


def test_times_without_offset_are_of_the_accounts_zone(tap, vendor):
    vendor.information["Timezone"] = "(GMT -06:00) Central Time (US & Canada)"
    vendor.make_file = lambda _: "Action_Id,Action_Date,Status,Payout\n1,2024-08-01T10:00:00,PENDING,1\n"
    ran = tap.run(config(vendor, LISTING))
    assert ran.status == 0, ran.stderr
    (record,) = ran.records(LIST_STREAM)
    moment = dt.datetime.fromisoformat(record["action_date"])
    assert moment == dt.datetime.fromisoformat("2024-08-01T10:00:00-06:00")


def test_keyless_slices_are_calendar_months(tap, vendor):
    ran = tap.run(config(vendor, BY_DAY, top={"start_date": "2024-06-15", "end_date": "2024-08-10"}))
    assert ran.status == 0, ran.stderr
    assert vendor.spans == [
        ("2024-06-15", "2024-06-30"),
        ("2024-07-01", "2024-07-31"),
        ("2024-08-01", "2024-08-10"),
    ]
    rows = [one["_report_row"] for one in ran.records(DAY_STREAM)]
    assert rows == [*range(1, 17), *range(1, 32), *range(1, 11)]
    assert {one["_report_slice_start"] for one in ran.records(DAY_STREAM)} == {
        "2024-06-15",
        "2024-07-01",
        "2024-08-01",
    }


def test_keyed_slices_lie_on_the_grid_of_months_too(tap, vendor):
    ran = tap.run(config(vendor, LISTING, top={"start_date": "2024-06-15", "end_date": "2024-08-10"}))
    assert ran.status == 0, ran.stderr
    assert vendor.spans == [
        ("2024-06-15", "2024-06-30"),
        ("2024-07-01", "2024-07-31"),
        ("2024-08-01", "2024-08-10"),
    ]


def test_a_report_without_dates_runs_day_by_day(tap, vendor):
    ran = tap.run(config(vendor, BY_PROGRAM))
    assert ran.status == 0, ran.stderr
    assert vendor.spans == [(f"2024-08-0{day}", f"2024-08-0{day}") for day in (1, 2, 3)]
    schema = ran.schemas(PROGRAM_STREAM)[-1]
    assert schema["key_properties"] == GRID_KEYS
    assert schema["bookmark_properties"] == ["_report_slice_end"]
    assert ran.mark(PROGRAM_STREAM)["replication_key"] == "_report_slice_end"
    assert ran.bookmark(PROGRAM_STREAM) == "2024-08-03"
    assert [one["_report_row"] for one in ran.records(PROGRAM_STREAM)] == [1, 2] * 3


def test_named_keys_of_a_report_without_dates_get_the_slice(tap, vendor):
    ran = tap.run(
        config(vendor, {"id": BY_PROGRAM, "primary_keys": ["Campaign"]}, top={"lineage_columns": False})
    )
    assert ran.status == 0, ran.stderr
    assert set(ran.schemas(PROGRAM_STREAM)[-1]["key_properties"]) == {"campaign", "_report_slice_start"}
    record = ran.records(PROGRAM_STREAM)[0]
    assert record["_report_slice_start"] == "2024-08-01"
    assert "_report_job_id" not in record


def test_65_days_before_the_bookmark_are_extracted_again(tap, vendor):
    state = {
        "bookmarks": {LIST_STREAM: {"replication_key": "action_date", "replication_key_value": "2024-08-02"}}
    }
    ran = tap.run(config(vendor, LISTING, top={"start_date": "2024-01-01"}), state=state)
    assert ran.status == 0, ran.stderr
    assert vendor.spans[0] == ("2024-05-01", "2024-05-31"), "the month of 2024-05-30"
    assert ran.bookmark(LIST_STREAM) == "2024-08-03"


def test_a_keyless_lookback_moves_back_to_its_month(tap, vendor):
    state = {
        "bookmarks": {DAY_STREAM: {"replication_key": "date_display", "replication_key_value": "2024-08-02"}}
    }
    ran = tap.run(config(vendor, BY_DAY, top={"start_date": "2024-05-10"}), state=state)
    assert ran.status == 0, ran.stderr
    assert vendor.spans[0] == ("2024-05-10", "2024-05-31")


@pytest.mark.parametrize(
    ("zone", "offset"), [("(GMT +14:00) Kiritimati", 14), ("(GMT -11:00) Midway Island, Samoa", -11)]
)
@pytest.mark.parametrize("place", ["company", "setting"])
def test_a_day_is_final_the_next_day_in_the_accounts_zone(tap, vendor, zone, offset, place):
    block = {"timezone": zone} if place == "setting" else {}
    if place == "company":
        vendor.information["Timezone"] = zone
    now = dt.datetime.now(dt.UTC) + dt.timedelta(hours=offset)
    start = (now - dt.timedelta(5)).date().isoformat()
    ran = tap.run(config(vendor, BY_DAY, top={"start_date": start, "end_date": None}, **block))
    assert ran.status == 0, ran.stderr
    assert ran.bookmark(DAY_STREAM) == (now - dt.timedelta(1)).date().isoformat()


# --- jobs -------------------------------------------------------------------------------------------------


def test_a_finished_job_is_reused_within_its_hours_and_replayed_after_them(tap, vendor):
    yesterday = (dt.datetime.now(dt.UTC) - dt.timedelta(3)).date().isoformat()
    dates = {"start_date": yesterday, "end_date": yesterday}
    assert tap.run(config(vendor, LISTING, top=dates)).status == 0
    again = tap.run(config(vendor, LISTING, top=dates))
    assert (len(vendor.submitted), len(vendor.replays)) == (1, 0)
    assert len(again.records(LIST_STREAM)) == 1
    plan = tap.run(
        config(vendor, LISTING, top={**dates, "reuse_job_hours": 0}), "--plan", "--format", "json"
    ).json
    assert plan["totals"]["replay"] == 1
    assert [one["action"] for one in plan["streams"][0]["slices"]] == ["replay"]
    assert vendor.replays == []


def test_a_spent_day_quota_ends_the_stream_with_finished_slices_bookmarked(tap, vendor):
    ran = tap.run(config(vendor, BY_PROGRAM, reports_per_day=2))
    assert ran.status == 1
    assert len(vendor.submitted) == 2
    assert ran.bookmark(PROGRAM_STREAM) == "2024-08-02"
    assert len(ran.records(PROGRAM_STREAM)) == 4
    assert "reports_per_day" in ran.last_words
    again = tap.run(config(vendor, BY_PROGRAM, reports_per_day=2), state=ran.state)
    assert again.status == 1
    assert len(vendor.submitted) == 2, "the account's quota is spent, not the process's"


# --- files ------------------------------------------------------------------------------------------------


def record(day: str, clicks: str, amount: str) -> dict[str, str]:
    return {"date_display": day, "Clicks": clicks, "Sale_zzzAmount": amount, "@uri": "/x"}


def test_json_pages_of_records(tap, vendor):
    vendor.pages = [
        json.dumps(
            {"Records": [record("Aug 1, 2024", "1", "5.000000000000000001")], "@page": "1", "@numpages": "2"}
        ),
        json.dumps({"Records": [record("Aug 2, 2024", "2", "6")], "@page": "2", "@numpages": "2"}),
    ]
    ran = tap.run(config(vendor, BY_DAY, result_format="json"))
    assert ran.status == 0, ran.stderr
    assert vendor.submitted[0].query["ResultFormat"] == "JSON"
    found = ran.records(DAY_STREAM)
    assert [one["date_display"] for one in found] == ["2024-08-01", "2024-08-02"]
    assert [one["clicks"] for one in found] == [1, 2]
    assert str(found[0]["sale_zzz_amount"]) == "5.000000000000000001"
    assert [one["_report_row"] for one in found] == [1, 2]


@pytest.mark.parametrize(
    "file", ["", "date_display,Clicks,Sale_zzzAmount\n"], ids=["no bytes", "header only"]
)
def test_an_empty_file_is_a_finished_slice(tap, vendor, file):
    vendor.make_file = lambda _: file
    ran = tap.run(config(vendor, BY_DAY))
    assert ran.status == 0, ran.stderr
    assert ran.bookmark(DAY_STREAM) == "2024-08-03"
    assert ran.records(DAY_STREAM) == []


def test_amounts_with_signs_fit_columns_declared_as_numbers(tap, vendor):
    vendor.make_file = lambda _: 'date_display,Clicks,Sale_zzzAmount\n"Aug 1, 2024","1,234","$1,234.50"\n'
    ran = tap.run(config(vendor, BY_DAY))
    assert ran.status == 0, ran.stderr
    assert (ran.records(DAY_STREAM)[0]["clicks"], ran.records(DAY_STREAM)[0]["sale_zzz_amount"]) == (
        1234,
        Decimal("1234.50"),
    )


# --- clicks -----------------------------------------------------------------------------------------------


def test_a_partners_clicks_are_one_job_a_day(tap, vendor):
    ran = tap.run(config(vendor, BY_DAY, clicks=True))
    assert ran.status == 0, ran.stderr
    clicks = [one for one in vendor.submitted if one.path.endswith("ClickExport")]
    assert {one.path for one in clicks} == {f"{vendor.prefix}/ClickExport"}
    assert sorted(one.one("Date") for one in clicks) == ["2024-08-01", "2024-08-02", "2024-08-03"]
    schema = ran.schemas(CLICKS)[-1]
    assert schema["bookmark_properties"] == ["event_date"]
    assert schema["schema"]["properties"]["event_date"]["format"] == "date-time"
    assert schema["key_properties"] == GRID_KEYS
    assert [one["_report_row"] for one in ran.records(CLICKS)] == [1, 2] * 3
    assert ran.bookmark(CLICKS) == "2024-08-03"


@pytest.mark.parametrize("account", ["brand"], indirect=True)
def test_a_brands_clicks_are_one_job_a_day_and_program_with_rows_counted_on(tap, account):
    ran = tap.run(
        config(account, BY_DAY, clicks={"program_ids": ["11", "22"]}, top={"end_date": "2024-08-02"})
    )
    assert ran.status == 0, ran.stderr
    clicks = sorted(
        (one.path, one.one("Date")) for one in account.submitted if one.path.endswith("ClickExport")
    )
    assert clicks == [
        (f"/Advertisers/{SID}/Programs/{program}/ClickExport", f"2024-08-0{day}")
        for program in (11, 22)
        for day in (1, 2)
    ]
    found = ran.records(CLICKS)
    assert [one["_report_row"] for one in found] == [1, 2, 3, 4] * 2
    assert [str(one["program_id"]) for one in found[:4]] == ["11", "11", "22", "22"]
    keys = {(one["_report_slice_start"], one["_report_row"]) for one in found}
    assert len(keys) == len(found) == 8


def test_clicks_have_no_lookback_and_a_quota_of_their_own(tap, vendor):
    state = {"bookmarks": {CLICKS: {"replication_key": "event_date", "replication_key_value": "2024-08-01"}}}
    ran = tap.run(config(vendor, BY_DAY, clicks=True, clicks_per_day=1), state=state)
    assert ran.status == 1
    clicks = [one.one("Date") for one in vendor.submitted if one.path.endswith("ClickExport")]
    assert clicks == ["2024-08-02"]
    assert ran.bookmark(CLICKS) == "2024-08-02"
    assert "clicks_per_day" in ran.last_words
    assert ran.bookmark(DAY_STREAM) == "2024-08-03", "the reports have their own quota"


def test_clicks_as_json(tap, vendor):
    click = {"Id": "c1", "EventDate": "2024-08-01T08:06:24-05:00", "ProgramId": "5", "Payout": "0.1"}
    vendor.pages = [json.dumps({"Clicks": [click]})]
    ran = tap.run(config(vendor, BY_DAY, clicks=True, result_format="json", top={"end_date": "2024-08-01"}))
    assert [one["id"] for one in ran.records(CLICKS)] == ["c1"], ran.stderr


# --- commands ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("account", ["partner", "agency"], indirect=True)
def test_without_reports_the_catalog_holds_what_the_api_can_run_not_selected(tap, account):
    ran = tap.run(config(account), "--discover")
    assert ran.status == 0, ran.stderr
    assert account.submitted == []
    streams = {one["tap_stream_id"]: one for one in ran.json["streams"]}
    assert set(streams) == {LIST_STREAM, DAY_STREAM, PROGRAM_STREAM}
    for entry in streams.values():
        (root,) = [one["metadata"] for one in entry["metadata"] if one["breadcrumb"] == []]
        assert not root.get("selected")
        assert not root.get("selected-by-default")
    listing = streams[LIST_STREAM]["schema"]["properties"]
    assert listing["payout"]["type"] == ["number", "null"]
    assert listing["action_date"]["format"] == "date-time"
    assert streams[LIST_STREAM]["key_properties"] == ["action_id"]


def test_a_run_without_reports_and_without_catalog_submits_nothing(tap, vendor):
    ran = tap.run(config(vendor))
    assert ran.status == 0, ran.stderr
    assert vendor.submitted == []


def test_a_stream_of_the_catalog_runs_and_nothing_is_asked_for_discovery(tap, vendor):
    catalog = select(
        tap.run(config(vendor), "--discover").json, LIST_STREAM, without={LIST_STREAM: ["status"]}
    )
    vendor.api.calls.clear()
    ran = tap.run(config(vendor), catalog=catalog)
    assert ran.status == 0, ran.stderr
    assert vendor.api.to("/Reports") == []
    assert {one["stream"] for one in ran.messages if one["type"] == "SCHEMA"} == {LIST_STREAM}
    assert set(ran.records(LIST_STREAM)[0]) == {
        "action_id", "action_date", "payout",
        "_report_job_id", "_report_slice_start", "_report_slice_end", "_report_row",
    }  # fmt: skip


@pytest.mark.parametrize("status", [401, 403, 404])
def test_refusals_name_vendor_answer_and_remedy(tap, vendor, status):
    vendor.submissions = [as_json({"Status": "ERROR", "Message": "The vendor's own words"}, status)] * 3
    ran = tap.run(config(vendor, BY_DAY))
    assert ran.status == 1
    assert "The vendor's own words" in ran.last_words
    assert str(status) in ran.last_words
    assert DAY_STREAM in ran.last_words
    assert len(vendor.submitted) == 1
    assert TOKEN not in ran.stderr


def test_one_report_that_is_forbidden_does_not_stop_the_other(tap, vendor):
    route = vendor.route

    def forbidding(call, parts):
        if parts in (["Reports", BY_PROGRAM, "MetaData"], ["ReportExport", BY_PROGRAM]):
            return as_json({"Status": "ERROR", "Message": "Access denied"}, 403)
        return route(call, parts)

    vendor.route = forbidding
    ran = tap.run(config(vendor, BY_PROGRAM, BY_DAY))
    assert ran.status == 1
    assert PROGRAM_STREAM in ran.last_words
    assert len(ran.records(DAY_STREAM)) == 3, ran.stderr
    assert ran.bookmark(DAY_STREAM) == "2024-08-03"


def test_plan_has_the_keys_of_the_contract_and_quotas(tap, vendor):
    ran = tap.run(config(vendor, BY_DAY, top={"start_date": "2024-07-20"}), "--plan", "--format", "json")
    assert ran.status == 0, ran.stderr
    assert vendor.submitted == []
    (stream,) = ran.json["streams"]
    assert {name: stream[name] for name in ("stream", "replication_method", "first_day", "last_day")} == {
        "stream": DAY_STREAM,
        "replication_method": "INCREMENTAL",
        "first_day": "2024-07-20",
        "last_day": "2024-08-03",
    }
    nothing = {"action": "submit", "job_id": None, "estimated_credits": None}
    assert stream["slices"] == [
        {"start": "2024-07-20", "end": "2024-07-31", **nothing},
        {"start": "2024-08-01", "end": "2024-08-03", **nothing},
    ]
    assert set(ran.json["totals"]) == {"submit", "resume", "reuse", "replay", "estimated_credits"}
    assert ran.json["totals"]["submit"] == 2
    (quota,) = [one for one in ran.json["quotas"] if "report" in one["quota"]]
    assert (quota["vendor"], quota["limit"], quota["used"], quota["remaining"]) == ("impact", 100, 0, 100)
    assert set(quota) == {"vendor", "quota", "limit", "used", "remaining", "resets_at"}


def test_a_run_killed_after_the_submission_is_resumed(tap, vendor):
    vendor.statuses = ["RUNNING"]
    running = tap.start(config(vendor, BY_DAY))
    running.wait_until(lambda: vendor.api.to("/Jobs/"))
    running.process.kill()
    running.finish()
    (job,) = vendor.jobs.values()
    job["script"] = ["COMPLETED"]
    plan = tap.run(config(vendor, BY_DAY), "--plan", "--format", "json").json
    assert [one["action"] for one in plan["streams"][0]["slices"]] == ["resume"]
    assert [one["job_id"] for one in plan["streams"][0]["slices"]] == list(vendor.jobs)
    ran = tap.run(config(vendor, BY_DAY))
    assert ran.status == 0, ran.stderr
    assert len(vendor.submitted) == 1
    assert len(ran.records(DAY_STREAM)) == 3


def test_a_run_killed_after_the_submission_is_resumed_from_state_alone(tap, vendor):
    vendor.statuses = ["RUNNING"]
    settings = config(vendor, BY_DAY, top={"job_ledger": "off"})
    running = tap.start(settings)
    running.wait_until(lambda: any("pending_jobs" in line for line in running.lines))
    running.process.kill()
    running.finish()
    line = next(line for line in running.lines if "pending_jobs" in line)
    (job,) = vendor.jobs.values()
    job["script"] = ["COMPLETED"]
    ran = tap.run(settings, state=json.loads(line)["value"])
    assert ran.status == 0, ran.stderr
    assert len(vendor.submitted) == 1
    assert len(ran.records(DAY_STREAM)) == 3
    assert not ran.mark(DAY_STREAM).get("pending_jobs")


# --- columns ----------------------------------------------------------------------------------------------


def test_verbatim_names_with_keys_by_header(tap, vendor):
    report = {"id": LISTING, "primary_keys": ["Action_Id", "Status"], "columns": {"Payout": "string"}}
    ran = tap.run(config(vendor, report, top={"column_names": "verbatim"}))
    assert ran.status == 0, ran.stderr
    assert ran.schemas(LIST_STREAM)[-1]["key_properties"] == ["Action_Id", "Status"]
    assert ran.records(LIST_STREAM)[0]["Payout"] == "1.000000000000000001"


@pytest.mark.parametrize("name", ["Locking Day", "locking_day"])
def test_a_user_names_the_date_column(tap, vendor, name):
    vendor.metadata[LISTING] = [*METADATA[LISTING], {"Name": "Locking Day", "DataType": "DATE"}]
    vendor.make_file = lambda _: (
        "Action_Id,Action_Date,Status,Payout,Locking Day\n1,2024-08-01T10:00:00Z,NA,1,2024-08-02\n"
    )
    ran = tap.run(config(vendor, {"id": LISTING, "replication_key": name, "columns": {name: "date"}}))
    assert ran.status == 0, ran.stderr
    schema = ran.schemas(LIST_STREAM)[-1]
    assert schema["bookmark_properties"] == ["locking_day"]
    assert schema["schema"]["properties"]["locking_day"]["format"] == "date"
    assert ran.records(LIST_STREAM)[0]["locking_day"] == "2024-08-02"


def test_columns_that_metadata_does_not_list_are_added(tap, vendor):
    vendor.make_file = lambda _: 'date_display,Clicks,Sale_zzzAmount,SubId1\n"Aug 1, 2024",1,2,abc\n'
    ran = tap.run(config(vendor, BY_DAY))
    assert ran.status == 0, ran.stderr
    assert ran.records(DAY_STREAM)[0]["sub_id1"] == "abc"
    assert ran.schemas(DAY_STREAM)[-1]["schema"]["properties"]["sub_id1"]["title"] == "SubId1"


def test_a_stream_map_filters_and_adds(tap, vendor):
    maps = {
        LIST_STREAM: {
            "double": "float(payout) * 2",
            "__filter__": "status == 'APPROVED'",
            "status": "__NULL__",
        }
    }
    ran = tap.run(config(vendor, LISTING, top={"stream_maps": maps}))
    assert ran.status == 0, ran.stderr
    assert "status" not in ran.records(LIST_STREAM)[0]
    assert ran.records(LIST_STREAM)[0]["double"] == 2
