"""The vendors' calls over real HTTP: limits, and the address."""

from __future__ import annotations

import contextlib
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from postback_office import IDS, SECRET, answer, connected, refused

from tap_reports.exceptions import ConfigError
from tap_reports.postbacks import server as listener
from tap_reports.postbacks.server import Count, Listener


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
def test_a_malformed_call_is_refused(office, sent, code, count):
    assert answer(office.port, sent.encode()) == b"HTTP/1.1 " + code
    assert office.counts == {count: 1}


def test_a_probe_that_only_connects_is_not_counted(office):
    with connected(office.port) as client:
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1000) == b""
    assert not office.counts


@pytest.mark.parametrize(
    "start", [b"", b"POST /yes HT", b"POST /yes HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab"]
)
def test_a_slow_caller_is_cut_off(handler, listen, start):
    with connected(listen(max_seconds=0.05).port) as client:
        client.sendall(start)
        assert refused(client)
    assert handler.counts == {Count.TOO_SLOW: 1}
    assert not handler.calls


def test_slow_callers_do_not_delay_others(listen):
    server = listen()
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            slow = stack.enter_context(connected(server.port))
            slow.sendall(b"POST /yes HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
        assert answer(server.port, b"GET /yes HTTP/1.0\r\n\r\n") == b"HTTP/1.1 204"


def test_no_more_connections_than_allowed(handler, listen):
    server = listen(max_connections=3)
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(connected(server.port)).sendall(b"GET")
        for _ in range(5):
            with connected(server.port) as client:
                assert client.recv(1000).startswith(b"HTTP/1.1 503 ")
    assert handler.counts[Count.TOO_MANY] == 5
    assert not handler.calls


def test_a_crowd_is_served(handler, listen):
    port = listen().port
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: answer(port, b"GET /yes HTTP/1.1\r\nHost: x\r\n\r\n"), range(40)))
    assert answers == [b"HTTP/1.1 204"] * 40
    assert len(handler.calls) == 40


def test_a_defect_ends_one_connection_and_not_the_listener(handler, listen, caplog):
    port = listen().port
    with contextlib.suppress(ConnectionError):
        assert answer(port, b"GET /defect HTTP/1.1\r\nHost: x\r\n\r\n") == b""
    assert answer(port, b"GET /yes HTTP/1.1\r\nHost: x\r\n\r\n") == b"HTTP/1.1 204"
    assert handler.received.is_set()
    assert "internal error in a vendor's call" in caplog.text


def test_closing_ends_open_connections_and_frees_the_port(handler):
    server = Listener("127.0.0.1", 0, handler)
    with connected(server.port) as client:
        client.sendall(b"GET /yes HTTP/1.1\r\n")
        server.close()
        assert refused(client)
    again = Listener("127.0.0.1", server.port, handler)
    assert again.port == server.port
    again.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "postbacks"]


def test_a_port_that_is_taken_is_a_configuration_error(handler):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"postbacks\.listen: 127\.0\.0\.1:{port} is taken by another"):
            Listener("127.0.0.1", port, handler)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_a_configuration_error(handler, host):
    with pytest.raises(ConfigError, match=rf"postbacks\.listen: {host}:8080 "):
        Listener(host, 8080, handler)


def test_an_ipv6_address_is_good(handler):
    try:
        server = Listener("::1", 0, handler)
    except ConfigError:
        pytest.skip("this machine has no IPv6")
    with contextlib.closing(server), connected(server.port, "::1") as client:
        client.sendall(b"GET /yes HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 204 ")
