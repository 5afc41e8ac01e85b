"""Checks that a vendor did not ignore the dates of a request, before its slice is bookmarked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tap_reports.exceptions import FileError, InvalidValue, StreamError
from tap_reports.models import Kind
from tap_reports.sync.columns import match_columns
from tap_reports.wording import number_of, with_remedy

if TYPE_CHECKING:
    from pathlib import Path

    from tap_reports.emit.plan import Tally
    from tap_reports.files.unpack import Member
    from tap_reports.jobs.task import Task
    from tap_reports.ledger.ledger import Ledger
    from tap_reports.models import Slice
    from tap_reports.sync.report import Report

DATES_REMEDY = (
    "The vendor may not know the names or the format of the dates that it is asked for: compare the report "
    "with the vendor's own page, and correct the report's settings."
)
FINISHED_JOB_REMEDY = (
    "The next run reads this job's file again, without a new submission; a run with reuse_finished_jobs "
    "false has the vendor make it again, which may cost."
)


def with_job_remedy(error: StreamError) -> StreamError:
    """Return the error, for a file also with what happens to its job, which is finished and paid for."""
    if isinstance(error, (FileError, InvalidValue)):
        own = "" if error.remedy == FileError.default_remedy else error.remedy
        error.remedy = with_remedy(own, FINISHED_JOB_REMEDY) if own else FINISHED_JOB_REMEDY
    return error


def check_days(days: Slice | None, tally: Tally) -> str:
    """Return a warning if some rows lie outside their slice, else "". A snapshot has no slice.

    Raises:
        FileError: All rows lie outside.
    """
    if not tally.outside or days is None:
        return ""
    dates = f"{tally.first_day}..{tally.last_day}"
    if tally.outside == tally.dated:
        rows = number_of(tally.dated, "row")
        what = f"the vendor ignored the dates: {rows}, all outside of {days}, in {dates}"
        raise FileError(what, remedy=DATES_REMEDY)
    return f"{tally.outside} of {number_of(tally.dated, 'row')} of {days} lie outside of it (rows: {dates})"


def row_count_warnings(task: Task, rows: int) -> Iterator[str]:
    """Yield what is suspicious about the number of a job's rows."""
    slice_ = task.request.slice or "snapshot"
    if rows and rows == task.request.row_limit:
        yield (
            f"the result of job {task.job_id} ({slice_}) has exactly {number_of(rows, 'row')}, which is the "
            'limit, so there may be more. Raise the report\'s "limit", or ask for less at a time.'
        )
    if not rows and task.job and task.job.rows:
        # No error: the file is complete, and what exactly the vendor counts is not documented.
        yield (
            f"the file of job {task.job_id} ({slice_}) is complete and has no rows, but the vendor counts "
            f"{task.job.rows}. If it should have some, have the vendor make it again: "
            "run once with reuse_finished_jobs false, without the bookmark of these days."
        )


@dataclass
class EqualFiles:
    """Refuses a slice whose file equals another slice's, in a report without a date column.

    Its sums would be counted twice, and nothing in the rows could show it.

    Attributes:
        folder: Where a packed workbook is unpacked.
        ledger: Knows the files of earlier runs. Only the slices right before and after are compared with
            those: on two distant days a small report may well have the same rows.
    """

    report: Report
    folder: Path
    ledger: Ledger
    _slice_by_digest: dict[str, Slice] = field(default_factory=dict, init=False)

    def check(self, task: Task) -> str | None:
        """Return a digest of a job's files, to be stored once their records are emitted.

        Raises:
            FileError: Another slice had the same rows, with more than zeros in them.
        """
        days = task.request.slice
        is_needed = self.report.type.dated and not self.report.date_property
        if not is_needed or days is None or not task.files:
            return None
        digest = self._digest(task)
        equal = self._slice_by_digest.setdefault(digest, days)
        if equal == days:
            stream = self.report.stream
            equal = self.ledger.adjacent_slice_with_content(digest, task.request, stream=stream) or days
        if equal != days and self._has_counts(task):
            raise FileError(
                f"the vendor ignored the dates: the file of {days} is the same as that of {equal}, and the "
                "report has no date column that could tell them apart",
                remedy=f"{DATES_REMEDY} If both days are right, ask for a report with a date column, or for "
                "both in one slice (slice_days).",
            )
        return digest

    def _digest(self, task: Task) -> str:
        """Return a hash of the files' content that does not depend on how and when they were packed."""
        from tap_reports.files.unpack import members

        digest = hashlib.sha256()
        for file in task.files:
            for member in members(file, self.report.type.layout, self.folder):
                for chunk in _workbook_chunks(member) if member.is_workbook else _chunks(member):
                    digest.update(chunk)
        return digest.hexdigest()

    def _has_counts(self, task: Task) -> bool:
        """Return False if there are no rows, or only zeros in them: many days have equal files then."""
        from tap_reports.files import tables_of_all

        keys, rows, zeros = self.report.primary_keys, 0, 0
        for table in tables_of_all(task.files, self.report.type.layout, work_dir=self.folder):
            columns = match_columns(table.header, self.report.columns)
            numbers = [
                position
                for position, column in enumerate(columns)
                if column and column.kind in {Kind.INTEGER, Kind.NUMBER} and column.property not in keys
            ]
            for row in table.rows():
                if any(set(str(row[position])) & set("123456789") for position in numbers):
                    return True
                rows, zeros = rows + 1, zeros + len(numbers)
        return bool(rows and not zeros)


def _chunks(member: Member) -> Iterator[bytes]:
    with member.open() as stream:
        while chunk := stream.read(1 << 20):
            yield chunk


def _workbook_chunks(member: Member) -> Iterator[bytes]:
    """Yield what identifies a workbook's content: neither its properties nor its timestamps."""
    from tap_reports.files.unpack import OLE, open_zip

    if member.head.startswith(OLE):
        yield from _chunks(member)
        return
    with closing(open_zip(member)) as archive:
        for info in archive.infolist():
            if not info.filename.startswith("docProps"):
                yield f"{info.filename} {info.file_size} {info.CRC}\n".encode()
