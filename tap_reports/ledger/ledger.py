"""The job ledger: what was submitted, by whom, and what became of it. Law: nothing is paid for twice.

A submission is reserved first, in one transaction that holds for all processes and machines that share the
ledger: it looks for the same job, counts the account's quotas and jobs in flight, and leaves an intent. The
vendor's answer completes the intent; an intent without an answer tells the next run that one may exist.

Where money is at stake (looking up and reserving), a ledger that fails ends the stream. Where not, it is
warned about once and the run goes on: the state names the jobs as well.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from tap_reports.clock import Clock, SystemClock
from tap_reports.downloads.process import is_gone
from tap_reports.ledger import history, quota, statements
from tap_reports.ledger.database import BUSY_SECONDS, Store
from tap_reports.ledger.history import EVERYTHING, Wanted
from tap_reports.ledger.records import INTENT, LOST, Existing, JobRecord, QuotaUse, Reservation, Wait
from tap_reports.ledger.schema import UtcTime, jobs, lock, submissions
from tap_reports.models import JobStatus, Quota, ReportJob, ReportRequest, RunOutcome

__all__ = ["Existing", "JobRecord", "Ledger", "QuotaUse", "Reservation", "Wait", "Wanted"]


ANSWER_SECONDS = 120.0
"""An intent older than this is no longer waited for: its run was killed."""
PLACE_SECONDS = 5.0
"""When to ask again for a place that another run's job holds."""


class Ledger:
    """The jobs of all runs. Safe to use from several threads.

    Args:
        store: Its database.
        clock: The time.
    """

    def __init__(self, store: Store, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._shown: dict[str, tuple[int, str]] = {}
        """Key -> row and status that `find` last returned: what the caller's decision rests on."""

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
        with self._store.at_stake(), self._store.reading() as db:
            rows = statements.of_key(db, key)
            found = [statements.record(row) for row in rows if not self._is_being_sent(row)]
            self._shown[key] = (found[0].row, found[0].status) if found else (0, "")
        return found

    def on_its_way(
        self, like: ReportRequest, *, stream: str, first: dt.date, last: dt.date
    ) -> list[JobRecord]:
        """Return jobs that may still bring records of the days from `first` to `last`, newest first.

        Those are sent and not done (an unanswered submission among them), or done while no run has had their
        records out; of the account and the report of a request, whatever its parameters are. A job all of
        whose days `stream` has had from a later one is left out.

        Raises:
            StreamError: The ledger failed.
        """
        with self._store.at_stake(), self._store.reading() as db:
            return [statements.record(row) for row in statements.on_its_way(db, like, stream, first, last)]

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

        Returns:
            A reservation, to be completed with `submitted`, `refused` or `lost`; or another run's job that
            was not there when `find` was asked; or what to wait for.

        Raises:
            StreamError: The ledger failed, so nothing may be submitted.
        """
        with self._store.at_stake(), self._store.writing() as db:
            lock(db, request.vendor, request.account)
            counting = [item for item in quotas if item.counts == request.quota]
            oldest = now - dt.timedelta(hours=in_flight_hours)
            rows, deciding = statements.standing_against(db, request, counting, oldest, now)
            if news := self._news(rows, request, run_id):
                return news
            if wait := quota.wait_for(counting, deciding, now):
                return wait
            if sum(self._holds_place(row, request, oldest) for row in rows) >= max_in_flight:
                return Wait(seconds=PLACE_SECONDS)
            return statements.reserve(db, request, stream, run_id, now)

    def usage(self, vendor: str, account: str, quotas: Sequence[Quota], now: dt.datetime) -> list[QuotaUse]:
        """Return how much of each of an account's quotas is used.

        Raises:
            StreamError: The ledger failed.
        """
        with self._store.at_stake(), self._store.reading() as db:
            return statements.quota_uses(db, vendor, account, quotas, now)

    # --- what became of it ----------------------------------------------------------------------------

    def submitted(self, reservation: Reservation, job: ReportJob) -> None:
        """Note the vendor's answer."""
        with self._store.noting(), self._store.each() as db:
            # Jobs stand in the order in which they were sent, not in that of the answers.
            values = {**statements.values_of(job), "sent_at": min(reservation.at, job.submitted_at)}
            db.execute(jobs.update().where(jobs.c.id == reservation.row).values(**values))
            self._answered(db, reservation, "accepted")
            self._shown[job.request.key] = reservation.row, job.status.value

    def refused(self, reservation: Reservation) -> None:
        """Note that the vendor certainly did not accept: no job, and no longer counted in day quotas."""
        with self._store.noting(), self._store.each() as db:
            db.execute(jobs.delete().where(jobs.c.id == reservation.row))
            self._answered(db, reservation, "refused")

    def not_sent(self, reservation: Reservation) -> None:
        """Note that the submission was not sent at all: no job, and counted in no quota."""
        with self._store.noting(), self._store.each() as db:
            db.execute(jobs.delete().where(jobs.c.id == reservation.row))
            db.execute(submissions.delete().where(submissions.c.id == reservation.submission))

    def lost(self, reservation: Reservation, message: str = "") -> None:
        """Note that the answer was lost: nobody knows whether the vendor accepted."""
        with self._store.noting(), self._store.each() as db:
            values = {"status": LOST, "message": message}
            db.execute(jobs.update().where(jobs.c.id == reservation.row).values(**values))
            self._answered(db, reservation, "lost")

    def seen(self, job: ReportJob, *, stream: str = "", run_id: str = "") -> None:
        """Note the job as the vendor sees it now.

        A job that the ledger does not have yet (from a state, or the vendor's re-run under a new id) is
        added, for `stream` and `run_id` or else those of the newest submission of its key.
        """
        with self._store.noting(), self._store.each() as db:
            values = statements.values_of(job)
            if job.status is JobStatus.RUNNING:
                values["started_at"] = sa.func.coalesce(jobs.c.started_at, self._clock.now(), type_=UtcTime)
            self._change(db, job, values, stream=stream, run_id=run_id)

    def failed(self, job: ReportJob, message: str) -> None:
        """Note that the job came to nothing."""
        with self._store.noting(), self._store.each() as db:
            values = statements.values_of(job) | {"status": JobStatus.FAILED.value, "message": message}
            self._change(db, job, values | {"finished_at": job.finished_at or self._clock.now()})

    def forget(self, job: ReportJob) -> None:
        """Note that the vendor does not know the job, or not any more."""
        with self._store.noting(), self._store.each() as db:
            values = {"status": JobStatus.EXPIRED.value, "message": "unknown to the vendor"}
            self._change(db, job, values)

    def downloaded(self, job: ReportJob, *, size: int, seconds: float | None = None) -> None:
        """Note that all files of a job are here; `size` in bytes, `seconds` that it took."""
        with self._store.noting(), self._store.each() as db:
            values = {"downloaded_at": self._clock.now(), "download_seconds": seconds, "bytes": size}
            self._change(db, job, values)

    def emitted(
        self, job: ReportJob, *, stream: str, rows: int, seconds: float | None = None, run_id: str = ""
    ) -> None:
        """Note that a job's records are out for a stream: how many, in how many seconds, in which run."""
        with self._store.noting(), self._store.each() as db:
            at = self._clock.now()
            if not statements.emit(db, job, stream, run_id, rows, at, seconds):
                statements.adopt(db, job, stream, run_id)
                statements.emit(db, job, stream, run_id, rows, at, seconds)

    def ended(self, run: RunOutcome) -> None:
        """Note how a run and its streams stand or ended; what was noted of it before is replaced."""
        with self._store.noting(), self._store.writing() as db:
            history.keep_run(db, run)

    # --- for people -----------------------------------------------------------------------------------

    def listing(self, wanted: Wanted = EVERYTHING) -> Iterator[dict[str, Any]]:
        """Yield the jobs for `--jobs`, newest first; JSON values, unknown ones None, never a handle.

        A job that serves several streams (sheets) is listed once for each, with that stream's rows.

        Raises:
            StreamError: The ledger failed.
        """
        with self._store.at_stake(), self._store.reading() as db:
            yield from history.listing(db, wanted)

    def history(self, wanted: Wanted = EVERYTHING) -> list[JobRecord]:
        """Return the jobs with their times, as `listing` does.

        Raises:
            StreamError: The ledger failed.
        """
        with self._store.at_stake(), self._store.reading() as db:
            return history.history(db, wanted)

    def run_outcomes(self, wanted: Wanted = EVERYTHING) -> list[RunOutcome]:
        """Return how the runs ended, newest first.

        Raises:
            StreamError: The ledger failed.
        """
        with self._store.at_stake(), self._store.reading() as db:
            return history.run_outcomes(db, wanted)

    # --- within ---------------------------------------------------------------------------------------

    def _is_being_sent(self, row: sa.RowMapping) -> bool:
        """Return whether a submission is on its way: young, and its process not known to have ended."""
        age = (self._clock.now() - row["sent_at"]).total_seconds()
        return row["status"] == INTENT and age < ANSWER_SECONDS and not is_gone(row["owner"])

    def _holds_place(self, row: sa.RowMapping, request: ReportRequest, oldest: dt.datetime) -> bool:
        """Return whether a row is a job of the account in flight. What a killed run was sending holds no
        place: nobody will ever say that it is done.
        """
        same = row["vendor"] == request.vendor and row["account"] == request.account
        if not same or row["sent_at"] <= oldest or row["status"] not in statements.IN_FLIGHT:
            return False
        return row["status"] != INTENT or self._is_being_sent(row)

    def _news(
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
                return Wait(seconds=PLACE_SECONDS)
            record = statements.record(row)
            is_new = row["id"] > shown_row or (row["id"] == shown_row and record.status != shown_status)
            job = record.job(request)
            if is_new and job and (record.is_in_flight or record.is_good):
                return Existing(job=job)
        return None

    def _answered(self, db: sa.Connection, reservation: Reservation, outcome: str) -> None:
        # Counted from the answer: the vendor may have counted it as late as that.
        values = {"outcome": outcome, "at": self._clock.now()}
        db.execute(submissions.update().where(submissions.c.id == reservation.submission).values(**values))

    def _change(
        self,
        db: sa.Connection,
        job: ReportJob,
        values: Mapping[str, Any],
        *,
        stream: str = "",
        run_id: str = "",
    ) -> None:
        """Change a job's rows, adding one if there is none."""
        row = statements.change(db, job, values)
        if not row:
            statements.adopt(db, job, stream, run_id)
            row = statements.change(db, job, values)
        if "status" in values and row >= self._shown.get(job.request.key, (0, ""))[0]:
            self._shown[job.request.key] = row, values["status"]
