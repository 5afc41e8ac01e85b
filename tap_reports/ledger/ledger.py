"""The job ledger: what was submitted, by whom, and what became of it. Law: nothing is paid for twice.

A submission is reserved first, in one transaction that holds for all processes and machines that share the
ledger: it looks for the same job, counts the account's quotas and jobs in flight, and leaves an intent. The
vendor's answer completes the intent; an intent without an answer tells the next run that one may exist.

What decides whether to pay (looking up and reserving) raises StreamError where the ledger fails. What is
noted after that does not: it is warned about once and the run goes on, as the state names the jobs as well.
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
from tap_reports.ledger.reserve import Existing, Reservation, Submission
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
        self._known: dict[str, tuple[int, str]] = {}
        """Key -> row and status that this run knows of: what its decisions rest on."""
        self._warned_of: set[int] = set()
        """Rows that were warned of."""
        self.end_soon = store.end_soon
        """Gives what is on its way a moment, as the run is stopping. Safe in a signal handler."""
        self.close = store.close
        """Lets go of the database, within a moment."""

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

    # --- before a submission --------------------------------------------------------------------------

    def find(self, key: str) -> JobRecord | None:
        """Return the newest submission of a key, or None.

        One that is just being sent is passed over: `reserve` waits for its answer. A submission without an
        answer (`is_unanswered`) is returned, so that the user can be warned.
        """
        rows, now = self._store.read(lambda db: statements.jobs_of_key(db, key)), self._clock.now()
        found = next((self._record(row) for row in rows if not reserve.is_sending(row, now)), None)
        self._known[key] = (found.row, found.status) if found else (0, "")
        return found

    def open_jobs(
        self, like: ReportRequest, *, stream: str, first: dt.date, last: dt.date
    ) -> list[JobRecord]:
        """Return jobs that may still bring records of the days from `first` to `last`, newest first.

        Those are sent and not done (an unanswered submission among them), or done while no run has had their
        records out; of the account and the report of a request, whatever its parameters are. A job all of
        whose days `stream` has had from a later one is left out, and one whose days can't be read.
        """
        rows = self._store.read(lambda db: statements.open_jobs(db, like, stream, first, last))
        return [found for row in rows if (found := self._record(row)).slice]

    def reserve(self, wanted: Submission) -> Reservation | Existing | Wait:
        """Take a place for a submission, or say what stands against it.

        Returns:
            A reservation, to be completed with `submitted`, `refused` or `lost`; or another run's job that
            was not there when `find` was asked; or what to wait for.
        """
        known = self._known.get(wanted.request.key, (0, ""))

        def take(db: sa.Connection) -> Reservation | Existing | Wait:
            lock(db, wanted.request.vendor, wanted.request.account)
            return reserve.reserve(db, wanted, known)

        return self._store.write(take)

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
        """Note the vendor's answer."""
        # Jobs stand in the order in which they were sent, not in that of the answers.
        values = {**values_of(job), "sent_at": min(reservation.at, job.submitted_at)}
        self._answered(reservation, values, "accepted")
        self._known[job.request.key] = reservation.row, job.status.value

    def refused(self, reservation: Reservation) -> None:
        """Note that the vendor certainly did not accept: no job, and no longer counted in day quotas."""
        self._answered(reservation, None, "refused")

    def lost(self, reservation: Reservation) -> None:
        """Note that the answer was lost: nobody knows whether the vendor accepted."""
        self._answered(reservation, {"status": LOST, "sent_at": reservation.at}, "lost")

    def not_sent(self, reservation: Reservation) -> None:
        """Note that the submission was not sent at all: no job, and counted in no quota."""
        self._answered(reservation, None, None)

    def seen(self, job: ReportJob) -> None:
        """Note the job as the vendor sees it now.

        A job that the ledger does not have yet (from a state, or the vendor's re-run under a new id) is
        added, for the streams and the run of the newest submission of its key.
        """
        self._change(job, values_of(job))

    def failed(self, job: ReportJob, message: str) -> None:
        """Note that the job came to nothing."""
        values = values_of(job) | {"status": JobStatus.FAILED.value, "message": message}
        self._change(job, values | {"finished_at": job.finished_at or self._clock.now()})

    def forget(self, job: ReportJob) -> None:
        """Note that the vendor does not know the job, or not any more."""
        self._change(job, {"status": JobStatus.EXPIRED.value, "message": "unknown to the vendor"})

    def downloaded(self, job: ReportJob, *, size: int, seconds: float | None = None) -> None:
        """Note that all files of a job are here; `size` in bytes, `seconds` that it took."""
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
        """Note that a job's records are out for a stream: how many, in how many seconds, in which run.

        `content` is the digest of its files, where a later slice is compared with it.
        """
        out = {"stream": stream, "run_id": run_id, "rows": rows, "emit_seconds": seconds, "content": content}
        out["emitted_at"] = self._clock.now()

        def emit(db: sa.Connection) -> None:
            if not statements.note_emitted(db, job, **out):
                statements.add_unseen(db, job, stream, run_id)
                statements.note_emitted(db, job, **out)

        self._store.note(emit)

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
        """Return a row as a value; one that makes no sense is warned of, once."""
        found = record(row, self._clock.now())
        if found.unreadable and found.row not in self._warned_of:
            self._warned_of.add(found.row)
            logger.warning("%s", unreadable_warning(found))
        return found

    def _answered(
        self, reservation: Reservation, values: Mapping[str, Any] | None, outcome: str | None
    ) -> None:
        """Note what came of a submission."""
        at = self._clock.now()  # counted from the answer: the vendor may have counted it as late as that

        def note(db: sa.Connection) -> None:
            reserve.note_answer(db, reservation, values, outcome, at)

        self._store.note(note, is_lasting=True)

    def _change(self, job: ReportJob, values: Mapping[str, Any]) -> None:
        """Change a job's rows, adding one if there is none."""
        running_at = self._clock.now() if values.get("status") == JobStatus.RUNNING else None

        def change(db: sa.Connection) -> None:
            row = statements.change(db, job, values, running_at)
            if not row:
                statements.add_unseen(db, job)
                row = statements.change(db, job, values, running_at)
            if "status" in values and row >= self._known.get(job.request.key, (0, ""))[0]:
                self._known[job.request.key] = row, values["status"]

        self._store.note(change)
