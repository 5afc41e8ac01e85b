"""The vendors' calls over real HTTP, and which jobs they have polled."""

from __future__ import annotations

import contextlib
import datetime as dt
import http.client
import json
import logging
import socket
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from tap_reports.exceptions import ConfigError
from tap_reports.jobs.task import Stage, Task
from tap_reports.models import ReportJob, ReportRequest
from tap_reports.postbacks import server as listener
from tap_reports.postbacks.postbacks import MAX_EARLY, Postbacks
from tap_reports.postbacks.server import Count, Listener

SECRET = "a-long-random-text"
OTHER = "11111111-2222-4333-8444-555555555555"
IDS = [f"0a1b2c3d-0000-4000-8000-00000000000{n}" for n in range(4)]


def task_of(vendor, job_id, stage=Stage.RUNNING):
    request = ReportRequest(vendor=vendor, account="1", api_url="https://example.com", report=job_id)
    job = ReportJob(request=request, id=job_id, submitted_at=dt.datetime.now(dt.UTC))
    task = Task(request=request, order=0, job=job)
    task.timeline.enter(stage)
    return task


class Office:
    """Some jobs that are waited for, and a listener for them."""

    def __init__(self, **listening):
        self.tasks = [
            task_of("impact", IDS[0]),
            task_of("impact", IDS[1]),
            task_of("similarweb", IDS[2]),
            task_of("second_nature", IDS[3]),
        ]
        self.woken = []
        self.postbacks = Postbacks(
            "127.0.0.1",
            0,
            secret=listening.pop("secret", SECRET),
            vendors=["impact", "similarweb"],
            tasks=lambda: list(self.tasks),
            wake=self.wake,
        )
        self.port = int(self.postbacks.address.rpartition(":")[2])
        self.counts = self.postbacks.counts

    def wake(self, task):
        self.woken.append(task.job_id)
        return True

    def call(self, path, method="GET", body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {}, encode_chunked=bool(headers))
            with connection.getresponse() as response:
                assert response.read() == b""
                return response.status


@pytest.fixture
def office():
    office = Office()
    yield office
    office.postbacks.close()


@pytest.fixture
def open_office():
    """Make offices of other kinds; all are closed at the end."""
    with contextlib.ExitStack() as stack:

        def make(**options):
            office = Office(**options)
            stack.callback(office.postbacks.close)
            return office

        yield make


# --- which job a call names -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"/{SECRET}/impact?JobId={IDS[0]}", None),
        (f"/{SECRET}/impact?a=1&whatever%20it%20is={IDS[0]}&b=2", None),
        (f"/{SECRET}/impact?JobId={IDS[0].upper()}", None),
        (f"/{SECRET}/impact/{IDS[0]}", None),
        (f"/{SECRET}/{IDS[0]}", None),
        (f"/{SECRET}?id={IDS[0]}", None),
        (f"/{SECRET}/impact?link=https%3A%2F%2Fapi.example.com%2FJobs%2F{IDS[0]}%2FDownload", None),
        (f"/{SECRET}/impact", f"JobId={IDS[0]}&Status=COMPLETED"),
        (f"/{SECRET}/impact", json.dumps({"JobId": IDS[0], "Status": "COMPLETED"})),
        (f"/{SECRET}/impact", json.dumps({"data": [{"x": 1}, {"job": {"ref": IDS[0]}}]})),
        (f"/{SECRET}/impact", json.dumps([f"job {IDS[0]} is done"])),
        (f"/{SECRET}/impact", json.dumps(IDS[0])),
        (f"/{SECRET}/impact", f"<Postback><Job id='{IDS[0]}'/></Postback>"),
        (f"/{SECRET}/impact", f'{{"JobId": "{IDS[0]}", broken'),
    ],
)
def test_a_job_id_is_found_wherever_it_stands(office, path, body):
    assert office.call(path, "POST" if body else "GET", body) == 204
    assert office.woken == [IDS[0]]
    assert office.counts == {Count.RECEIVED: 1, Count.WOKE: 1}


def test_numbers_are_ids_too_and_any_method_is_good(office):
    office.tasks.append(task_of("impact", "1234567"))
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "NOTIFY"):
        office.call(f"/{SECRET}/impact", method, json.dumps({"job": {"number": 1234567}}))
    for method in ("GET", "HEAD"):
        office.call(f"/{SECRET}/impact?JobId=1234567", method)
    assert office.woken == ["1234567"] * 8


def test_a_body_may_come_in_chunks(office):
    pieces = iter([b'{"report_id": "', IDS[2].encode(), b'"}'])
    assert office.call(f"/{SECRET}/similarweb", "POST", pieces, {"Transfer-Encoding": "chunked"}) == 204
    assert office.woken == [IDS[2]]


def test_a_body_may_wait_for_a_go_ahead(office):
    body = f"JobId={IDS[0]}".encode()
    with connected(office.port) as client:
        head = f"POST /{SECRET}/impact HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        client.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
        assert client.recv(1000).startswith(b"HTTP/1.1 100 ")
        client.sendall(body)
        assert client.recv(1000).startswith(b"HTTP/1.1 204 ")
    assert office.woken == [IDS[0]]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"/{SECRET}/impact", None),
        (f"/{SECRET}/impact/", None),
        (f"/{SECRET}/impact?JobId=", None),
        (f"/{SECRET}/impact?JobId=%7BJobId%7D", None),
        (f"/{SECRET}/impact?Status=COMPLETED&CampaignId=1000&date=2026-03-20", None),
        (f"/{SECRET}/impact", json.dumps({"event_type": "done", "payload": "The report is ready!"})),
        (f"/{SECRET}/impact", json.dumps({"event": None, "parts": []})),
        (f"/{SECRET}/impact", "[" * 50_000),
        (f"/{SECRET}/impact", "1" * 50_000),
        (f"/{SECRET}/impact", b"\xff\xfe\x00\x01"),
    ],
)
def test_a_call_that_names_no_job_is_for_all_of_its_vendor(office, path, body):
    assert office.call(path, "POST" if body else "GET", body) == 204
    assert office.woken == [IDS[0], IDS[1]]


def test_a_call_that_names_no_vendor_either_is_for_all_vendors_that_call(office):
    office.call(f"/{SECRET}")
    assert office.woken == [IDS[0], IDS[1], IDS[2]]


@pytest.mark.parametrize(
    "values",
    [f"x={OTHER}", f"link=https://example.com/{OTHER}/x", "JobId=nonsense", "report_id=77", f"x={IDS[2]}"],
)
def test_a_call_for_a_job_that_is_not_known_is_only_counted(office, values):
    assert office.call(f"/{SECRET}/impact?{values}") == 204
    assert office.woken == []
    assert office.counts == {Count.RECEIVED: 1, Count.UNKNOWN_JOB: 1}


def test_a_late_call_is_only_counted(office):
    for stage in (Stage.DOWNLOADING, Stage.READY, Stage.DONE, Stage.FAILED):
        office.tasks[0].timeline.enter(stage)
        assert office.call(f"/{SECRET}/impact?JobId={IDS[0]}") == 204
    assert office.woken == []
    assert office.counts == {Count.RECEIVED: 4, Count.LATE: 4}


@pytest.mark.parametrize("stage", [Stage.SUBMITTING, pytest.param(None, id="before it is answered")])
def test_a_call_may_come_while_the_submission_is_noted(office, stage):
    early = office.tasks.pop(0)
    if stage:
        early.timeline.enter(stage)
        office.tasks.append(early)
    assert office.call(f"/{SECRET}/impact?any={IDS[0]}") == 204
    assert office.woken == []
    if stage:
        early.timeline.enter(Stage.RUNNING)
    else:
        office.tasks.append(early)
    for _ in range(2):
        office.postbacks.announced(early)
    assert office.woken == [IDS[0]]


def test_a_job_that_nobody_called_for_is_not_woken_when_it_is_announced(office):
    office.postbacks.announced(office.tasks[0])
    assert office.woken == []


def test_forged_ids_do_not_pile_up(office):
    forged = json.dumps([f"{n:08x}{OTHER[8:]}" for n in range(1300)])
    assert len(forged) < listener.MAX_BODY
    office.call(f"/{SECRET}/impact", "POST", forged)
    assert len(office.postbacks._early) == MAX_EARLY


# --- the secret -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/impact",
        f"/{SECRET}x/impact",
        f"/x{SECRET}/impact",
        f"/{SECRET[:-1]}/impact",
        f"/{SECRET.upper()}/impact",
        f"/impact?secret={SECRET}",
        f"/impact?JobId={IDS[0]}",
        f"//impact/{SECRET}%00",
        "/%ff%fe/impact",
    ],
)
def test_a_wrong_secret_finds_nothing(office, path):
    assert office.call(path, "POST", f"JobId={IDS[0]}&secret={SECRET}") == 404
    assert office.woken == []
    assert office.counts == {Count.FORGED: 1}


@pytest.mark.parametrize(
    "path",
    [
        f"/{SECRET}/impact",
        f"/hooks/of/ours/{SECRET}/impact",
        f"//{SECRET}//impact/",
        f"http://proxy.example.com/{SECRET}/impact",
    ],
)
def test_a_proxy_may_add_or_strip_a_prefix(office, path):
    assert office.call(path) == 204
    assert office.woken == [IDS[0], IDS[1]]


@pytest.mark.parametrize("secret", ["qL+/8fz=", "with space?&#%", "gehäuse/schlüssel", "/slashes/"])
def test_a_secret_may_hold_any_letters(open_office, secret):
    office = open_office(secret=secret)
    assert office.call(f"/{quote(secret)}/impact?JobId={IDS[0]}") == 204
    assert office.call(f"/x/{quote(secret, safe='')}/impact?JobId={IDS[0]}") == 204
    assert office.call(f"/{quote(secret[:-2])}/impact?JobId={IDS[0]}") == 404
    assert office.woken == [IDS[0], IDS[0]]


def test_neither_secrets_nor_paths_are_logged(open_office, caplog):
    caplog.set_level(logging.DEBUG)
    office = open_office()
    office.call(f"/{SECRET}/impact?JobId={IDS[0]}&private=value")
    office.call("/wrong-secret/impact?private=value")
    office.call(f"/{SECRET}/impact", "POST", b"x" * (listener.MAX_BODY + 1))
    office.postbacks.close()
    for text in (SECRET, "wrong-secret", "private", "/impact"):
        assert text not in caplog.text
    assert "2 received" not in caplog.text
    assert "1 received, 1 jobs polled" in caplog.text
    assert "1 with a wrong secret, 1 too large" in caplog.text


# --- limits ---------------------------------------------------------------------------------------------


def test_a_body_of_the_largest_size_is_read(office):
    body = f"JobId={IDS[0]}&x=".encode()
    assert office.call(f"/{SECRET}/impact", "POST", body.ljust(listener.MAX_BODY, b"x")) == 204
    assert office.woken == [IDS[0]]


@pytest.mark.parametrize("is_told", [True, False])
def test_a_huge_body_is_refused(office, is_told):
    body = f"JobId={IDS[0]}&x=".encode().ljust(listener.MAX_BODY + 1, b"x")
    given = body if is_told else iter([body])
    headers = {} if is_told else {"Transfer-Encoding": "chunked"}
    assert office.call(f"/{SECRET}/impact", "POST", given, headers) == 413
    assert office.woken == []
    assert office.counts == {Count.TOO_LARGE: 1}


GET = f"GET /{SECRET}"


@pytest.mark.parametrize(
    ("sent", "code", "count"),
    [
        (f"{GET}?{'x' * 20_000}", b"431", Count.TOO_LARGE),
        (f"{GET} HTTP/1.1\r\nHost: x\r\nX: {'x' * 20_000}", b"431", Count.TOO_LARGE),
        (f"{GET} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", b"413", Count.TOO_LARGE),
        ("\x16\x03\x01\x02\x00\r\n\r\n", b"400", Count.BROKEN),
        ("no http\r\n\r\n", b"400", Count.BROKEN),
    ],
    ids=["a huge address", "a huge head", "a huge body before it comes", "bytes of TLS", "no http"],
)
def test_what_is_no_call_is_refused(office, sent, code, count):
    assert answer(office.port, sent.encode()) == b"HTTP/1.1 " + code
    assert office.counts == {count: 1}


def test_a_probe_that_only_connects_is_no_call(office):
    with connected(office.port) as client:
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1000) == b""
    assert not office.counts


class Ears:
    """A call handler that only writes down."""

    def __init__(self):
        self.counts = Counter()
        self.calls = []
        self.heard = threading.Event()

    def admits(self, target):
        return target != "/no"

    def take(self, call):
        if call.target == "/defect":
            raise LookupError("a defect")
        self.calls.append(call)
        self.heard.set()


@pytest.fixture
def ears():
    return Ears()


@pytest.fixture
def listen(ears):
    """Open a listener for these ears; all are closed at the end."""
    with contextlib.ExitStack() as stack:
        yield lambda **limits: stack.enter_context(
            contextlib.closing(Listener("127.0.0.1", 0, ears, **limits))
        )


def connected(port, host="127.0.0.1"):
    return socket.create_connection((host, port), timeout=5)


def answer(port, sent):
    """Return how the answer to these bytes begins."""
    with connected(port) as client:
        client.sendall(sent)
        return client.recv(1000)[:12]


def refused(client):
    """Read to the end of a connection; a reset is an end, too."""
    with contextlib.suppress(ConnectionError):
        while client.recv(1000):
            pass
    return True


@pytest.mark.parametrize(
    "start", [b"", b"POST /yes HT", b"POST /yes HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab"]
)
def test_whoever_is_slow_is_cut_off(ears, listen, start):
    with connected(listen(max_seconds=0.05).port) as client:
        client.sendall(start)
        assert refused(client)
    assert ears.counts == {Count.TOO_SLOW: 1}
    assert not ears.calls


def test_slow_callers_hold_up_nobody(listen):
    server = listen()
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            slow = stack.enter_context(connected(server.port))
            slow.sendall(b"POST /yes HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
        assert answer(server.port, b"GET /yes HTTP/1.0\r\n\r\n") == b"HTTP/1.1 204"


def test_no_more_connections_than_allowed(ears, listen):
    server = listen(max_connections=3)
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(connected(server.port)).sendall(b"GET")
        for _ in range(5):
            with connected(server.port) as client:
                assert client.recv(1000).startswith(b"HTTP/1.1 503 ")
    assert ears.counts[Count.TOO_MANY] == 5
    assert not ears.calls


def test_a_crowd_is_served(ears, listen):
    port = listen().port
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: answer(port, b"GET /yes HTTP/1.1\r\nHost: x\r\n\r\n"), range(40)))
    assert answers == [b"HTTP/1.1 204"] * 40
    assert len(ears.calls) == 40


def test_a_defect_ends_one_connection_and_not_the_listener(ears, listen, caplog):
    port = listen().port
    with contextlib.suppress(ConnectionError):
        assert answer(port, b"GET /defect HTTP/1.1\r\nHost: x\r\n\r\n") == b""
    assert answer(port, b"GET /yes HTTP/1.1\r\nHost: x\r\n\r\n") == b"HTTP/1.1 204"
    assert ears.heard.is_set()
    assert "Unexpected error in a vendor's call" in caplog.text


def test_closing_ends_open_connections_and_frees_the_port(ears):
    server = Listener("127.0.0.1", 0, ears)
    with connected(server.port) as client:
        client.sendall(b"GET /yes HTTP/1.1\r\n")
        server.close()
        assert refused(client)
    again = Listener("127.0.0.1", server.port, ears)
    assert again.port == server.port
    again.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "postbacks"]


# --- the address ----------------------------------------------------------------------------------------


def test_a_port_that_is_taken_is_a_configuration_error(ears):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"postbacks\.listen: 127\.0\.0\.1:{port} is taken by another"):
            Listener("127.0.0.1", port, ears)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_a_configuration_error(ears, host):
    with pytest.raises(ConfigError, match=rf"postbacks\.listen: {host}:8080 "):
        Listener(host, 8080, ears)


def test_an_ipv6_address_is_good(ears):
    try:
        server = Listener("::1", 0, ears)
    except ConfigError:
        pytest.skip("this machine has no IPv6")
    with contextlib.closing(server), connected(server.port, "::1") as client:
        client.sendall(b"GET /yes HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 204 ")
