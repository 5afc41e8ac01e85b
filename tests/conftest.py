"""For all tests: only loopback connections, none of the developer's environment variables."""

from __future__ import annotations

import os
import socket
import sys

import pytest
from command import Program
from hypothesis import HealthCheck, settings

# Tests start the program a thousand times: compiled files save compiling it each time.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

pytest.register_assert_rewrite("journey")
pytest_plugins = ["ledger_fixtures"]
# Examples share a test's folder, and how fast a busy machine is does not matter.
settings.register_profile(
    "default", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
settings.register_profile("nightly", settings.get_profile("default"), max_examples=600)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def pytest_make_parametrize_id(config, val, argname):
    """Name files by their argument: an archive holds the time, and a test has one name on all cores."""
    del config
    longest = 40 if isinstance(val, bytes) else 1000
    return argname if isinstance(val, bytes | str) and len(val) > longest else None


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch, tmp_path_factory):
    """Keep the developer's settings and state folder out of the tests."""
    for name in list(os.environ):
        if name.startswith("TAP_REPORTS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch):
    """Refuse connections to other machines."""
    connect = socket.socket.connect

    def guarded(self, address):
        host = address[0] if isinstance(address, tuple) else None
        if host is not None and host not in LOOPBACK and not str(host).startswith("127."):
            raise RuntimeError(f"tests may not connect to {host}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture
def program(tmp_path):
    return Program(tmp_path)
