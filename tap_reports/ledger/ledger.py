"""The job ledger: what was submitted, by whom, and what became of it.

Invariant: nothing is paid for twice.

A submission is reserved first, in one transaction that excludes all other processes and machines that share
the ledger: it looks for the same job, counts the account's quotas and jobs in flight, and adds an intent. The
vendor's answer completes the intent; an intent without an answer tells the next run that a job may exist.

Looking up and reserving decide whether to pay: they raise StreamError if the ledger fails. Notes after that
do not: a failure is warned about once and the run continues, as the state names the jobs as well.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from tap_reports.clock import Clock, SystemClock
from tap_reports.exceptions import StreamError
from tap_reports.ledger import history, quota, reserve, statements
from tap_reports.ledger.history import ALL_JOBS, JobFilter
from tap_reports.ledger.quota import QuotaUse, Wait
from tap_reports.ledger.records import LOST, JobRecord, record, unreadable_warning, values_of
from tap_reports.ledger.reserve import Existing, KnownRow, Reservation, Submission
from tap_reports.ledger.schema import lock
from tap_reports.ledger.store import BUSY_SECONDS, Store
from tap_reports.models import JobStatus, Quota, ReportJob, ReportRequest, RunOutcome, Slice

logger = logging.getLogger("tap-reports.ledger")


class Ledger:
    """The jobs of all runs. Safe to use from several threads.

    Args:
        store: Its database.
        clock: The time.
    """

    def __init__(self, store: Store, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[str, KnownRow] = {}
        """Key -> its newest row as this run last saw it: its decisions rest on that."""
        self._warned_rows: set[int] = set()

    @classmethod
    def open(
        cls, setting: str | None = None, *, clock: Clock | None = None, busy_seconds: float = BUSY_SECONDS
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
        """Give the current transaction a moment, as the run is stopping. Safe in a signal handler."""
        self._store.end_soon()

    def close(self) -> None:
        """Write pending notes and close the database, within a moment."""
        self._store.close()

    # --- before a submission --------------------------------------------------------------------------

    def find(self, key: str) -> JobRecord | None:
        """Return the newest submission of a key, or None.

        A submission that is just being sent is skipped: `reserve` waits for its answer. An older submission
        without an answer (`is_unanswered`) is returned, so that the user can be warned.
        """
        rows, now = self._store.read(lambda db: statements.jobs_of_key(db, key)), self._clock.now()
        entry = next((self._record(row) for row in rows if not reserve.is_sending(row, now)), None)
        self._known[key] = KnownRow(entry.row, entry.status) if entry else KnownRow()
        return entry

    def open_jobs(
        self, like: ReportRequest, *, stream: str, first: dt.date, last: dt.date
    ) -> list[JobRecord]:
        """Return jobs that may still bring records of the days from `first` to `last`, newest first.

        These are jobs of the request's account and report, with any parameters, that are sent and not done
        (unanswered submissions included), or done without any run having emitted their records. A job is
        left out if a later job's records of all its days were emitted for `stream`, or if its days can't be
        read.
        """
        rows = self._store.read(lambda db: statements.open_jobs(db, like, stream, first, last))
        return [entry for row in rows if (entry := self._record(row)).slice]

    def reserve(self, wanted: Submission) -> Reservation | Existing | Wait:
        """Reserve a submission, or return what blocks it.

        Returns:
            A reservation, to be completed with `submitted`, `refused` or `lost`; or another run's job that
            was not there when `find` was called; or what to wait for.
        """
        known = self._known.get(wanted.request.key, KnownRow())

        def work(db: sa.Connection) -> Reservation | Existing | Wait:
            lock(db, wanted.request.vendor, wanted.request.account)
            return reserve.reserve(db, wanted, known)

        return self._store.write(work)

    def usage(self, vendor: str, account: str, quotas: Sequence[Quota], now: dt.datetime) -> list[QuotaUse]:
        """Return how much of each of an account's quotas is used."""
        return self._store.read(lambda db: quota.usage(db, vendor, account, quotas, now))

    def adjacent_slice_with_content(
        self, content: str, request: ReportRequest, *, stream: str
    ) -> Slice | None:
        """Return the slice right before or after the request's, if its records were emitted and its files had
        this content; None otherwise, or if the ledger can't be read.
        """
        with contextlib.suppress(StreamError):
            return self._store.read(
                lambda db: statements.adjacent_slice_with_content(db, content, request, stream)
            )
        return None

    # --- what became of it ----------------------------------------------------------------------------

    def keep_alive(self, reservation: Reservation) -> None:
        """Note that a submission still waits for its answer, so that no other run takes it for abandoned."""
        now = self._clock.now()
        self._store.note(lambda db: reserve.keep_alive(db, reservation, now))

    def submitted(self, reservation: Reservation, job: ReportJob) -> None:
        """Note that the vendor accepted the submission as this job."""
        # Jobs are listed in the order of their submissions, not of the answers.
        values = {**values_of(job), "sent_at": min(reservation.at, job.submitted_at)}
        self._note_answer(reservation, values, "accepted")
        self._known[job.request.key] = KnownRow(reservation.row, job.status.value)

    def refused(self, reservation: Reservation) -> None:
        """Note that the vendor certainly did not accept: no job, and no longer counted in day quotas."""
        at = self._clock.now()
        self._store.note(lambda db: reserve.note_refusal(db, reservation, at), is_lasting=True)

    def lost(self, reservation: Reservation) -> None:
        """Note that the answer was lost: it is unknown whether the vendor accepted."""
        self._note_answer(reservation, {"status": LOST, "sent_at": reservation.at}, "lost")

    def not_sent(self, reservation: Reservation) -> None:
        """Note that the submission was not sent at all: no job, and counted in no quota."""
        self._store.note(lambda db: reserve.withdraw(db, reservation), is_lasting=True)

    def seen(self, job: ReportJob) -> None:
        """Note the job as the vendor sees it now.

        A job that the ledger does not have yet (from a state, or the vendor's re-run under a new id) is
        added, for the streams and the run of the newest submission of its key.
        """
        self._change(job, values_of(job))

    def failed(self, job: ReportJob, message: str) -> None:
        """Note that the job failed."""
        values = values_of(job) | {"status": JobStatus.FAILED.value, "message": message}
        self._change(job, values | {"finished_at": job.finished_at or self._clock.now()})

    def forget(self, job: ReportJob) -> None:
        """Note that the vendor does not know the job, or not any more."""
        self._change(job, {"status": JobStatus.EXPIRED.value, "message": "unknown to the vendor"})

    def downloaded(self, job: ReportJob, *, size: int, seconds: float | None = None) -> None:
        """Note that all files of a job were downloaded: `size` bytes in `seconds`."""
        values = {"downloaded_at": self._clock.now(), "download_seconds": seconds, "bytes": size}
        self._change(job, values)

    def emitted(
        self,
        job: ReportJob,
        *,
        stream: str,
        rows: int,
        seconds: float | None = None,
        run_id: str = "",
        content: str | None = None,
    ) -> None:
        """Note that a job's records were emitted for a stream: how many, in how many seconds, in which run.

        `content` is the digest of its files, if a later slice is to be compared with it.
        """
        values = {
            "stream": stream,
            "run_id": run_id,
            "rows": rows,
            "emit_seconds": seconds,
            "content": content,
            "emitted_at": self._clock.now(),
        }

        def work(db: sa.Connection) -> None:
            if not statements.note_emitted(db, job, **values):
                statements.add_unseen(db, job, stream, run_id)
                statements.note_emitted(db, job, **values)

        self._store.note(work)

    def store_run(self, run: RunOutcome) -> None:
        """Store how a run and its streams stand, at its start and at its end, in place of what was stored."""
        self._store.note(lambda db: history.write_run(db, run), at_once=True)

    # --- for people -----------------------------------------------------------------------------------

    def listing(self, wanted: JobFilter = ALL_JOBS) -> Iterator[dict[str, Any]]:
        """Yield the jobs for `--jobs`, newest first; JSON values, unknown ones None, never a handle.

        A job that serves several streams (sheets) is listed once for each, with that stream's rows.
        """
        with self._store.required(), self._store.reading() as db:
            yield from history.listing(db, wanted)

    def job_history(self, wanted: JobFilter = ALL_JOBS) -> list[JobRecord]:
        """Return the jobs with their times, as `listing` does."""
        return self._store.read(lambda db: history.job_history(db, wanted))

    def run_outcomes(self, wanted: JobFilter = ALL_JOBS) -> list[RunOutcome]:
        """Return how the runs ended, newest first."""
        return self._store.read(lambda db: history.run_outcomes(db, wanted, self._clock.now()))

    # --- within ---------------------------------------------------------------------------------------

    def _record(self, row: sa.RowMapping) -> JobRecord:
        """Return a row as a value; invalid values are warned about once."""
        entry = record(row, self._clock.now())
        if entry.unreadable and entry.row not in self._warned_rows:
            self._warned_rows.add(entry.row)
            logger.warning("%s", unreadable_warning(entry))
        return entry

    def _note_answer(self, reservation: Reservation, values: Mapping[str, Any], outcome: str) -> None:
        """Complete a reservation's job, and count its submission as of now."""
        at = self._clock.now()  # counted from the answer: the vendor may have counted it as late as that

        def work(db: sa.Connection) -> None:
            reserve.note_answer(db, reservation, values, outcome, at)

        self._store.note(work, is_lasting=True)

    def _change(self, job: ReportJob, values: Mapping[str, Any]) -> None:
        """Change a job's rows, adding one if there is none."""
        running_at = self._clock.now() if values.get("status") == JobStatus.RUNNING else None

        def work(db: sa.Connection) -> None:
            row = statements.change(db, job, values, running_at)
            if not row:
                statements.add_unseen(db, job)
                row = statements.change(db, job, values, running_at)
            if "status" in values and row >= self._known.get(job.request.key, KnownRow()).row:
                self._known[job.request.key] = KnownRow(row, values["status"])

        self._store.note(work)
