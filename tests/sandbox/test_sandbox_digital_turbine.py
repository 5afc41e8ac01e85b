from __future__ import annotations

import datetime as dt

import pytest

from tap_reports.sandbox import Switch

FIRST, LAST = dt.date(2026, 8, 1), dt.date(2026, 8, 3)


def test_without_the_date_each_row_is_the_sum_of_its_days(client):
    asked = {"splits": ["Country"], "metrics": ["Clicks"]}
    whole = client.sandbox.expected("digital_turbine", "dtgrowth", FIRST, LAST, **asked)
    days = [FIRST, dt.date(2026, 8, 2), LAST]
    daily = [client.sandbox.expected("digital_turbine", "dtgrowth", day, day, **asked) for day in days]
    assert [int(row["Clicks"]) for row in whole] == [
        sum(int(row["Clicks"]) for row in rows) for rows in zip(*daily, strict=True)
    ]


def test_filters_leave_what_they_name(client, table):
    link = client.turbine(filters=[{"dimension": "Country", "values": ["DE"]}]).json()["signed_url"]
    assert {row["Country"] for row in table(client.http.get(link).content)} == {"DE"}


def test_the_other_dialect(start):
    client = start(delay=1000, switches=frozenset({Switch.DT_URL_KEY, Switch.DT_PENDING_404}))
    answer = client.turbine().json()
    assert set(answer) == {"id", "url"}
    assert client.http.get(answer["url"]).status_code == 404


@pytest.mark.parametrize(
    ("first", "last"),
    [("2026-08-03", "2026-08-01"), ("2026-08-01", "2026-09-01"), ("2026-01-01", "2026-08-01")],
)
def test_impossible_dates_make_an_empty_report_not_an_error(client, first, last):
    answer = client.turbine(dateRange={"start": first, "end": last})
    assert answer.status_code == 200
    assert client.http.get(answer.json()["signed_url"]).text == "Country,Date,Spend,Installs\n"


def test_wrong_credentials_are_400_and_old_tokens_401(start):
    client = start(token_seconds=-1)
    answer = client.post("/auth/v1/token", json={"grant_type": "client_credentials", "client_id": "x"})
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_client"})
    assert client.turbine().status_code == 401


def test_limits_per_minute_and_day(start):
    client = start(dt_reports_per_minute=2, dt_reports_per_day=3)
    token = client.token()
    answers = [client.turbine(token) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 0 < int(answers[2].headers["Retry-After"]) <= 60
    client = start(dt_reports_per_day=1)
    assert [client.turbine(client.token()).status_code for _ in range(2)] == [200, 429]


def test_unknown_metrics_are_refused(client):
    assert client.turbine(metrics=["Likes"]).status_code == 400
    assert client.sandbox.submissions("digital_turbine").accepted == 0
