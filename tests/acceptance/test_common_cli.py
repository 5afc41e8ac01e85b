"""What the command does whatever the vendor: signals, state, order, ledger, maps."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path

import pytest
from fake_digital_turbine import CLIENT_ID, CLIENT_SECRET, FakeDigitalTurbine
from fake_http import Answer
from fake_second_nature import API_KEY, PEOPLE, FakeSecondNature

TURBINE = "digital_turbine_campaign_daily"
NATURE = "second_nature_admin_xls_report"
ONE_DAY = {"start_date": "2026-01-01", "end_date": "2026-01-01"}


@pytest.fixture
def turbine():
    with FakeDigitalTurbine() as running:
        yield running


@pytest.fixture
def nature():
    with FakeSecondNature() as running:
        yield running


@pytest.fixture
def block(turbine):
    return {"api_url": turbine.url, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}


@pytest.fixture
def nature_block(nature):
    return {"api_url": nature.api, "api_key": API_KEY, "reports": [{"report_name": "admin-xls-report"}]}


@pytest.fixture
def both(program, block, nature_block):
    return program.config(**ONE_DAY, digital_turbine=block, second_nature=nature_block)


def last_lines(result, count=4):
    return "\n".join(result.stderr.strip().splitlines()[-count:])


def test_the_environment_fills_in_scalars(program, both):
    del both["digital_turbine"]["client_secret"]
    del both["start_date"]
    path = program.write("c.json", both)
    result = program.run(
        None,
        "--config",
        path,
        "--config=ENV",
        TAP_REPORTS_DIGITAL_TURBINE_CLIENT_SECRET=CLIENT_SECRET,
        TAP_REPORTS_DIGITAL_TURBINE_SLICE_DAYS="7",
        TAP_REPORTS_START_DATE="2026-01-01",
    )
    assert result.status == 0, result.stderr
    assert len(result.records(TURBINE)) == 2


def test_the_last_lines_name_each_failed_stream_with_its_job(program, both, turbine, nature):
    catalog = program.run(both, "--discover").json
    program.ledger.unlink()
    nature.busy = ["pending"] * 9999
    turbine.empty_polls = 9999
    result = program.run({**both, "job_deadline_seconds": 0.4}, catalog=catalog)
    assert result.status == 1
    *lines, _ = result.stderr.strip().splitlines()[-3:]
    assert any(TURBINE in line and next(iter(turbine.reports)) in line for line in lines)
    assert any(NATURE in line and "ticket-2-77" in line and "pending" in line for line in lines)
    assert all("ERROR" in line for line in lines)


def test_slices_come_out_in_their_order_though_a_later_one_is_ready_first(program, block, turbine):
    def later_first(answered, _call):
        day = int(answered.body["query"]["dateRange"]["start"][-1])
        return Answer(200) if time.monotonic() < answered.at + 0.1 * (4 - day) else None

    turbine.on_file = later_first
    days = {"start_date": "2026-01-01", "end_date": "2026-01-03"}
    result = program.run(program.config(**days, digital_turbine={**block, "slice_days": 1}))
    assert result.status == 0, result.stderr
    order = [one["_report_slice_start"] for one in result.records(TURBINE)]
    assert order == sorted(order)
    assert len(order) == 6


def test_a_failed_slice_holds_the_bookmark_back(program, block, turbine):
    def middle_is_bad(report, _call):
        return (
            Answer(200, b"<html>no</html>")
            if report.body["query"]["dateRange"]["start"] == "2026-01-02"
            else None
        )

    turbine.on_file = middle_is_bad
    config = program.config(
        start_date="2026-01-01", end_date="2026-01-03", digital_turbine={**block, "slice_days": 1}
    )
    result = program.run({**config, "max_request_retries": 0})
    assert result.status == 1
    assert result.bookmark(TURBINE) == "2026-01-01"
    assert "2026-01-02" in last_lines(result, 2)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_no_file_of_a_run_that_ends_within_a_download_stays(program, both, turbine, number, status):
    gate = threading.Event()
    half = Answer(200, b"Date,Spend\n" * 9000, "text/csv", cut=50_000, stall=gate)
    turbine.on_file = lambda _report, _call: half
    run = program.start(both)
    run.wait_until(lambda: any(name.startswith("tap-reports-") for name in program.left_behind()))
    result = run.send(number)
    gate.set()
    assert result.status == status
    assert (program.left_behind() == []) is (number == signal.SIGTERM)
    assert result.messages[-1]["type"] == "STATE"
    turbine.on_file = lambda _report, _call: None
    assert program.run(both).status == 0
    assert program.left_behind() == [], "the next run removes what a killed one left"
    assert len(turbine.submits) == 1


def test_the_default_ledger_lies_in_the_users_state_folder(program, both, turbine):
    del both["job_ledger"]
    assert program.run(both).status == 0
    assert program.run(both).status == 0
    assert len(turbine.submits) == 1
    files = [path for path in Path(program.environment["XDG_STATE_HOME"]).rglob("*") if path.is_file()]
    assert files
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)


def test_a_run_as_another_user_would_start_it_needs_no_terminal(program, both):
    result = program.run(both, TERM="dumb", HOME=str(program.folder), LANG="C", LC_ALL="C", PYTHONUTF8="0")
    assert result.status == 0, result.stderr
    assert list(program.temporary.iterdir()) == []
    assert len(result.records(NATURE)) == len(PEOPLE["Sessions"]) - 1
