"""Whole runs whose vendors call when a job is done: from the sandbox, over real HTTP, in real time."""

from __future__ import annotations

import contextlib
import io
import socket

import pytest
from command import Printed, free_ports
from scenarios import SCENARIOS

from tap_reports.sandbox import Postback, Sandbox
from tap_reports.tap import TapReports

SECRET = "marked-Secret/of+the=operator"
IN_URL = "marked-Secret/of%2Bthe%3Doperator"
KINDS = {"impact": "postback", "similarweb": "webhook"}


@pytest.fixture
def port():
    return free_ports(1)[0]


@pytest.fixture
def start(port):
    with contextlib.ExitStack() as stack:

        def make():
            called = Postback(f"http://127.0.0.1:{port}/x/{IN_URL}/impact")
            return stack.enter_context(Sandbox(rows=2, delay=0.2, postback=called))

        yield make


@pytest.fixture
def config_of(port):
    def make(sandbox, vendor, fallback=300.0):
        postbacks = {
            "listen": f"127.0.0.1:{port}",
            "public_url": f"http://127.0.0.1:{port}/x",
            "secret": SECRET,
            "fallback_poll_seconds": fallback,
        }
        return SCENARIOS[vendor].config(sandbox, job_ledger="off", postbacks=postbacks)

    return make


@pytest.fixture
def taken(port):
    """Somebody else listens on the port."""
    with socket.create_server(("127.0.0.1", port)):
        yield f"127.0.0.1:{port}"


def run_now(config, sandbox, vendor):
    """Run in real time, expect exactly the rows there are, and return the number of polls."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        tap = TapReports(config=config)
        tap.sync_all()
    scenario, printed = SCENARIOS[vendor], Printed(tap.outcome.exit_status, out.getvalue(), "")
    assert printed.status == 0
    assert printed.rows(scenario.stream) == scenario.rows(sandbox)
    assert sandbox.submissions(vendor).accepted == 2
    return len(sandbox.calls_of(vendor, "poll"))


@pytest.fixture(params=KINDS)
def vendor(request):
    return request.param


def test_each_job_is_polled_once_and_nobody_listens_after_the_run(start, config_of, vendor, port, caplog):
    caplog.set_level("INFO")
    sandbox = start()
    assert run_now(config_of(sandbox, vendor), sandbox, vendor) == 2
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    assert "2 received, 2 jobs polled" in caplog.text
    assert SECRET not in caplog.text
    assert IN_URL not in caplog.text


@pytest.mark.parametrize(
    ("fault", "polls"),
    [
        ({"action": "duplicate"}, 2),
        ({"action": "forge"}, 4),  # one more a job
        ({"action": "lose"}, 2),  # at the fallback
        ({"action": "delay", "seconds": 0.4}, 2),
    ],
)
def test_repeated_forged_lost_and_late_calls_change_no_row(start, config_of, vendor, fault, polls):
    sandbox = start()
    sandbox.faults.add(vendor=vendor, kind=KINDS[vendor], times=0, **fault)
    fallback = 300.0 if fault["action"] == "duplicate" else 0.4
    assert run_now(config_of(sandbox, vendor, fallback), sandbox, vendor) == polls


def test_a_port_in_use_is_an_error_before_any_call(start, config_of, program, taken):
    sandbox = start()
    config = config_of(sandbox, "impact")
    result = program.run(config)
    assert result.status == 78
    assert f"postbacks.listen: {taken} is taken" in result.stderr
    assert result.messages == []
    assert sandbox.calls == []
    assert program.run(config, "--discover").status == 0, "it does not listen"
    checked = program.run(config, "--test")
    assert checked.status == 1
    assert f"{taken} is taken" in checked.stdout
    assert "failed" in checked.stdout


def test_the_command_does_not_log_the_secret(start, config_of, program):
    sandbox = start()
    program.environment["TAP_REPORTS_LOGLEVEL"] = program.environment["LOGLEVEL"] = "DEBUG"
    result = program.run(config_of(sandbox, "similarweb"))
    assert result.status == 0
    assert len(sandbox.calls_of("similarweb", "poll")) == 2
    assert "2 received, 2 jobs polled" in result.stderr
    for secret in (SECRET, IN_URL, SECRET.split("/", maxsplit=1)[0]):
        assert secret not in result.stderr
        assert secret not in result.stdout


def test_the_check_listens_for_similarweb_s_test_call(start, config_of, program):
    sandbox = start()
    done = program.run(config_of(sandbox, "similarweb"), "--test")
    assert done.status == 0, done.stdout
    assert "listens on 127.0.0.1:" in done.stdout
    assert "test call was delivered" in done.stdout
    assert len(sandbox.calls_of("similarweb", "webhook_test")) == 1
