from __future__ import annotations

import datetime as dt
import json

from tap_reports.sandbox import Sandbox


def test_faults_are_added_shown_and_cleared(client):
    fault = {"vendor": "impact", "kind": "list", "action": "status", "status": 502}
    assert client.post("/_sandbox/faults", json=[fault]).json()[0]["status"] == 502
    assert len(client.get("/_sandbox/faults").json()) == 1
    assert client.impact("Reports").status_code == 502
    assert client.get("/_sandbox/faults").json() == []
    client.post("/_sandbox/faults", json=fault)
    assert client.http.delete(client.sandbox.url + "/_sandbox/faults").json() == []
    assert client.impact("Reports").status_code == 200
    assert client.post("/_sandbox/faults", json={"action": "melt"}).status_code == 400


def test_calls_say_what_came_and_leave_secrets_out(client):
    client.impact("CompanyInformation")
    client.export()
    calls = client.get("/_sandbox/calls", params={"vendor": "impact", "kind": "submit"}).json()
    assert [(call["method"], call["status"], call["had_credentials"]) for call in calls] == [
        ("GET", 200, True)
    ]
    assert calls[0]["job_id"] == client.sandbox.jobs.of("impact")[0].id
    assert client.accounts.impact_word not in client.get("/_sandbox/calls").text


def test_submissions_are_counted_by_vendor(client):
    client.similarweb()
    client.similarweb(granularity="hourly")
    counts = client.get("/_sandbox/submissions").json()
    assert counts["similarweb"] == {"calls": 2, "accepted": 1, "jobs": 1}
    assert counts["impact"] == {"calls": 0, "accepted": 0, "jobs": 0}


def test_a_reset_forgets_jobs_calls_faults_and_quotas(start):
    client = start(dt_reports_per_day=1, clicks_per_day=1)
    client.turbine()
    client.impact("ClickExport")
    client.sandbox.faults.add("status", times=0)
    client.post("/_sandbox/reset")
    assert client.sandbox.calls == []
    assert client.sandbox.submissions().calls == 0
    assert client.turbine().status_code == 200
    assert client.impact("ClickExport").status_code == 200


def test_another_day_makes_more_days_final(client):
    client.post("/_sandbox/today", json={"today": "2026-08-20"})
    tables = client.get("/v3/batch/tables/describe", headers=client.key).json()
    assert tables[0]["table_granularity"]["daily"]["end_date"] == "2026-08-16"
    assert client.post("/_sandbox/today", json={"today": "soon"}).status_code == 400


def test_unknown_paths_and_methods_are_told_apart(client):
    assert client.get("/no/such").status_code == 404
    assert client.get("/batch/v5/request-report").status_code == 405


def test_a_call_that_cannot_be_read_is_400(client):
    assert client.turbine(filters=7).status_code == 400
    assert client.post("/batch/v5/request-report", data=b"[]", headers=client.key).status_code == 400


def test_the_config_names_this_sandbox_and_its_credentials(client):
    config = client.sandbox.config()
    assert {
        config[name]["api_url"].startswith(client.sandbox.url)
        for name in config
        if isinstance(config[name], dict)
    } == {True}
    assert config["impact"]["auth_token"] == client.accounts.impact_word
    assert config["end_date"] == "2026-08-14"
    assert set(client.sandbox.config("impact")) & {"similarweb", "impact"} == {"impact"}
    assert client.get("/_sandbox/config").json() == json.loads(json.dumps(config))
    assert client.get("/_sandbox/config", params={"vendor": "x"}).status_code == 400


def test_two_sandboxes_with_one_seed_agree_and_others_do_not():
    day = dt.date(2026, 8, 1)
    rows = []
    for seed in (1, 1, 2):
        with Sandbox(seed=seed) as sandbox:
            rows.append(sandbox.expected("impact", "mp_action_listing_fast", day, day))
    assert rows[0] == rows[1]
    assert rows[0] != rows[2]


def test_files_are_gone_when_the_sandbox_is(client):
    client.similarweb()
    link = client.similarweb_status(client.sandbox.jobs.of("similarweb")[0].id)["download_url"]
    client.http.get(link)
    folder = client.sandbox._shared.files._folder()
    assert list(folder.iterdir())
    with Sandbox() as other:
        other_folder = other._shared.files._folder()
    assert not other_folder.exists()
    assert folder.exists()


def test_webhooks_of_other_machines_are_not_called(client):
    webhook = {"webhook_url": "http://example.com/never-called"}
    assert client.post("/v3/batch/webhooks/test", json=webhook, headers=client.key).status_code == 400
