"""A share of a back-fill: which slices are this process's, by the configuration alone."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from tap_reports.models import Shard
    from tap_reports.settings.read import Settings
    from tap_reports.streams import ReportStream

T = TypeVar("T")


def share(slices: Sequence[T], shard: Shard, report: str) -> tuple[T, ...]:
    """Return the slices of a report that belong to a shard.

    Neighbours go to different shards, and the first slices of several reports too.

    Args:
        slices: All of them, in order.
        shard: Number and count.
        report: What is asked for; streams that share a request have one, so that they are in one shard.
    """
    offset = zlib.crc32(report.encode())
    return tuple(one for k, one in enumerate(slices) if (offset + k) % shard.count == shard.index)


def shard_state_errors(bookmarks: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a shard's state: a bookmark moves the list of slices."""
    marked = sorted(name for name, one in bookmarks.items() if one)
    if marked:
        yield f"--state: a shard takes no bookmarks, and the state has some ({', '.join(marked)})."


def final_day_errors(settings: Settings, streams: Iterable[ReportStream]) -> Iterator[str]:
    """Yield why all shards may not see the same list of slices, today and tomorrow: a day that is not final
    yet is one more tomorrow.
    """
    if settings.shard is None:
        return
    for stream in streams:
        final = stream.extraction.final_day()
        if final and settings.end_date and settings.end_date > final:
            yield (
                f"end_date: {settings.end_date} is after the last final day of {stream.name}, {final}; "
                "shards need one that is not, so that all of them extract the same days."
            )
