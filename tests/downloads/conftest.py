from __future__ import annotations

import pytest
from download_server import DEADLINE, Clock, running

from tap_reports.downloads.fetch_file import fetch
from tap_reports.http.api import ApiSession
from tap_reports.http.links import DownloadSession
from tap_reports.http.retries import RetryPolicy
from tap_reports.models import Download


@pytest.fixture
def server():
    with running() as started:
        yield started


@pytest.fixture
def elsewhere():
    """A server of another origin (another port)."""
    with running() as started:
        yield started


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def get(server, clock, tmp_path):
    """Fetch a path of the server, as a link or, authenticated, from the API."""
    policy = RetryPolicy(max_retries=2, backoff_seconds=1, deadline=DEADLINE)
    api = ApiSession(server.url, policy=policy, timeout=5, user_agent="test", clock=clock)
    api.headers["Authorization"] = "Bearer sesame"
    files = DownloadSession(timeout=5, user_agent="test", loopback=True)

    def run(path="/file", *, authenticated=False, stopping=lambda: False, largest=1 << 30) -> bytes:
        files.largest = largest
        url = path if "://" in path else f"{server.url}{path}"
        file, size = fetch(
            Download(url=url, authenticated=authenticated),
            api=api,
            files=files,
            folder=tmp_path,
            policy=policy,
            clock=clock,
            stopping=stopping,
            name="job-0",
        )
        assert file == tmp_path / "job-0"
        body = file.read_bytes()
        assert size == len(body)
        return body

    yield run
    api.close()
    files.close()


@pytest.fixture
def left(tmp_path):
    """Return a function that lists the folder."""
    return lambda: list(tmp_path.iterdir())
