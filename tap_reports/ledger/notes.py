"""What became of a submission: notes of the ledger, which a run can go on without."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from tap_reports.clock import Clock
from tap_reports.exceptions import StreamError
from tap_reports.ledger import history, statements
from tap_reports.ledger.records import LOST, Reservation
from tap_reports.ledger.rows import values_of
from tap_reports.ledger.schema import UtcTime, jobs, submissions
from tap_reports.ledger.store import Store
from tap_reports.models import JobStatus, ReportJob, ReportRequest, RunOutcome, Slice

logger = logging.getLogger("tap-reports.ledger")


class Notes:
    """Keeps what the vendors answer. One that can't be written is warned about: the state names the jobs too.

    Args:
        store: The ledger's database.
        clock: The time.
    """

    def __init__(self, store: Store, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._shown: dict[str, tuple[int, str]] = {}
        """Key -> row and status that this run knows of: what its decisions rest on."""

    def submitted(self, reservation: Reservation, job: ReportJob) -> None:
        """Note the vendor's answer."""
        # Jobs stand in the order in which they were sent, not in that of the answers.
        values = {**values_of(job), "sent_at": min(reservation.at, job.submitted_at)}
        self._answered(reservation, "accepted", jobs.update().values(**values))
        self._shown[job.request.key] = reservation.row, job.status.value

    def refused(self, reservation: Reservation) -> None:
        """Note that the vendor certainly did not accept: no job, and no longer counted in day quotas."""
        self._answered(reservation, "refused", jobs.delete())

    def lost(self, reservation: Reservation) -> None:
        """Note that the answer was lost: nobody knows whether the vendor accepted."""
        self._answered(reservation, "lost", jobs.update().values(status=LOST))

    def not_sent(self, reservation: Reservation) -> None:
        """Note that the submission was not sent at all: no job, and counted in no quota."""
        self._answered(reservation, None, jobs.delete())

    def seen(self, job: ReportJob, *, stream: str = "", run_id: str = "") -> None:
        """Note the job as the vendor sees it now.

        A job that the ledger does not have yet (from a state, or the vendor's re-run under a new id) is
        added, for `stream` and `run_id` or else those of the newest submission of its key.
        """
        values = values_of(job)
        if job.status is JobStatus.RUNNING:
            values["started_at"] = sa.func.coalesce(jobs.c.started_at, self._clock.now(), type_=UtcTime)
        self._change(job, values, stream=stream, run_id=run_id)

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
        values = stream, run_id, rows, self._clock.now(), seconds, content

        def emit(db: sa.Connection) -> None:
            if not statements.emit(db, job, *values):
                statements.adopt(db, job, stream, run_id)
                statements.emit(db, job, *values)

        self._store.note(emit)

    def neighbour_with(self, content: str, request: ReportRequest, *, stream: str) -> Slice | None:
        """Return the slice right before or after a request's whose records are out and whose files had this
        content; None if there is none, or the ledger can't say.
        """
        days = request.slice
        if days is None:
            return None
        try:
            found = self._store.read(lambda db: statements.contents_beside(db, request, days, stream))
        except StreamError as error:
            logger.debug("%s", error)
            return None
        newest = {Slice(start, end): its_content for start, end, its_content in found}
        return next((slice_ for slice_, its_content in newest.items() if its_content == content), None)

    def ended(self, run: RunOutcome) -> None:
        """Note how a run and its streams stand or ended; what was noted of it before is replaced."""
        self._store.note(lambda db: history.keep_run(db, run), at_once=True)

    def _answered(self, reservation: Reservation, outcome: str | None, change: sa.Update | sa.Delete) -> None:
        """Note what came of a submission; without an outcome it counts in no quota."""
        is_its = submissions.c.id == reservation.submission
        # Counted from the answer: the vendor may have counted it as late as that.
        counted = submissions.update().where(is_its).values(outcome=outcome, at=self._clock.now())
        statements_ = [
            change.where(jobs.c.id == reservation.row),
            submissions.delete().where(is_its) if outcome is None else counted,
        ]
        self._store.note(lambda db: [db.execute(one) for one in statements_])

    def _change(
        self, job: ReportJob, values: Mapping[str, Any], *, stream: str = "", run_id: str = ""
    ) -> None:
        """Change a job's rows, adding one if there is none."""

        def change(db: sa.Connection) -> None:
            row = statements.change(db, job, values)
            if not row:
                statements.adopt(db, job, stream, run_id)
                row = statements.change(db, job, values)
            if "status" in values and row >= self._shown.get(job.request.key, (0, ""))[0]:
                self._shown[job.request.key] = row, values["status"]

        self._store.note(change)
