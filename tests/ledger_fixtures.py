"""Ledgers for tests: SQLite, and PostgreSQL where a server answers."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

POSTGRES = os.environ.get(
    "TAP_REPORTS_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/test?connect_timeout=3"
)


@contextlib.contextmanager
def own_schema() -> Iterator[str]:
    """Yield the URL of a new schema on the server that TAP_REPORTS_TEST_POSTGRES names.

    Raises:
        sqlalchemy.exc.OperationalError: No server answers.
    """
    name = f"tap_reports_{uuid.uuid4().hex[:12]}"
    engine = sa.create_engine(POSTGRES, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    try:
        own = sa.make_url(POSTGRES).update_query_dict({"options": f"-csearch_path={name}"})
        yield own.render_as_string(hide_password=False)
    finally:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture
def sqlite_url(tmp_path):
    return str(tmp_path / "state" / "jobs.sqlite")


@pytest.fixture
def postgres_url():
    with contextlib.ExitStack() as stack:
        try:
            url = stack.enter_context(own_schema())
        except sa.exc.OperationalError as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"no PostgreSQL server answers (set TAP_REPORTS_TEST_POSTGRES): {error.orig}")
        yield url


POOLER = """
[databases]
{database} = host={host} port={port} user={user} password={password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own_port}
unix_socket_dir =
auth_type = any
pool_mode = {pool_mode}
default_pool_size = 2
"""


@contextlib.contextmanager
def pgbouncer(folder: Path, pool_mode: str) -> Iterator[str]:
    """Yield the URL of a new database behind a PgBouncer that holds two connections to the server."""
    server = sa.make_url(POSTGRES)
    values = {"host": server.host, "port": server.port or 5432, "user": server.username}
    with socket.create_server(("127.0.0.1", 0)) as free:
        own_port = free.getsockname()[1]
    database = f"tap_reports_{uuid.uuid4().hex[:12]}"
    values |= {"password": server.password or "none", "database": database, "own_port": own_port}
    settings = folder / "pgbouncer.ini"
    settings.write_text(POOLER.format(**values, pool_mode=pool_mode))
    engine = sa.create_engine(server, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {database}")
    as_nobody = ["--user", "nobody"] if os.getuid() == 0 else []  # it refuses to run as root
    process = subprocess.Popen([str(shutil.which("pgbouncer")), "--quiet", *as_nobody, str(settings)])
    try:
        _wait_for(own_port)
        yield f"postgresql://anyone@127.0.0.1:{own_port}/{database}"
    finally:
        process.terminate()
        process.wait()
        with engine.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {database} WITH (FORCE)")


def _wait_for(port: int) -> None:
    for _ in range(500):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    pytest.fail("PgBouncer does not listen")


@pytest.fixture
def pgbouncer_url(request, tmp_path):
    """A database behind PgBouncer, whose `pool_mode` is the fixture's parameter."""
    request.getfixturevalue("postgres_url")  # skipped where there is no server
    if not shutil.which("pgbouncer"):
        pytest.skip("no PgBouncer is installed")
    with pgbouncer(tmp_path, getattr(request, "param", "transaction")) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def shared_url(request):
    """A ledger that several processes can open."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture(params=["sqlite", "postgres", "off"])
def ledger_url(request):
    return "off" if request.param == "off" else request.getfixturevalue(f"{request.param}_url")
