"""What a vendor that ignores the dates of a request would bring: noticed before its slice is bookmarked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from tap_reports.exceptions import FileError, InvalidValue, StreamError, counted, sentence
from tap_reports.models import Kind
from tap_reports.sync.report import bound

if TYPE_CHECKING:
    from pathlib import Path

    from tap_reports.emit.plan import Tally
    from tap_reports.files.unpack import Member
    from tap_reports.jobs.task import Task
    from tap_reports.ledger.ledger import Ledger
    from tap_reports.models import Slice
    from tap_reports.sync.report import Report

REMEDY = (
    "The vendor may not know the names or the format of the dates that it is asked for: compare the report "
    "with the vendor's own page, and correct the report's settings."
)
MADE_AGAIN = (
    "The next run reads this job's file again, without a new submission; a run with reuse_finished_jobs "
    "false has the vendor make it again, which may cost."
)


def refused(error: StreamError) -> StreamError:
    """Return the error of a file with what becomes of its job, which is finished and paid for."""
    if isinstance(error, (FileError, InvalidValue)):
        own = "" if error.remedy == FileError.default_remedy else error.remedy
        error.remedy = sentence(own, MADE_AGAIN) if own else MADE_AGAIN
    return error


def check_days(days: Slice | None, tally: Tally) -> str:
    """Return a warning if some rows are not of the slice, else "".

    Args:
        days: The slice; None for a snapshot.
        tally: What was noticed of its rows.

    Raises:
        FileError: No row is of the slice.
    """
    if not tally.outside or days is None:
        return ""
    found = f"{tally.first_day}..{tally.last_day}"
    if tally.outside == tally.dated:
        rows = counted(tally.dated, "row")
        what = f"the vendor ignored the dates: {rows}, all outside of {days}, in {found}"
        raise FileError(what, remedy=REMEDY)
    return f"{tally.outside} of {counted(tally.dated, 'row')} of {days} lie outside of it (rows: {found})"


def count_warnings(task: Task, rows: int) -> Iterator[str]:
    """Yield what looks wrong about how many rows of a job came out."""
    if rows and rows == task.request.row_limit:
        yield (
            f"the result of job {task.job_id} ({task.request.slice or 'snapshot'}) has exactly "
            f"{counted(rows, 'row')}, which is the limit, so there may be more. "
            'Raise the report\'s "limit", or ask for less at a time.'
        )
    if not rows and task.job and task.job.rows:
        # A whole file is believed: what the vendor counts is not published.
        yield (
            f"the file of job {task.job_id} ({task.request.slice or 'snapshot'}) came whole and has no rows, "
            f"and the vendor counts {task.job.rows}. If it should have some, have the vendor make it again: "
            "run once with reuse_finished_jobs false, without the bookmark of these days."
        )


class EqualFiles:
    """Notices that two slices of a report without dates have the same rows, before those are written.

    Their sums would be counted twice, and nothing in the rows could tell.

    Args:
        report: Whose slices these are.
        folder: Where a packed workbook is unpacked.
        ledger: Knows the files of earlier runs. Of those only the slices right before and after one are
            compared with it: a vendor that ignores the dates has the same for both, and on two days of a year
            a small report may well say the same.
    """

    def __init__(self, report: Report, folder: Path, ledger: Ledger) -> None:
        self._report = report
        self._folder = folder
        self._ledger = ledger
        self._slice_of: dict[str, Slice] = {}
        self._is_on = report.type.dated and not report.dated_by

    def check(self, task: Task) -> str | None:
        """Return a digest of a job's files, to be kept once their records are out.

        Raises:
            FileError: Another slice had the same, and not only zeros.
        """
        days = task.request.slice
        if not self._is_on or days is None or not task.files:
            return None
        content = self._content(task)
        earlier = self._slice_of.setdefault(content, days)
        if earlier == days:
            stream = self._report.stream
            earlier = self._ledger.neighbour_with(content, task.request, stream=stream) or days
        if earlier != days and self._counts_something(task):
            raise FileError(
                f"the vendor ignored the dates: the file of {days} is the same as that of {earlier}, and the "
                "report has no date column that could tell them apart",
                remedy=f"{REMEDY} If both days are right, ask for a report with a date column, or for both "
                "in one slice (slice_days).",
            )
        return content

    def _content(self, task: Task) -> str:
        """Return what files have in common that hold the same rows, whenever they were packed."""
        from tap_reports.files.unpack import members

        digest = hashlib.sha256()
        layout = self._report.type.layout
        for file in task.files:
            for member in members(file, layout, self._folder):
                for piece in _workbook(member) if member.is_workbook else _pieces(member):
                    digest.update(piece)
        return digest.hexdigest()

    def _counts_something(self, task: Task) -> bool:
        """Return whether there are rows, and not only zeros in them: those are the same on many days."""
        from tap_reports.files import tables_of_all

        keys, rows, zeros = self._report.primary_keys, 0, 0
        for table in tables_of_all(task.files, self._report.type.layout, work_dir=self._folder):
            columns = bound(table.header, self._report.columns)
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


def _pieces(member: Member) -> Iterator[bytes]:
    with member.open() as stream:
        while piece := stream.read(1 << 20):
            yield piece


def _workbook(member: Member) -> Iterator[bytes]:
    """Yield what tells a workbook's content; its properties, and its members' times, say when it was made."""
    from tap_reports.files.unpack import OLE, open_zip

    if member.head.startswith(OLE):
        yield from _pieces(member)
        return
    with closing(open_zip(member)) as archive:
        for info in archive.infolist():
            if not info.filename.startswith("docProps"):
                yield f"{info.filename} {info.file_size} {info.CRC}\n".encode()
