"""Ledgers for tests: SQLite, and PostgreSQL where a server answers."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator

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


@pytest.fixture(params=["sqlite", "postgres"])
def shared_url(request):
    """A ledger that several processes can open."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture(params=["sqlite", "postgres", "off"])
def ledger_url(request):
    return "off" if request.param == "off" else request.getfixturevalue(f"{request.param}_url")
