"""Configuration: read whole, or refused with every mistake at once."""

from __future__ import annotations

import datetime as dt

import pytest

from tap_reports.exceptions import ConfigError
from tap_reports.models import Shard
from tap_reports.settings.environment import environment_config, merged
from tap_reports.settings.read import read
from tap_reports.settings.validate import errors_of

DT = {"client_id": "abcd1234", "client_secret": "very-secret-word"}
IMPACT = {"account_sid": "IRabc", "auth_token": "token-of-impact", "account_type": "partner"}


def settings(**config):
    return read({"start_date": "2026-01-01", **config}, version="1.2.3")


def errors_in(config):
    with pytest.raises(ConfigError) as caught:
        read(config, version="1.2.3")
    return caught.value.errors


def test_defaults_are_those_of_the_documentation():
    found = settings(digital_turbine=DT)
    assert (found.start_date, found.end_date) == (dt.date(2026, 1, 1), None)
    assert found.user_agent == "tap-reports/1.2.3"
    assert found.request_timeout_seconds == 60
    assert (found.retry_policy.max_retries, found.retry_policy.backoff_seconds) == (5, 1)
    (block,) = found.vendors
    assert (block.poll_interval_seconds, block.poll_max_interval_seconds) == (5, 60)
    assert (block.job_deadline_seconds, block.reuse_job_hours, block.reuse_finished_jobs) == (3600, 6, True)
    assert (block.max_jobs_in_flight, block.api_url) == (20, "https://reporting.digitalturbine.com")


def test_the_users_poll_interval_comes_before_the_vendors_own_and_the_blocks_before_both():
    key = {"api_key": "a-long-key"}

    def poll(**more):
        return settings(second_nature={**key, **more.pop("block", {})}, **more).vendors[0]

    assert poll().poll_interval_seconds == 15
    assert poll(poll_interval_seconds=0.5).poll_interval_seconds == 0.5
    assert poll(poll_interval_seconds=0.5, block={"poll_interval_seconds": 2}).poll_interval_seconds == 2


def test_a_vendor_s_deadline_comes_before_that_of_the_top_level():
    both = settings(digital_turbine={**DT, "job_deadline_seconds": 3}, job_deadline_seconds=600)
    assert both.vendors[0].job_deadline_seconds == 3
    assert settings(digital_turbine=DT, job_deadline_seconds=600).vendors[0].job_deadline_seconds == 600


def test_null_means_not_set():
    assert settings(digital_turbine={**DT, "api_url": None}, end_date=None).end_date is None


def test_all_mistakes_come_at_once_and_name_setting_and_remedy():
    found = errors_in(
        {
            "start_date": "2026-02-30",
            "poll_interval_seconds": 0,
            "digital_turbine": {"client_id": 7, "slice_dys": 3},
            "impact": {**IMPACT, "account_type": "brnd"},
            "second_nature": {"api_key": "a-long-key", "api_url": "http://example.com"},
        }
    )
    text = "\n".join(found)
    assert "start_date: must be a day such as 2026-01-31" in text
    assert "poll_interval_seconds: must be more than 0" in text
    assert "digital_turbine.client_id: must be text, not a number" in text
    assert "TAP_REPORTS_DIGITAL_TURBINE_CLIENT_SECRET" in text
    assert 'digital_turbine.slice_dys: unknown setting. Did you mean "slice_days"?' in text
    assert '"brand", "partner", "agency", not "brnd". Did you mean "brand"?' in text
    assert "second_nature.api_url: must be an https:// URL" in text


def test_no_vendor_block_names_the_nearest():
    (text,) = errors_in({"similarwb": {}})
    assert 'Did you mean "similarweb"?' in text
    (text,) = errors_in({})
    assert text.startswith("No vendor is configured")


def test_start_after_end():
    (text,) = errors_in({"start_date": "2026-02-01", "end_date": "2026-01-31", "digital_turbine": DT})
    assert "start_date: 2026-02-01 is after end_date, 2026-01-31" in text


@pytest.mark.parametrize("day", ["2026-01-31", "2026-01-31T05:00:00Z", "2026-01-31T23:59:59.5-06:00"])
def test_days_are_taken_as_written(day):
    assert settings(digital_turbine=DT, end_date=day).end_date == dt.date(2026, 1, 31)


@pytest.mark.parametrize("day", ["2026-1-31", "31.01.2026", "yesterday", "", 20260131])
def test_other_days_are_refused(day):
    assert any("end_date" in text for text in errors_in({"end_date": day, "digital_turbine": DT}))


def test_two_reports_of_one_name():
    report = {"name": "Daily Spend", "metrics": ["Spend"], "splits": ["Date"]}
    (text,) = errors_in(
        {
            "start_date": "2026-01-01",
            "digital_turbine": {**DT, "reports": [report, {**report, "name": "daily_spend"}]},
        }
    )
    assert '2 reports are named "digital_turbine_daily_spend"' in text


def test_a_slice_longer_than_the_vendor_takes():
    (text,) = errors_in({"start_date": "2026-01-01", "digital_turbine": {**DT, "slice_days": 91}})
    assert "digital_turbine.slice_days: must be at most 90, not 91" in text


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"secret": ""}, "postbacks.secret"),
        ({"listen": "localhost"}, "postbacks.listen"),
        ({"listen": "localhost:99999"}, "postbacks.listen"),
        ({"public_url": "ftp://example.com"}, "postbacks.public_url"),
    ],
)
def test_postback_mistakes(change, named):
    postbacks = {
        "listen": "127.0.0.1:8080",
        "public_url": "https://example.com/x",
        "secret": "s3cret-s3cret",
        **change,
    }
    (text,) = errors_in({"start_date": "2026-01-01", "impact": IMPACT, "postbacks": postbacks})
    assert text.startswith(named)


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


def test_variables_make_up_blocks():
    found, errors = environment_config(
        {
            "TAP_REPORTS_START_DATE": "2026-01-01",
            "TAP_REPORTS_IMPACT_AUTH_TOKEN": "word",
            "TAP_REPORTS_IMPACT_REPORTS_PER_DAY": "7",
            "TAP_REPORTS_IMPACT_CLICKS": "true",
            "TAP_REPORTS_SIMILARWEB_DOMAINS": '["a.com"]',
            "TAP_REPORTS_LINEAGE_COLUMNS": "off",
            "OTHER": "x",
        }
    )
    assert found == {
        "start_date": "2026-01-01",
        "impact": {"auth_token": "word", "reports_per_day": 7, "clicks": True},
        "similarweb": {"domains": ["a.com"]},
        "lineage_columns": False,
    }
    assert errors == []


def test_a_misspelt_variable_is_an_error_and_any_other_unknown_one_a_warning(caplog):
    found = environment_config({"TAP_REPORTS_IMPACT_AUTH_TOKN": "x", "TAP_REPORTS_HOME": "y"})
    said = 'TAP_REPORTS_IMPACT_AUTH_TOKN: unknown variable. Did you mean "TAP_REPORTS_IMPACT_AUTH_TOKEN"?'
    assert found == ({}, [said])
    assert "TAP_REPORTS_HOME: unknown variable, ignored." in caplog.text


def test_a_variable_of_the_wrong_type_is_named_with_its_value_unless_it_is_a_secret():
    _, errors = environment_config(
        {"TAP_REPORTS_IMPACT_REPORTS_PER_DAY": "many", "TAP_REPORTS_POSTBACKS": "very-secret-word"}
    )
    assert errors[0].startswith('TAP_REPORTS_IMPACT_REPORTS_PER_DAY: must be a whole number, not "many"')
    assert "very-secret-word" not in errors[1]


def test_a_variable_nested_too_deeply_is_an_error_in_words():
    _, errors = environment_config({"TAP_REPORTS_SIMILARWEB_DOMAINS": "[" * 100_000})
    assert "lists and objects are written as JSON" in errors[0]


def test_files_are_merged_block_by_block():
    assert merged({"impact": {"a": 1, "b": 2}, "x": [1]}, {"impact": {"b": 3}, "x": [2]}) == {
        "impact": {"a": 1, "b": 3},
        "x": [2],
    }


def test_a_mistake_hides_no_other_one():
    report = {
        "name": "x",
        "metrics": ["Spend"],
        "splits": [],
        "columns": {"Spend": "money"},
        "slice_days": "many",
    }
    blocks = {
        "digital_turbine": {"client_id": 5, "api_url": "http://far.example.com", "reports": [report, "none"]},
        "impact": {"account_sid": "a", "clicks": {"program_ids": [{}]}, "api_url": "http://far.example.com"},
        "second_nature": {"api_url": "ftp://far.example.com", "requests_per_minute": "many", "slice_days": 0},
    }
    with pytest.raises(ConfigError) as caught:
        read({"start_date": "soon", "invalid_values": "maybe", **blocks}, version="1")
    said = "\n".join(caught.value.errors)
    for part in (
        "start_date: must",
        "invalid_values: must",
        "digital_turbine.client_id: must",
        "digital_turbine.client_secret: required",
        "digital_turbine.api_url: must",
        "digital_turbine.reports[0].columns.Spend: must",
        "digital_turbine.reports[0].slice_days: must",
        "digital_turbine.reports[1]: must",
        "impact.auth_token: required",
        "impact.clicks",
        "impact.api_url: must",
        "second_nature.api_key: required",
        "second_nature.api_url: must",
        "second_nature.requests_per_minute: must",
        "second_nature.slice_days: must",
    ):
        assert part in said, said


def test_no_error_names_what_stands_in_for_a_wrong_report():
    given = {"similarweb": {"api_key": "k", "reports": ["by_day"]}, "digital_turbine": DT}
    said = " ".join(errors_of(given, for_sync=True))
    assert "need it: digital_turbine_campaign_daily, similarweb." in said
    assert "stand_in" not in said


def test_an_empty_secret_is_a_missing_one_wherever_it_stands():
    found = errors_in(
        {
            "start_date": "2026-01-01",
            "second_nature": {"api_key": " ", "reports": [{"report_name": ""}]},
            "digital_turbine": {**DT, "client_secret": ""},
            "impact": {**IMPACT, "account_sid": " ", "reports": [{"id": " "}]},
            "similarweb": {"api_key": ""},
        }
    )
    assert [text.partition(":")[0] for text in found] == [
        "digital_turbine.client_secret",
        "impact.account_sid",
        "impact.reports[0].id",
        "second_nature.api_key",
        "second_nature.reports[0].report_name",
        "similarweb.reports[0]",
        "similarweb.api_key",
    ]
    assert [text for text in found if "second" in text or "turbine" in text] == [
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


def test_impact_reuses_jobs_for_20_hours_unless_block_or_top_level_says_otherwise():
    def hours(**more):
        return settings(impact={**IMPACT, **more.pop("block", {})}, **more).vendors[0].reuse_job_hours

    assert hours() == 20
    assert hours(reuse_job_hours=3) == 3
    assert hours(reuse_job_hours=3, block={"reuse_job_hours": 0.5}) == 0.5


def test_a_file_is_bounded_and_a_spent_quota_fails_unless_told_otherwise():
    assert (settings(impact=IMPACT).max_file_bytes, settings(impact=IMPACT).on_quota_spent) == (
        100 * 2**30,
        "fail",
    )
    told = settings(impact=IMPACT, max_file_gib=0.5, on_quota_spent="stop")
    assert (told.max_file_bytes, told.on_quota_spent) == (2**29, "stop")


@pytest.mark.parametrize(
    ("block", "variables"),
    [
        ({"index": 2, "count": 4}, {"JOB_COMPLETION_INDEX": "1"}),
        ({"count": 4}, {"JOB_COMPLETION_INDEX": "2"}),
        ({"count": 4}, {"AWS_BATCH_JOB_ARRAY_INDEX": "2"}),
        ({}, {"CLOUD_RUN_TASK_INDEX": "2", "CLOUD_RUN_TASK_COUNT": "4"}),
    ],
)
def test_a_share_comes_from_the_settings_or_from_the_batch_service(monkeypatch, block, variables):
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    assert settings(impact=IMPACT, end_date="2026-02-01", shard=block).shard == Shard(2, 4)


def test_without_the_setting_nothing_is_shared(monkeypatch):
    monkeypatch.setenv("CLOUD_RUN_TASK_INDEX", "2")
    monkeypatch.setenv("CLOUD_RUN_TASK_COUNT", "4")
    assert settings(impact=IMPACT).shard is None


@pytest.mark.parametrize(
    ("block", "variables", "said"),
    [
        ({"index": 4, "count": 4}, {}, "shard.index: 4 is not below the count, 4"),
        ({"index": 0}, {}, "shard.count: required setting is missing"),
        ({"count": 4}, {}, "TAP_REPORTS_SHARD_INDEX, JOB_COMPLETION_INDEX, AWS_BATCH_JOB_ARRAY_INDEX"),
        (
            {"count": 4},
            {"JOB_COMPLETION_INDEX": "two"},
            'JOB_COMPLETION_INDEX must hold a whole number, not "two"',
        ),
        ({"index": 0, "count": 2}, {}, "end_date: required setting is missing"),
    ],
)
def test_a_share_that_is_not_clear_is_refused(monkeypatch, block, variables, said):
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    assert said in " ".join(errors_in({"start_date": "2026-01-01", "impact": IMPACT, "shard": block}))


def test_variables_of_a_share_are_read():
    assert environment_config({"TAP_REPORTS_SHARD_COUNT": "4"}) == ({"shard": {"count": 4}}, [])
