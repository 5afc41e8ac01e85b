from __future__ import annotations

import json
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from tap_reports.sandbox import Postback

WAIT = 5
"""Longest wait for a call that is sure to come; none of the tests waits as long."""


class Receiver(BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        values = (
            json.loads(body) if body else {k: v[0] for k, v in parse_qs(urlsplit(self.path).query).items()}
        )
        self.server.seen.put((self.command, values))
        self.send_response(204 if "/ok" in self.path else 500)
        self.end_headers()

    do_POST = do_GET

    def log_message(self, *_):
        pass


@pytest.fixture
def receiver():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.seen = queue.Queue()
    server.url = f"http://127.0.0.1:{server.server_address[1]}/ok"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_postback_names_the_job_as_the_operator_chose(start, receiver):
    client = start(postback=Postback(receiver.url, job_parameter="which", extra={"account": "7"}))
    job = client.export()["QueuedUri"].rsplit("/", 1)[1]
    assert receiver.seen.get(timeout=WAIT) == ("GET", {"which": job, "account": "7"})


def test_a_postback_may_be_a_post_and_come_twice(start, receiver):
    client = start(postback=Postback(receiver.url, "POST"))
    client.sandbox.faults.add("duplicate", kind="postback")
    client.export()
    first, second = (receiver.seen.get(timeout=WAIT) for _ in range(2))
    assert first == second
    assert first[0] == "POST"


def test_a_lost_postback_does_not_come_but_the_next_does(start, receiver):
    client = start(postback=Postback(receiver.url))
    client.sandbox.faults.add("lose", kind="postback")
    client.export()
    job = client.export("4222")["QueuedUri"].rsplit("/", 1)[1]
    assert receiver.seen.get(timeout=WAIT)[1] == {"JobId": job}
    assert receiver.seen.empty()


def test_a_forged_postback_comes_while_the_job_runs(start, receiver):
    client = start(delay=1000, postback=Postback(receiver.url))
    client.sandbox.faults.add("forge", kind="postback")
    client.export()
    assert receiver.seen.get(timeout=WAIT)
    assert client.impact("Jobs").json()["Jobs"][0]["Status"] == "QUEUED"


def test_a_late_postback_comes_after_its_delay(start, receiver):
    client = start(postback=Postback(receiver.url))
    client.sandbox.faults.add("delay", kind="postback", seconds=0.02)
    client.export()
    assert receiver.seen.get(timeout=WAIT)


def test_similarweb_posts_to_the_webhook_of_the_report(client, receiver):
    report = client.similarweb(delivery={"webhook_url": receiver.url}).json()["report_id"]
    method, values = receiver.seen.get(timeout=WAIT)
    assert (method, values["report_id"]) == ("POST", report)


def test_the_webhook_test_needs_an_answer(client, receiver):
    def tried(url):
        return client.post(
            "/v3/batch/webhooks/test", json={"webhook_url": url}, headers=client.key
        ).status_code

    assert tried(receiver.url) == 200
    assert tried(receiver.url.replace("/ok", "/no")) == 400
    assert tried("http://example.com/never-called") == 400
