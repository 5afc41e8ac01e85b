"""The job ledger: what was submitted, by whom, and what became of it. Law: nothing is paid for twice.

A submission is reserved first, in one transaction that holds for all processes and machines that share the
ledger: it looks for the same job, counts the account's quotas and jobs in flight, and leaves an intent. The
vendor's answer completes the intent; an intent without an answer tells the next run that one may exist.

Where money is at stake (looking up and reserving), a ledger that fails ends the stream. Where not, it is
warned about once and the run goes on: the state names the jobs as well.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from tap_reports.clock import Clock, SystemClock
from tap_reports.downloads.process import is_gone
from tap_reports.ledger import history, quota, statements
from tap_reports.ledger.history import EVERYTHING, Wanted
from tap_reports.ledger.notes import Notes
from tap_reports.ledger.records import INTENT, Existing, JobRecord, QuotaUse, Reservation, Wait
from tap_reports.ledger.rows import record, warning
from tap_reports.ledger.schema import lock
from tap_reports.ledger.store import BUSY_SECONDS, Store
from tap_reports.models import Quota, ReportRequest, RunOutcome

__all__ = ["Existing", "JobRecord", "Ledger", "QuotaUse", "Reservation", "Wait", "Wanted"]


logger = logging.getLogger("tap-reports.ledger")

ANSWER_SECONDS = 120.0
"""An intent older than this is no longer waited for: its run was killed."""


class Ledger(Notes):
    """The jobs of all runs. Safe to use from several threads.

    Args:
        store: Its database.
        clock: The time.
    """

    def __init__(self, store: Store, *, clock: Clock) -> None:
        super().__init__(store, clock=clock)
        self._warned_of: set[int] = set()
        """Rows that were warned of."""

    @classmethod
    def open(
        cls,
        setting: str | None = None,
        *,
        clock: Clock | None = None,
        busy_seconds: float = BUSY_SECONDS,
    ) -> Ledger:
        """Return the ledger of the setting `job_ledger`.

        Args:
            setting: A path, an SQLAlchemy URL, "off" (nothing is kept), or None for the default file. If the
                default file can't be used, that is warned about and nothing is kept.
            clock: The time.
            busy_seconds: How long to wait for other processes' writes.

        Raises:
            ConfigError: The ledger that the user named can't be used.
        """
        clock = clock or SystemClock()
        return cls(Store.open(setting, now=clock.now(), busy_seconds=busy_seconds), clock=clock)

    def end_soon(self) -> None:
        """Give what is on its way a moment, as the run is to end. Safe in a signal handler."""
        self._store.end_soon()

    def close(self) -> None:
        """Let go of the database, within a moment."""
        self._store.close()

    # --- before a submission --------------------------------------------------------------------------

    def find(self, key: str) -> JobRecord | None:
        """Return the newest submission of a key, or None.

        One that another live run is just sending is left out: `reserve` waits for its answer. An older one
        without an answer (`is_unanswered`) is returned, so that the user can be warned.

        Raises:
            StreamError: The ledger failed.
        """
        return next(iter(self.attempts(key)), None)

    def attempts(self, key: str) -> list[JobRecord]:
        """Return all submissions of a key, newest first, as `find` does.

        Raises:
            StreamError: The ledger failed.
        """
        rows = self._store.read(lambda db: statements.of_key(db, key))
        found = [self._record(row) for row in rows if not self._is_being_sent(row)]
        self._shown[key] = (found[0].row, found[0].status) if found else (0, "")
        return found

    def on_its_way(
        self, like: ReportRequest, *, stream: str, first: dt.date, last: dt.date
    ) -> list[JobRecord]:
        """Return jobs that may still bring records of the days from `first` to `last`, newest first.

        Those are sent and not done (an unanswered submission among them), or done while no run has had their
        records out; of the account and the report of a request, whatever its parameters are. A job all of
        whose days `stream` has had from a later one is left out, and one whose days can't be read.

        Raises:
            StreamError: The ledger failed.
        """
        rows = self._store.read(lambda db: statements.on_its_way(db, like, stream, first, last))
        return [found for row in rows if (found := self._record(row)).slice]

    def reserve(
        self,
        request: ReportRequest,
        *,
        stream: str,
        run_id: str,
        quotas: Sequence[Quota],
        max_in_flight: int,
        in_flight_hours: float,
        now: dt.datetime,
        estimate: Decimal | None = None,
    ) -> Reservation | Existing | Wait:
        """Take a place for a submission, or say what stands against it.

        Args:
            request: What is to be submitted.
            stream: Who wants it; several names joined by commas.
            run_id: This run.
            quotas: The account's; those of the request's kind count.
            max_in_flight: Most jobs of the account that are not terminal.
            in_flight_hours: A job older than this no longer counts as in flight.
            now: The time.
            estimate: What it is expected to cost, if that is known.

        Returns:
            A reservation, to be completed with `submitted`, `refused` or `lost`; or another run's job that
            was not there when `find` was asked; or what to wait for.

        Raises:
            StreamError: The ledger failed, so nothing may be submitted.
        """
        counting = [item for item in quotas if item.counts == request.quota]
        age = dt.timedelta(hours=in_flight_hours)

        def reserve(db: sa.Connection) -> Reservation | Existing | Wait:
            lock(db, request.vendor, request.account)
            rows, deciding = statements.blocking_rows(db, request, counting, now - age, now)
            if changed := self._changed_since(rows, request, run_id):
                return changed
            if wait := quota.wait_for(counting, deciding, now):
                return wait
            if sum(self._holds_place(row, request, now, age) for row in rows) >= max_in_flight:
                return Wait()
            return statements.reserve(db, request, stream, run_id, now, estimate)

        return self._store.write(reserve)

    def usage(self, vendor: str, account: str, quotas: Sequence[Quota], now: dt.datetime) -> list[QuotaUse]:
        """Return how much of each of an account's quotas is used.

        Raises:
            StreamError: The ledger failed.
        """
        return self._store.read(lambda db: statements.quota_uses(db, vendor, account, quotas, now))

    # --- for people -----------------------------------------------------------------------------------

    def listing(self, wanted: Wanted = EVERYTHING) -> Iterator[dict[str, Any]]:
        """Yield the jobs for `--jobs`, newest first; JSON values, unknown ones None, never a handle.

        A job that serves several streams (sheets) is listed once for each, with that stream's rows.

        Raises:
            StreamError: The ledger failed.
        """
        with self._store.required(), self._store.reading() as db:
            yield from history.listing(db, wanted)

    def history(self, wanted: Wanted = EVERYTHING) -> list[JobRecord]:
        """Return the jobs with their times, as `listing` does.

        Raises:
            StreamError: The ledger failed.
        """
        return self._store.read(lambda db: history.history(db, wanted))

    def run_outcomes(self, wanted: Wanted = EVERYTHING) -> list[RunOutcome]:
        """Return how the runs ended, newest first.

        Raises:
            StreamError: The ledger failed.
        """
        return self._store.read(lambda db: history.run_outcomes(db, wanted, self._clock.now()))

    # --- within ---------------------------------------------------------------------------------------

    def _record(self, row: sa.RowMapping) -> JobRecord:
        """Return a row as a value; one that makes no sense is warned of, once."""
        found = record(row, self._clock.now())
        if found.unreadable and found.row not in self._warned_of:
            self._warned_of.add(found.row)
            logger.warning("%s", warning(found))
        return found

    def _is_being_sent(self, row: sa.RowMapping) -> bool:
        """Return whether a submission is on its way: young, and its process not known to have ended."""
        age = abs((self._clock.now() - row["sent_at"]).total_seconds())  # a clock may have run back
        return row["status"] == INTENT and age < ANSWER_SECONDS and not is_gone(row["owner"])

    def _holds_place(
        self, row: sa.RowMapping, request: ReportRequest, now: dt.datetime, age: dt.timedelta
    ) -> bool:
        """Return whether a row is a job of the account in flight. What a killed run was sending holds no
        place: nobody will ever say that it is done.
        """
        same = row["vendor"] == request.vendor and row["account"] == request.account
        if not same or abs(now - row["sent_at"]) >= age or row["status"] not in statements.IN_FLIGHT:
            return False
        return row["status"] != INTENT or self._is_being_sent(row)

    def _changed_since(
        self, rows: Sequence[sa.RowMapping], request: ReportRequest, run_id: str
    ) -> Existing | Wait | None:
        """Return what other runs did about a request since `find` was asked.

        What this run knows already it has judged: it means to submit all the same.
        """
        shown_row, shown_status = self._shown.get(request.key, (0, ""))
        for row in rows:
            if row["key"] != request.key or row["run_id"] == run_id:
                continue
            if self._is_being_sent(row):
                return Wait()
            found = self._record(row)
            is_new = row["id"] > shown_row or (row["id"] == shown_row and found.status != shown_status)
            job = found.job(request)
            if is_new and job and (found.is_in_flight or found.is_good):
                return Existing(job=job)
        return None
