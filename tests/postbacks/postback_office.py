"""Listeners for the vendors' calls, and callers."""

from __future__ import annotations

import contextlib
import datetime as dt
import http.client
import socket
import threading
from collections import Counter

from tap_reports.jobs.task import Stage, Task
from tap_reports.models import ReportJob, ReportRequest
from tap_reports.postbacks.postbacks import Postbacks

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


class RecordingHandler:
    """A call handler that only records."""

    def __init__(self):
        self.counts = Counter()
        self.calls = []
        self.received = threading.Event()

    def is_authorized(self, target):
        return target != "/no"

    def handle(self, call):
        if call.target == "/defect":
            raise LookupError("a defect")
        self.calls.append(call)
        self.received.set()


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
