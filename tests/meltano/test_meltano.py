"""Meltano as its users run it: run, state, select, config, invoke, inherited plugins."""

from __future__ import annotations

import datetime as dt
import json
import re
import sqlite3
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml

from tap_reports.sandbox import Sandbox
from tap_reports.sandbox.options import Accounts

pytestmark = [pytest.mark.installs, pytest.mark.xdist_group("meltano"), pytest.mark.timeout(600)]

PAGE = Path(__file__).parents[2] / "docs" / "meltano.md"
VENDORS = ("digital_turbine", "impact", "second_nature", "similarweb")
STATE_ID = "dev:tap-reports-to-target-duckdb"


def bookmarks(project):
    state = json.loads(project.run("--environment=dev", "state", "get", STATE_ID).stdout)
    return {
        name: bookmark.get("replication_key_value")
        for name, bookmark in state["singer_state"]["bookmarks"].items()
    }


def test_a_pipeline_loads_all_four_vendors_and_the_second_run_only_what_is_new(
    project, tmp_path, sandbox, config
):
    """In between, a full refresh loads everything again without asking a vendor again."""
    project.use(tmp_path, {**config, "end_date": "2026-03-10"})
    project.run("run", "tap-reports", "target-duckdb")
    first = project.counts()
    assert {vendor for vendor in VENDORS if any(name.startswith(vendor) for name in first)} == set(VENDORS)
    assert first["digital_turbine_campaign_daily"] == 10 * 10
    assert bookmarks(project)["digital_turbine_campaign_daily"] == "2026-03-10"

    asked = {vendor: sandbox.submissions(vendor).calls for vendor in VENDORS}
    done = project.run("run", "--full-refresh", "tap-reports", "target-duckdb")
    assert f"{sum(first.values())} rows" in done.stderr
    assert project.counts() == first
    assert {vendor: sandbox.submissions(vendor).calls for vendor in VENDORS} == asked

    project.use(tmp_path, config)
    project.run("run", "tap-reports", "target-duckdb")
    asked = [call for call in sandbox.calls_of("digital_turbine", "submit") if call.status == 200]
    assert len(asked) == 2
    second = project.counts()
    assert second["digital_turbine_campaign_daily"] > first["digital_turbine_campaign_daily"]
    assert second["second_nature_admin_xls_report__quiz_overview"] == 10
    assert bookmarks(project)["digital_turbine_campaign_daily"] > "2026-03-10"


def test_only_selected_columns_are_loaded(project, tmp_path, config):
    project.use(tmp_path, {name: value for name, value in config.items() if name not in VENDORS[1:]})
    project.run("select", "tap-reports", "digital_turbine_campaign_daily", "spend")
    project.run("run", "tap-reports", "target-jsonl")
    lines = (tmp_path / "digital_turbine_campaign_daily.jsonl").read_text().splitlines()
    assert set(json.loads(lines[0])) == {"date", "campaign_id", "country", "spend"}


def test_config_test_passes_with_credentials_and_fails_without(project, tmp_path, config):
    dt = {name: value for name, value in config.items() if name not in VENDORS[1:]}
    project.use(tmp_path, dt)
    done = project.run("config", "test", "tap-reports")
    assert "Plugin configuration is valid" in done.stdout + done.stderr
    wrong = {**dt, "digital_turbine": {**dt["digital_turbine"], "client_secret": "wrong-word"}}
    project.use(tmp_path, {**wrong, "job_ledger": "off"})
    done = project.run("config", "test", "tap-reports", status=1)
    assert "invalid" in done.stdout + done.stderr


def test_secrets_are_redacted_in_the_list_of_settings(project, tmp_path, config):
    project.use(tmp_path, config)
    shown = project.run("config", "list", "tap-reports").stdout
    for vendor, name in (
        ("similarweb", "api_key"),
        ("impact", "auth_token"),
        ("digital_turbine", "client_secret"),
        ("second_nature", "api_key"),
    ):
        assert config[vendor][name] not in shown


def test_invoke_passes_options_on_to_the_tap(project, tmp_path, config):
    two = {name: value for name, value in config.items() if name not in {"second_nature", "similarweb"}}
    project.use(tmp_path, two)
    plan = json.loads(project.run("invoke", "tap-reports", "--plan", "--format", "json").stdout)
    assert {stream["stream"].split("_")[0] for stream in plan["streams"]} == {"digital", "impact"}
    assert "ok" in project.run("invoke", "tap-reports", "--test").stdout


def test_each_vendor_has_a_plugin_of_its_own(project, tmp_path, config):
    impact = {
        "start_date": config["start_date"],
        "impact": {**config["impact"], "poll_interval_seconds": 0.01},
    }
    project.use(tmp_path, impact, prefix="TAP_REPORTS__IMPACT")
    project.variables["TAP_REPORTS__IMPACT_JOB_LEDGER"] = "off"
    project.run("install", "tap-reports--impact")
    project.run("run", "tap-reports--impact", "target-jsonl")
    loaded = sorted(path.stem for path in tmp_path.glob("*.jsonl"))
    assert loaded == ["impact_mp_action_listing_fast", "impact_partner_performance_by_day"]


def test_two_accounts_of_a_vendor_are_inherited_plugins_that_share_a_ledger(project, tmp_path):
    """The recipe of docs/meltano.md, against an account each."""
    project.use(tmp_path)
    (text,) = re.findall(r"^```yaml\n(plugins:\n.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    recipe = yaml.safe_load(text)
    definition = yaml.safe_load((project.folder / "meltano.yml").read_text())
    definition["plugins"]["extractors"] += recipe["plugins"]["extractors"][1:]
    (project.folder / "meltano.yml").write_text(yaml.safe_dump(definition))
    with ExitStack() as stack:
        for name, sid in (("us", "IRus"), ("uk", "IRuk")):
            account = Accounts(impact_sid=sid, impact_word=f"word-of-{name}")
            options = {"today": dt.date(2026, 3, 20), "account_type": "brand", "speed": 500, "rows": 10}
            server = stack.enter_context(Sandbox(accounts=account, **options))
            plugin = f"TAP_REPORTS_IMPACT_{name.upper()}"
            report = {"id": "att_adv_performance_by_day_pm_only", "params": {"SUBAID": "1000"}}
            project.variables |= {
                "TARGET_JSONL_DESTINATION_PATH": str(tmp_path / name),
                f"{plugin}_JOB_LEDGER": str(tmp_path / "jobs.sqlite"),
                f"{plugin}_START_DATE": "2026-03-01",
                f"{plugin}_END_DATE": "2026-03-10",
                f"{plugin}_IMPACT_API_URL": server.url,
                f"{plugin}_IMPACT_AUTH_TOKEN": account.impact_word,
                f"{plugin}_IMPACT_REPORTS": json.dumps([report]),
                f"{plugin}_IMPACT_POLL_INTERVAL_SECONDS": "0.01",
                f"{plugin}_IMPACT_REPORTS_PER_DAY": "1",  # each account has its own quota
            }
            (tmp_path / name).mkdir()
            project.run("install", f"tap-reports-impact-{name}")
            project.run("run", f"tap-reports-impact-{name}", "target-jsonl")
            lines = (tmp_path / name / "impact_att_adv_performance_by_day_pm_only.jsonl").read_text()
            assert len(lines.splitlines()) == 10
            assert server.submissions("impact").accepted == 1
    with sqlite3.connect(tmp_path / "jobs.sqlite") as ledger:
        assert {sid for (sid,) in ledger.execute("SELECT account FROM tap_reports_jobs")} == {"IRus", "IRuk"}


def test_postgres_gets_every_row_once_however_often_it_runs(project, tmp_path, config, postgres_url):
    url = sa.make_url(postgres_url)
    project.use(tmp_path, {**config, "end_date": "2026-03-10"})
    project.variables |= {
        "TARGET_POSTGRES_SQLALCHEMY_URL": url.set(query={}).render_as_string(hide_password=False),
        "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": str(url.query["options"]).removeprefix("-csearch_path="),
    }
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    for _ in range(2):
        project.run("run", "tap-reports", "target-postgres")
        query = 'SELECT count(*), min("date"), max("date") FROM digital_turbine_campaign_daily'
        with engine.connect() as connection:
            rows, first, last = connection.exec_driver_sql(query).one()
        assert (rows, str(first), str(last)) == (100, "2026-03-01", "2026-03-10")


DEFINITIONS = [
    PAGE.with_name("plugin.yml"),
    *sorted((PAGE.parents[1] / "integrations/meltano").glob("*.yml")),
]


@pytest.mark.parametrize("path", DEFINITIONS, ids=lambda path: path.stem)
def test_a_definition_is_added_to_a_project_of_its_own(empty_project, path):
    """One of a vendor has that vendor's settings alone."""
    definition = yaml.safe_load(path.read_text())
    name = definition["name"]
    empty_project.run("add", "--no-install", "--from-ref", str(path), name)
    listed = empty_project.run("config", "list", name).stdout
    vendor = name.removeprefix("tap-reports-").replace("-", "_")
    wanted = [vendor] if vendor in VENDORS else list(VENDORS)
    assert [vendor for vendor in VENDORS if f"{vendor}." in listed] == wanted
    secret = next(
        one["name"] for one in definition["settings"] if one["name"].endswith(("_key", "_token", "_secret"))
    )
    empty_project.run("config", "set", name, secret, "word")
