"""Against real sockets: a call ends in time, its answer is limited, its error says whether it was sent."""

import contextlib
import gc
import gzip
import json
import socket
import sys
import threading
import warnings

import pytest
import requests

from tap_reports.exceptions import BadAnswer, CallBroken, NotSent, Stopped
from tap_reports.http import body as module
from tap_reports.http.body import pieces
from tap_reports.http.links import DownloadSession
from tap_reports.http.origin import origin_of
from tap_reports.http.record import Recorder, recording
from tap_reports.http.responses import json_of
from tap_reports.http.session import HttpSession
from tap_reports.http.watch import Watch, current_watch, watched_session

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


class Server:
    """Calls `answer(connection, gone)` for each request; `gone` is set at the test's end."""

    def __init__(self, answer):
        self.answer, self.gone, self.connections, self.heads = answer, threading.Event(), 0, []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.was_called = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection = self.socket.accept()[0]
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, contextlib.suppress(OSError):
            while head := self._head(connection):
                self.heads.append(head)
                self.was_called.set()
                self.answer(connection, self.gone)

    @staticmethod
    def _head(connection):
        head = b""
        while b"\r\n\r\n" not in head and (more := connection.recv(4096)):
            head += more
        return head

    def close(self):
        self.gone.set()
        self.socket.close()


@pytest.fixture
def serve():
    made = []

    def start(answer):
        made.append(Server(answer))
        return made[-1]

    yield start
    for server in made:
        server.close()


@pytest.fixture
def session():
    made = HttpSession(30)
    yield made
    made.close()


@pytest.fixture
def impatient():
    made = HttpSession(0.5)
    yield made
    made.close()


def call(session, url, **more):
    request = requests.Request("GET", url, headers=more.pop("headers", {}))
    return session.send(request, "GET /x", origin=origin_of(more.pop("origin", url)), **more)


def dripping(start):
    """Answer with a byte every hundredth of a second, for ever."""

    def answer(connection, gone):
        connection.sendall(start)
        while not gone.wait(0.01):
            connection.sendall(b"x")

    return answer


def body(data, *headers):
    lines = b"".join(header + b"\r\n" for header in headers)
    return lambda connection, _: connection.sendall(
        HEAD + lines + b"Content-Length: %d\r\n\r\n" % len(data) + data
    )


@pytest.mark.parametrize(
    "start", [b"HTTP/1.1 200 OK\r\nX: ", HEAD + b"\r\n", HEAD + b"Content-Length: 99999\r\n\r\n", b""]
)
def test_a_call_to_a_very_slow_server_is_ended(start, serve, impatient):
    with pytest.raises(CallBroken, match="in all") as raised:
        call(impatient, serve(dripping(start)).url)
    assert not isinstance(raised.value, NotSent)


def test_malformed_headers_log_no_traceback(serve, session, caplog):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX\r\n\r\n"
    call(session, serve(lambda connection, _: connection.sendall(head + b"ok")).url)
    assert caplog.records == []


def test_a_call_that_cannot_be_sent_is_recorded_with_what_was_wrong(serve, tmp_path):
    path = tmp_path / "run.har"
    with recording(path, Recorder("1", lambda _: {})):
        session, server = HttpSession(30), serve(body(b'{"message": "\\ud800"}'))
        with pytest.raises(NotSent):
            call(session, server.url, headers={"Authorization": "Bearer a\nb"})
        call(session, server.url)
        session.close()
    refused, answered = json.loads(path.read_text())["log"]["entries"]
    assert "Authorization" not in str(refused["request"]["headers"])
    assert refused["response"]["_error"]
    assert answered["response"]["status"] == 200


@pytest.mark.parametrize("text", [b"[" * 50_000, b"[" * 101 + b"]" * 101, b'{"a":' * 101 + b"1" + b"}" * 101])
def test_json_that_is_nested_too_deeply_is_refused(text):
    with pytest.raises(ValueError, match="deeply"):
        json_of(text)
    assert json_of(b"[" * 100 + b"]" * 100)


def test_a_download_from_a_very_slow_server_is_ended(serve):
    files = DownloadSession(timeout=0.5, user_agent="t", loopback=True)
    with pytest.raises(CallBroken, match="in all"):
        files.get(serve(dripping(b"HTTP/1.1 200 OK\r\nX: ")).url)
    files.close()


def test_a_stopping_run_ends_a_free_call_at_once(serve):
    session, server = HttpSession(60), serve(lambda _, gone: gone.wait())
    threading.Thread(target=lambda: server.was_called.wait() and session.end_calls(paid=False)).start()
    with pytest.raises(Stopped):
        call(session, server.url)
    with pytest.raises(Stopped):
        call(session, server.url)


def test_a_stopping_run_ends_a_paid_call_only_when_told(serve):
    session, server = HttpSession(60), serve(lambda _, gone: gone.wait())

    def end():
        server.was_called.wait()
        session.end_calls(paid=False)
        session.end_calls(paid=True)

    threading.Thread(target=end).start()
    with pytest.raises(CallBroken, match="run was ended") as raised:
        call(session, server.url, is_paid=True)
    assert not isinstance(raised.value, NotSent)


def test_a_call_that_is_ended_while_connecting_leaves_no_socket_open(serve):
    watch, server = Watch(), serve(lambda _, gone: gone.wait())
    watch.end(Stopped())
    token = current_watch.set(watch)
    try:
        with watched_session() as session, pytest.raises(Stopped):
            session.get(server.url)
    finally:
        current_watch.reset(token)
    with warnings.catch_warnings(record=True) as noticed:
        warnings.simplefilter("always")
        del watch, token
        gc.collect()
    assert noticed == []


def test_a_body_that_is_cut_short_by_a_stopping_run_is_not_taken_for_complete(serve):
    session, server = HttpSession(60), serve(dripping(HEAD + b"\r\n"))
    request = requests.Request("GET", server.url)
    response = session.open(request, "GET /x", origin=origin_of(server.url))
    came = pieces(response)
    next(came)
    session.end_calls(paid=False)
    with pytest.raises(Stopped):
        list(came)


@pytest.mark.parametrize("packed", [False, True])
def test_a_too_large_answer_is_refused(packed, serve, session, monkeypatch):
    monkeypatch.setattr(module, "MAX_ANSWER_BYTES", 1 << 20)
    data = b" " * (2 << 20)
    answer = body(gzip.compress(data), b"Content-Encoding: gzip") if packed else body(data)
    with pytest.raises(BadAnswer, match="more than 1 MiB"):
        call(session, serve(answer).url)


def test_a_compressed_answer_is_decompressed(serve, session):
    answer = body(gzip.compress(b'{"a": 1}'), b"Content-Encoding: gzip")
    assert call(session, serve(answer).url).json() == {"a": 1}


def test_only_the_beginning_of_an_error_s_body_is_read(serve, session):
    data = b"HTTP/1.1 500 X\r\nContent-Length: 9999999\r\n\r\n" + b"e" * 100_000
    server = serve(lambda connection, _: (connection.sendall(data), connection.shutdown(socket.SHUT_WR)))
    response = call(session, server.url)
    assert (response.status_code, len(response.content)) == (500, 1 << 16)


def test_free_calls_share_a_connection_and_paid_ones_have_their_own(serve, session):
    server = serve(body(b"{}"))
    for is_paid in (False, False, True, True):
        call(session, server.url, is_paid=is_paid)
    assert server.connections == 3


def test_netrc_is_not_read(serve, session, tmp_path, monkeypatch):
    path = tmp_path / "netrc"
    path.write_text("machine 127.0.0.1 login a password b\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(path))
    server = serve(body(b"{}"))
    call(session, server.url)
    assert b"authorization" not in server.heads[0].lower()


def test_a_connection_cut_before_the_answer_does_not_mean_not_sent(serve, session):
    server = serve(lambda connection, _: connection.shutdown(socket.SHUT_RDWR))
    with pytest.raises(CallBroken) as raised:
        call(session, server.url, is_paid=True)
    assert not isinstance(raised.value, NotSent)


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "no-such-host.invalid"])
def test_a_call_that_never_connected_was_not_sent(host, session):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(NotSent, match="not sent") as raised:
        call(session, f"http://{host.format(port=port)}/", is_paid=True)
    assert raised.value.is_worth_repeating


@pytest.mark.parametrize("value", ["a\r\nb", "a\n", "schl\u00fcssel \u4e2d"])
def test_a_call_with_an_invalid_header_was_not_sent_and_is_not_repeated(value, serve, session):
    server = serve(body(b"{}"))
    with pytest.raises(NotSent) as raised:
        call(session, server.url, headers={"Authorization": value}, is_paid=True)
    assert not raised.value.is_worth_repeating
    assert server.heads == []


def test_a_missing_ca_file_names_the_variable(session, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/file.pem")
    with pytest.raises(NotSent, match="no/such/file") as raised:
        call(session, "https://127.0.0.1:1/")
    assert "REQUESTS_CA_BUNDLE" in raised.value.remedy


def test_a_proxy_that_refuses_the_tunnel_gets_nothing_of_the_call(serve, session, monkeypatch):
    proxy = serve(lambda connection, _: connection.sendall(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"))
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(NotSent, match="407") as raised:
        call(session, "https://api.example.com/x", is_paid=True)
    assert "HTTPS_PROXY" in raised.value.remedy
    assert proxy.heads[0].startswith(b"CONNECT api.example.com:443")


def test_the_origin_is_checked_again_when_a_call_is_sent(serve, session):
    server = serve(body(b"{}"))
    with pytest.raises(BadAnswer, match="another host"):
        call(session, server.url, origin="https://api.example.com")
    assert server.heads == []


def test_a_link_to_this_machine_is_followed_only_if_the_api_is_on_it(serve):
    files = DownloadSession(timeout=1, user_agent="t", loopback=False)
    server = serve(body(b"a,b"))
    with pytest.raises(BadAnswer, match="this machine"):
        files.get(server.url)
    assert server.heads == []


@pytest.mark.parametrize(
    ("data", "headers", "calls"),
    [
        pytest.param(b"a,b\n1,2\n", [], 1, id="small"),
        pytest.param(b"x" * 70_000, [], 2, id="large"),
        pytest.param(
            gzip.compress(b"a,b\n1,2\n"), [b"Content-Encoding: gzip"], 2, id="with a Content-Encoding"
        ),
    ],
)
def test_a_small_file_that_is_filled_has_read_is_not_requested_again(data, headers, calls, serve):
    files = DownloadSession(timeout=1, user_agent="t", loopback=True)
    server = serve(body(data, *headers))
    assert files.is_filled(server.url)
    with files.get(server.url) as response:
        assert b"".join(pieces(response, decode=False)) == data
    assert len(server.heads) == calls
    files.close()


@pytest.mark.parametrize("data", [b"", b" " * 5000])
def test_a_link_with_only_blanks_is_not_filled(data, serve):
    files = DownloadSession(timeout=1, user_agent="t", loopback=True)
    assert not files.is_filled(serve(body(data)).url)
    files.close()


def test_calls_can_be_ended_while_others_begin(session):
    """A set that changed during iteration raised in `end_calls`, and the run waited for its calls."""
    before, done = sys.getswitchinterval(), threading.Event()
    others = [Watch() for _ in range(2000)]
    session._watches.update(others)
    sys.setswitchinterval(1e-6)

    def begin():
        while not done.is_set():
            with contextlib.suppress(Stopped), session._watched(Watch(), "GET /x"):
                pass

    threads = [threading.Thread(target=begin) for _ in range(3)]
    try:
        for thread in threads:
            thread.start()
        for _ in range(200):
            session.end_calls(paid=True)
            session._is_ending = False
    finally:
        done.set()
        for thread in threads:
            thread.join()
        sys.setswitchinterval(before)
