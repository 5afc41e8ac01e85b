"""Transactions in the ledger's database: those that a run depends on, and notes that may fail."""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError

from tap_reports.exceptions import ConfigError, StreamError
from tap_reports.ledger import upgrade
from tap_reports.ledger.connection import STOP_SECONDS, SharedConnection
from tap_reports.ledger.database import (
    DEAD_SERVER_SECONDS,
    OPEN_ERRORS,
    TRANSACTION_ERRORS,
    memory_engine,
    message_of,
    open_engine,
    remedy_for,
    require_usable,
    shown_location,
)

logger = logging.getLogger("tap-reports.ledger")

T = TypeVar("T")

Connected = Callable[[], AbstractContextManager[sa.Connection]]
Note = tuple[Callable[[sa.Connection], object], Connected]

OFF = "off"
BUSY_SECONDS = 30.0
"""How long a write waits for other processes' writes; each takes milliseconds."""
MAX_PENDING_NOTES = 10_000
"""Maximum number of notes that are kept while the database can't be reached."""


def setting_errors(setting: str) -> Iterator[str]:
    """Yield why a ledger can't be used, as far as is known without creating or connecting to anything."""
    if setting == OFF:
        return
    try:
        require_usable(setting)
    except OPEN_ERRORS as error:
        yield _refusal(setting, error)


def _refusal(setting: str | None, error: BaseException) -> str:
    message = message_of(error).rstrip(".")
    return f"job_ledger: {shown_location(setting)} can't be used: {message}. {remedy_for(error)}"


class Store:
    """Runs functions in the database: reads, writes, and notes that may fail.

    Args:
        engine, file, busy_seconds: See `SharedConnection`.
    """

    def __init__(
        self, engine: sa.Engine, file: Path | None = None, busy_seconds: float = BUSY_SECONDS
    ) -> None:
        self._connection = SharedConnection(engine, file, busy_seconds)
        self._warned = False
        self._pending_notes: deque[Note] = deque(maxlen=MAX_PENDING_NOTES)
        self._noting = threading.Lock()

    @classmethod
    def open(cls, setting: str | None, *, now: dt.datetime, busy_seconds: float) -> Store:
        """Return the store of the setting `job_ledger`, as `Ledger.open` describes it.

        Raises:
            ConfigError: What the user named can't be used.
        """
        if setting == OFF:
            return cls._in_memory(now)
        store: Store | None = None
        try:
            store = cls(*open_engine(setting, busy_seconds), busy_seconds)
            store._prepare(now)
        except OPEN_ERRORS as error:
            if store is not None:
                store.close()
            if setting is not None:
                raise ConfigError([_refusal(setting, error)]) from error
            logger.warning("Jobs are kept in the state only. %s", _refusal(setting, error))
            return cls._in_memory(now)
        return store

    @classmethod
    def _in_memory(cls, now: dt.datetime) -> Store:
        store = cls(memory_engine())
        store._prepare(now)
        return store

    def _prepare(self, now: dt.datetime) -> None:
        with self.reading() as db:
            if upgrade.is_current(db, now):
                return
        with self.writing() as db:
            is_to_prune = upgrade.prepare(db, now)
        if is_to_prune:
            with self.writing() as db:
                upgrade.prune(db, now)

    def read(self, work: Callable[[sa.Connection], T]) -> T:
        """Return what a function reads from the database, without waiting for other processes.

        Raises:
            StreamError: The database failed.
        """
        with self.required():
            return self._run(work, self.reading)

    def write(self, work: Callable[[sa.Connection], T]) -> T:
        """Run a function in a transaction and return its result: what it reads stays true until it has
        written.

        Raises:
            StreamError: The database failed, and nothing was written.
        """
        with self.required():
            return self._run(work, self.writing)

    def note(
        self, work: Callable[[sa.Connection], object], *, at_once: bool = False, is_lasting: bool = False
    ) -> None:
        """Let a function write, in one transaction for each statement, or in one for all (`at_once`). What it
        writes survives a power failure if it `is_lasting`.

        The run continues without a note that can't be written; that is warned about once. If the database
        could not be reached, the note is written before the next one.
        """
        isolation = "READ COMMITTED" if at_once else "AUTOCOMMIT"
        connected = partial(
            self._connection.transaction, isolation=isolation, is_write=True, is_lasting=is_lasting
        )
        with self._noting:
            self._pending_notes.append((work, connected))
            self._write_notes()

    def end_soon(self) -> None:
        """See `SharedConnection.end_soon`."""
        self._connection.end_soon()

    def close(self) -> None:
        """Write the pending notes, if that is possible now, and close the connection."""
        self._connection.end_soon()
        if self._noting.acquire(timeout=STOP_SECONDS):
            try:
                self._write_notes()
            finally:
                self._noting.release()
        self._connection.close()

    def _write_notes(self) -> None:
        try:
            while self._pending_notes:
                self._write_oldest()
        except TRANSACTION_ERRORS as error:
            level = logging.DEBUG if self._warned else logging.WARNING
            self._warned = True
            text = "The job ledger can't be written: %s. The run goes on. %s"
            logger.log(level, text, message_of(error), remedy_for(error))

    def _write_oldest(self) -> None:
        """Write the oldest pending note; it stays pending while the database can't be reached."""
        try:
            self._run(*self._pending_notes[0])
        except OperationalError:
            raise
        except TRANSACTION_ERRORS:
            self._pending_notes.popleft()
            raise
        self._pending_notes.popleft()

    def _run(self, work: Callable[[sa.Connection], T], connected: Connected) -> T:
        """Run a function; once more if the connection was lost meanwhile, as in a restart."""
        started = time.monotonic()
        try:
            with connected() as db:
                return work(db)
        except DBAPIError as error:
            is_dead = time.monotonic() - started >= DEAD_SERVER_SECONDS
            if not error.connection_invalidated or is_dead or self._connection.is_stopping:
                raise
        with connected() as db:
            return work(db)

    @contextmanager
    def required(self) -> Iterator[None]:
        """Fail the stream if the database fails: without the ledger, a job might be paid for twice.

        Raises:
            StreamError: The database failed.
        """
        try:
            yield
        except TRANSACTION_ERRORS as error:
            raise StreamError(
                f"the job ledger failed ({message_of(error)}), so nothing may be submitted",
                remedy=remedy_for(error),
            ) from error

    def reading(self) -> AbstractContextManager[sa.Connection]:
        """Return a connection whose statements do not wait for other processes."""
        return self._connection.transaction(isolation="AUTOCOMMIT")

    def writing(self) -> AbstractContextManager[sa.Connection]:
        """Return a transaction in which what is read stays true until it is written."""
        return self._connection.transaction(isolation="READ COMMITTED", is_write=True)
