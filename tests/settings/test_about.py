"""`--about`: complete, grouped, and quick."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from tap_reports.settings.about import as_text, groups
from tap_reports.settings.environment import environment_config
from tap_reports.settings.schema import settings_schema
from tap_reports.tap import TapReports
from tap_reports.vendors import all_vendors

SLOW = ["pyarrow", "sqlalchemy", "rich", "xlrd", "ijson", "pendulum", "jinja2"]


@pytest.fixture
def info():
    return TapReports._get_about_info()


def test_every_setting_of_the_schema_is_in_one_group(info):
    shown = [setting.name for settings in groups(info).values() for setting in settings]
    assert len(shown) == len(set(shown))
    assert set(settings_schema()["properties"]) - set(all_vendors()) <= set(shown)
    for name in all_vendors():
        block = settings_schema()["properties"][name]["properties"]
        assert {f"{name}.{inner}" for inner in block} <= set(shown)
        for inner in block["reports"]["items"]["properties"]:
            assert f"{name}.reports[].{inner}" in shown


def test_groups_are_the_top_level_each_vendor_and_the_sdk(info):
    by_heading = groups(info)
    titles = list(by_heading)
    assert titles[0] == "Top level"
    assert [re.search(r"\((\w+)\)", title)[1] for title in titles[1:-1]] == list(all_vendors())
    assert "stream_maps" in {setting.name for setting in by_heading[titles[-1]]}


def test_secrets_and_required_settings_are_marked(info):
    text = as_text(info)
    for name in (
        "similarweb.api_key",
        "impact.auth_token",
        "digital_turbine.client_secret",
        "second_nature.api_key",
    ):
        assert f"{name}  (text, required, secret)" in text
    assert "postbacks.secret  (text, required, secret)" in text


def test_variables_are_those_that_are_read(info):
    *own, _of_sdk = groups(info).values()
    named = {setting.variable: setting.name for settings in own for setting in settings}
    named.pop("")
    assert named["TAP_REPORTS_IMPACT_AUTH_TOKEN"] == "impact.auth_token"
    read, _ = environment_config({variable: "1" for variable, name in named.items() if "seconds" in name})
    assert read["impact"]["poll_interval_seconds"] == read["poll_interval_seconds"] == 1


def test_text_keeps_names_and_variables_whole(info):
    lines = as_text(info).splitlines()
    assert max(map(len, lines)) <= 120
    assert "    [TAP_REPORTS_DIGITAL_TURBINE_POLL_MAX_INTERVAL_SECONDS]" in lines


@pytest.mark.parametrize("option", ["--version", "--help", "--about"])
def test_quick_answers_import_no_slow_library(option):
    program = f"""
import sys
from tap_reports.__main__ import main
sys.argv = ["tap-reports", "{option}"]
try:
    main()
except SystemExit as ending:
    assert ending.code == 0, ending.code
print(sorted(set({SLOW!r}) & set(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr.splitlines()[-1] == "[]"
    assert "tap-reports" in done.stdout


def test_json_holds_the_whole_schema(capsys):
    TapReports.print_about("json")
    about = json.loads(capsys.readouterr().out)
    assert about["name"] == "tap-reports"
    assert set(settings_schema()["properties"]) <= set(about["settings"]["properties"])
    assert about["settings"]["properties"]["impact"]["properties"]["auth_token"]["secret"] is True
