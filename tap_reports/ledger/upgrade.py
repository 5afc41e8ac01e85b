"""Creates, upgrades and prunes the ledger's tables."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError, ProgrammingError

from tap_reports.ledger.schema import (
    VERSION,
    NotThisLedgerError,
    UtcTime,
    jobs,
    lock,
    metadata,
    runs,
    submissions,
    version,
)

KEEP_JOBS_DAYS = 400
KEEP_SUBMISSIONS_DAYS = 3


def is_current(connection: sa.Connection, now: dt.datetime) -> bool:
    """Return whether the tables are this version's and not due to be pruned: nothing is to be done."""
    try:
        row = connection.execute(sa.select(version)).mappings().first()
    except (OperationalError, ProgrammingError):
        return False  # another version's tables, or none
    return bool(row and row["version"] == VERSION and not _is_prune_due(row["pruned_at"], now))


def prepare(connection: sa.Connection, now: dt.datetime) -> bool:
    """Create or upgrade the tables. Returns whether this process is to prune them: once a day one does.

    Raises:
        NotThisLedgerError: A newer version, or another program, made them.
        sqlalchemy.exc.SQLAlchemyError: The database can't be used.
    """
    lock(connection, "schema")
    if not sa.inspect(connection).has_table(version.name):
        metadata.create_all(connection)
        connection.execute(version.insert().values(version=VERSION, pruned_at=now))
        return False
    number = connection.scalar(sa.select(version.c.version))
    if not isinstance(number, int):
        raise NotThisLedgerError("its version is not a number")
    if number > VERSION:
        raise NotThisLedgerError(f"it has version {number}, this tap knows {VERSION}")
    if number < VERSION:
        metadata.create_all(connection)
        _add_missing(connection)
        connection.execute(version.update().values(version=VERSION))
    is_due = _is_prune_due(connection.scalar(sa.select(version.c.pruned_at)), now)
    if is_due:
        connection.execute(version.update().values(pruned_at=now))
    return is_due


def _add_missing(connection: sa.Connection) -> None:
    """Add the columns and indexes that an older version's tables lack; versions differ in no other way."""
    inspector = sa.inspect(connection)
    for table in metadata.sorted_tables:
        existing = {column["name"] for column in inspector.get_columns(table.name)}
        for column in table.columns:
            if column.name not in existing:
                kind = column.type.compile(connection.dialect)
                connection.execute(sa.text(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}"))
        for index in table.indexes:
            index.create(connection, checkfirst=True)


def prune(connection: sa.Connection, now: dt.datetime) -> None:
    """Delete what is too old to matter."""
    old = now - dt.timedelta(days=KEEP_JOBS_DAYS)
    ended = sa.func.coalesce(jobs.c.finished_at, jobs.c.sent_at, type_=UtcTime)
    connection.execute(jobs.delete().where(ended < old))
    connection.execute(runs.delete().where(runs.c.started_at < old))
    old = now - dt.timedelta(days=KEEP_SUBMISSIONS_DAYS)
    connection.execute(submissions.delete().where(submissions.c.at < old))


def _is_prune_due(pruned_at: dt.datetime | None, now: dt.datetime) -> bool:
    return pruned_at is None or pruned_at < now - dt.timedelta(days=1)
