"""Similarweb: report types from describe and from the documented tables."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest
from similarweb_account import API, DESCRIBE, DESCRIBED, KEY, MONTH, TRAFFIC, connect, kinds

from tap_reports.exceptions import AccessDenied
from tap_reports.models import FileFormat, Granularity, Kind, Slice


def test_report_type_takes_columns_kinds_and_keys_from_describe(described):
    [report] = connect().report_types()
    assert (report.name, report.report) == ("traffic_and_engagement_monthly", "traffic_and_engagement")
    assert (report.granularity, report.dated) == (Granularity.MONTHLY, True)
    assert (report.primary_keys, report.date_column) == (("domain", "country", "date"), "date")
    assert kinds(report) == {
        "domain": Kind.STRING,
        "country": Kind.STRING,
        "date": Kind.DATE,
        "desktop_visits": Kind.NUMBER,
        "pages": Kind.INTEGER,
        "global_rank": Kind.INTEGER,
        "category": Kind.STRING,
        "breakdown": Kind.STRING,
    }, "a metric of a type that is not documented is left to the file"
    assert [column.property for column in report.columns] == list(kinds(report))
    assert described.call_count == 1


@pytest.mark.usefixtures("described")
@pytest.mark.parametrize("format_", [FileFormat.CSV, FileFormat.JSON])
def test_layout_reads_the_format_with_either_date_header_and_the_empty_word(format_):
    client = connect(response_format=str(format_))
    [report] = client.report_types()
    assert (report.layout.format, report.layout.records) == (format_, ())
    assert report.layout.renames == {"yearmonth": "date"}
    assert report.layout.empty_words == ("No data returned",)
    assert client.requests(report, MONTH)[0].parameters["response_format"] == format_


WEEKLY_COLUMNS = ["domain", "country", "date", "desktop_visits"]


@pytest.mark.usefixtures("described")
@pytest.mark.parametrize(
    ("granularity", "slice_days", "columns"),
    [
        ("daily", 30, [*WEEKLY_COLUMNS, "pages"]),
        ("weekly", 365, WEEKLY_COLUMNS),
        ("monthly", 365, [*WEEKLY_COLUMNS, "pages", "global_rank", "category", "breakdown"]),
    ],
)
def test_slices_and_metrics_are_those_of_the_granularity(granularity, slice_days, columns):
    [report] = connect({**TRAFFIC, "granularity": granularity}).report_types()
    assert (report.name, report.slice_days) == (f"traffic_and_engagement_{granularity}", slice_days)
    assert list(kinds(report)) == columns


def test_metrics_that_begin_or_end_within_the_days_are_warned_of_in_one_line(requests_mock):
    def months(first, last):
        return {"monthly": {"start_date": first, "end_date": last}}

    metrics = [
        {"metric_name": "whole", "supported_granularity": months("2018-08", "2023-08")},
        {"metric_name": "old", "supported_granularity": months("2018-08", "2021-03")},
        {"metric_name": "new", "supported_granularity": months("2020-06", "2023-08")},
        {"metric_name": "odd", "supported_granularity": {"monthly": {"start_date": "soon"}}},
    ]
    requests_mock.get(DESCRIBE, json=[{**DESCRIBED[0], "table_metrics": metrics}])
    client = connect(TRAFFIC)
    [report] = client.report_types()

    def told(first, last):
        return client.gaps(report, Slice(dt.date.fromisoformat(first), dt.date.fromisoformat(last)))

    assert told("2020-06-01", "2021-03-31") == ""
    assert told("2020-05-01", "2021-03-31").endswith("only: new begins on 2020-06-01")
    assert told("2020-05-01", "2021-04-30").endswith(": old ends on 2021-03-31, new begins on 2020-06-01")


@pytest.mark.usefixtures("described")
def test_a_table_known_to_describe_alone_is_used_as_described():
    client = connect({"table": "custom_table", "granularity": "daily", "filters": {"industries": ["retail"]}})
    [report] = client.report_types()
    assert report.primary_keys == ("industry", "date")
    [request] = client.requests(report, MONTH)
    assert request.parameters["filters"] == {"industries": ["retail"]}, "other defaults are not sent"
    assert request.parameters["metrics"] == ["score"]


TRAFFIC_SOURCES = {
    "table": "traffic_sources",
    "table_granularity": {"monthly": {}},
    "table_metrics": [{"metric_name": "desktop_traffic_source_share", "type": "double"}],
    "table_filters": [
        {"name": "domains", "key_column": "domain", "type": "list"},
        {"name": "channels", "key_column": "channel", "type": "list"},
    ],
}
SITES = {**DESCRIBED[0], "table_filters": [{"name": "domains", "key_column": "site", "type": "list"}]}


@pytest.mark.parametrize(
    ("table", "keys"),
    [
        pytest.param(
            TRAFFIC_SOURCES,
            ("domain", "country", "referrer_name", "channel", "date"),
            id="those that no filter names come from the documentation",
        ),
        pytest.param(SITES, ("site", "date"), id="described ones that the documentation lacks win"),
    ],
)
def test_key_columns_are_described_or_documented(requests_mock, table, keys):
    requests_mock.get(DESCRIBE, json=[table])
    [report] = connect({"table": table["table"]}).report_types()
    assert report.primary_keys == keys


@pytest.mark.usefixtures("undescribed")
def test_a_key_column_that_is_also_a_metric_is_one_column():
    [report] = connect({"table": "channel_conversion"}).report_types()
    headers = [column.header for column in report.columns]
    assert headers.count("channel_sector") == 1
    assert headers.index("channel_sector") < headers.index("date")


@pytest.mark.parametrize(
    ("answer", "calls"),
    [
        *(({"status_code": status, "text": "no"}, 1) for status in (403, 400, 500)),
        *(({"status_code": status, "text": "no"}, 2) for status in (404, 410)),
        *(({"json": odd}, 1) for odd in ([], {"tables": None}, "x")),
        ({"text": "<html>"}, 1),
    ],
)
def test_without_describe_the_documented_tables_are_used_and_one_warning_is_logged(
    requests_mock, caplog, answer, calls
):
    for path in ("/v3/batch/tables/describe", "/batch/tables/describe"):
        requests_mock.get(f"{API}{path}", **answer)
    client = connect()
    [report] = client.report_types()
    client.final_day(report)
    client.requests(report, MONTH)
    assert len(report.columns) == 3 + 56
    assert (kinds(report)["global_rank"], kinds(report)["category"]) == (Kind.INTEGER, Kind.STRING)
    assert [record.levelname for record in caplog.records].count("WARNING") == 1
    assert "documented tables are used" in caplog.text
    assert requests_mock.call_count == calls, "it is asked once a run"


def test_a_wrong_key_is_no_reason_for_documented_tables_and_asked_with_once(requests_mock):
    requests_mock.get(DESCRIBE, status_code=401, text="invalid API key")
    client = connect()
    for _ in range(2):
        with pytest.raises(AccessDenied, match="invalid API key"):
            client.report_types()
    assert requests_mock.call_count == 1


def test_describe_is_asked_once_by_many_threads(described):
    client = connect()
    with ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(lambda _: client.report_types(), range(8)))) == 8
    assert described.call_count == 1
    assert described.last_request.headers["api-key"] == KEY


def test_entries_of_describe_that_make_no_sense_are_passed_over(requests_mock):
    broken = [None, {"table": ""}, {"table": "bare"}, {**DESCRIBED[1], "table_granularity": ["daily"]}]
    requests_mock.get(DESCRIBE, json=[*broken, *DESCRIBED[:1]])
    client = connect({"table": "custom_table", "granularity": "daily", "filters": {"industries": ["retail"]}})
    [report] = client.report_types()
    assert client.final_day(report) == dt.date(2023, 9, 10), "no end date: the documented delay counts"
