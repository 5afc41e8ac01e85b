"""impact.com as users see it: settings in, calls out, messages and exit status."""

from __future__ import annotations

import datetime as dt

import pytest
from command import FAST
from fake_impact import BY_DAY, BY_PROGRAM, LISTING, TOKEN, FakeImpact

DAY_STREAM = f"impact_{BY_DAY}"
LIST_STREAM = f"impact_{LISTING}"
PROGRAM_STREAM = f"impact_{BY_PROGRAM}"
CLICKS = "impact_clicks"
GRID_KEYS = ["_report_slice_start", "_report_row"]
QUICK = {**FAST, "start_date": "2024-08-01", "end_date": "2024-08-03"}


@pytest.fixture
def vendor(request):
    with FakeImpact(getattr(request, "param", "partner")) as running:
        yield running


def config(vendor, *reports, top=None, **block):
    settings = vendor.settings(**block)
    if reports:
        settings["reports"] = [{"id": one} if isinstance(one, str) else one for one in reports]
    return {**QUICK, **(top or {}), "impact": settings}


# --- records ----------------------------------------------------------------------------------------------


def test_a_keyless_report_has_grid_keys_display_dates_and_every_digit(program, vendor):
    ran = program.run(config(vendor, BY_DAY, api_version="14"))
    assert ran.status == 0, ran.stderr
    (call,) = vendor.submitted
    assert (call.method, call.path) == ("GET", f"{vendor.prefix}/ReportExport/{BY_DAY}")
    assert (call.query["START_DATE"], call.query["END_DATE"]) == ("2024-08-01", "2024-08-03")
    assert call.query.get("ResultFormat", "CSV") == "CSV"
    assert {one.headers.get("ir-version") for one in vendor.calls} == {"14"}
    assert vendor.host.calls
    assert all("authorization" not in one.headers for one in vendor.host.calls)
    assert TOKEN not in ran.everything
    assert "signed-link" not in ran.everything
    assert program.left_behind() == []
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


def test_times_without_offset_are_of_the_accounts_zone(program, vendor):
    vendor.information["Timezone"] = "(GMT -06:00) Central Time (US & Canada)"
    vendor.make_file = lambda _: "Action_Id,Action_Date,Status,Payout\n1,2024-08-01T10:00:00,PENDING,1\n"
    ran = program.run(config(vendor, LISTING))
    assert ran.status == 0, ran.stderr
    (record,) = ran.records(LIST_STREAM)
    moment = dt.datetime.fromisoformat(record["action_date"])
    assert moment == dt.datetime.fromisoformat("2024-08-01T10:00:00-06:00")


# --- jobs -------------------------------------------------------------------------------------------------


# --- clicks -----------------------------------------------------------------------------------------------


def test_a_partners_clicks_are_one_job_a_day(program, vendor):
    ran = program.run(config(vendor, BY_DAY, clicks=True))
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


# --- commands ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("vendor", ["partner", "agency"], indirect=True)
def test_without_reports_the_catalog_holds_what_the_api_can_run_not_selected(program, vendor):
    ran = program.run(config(vendor), "--discover")
    assert ran.status == 0, ran.stderr
    assert vendor.submitted == []
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


def test_a_run_without_reports_and_without_catalog_submits_nothing(program, vendor):
    ran = program.run(config(vendor))
    assert ran.status == 0, ran.stderr
    assert vendor.submitted == []


# --- columns ----------------------------------------------------------------------------------------------


def test_verbatim_names_with_keys_by_header(program, vendor):
    report = {"id": LISTING, "primary_keys": ["Action_Id", "Status"], "columns": {"Payout": "string"}}
    ran = program.run(config(vendor, report, top={"column_names": "verbatim"}))
    assert ran.status == 0, ran.stderr
    assert ran.schemas(LIST_STREAM)[-1]["key_properties"] == ["Action_Id", "Status"]
    assert ran.records(LIST_STREAM)[0]["Payout"] == "1.000000000000000001"
