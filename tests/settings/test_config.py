"""Configuration: read whole, or refused with every mistake at once."""

from __future__ import annotations

import datetime as dt

import pytest

from tap_reports.exceptions import ConfigError
from tap_reports.settings.read import read
from tap_reports.settings.validate import errors_of

DT = {"client_id": "abcd1234", "client_secret": "very-secret-word"}
OTHER_DAYS = ("2026-1-31", "31.01.2026", "yesterday", "", 20260131)
IMPACT = {"account_sid": "IRabc", "auth_token": "token-of-impact", "account_type": "partner"}


def settings(**config):
    return read({"start_date": "2026-01-01", **config}, version="1.2.3")


def errors_in(config):
    with pytest.raises(ConfigError) as caught:
        read(config, version="1.2.3")
    return caught.value.errors


def test_defaults_are_those_of_the_documentation():
    result = settings(digital_turbine=DT)
    assert (result.start_date, result.end_date) == (dt.date(2026, 1, 1), None)
    assert result.user_agent == "tap-reports/1.2.3"
    assert result.request_timeout_seconds == 60
    assert (result.max_file_bytes, result.on_quota_spent) == (100 * 2**30, "fail")
    assert settings(digital_turbine=DT, max_file_gib=0.5).max_file_bytes == 2**29
    assert (result.retry_policy.max_retries, result.retry_policy.backoff_seconds) == (5, 1)
    (block,) = result.vendors
    assert (block.poll_interval_seconds, block.poll_max_interval_seconds) == (5, 60)
    assert (block.job_deadline_seconds, block.reuse_job_hours, block.reuse_finished_jobs) == (3600, 6, True)
    assert (block.max_jobs_in_flight, block.api_url) == (20, "https://reporting.digitalturbine.com")


@pytest.mark.parametrize(
    ("name", "in_block", "at_top", "expected"),
    [
        ("poll_interval_seconds", None, None, 15),
        ("poll_interval_seconds", None, 0.5, 0.5),
        ("poll_interval_seconds", 2, 0.5, 2),
        ("job_deadline_seconds", None, 600, 600),
        ("job_deadline_seconds", 3, 600, 3),
        ("reuse_job_hours", None, None, 6),
        ("reuse_job_hours", 0.5, 3, 0.5),
    ],
)
def test_the_block_s_own_setting_comes_before_the_top_level_s_and_both_before_the_vendor_s(
    name, in_block, at_top, expected
):
    block = {"api_key": "a-long-key", name: in_block}
    assert getattr(settings(second_nature=block, **{name: at_top}).vendors[0], name) == expected


def test_impact_reuses_jobs_for_20_hours_unless_told_otherwise():
    assert settings(impact=IMPACT).vendors[0].reuse_job_hours == 20
    assert settings(impact=IMPACT, reuse_job_hours=3).vendors[0].reuse_job_hours == 3


@pytest.mark.parametrize("block", [{"second_nature": {"api_key": "a-long-key"}}, {"impact": IMPACT}])
def test_an_empty_list_of_reports_asks_for_what_the_vendor_lists(block):
    ((name, values),) = block.items()
    for reports in ({}, {"reports": []}, {"reports": None}):
        assert settings(**{name: {**values, **reports}}).vendors[0].reports is None


def postbacks(**change):
    given = {"listen": "127.0.0.1:8080", "public_url": "https://example.com/x", "secret": "s3cret-s3cret"}
    return {"impact": IMPACT, "postbacks": {**given, **change}}


REPORT = {"name": "Daily Spend", "metrics": ["Spend"], "splits": ["Date"]}


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"similarwb": {}}, 'Did you mean "similarweb"?'),
        ({}, "No vendor is configured"),
        (
            {"end_date": "2025-12-31", "digital_turbine": DT},
            "start_date: 2026-01-01 is after end_date",
        ),
        (
            {"digital_turbine": {**DT, "reports": [REPORT, {**REPORT, "name": "daily_spend"}]}},
            '2 reports are named "digital_turbine_daily_spend"',
        ),
        (
            {"digital_turbine": {**DT, "slice_days": 91}},
            "digital_turbine.slice_days: must be at most 90",
        ),
        (postbacks(secret=""), "postbacks.secret: must not be empty"),
        (postbacks(listen="localhost"), "postbacks.listen: must be"),
        (postbacks(listen="localhost:99999"), "postbacks.listen: must be"),
        (postbacks(public_url="ftp://example.com"), "postbacks.public_url: must be"),
        *(({"end_date": day, "digital_turbine": DT}, "end_date: must be") for day in OTHER_DAYS),
    ],
)
def test_one_mistake_is_one_error_that_names_the_setting(config, said):
    (text,) = errors_in({"start_date": "2026-01-01", **config})
    assert said in text


@pytest.mark.parametrize("day", ["2026-01-31", "2026-01-31T05:00:00Z", "2026-01-31T23:59:59.5-06:00"])
def test_days_are_taken_as_written(day):
    assert settings(digital_turbine=DT, end_date=day).end_date == dt.date(2026, 1, 31)


def test_secrets_are_never_shown():
    config = {"digital_turbine": {**DT, "client_secret": ["very-secret-word"], "x": "very-secret-word"}}
    assert "very-secret-word" not in "\n".join(errors_in(config))
    assert "very-secret-word" not in repr(settings(digital_turbine=DT).vendors)


@pytest.mark.parametrize("place", ["https://me:secret-x@host/v1", "me:se@secret@host", "//secret-x@host"])
def test_a_url_that_is_refused_is_shown_without_its_user_name_and_password(place):
    text = "\n".join(errors_in({"second_nature": {"api_key": "a-long-key", "api_url": place}}))
    assert "api_url: must be an https:// URL" in text
    assert "[redacted]@host" in text
    assert "secret" not in text


def test_a_start_date_is_needed_for_dated_reports_only():
    reports = [{"report_name": "one"}, {"report_name": "two", "dated": True}]
    config = {"second_nature": {"api_key": "a-long-key", "reports": reports}, "digital_turbine": DT}
    with pytest.raises(ConfigError) as caught:
        read(config, version="1", for_sync=True)
    (text,) = caught.value.errors
    assert text.startswith("start_date: required")
    assert "digital_turbine_campaign_daily, second_nature_two" in text
    assert read(config, version="1").start_date is None


def test_all_mistakes_come_at_once_and_name_setting_and_remedy():
    report = {
        "name": "x",
        "metrics": ["Spend"],
        "splits": [],
        "columns": {"Spend": "money"},
        "slice_days": "many",
    }
    far = "http://far.example.com"
    turbine = {"client_id": 5, "api_url": far, "reports": [report, "none"], "slice_dys": 3}
    impact = {"account_sid": "a", "clicks": {"program_ids": [{}]}, "api_url": far, "account_type": "brnd"}
    nature = {"api_url": "ftp://far.example.com", "requests_per_minute": "many", "slice_days": 0}
    blocks = {"digital_turbine": turbine, "impact": impact, "second_nature": nature}
    top = {"start_date": "2026-02-30", "poll_interval_seconds": 0, "invalid_values": "maybe"}
    said = "\n".join(errors_in({**top, **blocks}))
    for part in (
        "start_date: must be a day such as 2026-01-31",
        "poll_interval_seconds: must be more than 0",
        "invalid_values: must",
        "digital_turbine.client_id: must be text, not a number",
        "TAP_REPORTS_DIGITAL_TURBINE_CLIENT_SECRET",
        'digital_turbine.slice_dys: unknown setting. Did you mean "slice_days"?',
        "digital_turbine.api_url: must be an https:// URL",
        "digital_turbine.reports[0].columns.Spend: must",
        "digital_turbine.reports[0].slice_days: must",
        "digital_turbine.reports[1]: must",
        "impact.auth_token: required",
        '"brand", "partner", "agency", not "brnd". Did you mean "brand"?',
        "impact.clicks",
        "impact.api_url: must",
        "second_nature.api_key: required",
        "second_nature.api_url: must",
        "second_nature.requests_per_minute: must",
        "second_nature.slice_days: must",
    ):
        assert part in said, said


def test_no_error_names_the_stand_in_of_a_wrong_report():
    given = {"similarweb": {"api_key": "k", "reports": ["by_day"]}, "digital_turbine": DT}
    said = " ".join(errors_of(given, for_sync=True))
    assert "need it: digital_turbine_campaign_daily, similarweb." in said
    assert "stand_in" not in said


def test_an_empty_required_setting_is_an_error_like_a_missing_one():
    texts = errors_in(
        {
            "start_date": "2026-01-01",
            "second_nature": {"api_key": " ", "reports": [{"report_name": ""}]},
            "digital_turbine": {**DT, "client_secret": ""},
            "impact": {**IMPACT, "account_sid": " ", "reports": [{"id": " "}]},
            "similarweb": {"api_key": ""},
        }
    )
    assert [text.partition(":")[0] for text in texts] == [
        "digital_turbine.client_secret",
        "impact.account_sid",
        "impact.reports[0].id",
        "second_nature.api_key",
        "second_nature.reports[0].report_name",
        "similarweb.reports[0]",
        "similarweb.api_key",
    ]
    assert [text for text in texts if "second" in text or "turbine" in text] == [
        (
            "digital_turbine.client_secret: required setting is empty; add it, or set the variable "
            "TAP_REPORTS_DIGITAL_TURBINE_CLIENT_SECRET and pass --config=ENV."
        ),
        (
            "second_nature.api_key: required setting is empty; add it, or set the variable "
            "TAP_REPORTS_SECOND_NATURE_API_KEY and pass --config=ENV."
        ),
        "second_nature.reports[0].report_name: required setting is empty; add it.",
    ]
