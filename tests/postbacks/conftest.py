from __future__ import annotations

import contextlib

import pytest
from postback_office import Office, RecordingHandler

from tap_reports.postbacks.server import Listener


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


@pytest.fixture
def handler():
    return RecordingHandler()


@pytest.fixture
def listen(handler):
    """Open a listener with this handler; all are closed at the end."""
    with contextlib.ExitStack() as stack:
        yield lambda **limits: stack.enter_context(
            contextlib.closing(Listener("127.0.0.1", 0, handler, **limits))
        )
