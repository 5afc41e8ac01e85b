"""What a vendor that ignores the dates of a request would bring: noticed before its slice is bookmarked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_reports.exceptions import FileError

if TYPE_CHECKING:
    from tap_reports.emit.plan import Tally
    from tap_reports.models import Slice

REMEDY = (
    "The vendor may not know the names or the format of the dates that it is asked for: compare the report "
    "with the vendor's own page, and correct the report's settings."
)


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
        raise FileError(
            f"the vendor ignored the dates: all {tally.dated} rows lie outside of {days}, in {found}",
            remedy=REMEDY,
        )
    return f"{tally.outside} of {tally.dated} rows of {days} lie outside of it (rows: {found})"
