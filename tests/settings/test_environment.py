"""Settings from the environment: whole blocks, texts that stand for numbers, this process's share."""

from __future__ import annotations

import pytest
from test_config import DT, IMPACT, errors_in, settings

from tap_reports.models import Shard
from tap_reports.settings.environment import environment_config, merged, with_values


def test_variables_make_up_blocks():
    config, errors = environment_config(
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
    assert config == {
        "start_date": "2026-01-01",
        "impact": {"auth_token": "word", "reports_per_day": 7, "clicks": True},
        "similarweb": {"domains": ["a.com"]},
        "lineage_columns": False,
    }
    assert errors == []


@pytest.mark.parametrize("order", [1, -1])
def test_a_block_s_own_variable_and_those_of_its_settings_go_together_in_any_order(order):
    variables = [("TAP_REPORTS_SHARD", '{"count": 4, "index": 0}'), ("TAP_REPORTS_SHARD_INDEX", "1")]
    assert environment_config(dict(variables[::order])) == ({"shard": {"count": 4, "index": 1}}, [])


def test_a_misspelt_variable_is_an_error_and_any_other_unknown_one_a_warning(caplog):
    result = environment_config({"TAP_REPORTS_IMPACT_AUTH_TOKN": "x", "TAP_REPORTS_HOME": "y"})
    said = 'TAP_REPORTS_IMPACT_AUTH_TOKN: unknown variable. Did you mean "TAP_REPORTS_IMPACT_AUTH_TOKEN"?'
    assert result == ({}, [said])
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


def test_a_text_becomes_a_number_where_only_a_number_fits():
    given = {
        "poll_interval_seconds": "0.25",
        "reuse_job_hours": "6",
        "user_agent": "7",
        "digital_turbine": {**DT, "client_id": "12", "job_deadline_seconds": "90"},
    }
    assert with_values(given) == {
        "poll_interval_seconds": 0.25,
        "reuse_job_hours": 6,
        "user_agent": "7",
        "digital_turbine": {**DT, "client_id": "12", "job_deadline_seconds": 90},
    }


@pytest.mark.parametrize("text", ["soon", "", "[1]", '"5"'])
def test_a_text_that_is_not_a_number_is_an_error(text):
    given = with_values({"poll_interval_seconds": text, "digital_turbine": DT})
    assert "poll_interval_seconds" in " ".join(errors_in(given))


def test_files_are_merged_block_by_block():
    assert merged({"impact": {"a": 1, "b": 2}, "x": [1]}, {"impact": {"b": 3}, "x": [2]}) == {
        "impact": {"a": 1, "b": 3},
        "x": [2],
    }


@pytest.mark.parametrize(
    ("block", "variables"),
    [
        ({"index": 2, "count": 4}, {"JOB_COMPLETION_INDEX": "1"}),
        ({"count": 4}, {"JOB_COMPLETION_INDEX": "2"}),
        ({"count": 4}, {"AWS_BATCH_JOB_ARRAY_INDEX": "2"}),
        ({}, {"CLOUD_RUN_TASK_INDEX": "2", "CLOUD_RUN_TASK_COUNT": "4"}),
    ],
)
def test_a_shard_comes_from_the_settings_or_from_the_batch_service(monkeypatch, block, variables):
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    assert settings(impact=IMPACT, end_date="2026-02-01", shard=block).shard == Shard(2, 4)


def test_without_the_setting_there_is_no_shard(monkeypatch):
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
def test_an_incomplete_or_contradictory_shard_is_refused(monkeypatch, block, variables, said):
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    assert said in " ".join(errors_in({"start_date": "2026-01-01", "impact": IMPACT, "shard": block}))


def test_a_shard_s_variables_are_read():
    assert environment_config({"TAP_REPORTS_SHARD_COUNT": "4"}) == ({"shard": {"count": 4}}, [])
