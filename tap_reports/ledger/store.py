"""The ledger's transactions: who may wait for whom, and what a failing database means."""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from tap_reports.exceptions import ConfigError, StreamError
from tap_reports.ledger import database
from tap_reports.ledger.errors import NewerLedgerError, remedy, shown_error, shown_place

logger = logging.getLogger("tap-reports.ledger")

OFF = "off"


class Store:
    """A database in which one thread of this process works at a time."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._reader = engine.execution_options(**{database.READING: True})
        self._lock = threading.Lock()
        self._warned = False

    @classmethod
    def open(cls, setting: str | None, *, now: dt.datetime, busy_seconds: float) -> Store:
        """Return the store of the setting `job_ledger`, as `Ledger.open` describes it.

        Raises:
            ConfigError: What the user named can't be used.
        """
        if setting == OFF:
            return cls._in_memory(now)
        engine: sa.Engine | None = None
        try:
            engine = database.open_engine(setting, busy_seconds=busy_seconds)
            database.prepare(engine, now)
        except (OSError, ImportError, SQLAlchemyError, NewerLedgerError) as error:
            if engine is not None:
                engine.dispose()
            place = shown_place(setting or str(database.default_path()))
            trouble = f"{place} can't be used: {shown_error(error)}"
            if setting is not None:
                raise ConfigError([f"job_ledger: {trouble}. {remedy(error)}"]) from error
            logger.warning("The job ledger %s. Jobs are kept in the state only. %s", trouble, remedy(error))
            return cls._in_memory(now)
        return cls(engine)

    @classmethod
    def _in_memory(cls, now: dt.datetime) -> Store:
        engine = database.memory_engine()
        database.prepare(engine, now)
        return cls(engine)

    def close(self) -> None:
        """Let go of the database."""
        with self._lock:
            self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Yield a transaction that waits for no other process."""
        with self._lock, self._reader.begin() as db:
            yield db

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Yield a transaction in which what is read stays true until it is written."""
        with self._lock, self._engine.begin() as db:
            yield db

    @contextmanager
    def at_stake(self) -> Iterator[None]:
        """End the stream if the database fails: without it, a job might be paid for twice.

        Raises:
            StreamError: The database failed.
        """
        try:
            yield
        except SQLAlchemyError as error:
            raise StreamError(
                f"the job ledger failed ({shown_error(error)}), so nothing may be submitted",
                remedy=remedy(error),
            ) from error

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Go on without a note that can't be written; that is warned about once."""
        try:
            yield
        except SQLAlchemyError as error:
            level = logging.DEBUG if self._warned else logging.WARNING
            self._warned = True
            text = "The job ledger can't be written: %s. The run goes on. %s"
            logger.log(level, text, shown_error(error), remedy(error))
