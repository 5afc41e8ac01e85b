"""Ledgers for tests: SQLite, and PostgreSQL where a server answers."""

from __future__ import annotations

import os
import uuid

import pytest
import sqlalchemy as sa

POSTGRES = os.environ.get(
    "TAP_REPORTS_TEST_POSTGRES", "postgresql+psycopg://root@127.0.0.1:5432/test?connect_timeout=3"
)


@pytest.fixture
def sqlite_url(tmp_path):
    return str(tmp_path / "state" / "jobs.sqlite")


@pytest.fixture(scope="session")
def postgres_schema():
    """A schema of this test run's own, on the server that TAP_REPORTS_TEST_POSTGRES names."""
    name = f"tap_reports_{uuid.uuid4().hex[:12]}"
    engine = sa.create_engine(POSTGRES)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    except sa.exc.OperationalError as error:
        engine.dispose()
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no PostgreSQL server answers (set TAP_REPORTS_TEST_POSTGRES): {error.orig}")
    yield engine, name
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA {name} CASCADE")
    engine.dispose()


@pytest.fixture
def postgres_url(postgres_schema):
    engine, name = postgres_schema
    yield (
        sa.make_url(POSTGRES)
        .update_query_dict({"options": f"-csearch_path={name}"})
        .render_as_string(hide_password=False)
    )
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA {name} CASCADE")
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")


@pytest.fixture(params=["sqlite", "postgres"])
def shared_url(request):
    """A ledger that several processes can open."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture(params=["sqlite", "postgres", "off"])
def ledger_url(request):
    return "off" if request.param == "off" else request.getfixturevalue(f"{request.param}_url")
