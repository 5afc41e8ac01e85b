"""Whole runs whose vendors call when a job is done: from the sandbox, over real HTTP, in real time."""

from __future__ import annotations

import contextlib
import io
import socket
import urllib.error
import urllib.request

import pytest
from scenarios import SCENARIOS, counted, parsed, records_of

from tap_reports.sandbox import Postback, Sandbox
from tap_reports.tap import TapReports

SECRET = "marked-Secret/of+the=operator"
IN_URL = "marked-Secret/of%2Bthe%3Doperator"
KINDS = {"impact": "postback", "similarweb": "webhook"}


@pytest.fixture
def port():
    """A port that is free; what happens between here and its use is this machine's own."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@pytest.fixture
def start(port):
    with contextlib.ExitStack() as stack:

        def make(**options):
            options = {
                "rows": 2,
                "delay": 0.2,
                "postback": Postback(f"http://127.0.0.1:{port}/x/{IN_URL}/impact"),
            } | options
            return stack.enter_context(Sandbox(**options))

        yield make


@pytest.fixture
def config_of(port):
    def make(sandbox, vendor, fallback=300.0, **settings):
        postbacks = {
            "listen": f"127.0.0.1:{port}",
            "public_url": f"http://127.0.0.1:{port}/x",
            "secret": SECRET,
            "fallback_poll_seconds": fallback,
        }
        return SCENARIOS[vendor].config(sandbox, job_ledger="off", postbacks=postbacks, **settings)

    return make


def run_now(config, sandbox, vendor):
    """Run in real time, expect exactly the rows there are, and return the number of polls."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        tap = TapReports(config=config)
        tap.sync_all()
    scenario = SCENARIOS[vendor]
    assert tap.outcome.status == 0
    assert counted(records_of(parsed(out.getvalue()), scenario.stream)) == counted(scenario.expected(sandbox))
    assert sandbox.submissions(vendor).accepted == 2
    return len(sandbox.calls_of(vendor, "poll"))


@pytest.fixture(params=KINDS)
def vendor(request):
    return request.param


def test_each_job_is_polled_once(start, config_of, vendor, caplog):
    caplog.set_level("INFO")
    sandbox = start()
    assert run_now(config_of(sandbox, vendor), sandbox, vendor) == 2
    assert "2 received, 2 jobs polled" in caplog.text
    assert SECRET not in caplog.text
    assert IN_URL not in caplog.text


@pytest.mark.parametrize(
    "postback",
    [
        {"method": "POST"},
        {"job_parameter": "what the operator likes", "extra": {"Status": "COMPLETED", "account": "7"}},
        {"method": "POST", "job_parameter": "x", "extra": {"id": "17"}},
    ],
)
def test_an_operator_sets_impact_up_as_he_likes(start, config_of, port, postback):
    url = f"http://127.0.0.1:{port}/x/{IN_URL}/impact?fixed=1"
    sandbox = start(postback=Postback(url, **postback))
    assert run_now(config_of(sandbox, "impact"), sandbox, "impact") == 2


def test_repeated_calls_cost_nothing_more(start, config_of, vendor):
    sandbox = start()
    sandbox.faults.add("duplicate", vendor=vendor, kind=KINDS[vendor], times=0)
    assert run_now(config_of(sandbox, vendor), sandbox, vendor) == 2


def test_forged_calls_cost_one_poll_a_job(start, config_of, vendor):
    sandbox = start()
    sandbox.faults.add("forge", vendor=vendor, kind=KINDS[vendor], times=0)
    assert run_now(config_of(sandbox, vendor, fallback=0.4), sandbox, vendor) == 4


def test_lost_calls_leave_polling_at_the_fallback(start, config_of, vendor):
    sandbox = start()
    sandbox.faults.add("lose", vendor=vendor, kind=KINDS[vendor], times=0)
    assert run_now(config_of(sandbox, vendor, fallback=0.4), sandbox, vendor) == 2


def test_late_calls_do_not_matter(start, config_of, vendor):
    sandbox = start()
    sandbox.faults.add("delay", vendor=vendor, kind=KINDS[vendor], times=0, seconds=0.4)
    assert run_now(config_of(sandbox, vendor, fallback=0.4), sandbox, vendor) == 2


def test_a_wrong_secret_changes_nothing(start, config_of, port, caplog):
    caplog.set_level("DEBUG")
    sandbox = start(postback=Postback(f"http://127.0.0.1:{port}/guessed-secret/impact"))
    assert run_now(config_of(sandbox, "impact", fallback=0.4), sandbox, "impact") == 2
    assert "0 received" in caplog.text
    assert "2 with a wrong secret" in caplog.text
    assert "guessed-secret" not in caplog.text


def test_a_port_that_is_taken_ends_the_run_before_any_call(start, config_of, program):
    sandbox = start()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = config_of(sandbox, "impact")
        config["postbacks"]["listen"] = f"127.0.0.1:{port}"
        result = program.run(config)
    assert result.status == 78
    assert f"postbacks.listen: 127.0.0.1:{port} is taken" in result.stderr
    assert "Traceback" not in result.stderr
    assert result.messages == []
    assert sandbox.calls == []


def test_the_command_listens_and_keeps_its_secret(start, config_of, program):
    sandbox = start()
    program.environment["TAP_REPORTS_LOGLEVEL"] = program.environment["LOGLEVEL"] = "DEBUG"
    result = program.run(config_of(sandbox, "similarweb"))
    assert result.status == 0
    assert len(sandbox.calls_of("similarweb", "poll")) == 2
    assert "2 received, 2 jobs polled" in result.stderr
    for secret in (SECRET, IN_URL, SECRET.split("/", maxsplit=1)[0]):
        assert secret not in result.stderr
        assert secret not in result.stdout


def test_discovery_does_not_listen(start, config_of, program):
    sandbox = start()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = config_of(sandbox, "impact")
        config["postbacks"]["listen"] = f"127.0.0.1:{taken.getsockname()[1]}"
        assert program.run(config, "--discover").status == 0


def test_the_check_listens_for_similarweb_s_test_call(start, config_of, program):
    sandbox = start()
    done = program.run(config_of(sandbox, "similarweb"), "--test")
    assert done.status == 0, done.stdout
    assert "listens on 127.0.0.1:" in done.stdout
    assert "test call was delivered" in done.stdout
    assert len(sandbox.calls_of("similarweb", "webhook_test")) == 1


def test_the_check_says_that_the_port_is_taken(start, config_of, program):
    sandbox = start()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = config_of(sandbox, "impact")
        config["postbacks"]["listen"] = f"127.0.0.1:{port}"
        done = program.run(config, "--test")
    assert done.status == 1
    assert f"127.0.0.1:{port} is taken" in done.stdout
    assert "failed" in done.stdout


def test_nobody_listens_after_a_run(start, config_of, port):
    sandbox = start()
    run_now(config_of(sandbox, "impact"), sandbox, "impact")
    with pytest.raises(urllib.error.URLError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/x/{IN_URL}/impact", timeout=5)
