"""What a report is, and the days that are asked for."""

from __future__ import annotations

import datetime as dt
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, TypeVar

from tap_reports.models.files import Column, Json, Layout

T = TypeVar("T")

InvalidValues = Literal["fail", "null"]
"""What becomes of a cell that does not fit its column."""
OnQuotaSpent = Literal["fail", "stop"]
"""What becomes of a stream whose day quota or credit limit is spent."""


class Granularity(StrEnum):
    """The period that one row of a dated report stands for."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


@dataclass(frozen=True, slots=True, order=True)
class Slice:
    """The dates of one request, both ends inclusive."""

    start: dt.date
    end: dt.date

    @property
    def days(self) -> int:
        """Number of days, at least 1."""
        return (self.end - self.start).days + 1

    def __str__(self) -> str:
        return f"{self.start}..{self.end}"


@dataclass(frozen=True, slots=True)
class Shard:
    """The share of a back-fill that this process extracts: number `index` (from 0) of `count`."""

    index: int
    count: int

    def share_of(self, slices: Sequence[T], report: str) -> tuple[T, ...]:
        """Return those slices of a report that are its own.

        Neighbours go to different shards, and the first slices of several reports too.

        Args:
            slices: All of them, in order.
            report: What is asked for; streams that share a request have one, so that they are in one shard.
        """
        offset = zlib.crc32(report.encode())
        return tuple(one for k, one in enumerate(slices) if (offset + k) % self.count == self.index)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportType:
    """The facts of one report, as its vendor describes them; user settings are laid over it later.

    Attributes:
        name: Second half of the stream name, in snake_case.
        report: What the vendor calls it: table, handle, report name.
        dated: Rows belong to days, so the report is extracted slice by slice; else it is a snapshot.
        granularity: Period of a row; slices of weekly and monthly reports are whole periods.
        columns: What is known of its columns beforehand, in file order.
        primary_keys: Headers that identify a row; () for none.
        asked: Headers that its requests ask for by name: a file without one of them is not the report.
        date_column: Header of the column that holds the period's (first) day; None if it has none.
        slice_days: The vendor's default for this report; None: the vendor's general one.
        lookback_days: Likewise.
        max_slice_days: What no setting exceeds (1: the vendor takes single days only).
        parameters: Whatever its client needs to build requests.
        infers_columns: The columns are known from a file only: discovery asks for one.
        selected: Selected by default.
        description: For the catalog.
    """

    name: str
    report: str
    dated: bool = True
    granularity: Granularity = Granularity.DAILY
    columns: tuple[Column, ...] = ()
    primary_keys: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    date_column: str | None = None
    slice_days: int | None = None
    lookback_days: int | None = None
    max_slice_days: int | None = None
    parameters: Json = field(default_factory=dict)
    layout: Layout = field(default_factory=Layout)
    infers_columns: bool = False
    selected: bool = True
    description: str = ""
