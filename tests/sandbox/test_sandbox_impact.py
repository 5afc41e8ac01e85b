from __future__ import annotations

import datetime as dt

import pytest

FIRST, LAST = dt.date(2026, 8, 1), dt.date(2026, 8, 3)


@pytest.mark.parametrize(
    ("prefix", "report"),
    [
        ("Mediapartners", "partner_performance_by_day"),
        ("Mediapartners", "mp_action_listing_fast"),
        ("Mediapartners", "partner_performance_by_program"),
        ("Mediapartners", "4222"),
        ("Agencies", "agency_action_listing"),
    ],
)
def test_the_file_holds_the_expected_rows(client, table, prefix, report):
    export = client.export(report, prefix)
    assert export["Status"] == "QUEUED"
    rows = table(client.impact_file(export).content)
    assert rows == client.sandbox.expected("impact", report, FIRST, LAST)
    columns = [
        entry["Name"] for entry in client.impact(f"Reports/{report}/MetaData", prefix).json()["Attributes"]
    ]
    assert list(rows[0]) == columns


def test_a_brand_must_name_its_program(client, table):
    assert client.export("adv_action_listing_pm", "Advertisers")["Status"] == "ERROR"
    export = client.export("adv_action_listing_pm", "Advertisers", SUBAID="1000")
    assert "ReplayUri" not in export
    expected = client.sandbox.expected("impact", "adv_action_listing_pm", FIRST, LAST, program_ids=["1000"])
    assert table(client.impact_file(export).content) == expected


def test_a_download_redirects_to_the_storage_which_takes_no_basic_header(client, table):
    answer = client.http.get(
        client.sandbox.url + client.export()["ResultUri"], auth=client.basic, allow_redirects=False
    )
    assert answer.status_code == 302
    link = answer.headers["Location"]
    assert link.startswith(client.sandbox.downloads_url)
    assert client.http.get(link, auth=client.basic).status_code == 400
    assert len(table(client.http.get(link).content)) == 3


def test_errors_of_an_export_come_with_status_200(client):
    answers = [
        client.impact("ReportExport/agency_action_listing", "Agencies", START_DATE="x"),
        client.impact("ReportExport/no_such", "Agencies"),
        client.impact(
            "ReportExport/4222", START_DATE="2026-08-01", END_DATE="2026-08-02", ResultFormat="XLSX"
        ),
    ]
    assert [(answer.status_code, answer.json()["Status"]) for answer in answers] == [(200, "ERROR")] * 3


def test_a_replay_keeps_the_id_with_a_new_date_but_not_for_agencies(client):
    for prefix, same in (("Mediapartners", True), ("Agencies", False)):
        job = client.export("4222", prefix)["QueuedUri"].rsplit("/", 1)[1]
        before = client.impact(f"Jobs/{job}", prefix).json()
        replayed = client.impact(f"Jobs/{job}/Replay", prefix, "PUT").json()
        assert (replayed["Id"] == job) is same
        after = client.impact(f"Jobs/{replayed['Id']}", prefix).json()
        assert after["CompletedDate"] > before["CompletedDate"]


def test_a_running_job_is_202_and_cannot_be_replayed(start):
    client = start(delay=1000)
    export = client.export()
    job = export["QueuedUri"].rsplit("/", 1)[1]
    assert client.impact(f"Jobs/{job}").json()["Status"] == "QUEUED"
    assert client.impact(f"Jobs/{job}/Replay", method="PUT").status_code == 403
    answer = client.impact_file(export)
    assert (answer.status_code, answer.json()["Id"]) == (202, job)


def test_results_are_gone_after_90_days(client):
    job = client.export()["QueuedUri"].rsplit("/", 1)[1]
    client.sandbox.move_to(client.sandbox.today + dt.timedelta(days=91))
    assert client.impact(f"Jobs/{job}").status_code == 404


def test_lists_differ_between_account_types(client):
    partner, agency = client.impact("Reports").json(), client.impact("Reports", "Agencies").json()
    assert [entry["Id"] for entry in agency] == ["agency_action_listing", "4222"]
    closed = [entry for entry in partner["Reports"] if not entry["ApiAccessible"]]
    assert len(closed) == 1
    assert "DeferredApiRunUri" not in closed[0]
    first = client.impact("Reports", PageSize=2).json()
    assert (len(first["Reports"]), first["@numpages"]) == (2, "3")
    assert "Page=2" in first["@nextpageuri"]


def test_credentials_and_limits(start):
    client = start(requests_per_hour=1)
    url = f"{client.sandbox.url}/Agencies/{client.accounts.impact_sid}/CompanyInformation"
    assert client.http.get(url, auth=("x", "y")).status_code == 401
    assert client.http.get(url.replace("IR", "XX"), auth=client.basic).status_code == 403
    first, second = client.http.get(url, auth=client.basic), client.http.get(url, auth=client.basic)
    assert first.json()["Timezone"].startswith("(GMT -06:00)")
    assert (second.status_code, second.headers["X-RateLimit-Remaining"]) == (429, "0")
