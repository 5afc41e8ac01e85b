"""Texts that stand for numbers: Meltano passes a number with a fraction on as text."""

from __future__ import annotations

import pytest

from tap_reports.exceptions import ConfigError
from tap_reports.settings import read as config
from tap_reports.settings.environment import with_values

BLOCK = {"client_id": "5a4db0c5", "client_secret": "word"}


def test_a_text_becomes_a_number_where_only_a_number_fits():
    given = {
        "poll_interval_seconds": "0.25",
        "reuse_job_hours": "6",
        "user_agent": "7",
        "digital_turbine": {**BLOCK, "client_id": "12", "job_deadline_seconds": "90"},
    }
    assert with_values(given) == {
        "poll_interval_seconds": 0.25,
        "reuse_job_hours": 6,
        "user_agent": "7",
        "digital_turbine": {**BLOCK, "client_id": "12", "job_deadline_seconds": 90},
    }


@pytest.mark.parametrize("text", ["soon", "", "[1]", '"5"'])
def test_a_text_that_is_no_number_is_still_a_mistake(text):
    given = with_values({"poll_interval_seconds": text, "digital_turbine": BLOCK})
    with pytest.raises(ConfigError, match="poll_interval_seconds"):
        config.read(given, version="1")
