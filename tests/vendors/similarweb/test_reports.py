"""Similarweb: report types from describe and from the documented tables."""

import datetime as dt
import threading

import pytest
from similarweb_account import DESCRIBE, DESCRIBED, KEY, MONTH, TRAFFIC, connect, kinds

from tap_reports.exceptions import AccessDenied
from tap_reports.models import FileFormat, Granularity, Kind, Slice


def test_report_type_takes_columns_kinds_and_keys_from_describe(described):
    [report] = connect().report_types()

    assert report.name == "traffic_and_engagement_monthly"
    assert report.report == "traffic_and_engagement"
    assert report.granularity is Granularity.MONTHLY
    assert report.dated
    assert report.primary_keys == ("domain", "country", "date")
    assert report.date_column == "date"
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


@pytest.mark.usefixtures("described")
@pytest.mark.parametrize(("granularity", "slice_days"), [("daily", 30), ("weekly", 365), ("monthly", 365)])
def test_slices_are_as_long_as_the_granularity_allows(granularity, slice_days):
    [report] = connect({**TRAFFIC, "granularity": granularity}).report_types()
    assert report.slice_days == slice_days
    assert report.name == f"traffic_and_engagement_{granularity}"


@pytest.mark.usefixtures("described")
def test_metrics_of_a_granularity_are_those_that_support_it():
    [report] = connect({**TRAFFIC, "granularity": "weekly"}).report_types()
    assert list(kinds(report)) == ["domain", "country", "date", "desktop_visits"]


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


def test_key_columns_that_no_filter_names_come_from_the_documentation(requests_mock):
    table = {
        "table": "traffic_sources",
        "table_granularity": {"monthly": {}},
        "table_metrics": [{"metric_name": "desktop_traffic_source_share", "type": "double"}],
        "table_filters": [
            {"name": "domains", "key_column": "domain", "type": "list"},
            {"name": "channels", "key_column": "channel", "type": "list"},
        ],
    }
    requests_mock.get(DESCRIBE, json=[table])
    [report] = connect({"table": "traffic_sources"}).report_types()
    assert report.primary_keys == ("domain", "country", "referrer_name", "channel", "date")


def test_described_key_columns_that_the_documentation_lacks_win(requests_mock):
    described = {**DESCRIBED[0], "table_filters": [{"name": "domains", "key_column": "site", "type": "list"}]}
    requests_mock.get(DESCRIBE, json=[described])
    [report] = connect().report_types()
    assert report.primary_keys == ("site", "date")


@pytest.mark.usefixtures("undescribed")
def test_a_key_column_that_is_also_a_metric_is_one_column():
    [report] = connect({"table": "channel_conversion"}).report_types()
    headers = [column.header for column in report.columns]
    assert headers.count("channel_sector") == 1
    assert headers.index("channel_sector") < headers.index("date")


@pytest.mark.parametrize("status", [403, 404, 410, 400, 500])
def test_without_describe_the_documented_tables_are_used_and_one_warning_is_logged(
    requests_mock, caplog, status
):
    for path in ("/v3/batch/tables/describe", "/batch/tables/describe"):
        requests_mock.get(f"https://api.similarweb.com{path}", status_code=status, text="no")
    client = connect()

    [report] = client.report_types()
    client.final_day(report)
    client.requests(report, MONTH)

    assert len(report.columns) == 3 + 56
    assert kinds(report)["global_rank"] is Kind.INTEGER
    assert kinds(report)["category"] is Kind.STRING
    assert [record.levelname for record in caplog.records].count("WARNING") == 1
    assert requests_mock.call_count == (2 if status in {404, 410} else 1), "it is asked once a run"


@pytest.mark.parametrize(
    "answer", [{"text": "<html>"}, {"json": []}, {"json": {"tables": None}}, {"json": "x"}]
)
def test_a_describe_answer_without_tables_is_no_describe(requests_mock, caplog, answer):
    requests_mock.get(DESCRIBE, **answer)
    [report] = connect().report_types()
    assert len(report.columns) == 3 + 56
    assert "documented tables are used" in caplog.text


def test_a_wrong_key_is_no_reason_for_documented_tables_and_asked_with_once(requests_mock):
    requests_mock.get(DESCRIBE, status_code=401, text="invalid API key")
    client = connect()
    for _ in range(2):
        with pytest.raises(AccessDenied, match="invalid API key"):
            client.report_types()
    assert requests_mock.call_count == 1


def test_describe_is_asked_once_by_many_threads(described):
    client = connect()
    threads = [threading.Thread(target=client.report_types) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert described.call_count == 1
    assert described.last_request.headers["api-key"] == KEY


def test_entries_of_describe_that_make_no_sense_are_passed_over(requests_mock):
    broken = [None, {"table": ""}, {"table": "bare"}, {**DESCRIBED[1], "table_granularity": ["daily"]}]
    requests_mock.get(DESCRIBE, json=[*broken, *DESCRIBED[:1]])
    client = connect({"table": "custom_table", "granularity": "daily", "filters": {"industries": ["retail"]}})
    [report] = client.report_types()
    assert client.final_day(report) == dt.date(2023, 9, 10), "no end date: the documented delay counts"
