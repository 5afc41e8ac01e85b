"""A share of a back-fill: which slices are this process's, by the configuration alone."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from tap_reports.exceptions import ConfigError

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


def require_fixed_list(settings: Settings, streams: Iterable[ReportStream], state: Mapping[str, Any]) -> None:
    """Return if all shards see the same list of slices, today and tomorrow.

    Raises:
        ConfigError: They may not: a bookmark moves the list, and so does a day that is not final yet.
    """
    if settings.shard is None:
        return
    errors = []
    marked = sorted(name for name, one in state.get("bookmarks", {}).items() if one)
    if marked:
        errors.append(f"--state: a shard takes no bookmarks, and the state has some ({', '.join(marked)}).")
    for stream in streams:
        final = stream.extraction.final_day()
        if final and settings.end_date and settings.end_date > final:
            errors.append(
                f"end_date: {settings.end_date} is after the last final day of {stream.name}, {final}; "
                "shards need one that is not, so that all of them extract the same days."
            )
    if errors:
        raise ConfigError(errors)
