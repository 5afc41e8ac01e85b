"""What a vendor that ignores the dates of a request would bring: noticed before its slice is bookmarked."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tap_reports.emit.plan import Tally
from tap_reports.exceptions import FileError

if TYPE_CHECKING:
    from tap_reports.models import ReportFile, Slice
    from tap_reports.sync.report import Report

REMEDY = (
    "The vendor may not know the names or the format of the dates that it is asked for: compare the report "
    "with the vendor's own page, and correct the report's settings."
)
GZIP = b"\x1f\x8b"
GZIP_TRAILER_BYTES = 8
"""A checksum and the size of what is packed: the head has the time of packing."""
DOCUMENT_PROPERTIES = "docProps/"
"""In a workbook: who made it, and when."""


class SliceGuard:
    """Compares what came for one stream's slices with their dates, and with one another.

    Args:
        report: The stream's.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._slices: dict[str, Slice] = {}

    def check_days(self, days: Slice | None, tally: Tally) -> Iterator[str]:
        """Yield a warning if some rows are not of the slice.

        Raises:
            FileError: No row is.
        """
        if not tally.outside or days is None:
            return
        found = f"{tally.first_day}..{tally.last_day}"
        if tally.outside == tally.dated:
            raise FileError(
                f"the vendor ignored the dates: all {tally.dated} rows lie outside of {days}, in {found}",
                remedy=REMEDY,
            )
        yield f"{tally.outside} of {tally.dated} rows of {days} lie outside of it (rows: {found})"

    def check_files(self, days: Slice | None, files: Sequence[ReportFile]) -> str:
        """Compare files with those of other slices, where the rows have no dates of their own.

        Args:
            days: Of the request.
            files: Its files.

        Returns:
            What to `remember` them by once they turn out to have rows: two slices may well have none.

        Raises:
            FileError: Another slice had the same.
        """
        if days is None or not files or self._report.has_date_column:
            return ""
        digest = hashlib.sha256(b"".join(_digest(file.path) for file in files)).hexdigest()
        other = self._slices.get(digest, days)
        if other != days:
            raise FileError(
                f"the vendor ignored the dates: it sent the same file for {days} as for {other}",
                remedy=REMEDY,
            )
        return digest

    def remember(self, digest: str, days: Slice | None) -> None:
        """Note whose files these were."""
        if digest and days:
            self._slices[digest] = days


def _digest(path: Path) -> bytes:
    """Return what tells a file's content from another's, whenever it was packed."""
    with path.open("rb") as file:
        if file.read(len(GZIP)) == GZIP:
            file.seek(-GZIP_TRAILER_BYTES, 2)
            return file.read()
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                members = [
                    (one.filename, one.CRC, one.file_size)
                    for one in archive.infolist()
                    if not one.filename.startswith(DOCUMENT_PROPERTIES)
                ]
            return repr(sorted(members)).encode()
        file.seek(0)
        return hashlib.file_digest(file, "sha256").digest()
