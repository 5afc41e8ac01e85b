"""What a stream has to extract: bookmark, final day and jobs on their way become slices with requests.

A job that somebody has paid for keeps its slice, whatever the bookmark, the lookback, the final day or
`slice_days` have become; only the days that no such job covers are cut into new slices.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tap_reports.exceptions import CallError, ConfigError, StreamError
from tap_reports.models import Slice
from tap_reports.sync.slices import first_day
from tap_reports.sync.state import job_days
from tap_reports.vendor import Bounded

if TYPE_CHECKING:
    from tap_reports.client import ReportClient
    from tap_reports.models import ReportRequest, Shard
    from tap_reports.sync.report import Report
    from tap_reports.sync.run import Run
    from tap_reports.sync.state import StreamState


@dataclass(frozen=True, slots=True)
class SlicePlan:
    """A slice to extract: its requests in row order. `days` is None for a snapshot."""

    days: Slice | None
    requests: tuple[ReportRequest, ...]


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """What a stream has to extract.

    Attributes:
        slices: Ascending.
        notes: What the user should know of it.
        warnings: What the user should look at.
        later: Keys of the state's jobs that belong to days after these: they stay in the state.
    """

    slices: tuple[SlicePlan, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    later: frozenset[str] = frozenset()

    @property
    def requests(self) -> list[ReportRequest]:
        """All requests, in the order of the slices."""
        return [request for part in self.slices for request in part.requests]


@dataclass(frozen=True, slots=True)
class _Known:
    """A job that the state or the ledger knows of the report.

    Attributes:
        days: Its slice.
        key: Of its request; "" where the report would not be asked for like that any more.
    """

    days: Slice | None
    job_id: str
    key: str


@dataclass(frozen=True, kw_only=True)
class Planning:
    """Plans one stream's extraction.

    Attributes:
        report: The stream's.
        client: Its vendor's.
        run: Asked for settings and the ledger.
        states: The stream's part of the state (in discovery: those of all sheets of a report).
        is_incremental: It goes on after its bookmark.
    """

    report: Report
    client: ReportClient
    run: Run
    states: Sequence[StreamState]
    is_incremental: bool = True
    _requests_of: dict[Slice | None, tuple[ReportRequest, ...]] = field(default_factory=dict, init=False)

    def plan(self) -> StreamPlan:
        """Return what there is to extract.

        Raises:
            StreamError: The vendor can't be asked what is final; the ledger failed.
        """
        try:
            if self.run.settings.shard:
                return self._share(self.run.settings.shard)
            if self.report.type.dated:
                return self._dated()
            return _with_jobs((SlicePlan(None, self._requests(None)),), self._in_state(), end=dt.date.max)
        except CallError as error:
            failed = StreamError.of(error)
            raise failed.placed(vendor=self.report.vendor, stream=self.report.stream) from error
        except ConfigError as error:
            # A catalog spares the vendor's discovery, which would have found this before.
            raise StreamError(str(error), remedy="Correct the report's settings.") from error

    def _share(self, shard: Shard) -> StreamPlan:
        """Return this shard's slices; neither a bookmark nor jobs on their way change the list."""
        report, start, end = self.report, self.run.settings.start_date, self.run.settings.end_date
        parts: tuple[SlicePlan, ...] = (SlicePlan(None, self._requests(None)),)
        if report.type.dated and start and end:
            days = report.cut.days(start, end, not_before=start)
            groups = _grouped(report, report.cut.slices(days), ())[0] if days else []
            parts = tuple(self._part(group) for group in groups)
        asked = {request.report for part in parts for request in part.requests}
        return StreamPlan(shard.share_of(parts, f"{report.vendor} {min(asked, default='')}"))

    def _dated(self) -> StreamPlan:
        report, settings = self.report, self.run.settings
        final, end = self.client.final_day(report.type), settings.end_date
        last = min(final, end) if end else final
        bookmark = self._bookmark()
        # Without a start date, a sync has ended before; discovery has not.
        start, begins = self._first_day(settings.start_date or last, bookmark)
        first = first_day(start, bookmark, report.lookback_days)
        warnings = (*begins, *self._state_warnings(bookmark, final))
        days = report.cut.days(first, last, not_before=start)
        if days is None or (bookmark and bookmark >= days.end):
            note = f"no new final day since {bookmark}" if bookmark else f"no final day from {start} on"
            found = _with_jobs((), self._in_state(), end=dt.date.min)
            return replace(found, notes=(note,), warnings=(*warnings, *found.warnings))
        known = [*self._in_state(), *self._in_ledger(days)]
        candidates = dict.fromkeys(job.days for job in known if job.key and job.days)
        kept = report.cut.choose(candidates, days, not_before=start)
        groups, notes = _grouped(report, report.cut.slices(days, kept), kept)
        if bookmark and start < first:
            notes.append(
                f"goes on from {first} by its bookmark {bookmark} and lookback_days {report.lookback_days}; "
                f"start_date {start} counts for a first run only"
            )
        parts = tuple(self._part(group) for group in groups)
        found = _with_jobs(parts, known, end=groups[-1][-1].end)
        if gaps := self.client.gaps(report.type, days):
            warnings = (*warnings, gaps)
        return replace(found, notes=tuple(notes), warnings=(*warnings, *found.warnings))

    def _first_day(self, start: dt.date, bookmark: dt.date | None) -> tuple[dt.date, tuple[str, ...]]:
        """Return `start`, or later where the vendor's data begins later; and what there is to say of it."""
        first = self.client.first_day(self.report.type) if isinstance(self.client, Bounded) else None
        if first is None or first <= start:
            return start, ()
        text = f"the data begins on {first}, later than start_date ({start}); it is extracted from there on"
        return first, () if bookmark and bookmark >= first else (text,)

    def _bookmark(self) -> dt.date | None:
        """Return the last day that is out of all of the report's streams."""
        marks = [state.bookmark for state in self.states] if self.is_incremental else []
        return min(filter(None, marks)) if marks and all(marks) else None

    def _state_warnings(self, bookmark: dt.date | None, final: dt.date) -> Iterator[str]:
        """Yield what looks wrong about the state."""
        for state in self.states:
            yield from state.unreadable_jobs()
        if not self.is_incremental:
            return
        if bookmark and bookmark > final:
            yield (
                f"the bookmark {bookmark} lies after the last final day, {final}: nothing is extracted "
                "until then; correct replication_key_value in the state"
            )
        for state in self.states:
            yield from state.warnings(self.report.replication_key)

    # --- jobs on their way ------------------------------------------------------------------------------

    def _in_state(self) -> Iterator[_Known]:
        for state in self.states:
            for job in state.jobs():
                yield self._known(job_days(job), str(job["id"]), str(job.get("key")))

    def _in_ledger(self, days: Slice) -> Iterator[_Known]:
        """Yield the jobs of the ledger that are this report's with these parameters."""
        for like in self._requests(days)[:1]:
            found = self.run.ledger.on_its_way(
                like, stream=self.report.stream, first=days.start, last=days.end
            )
            for record in found:
                job = self._known(record.slice, record.job_id, record.key)
                if job.key:
                    yield job

    def _known(self, days: Slice | None, job_id: str, key: str) -> _Known:
        is_asked_like_that = key in {request.key for request in self._requests(days)}
        return _Known(days, job_id, key if is_asked_like_that else "")

    def _part(self, group: list[Slice]) -> SlicePlan:
        requests = tuple(request for days in group for request in self._requests(days))
        return SlicePlan(Slice(group[0].start, group[-1].end), requests)

    def _requests(self, days: Slice | None) -> tuple[ReportRequest, ...]:
        if days not in self._requests_of:
            report = self.report
            self._requests_of[days] = tuple(
                replace(request, settled_on=report.settled_on(request.slice))
                for request in self.client.requests(report.type, days)
            )
        return self._requests_of[days]


def _grouped(
    report: Report, slices: Iterable[Slice], kept: Iterable[Slice]
) -> tuple[list[list[Slice]], list[str]]:
    """Return the slices by what comes out as one, and what there is to say of it.

    Jobs on their way may end inside a slice of the grid. Where rows are known by their slice and number, the
    rest of that slice comes out with it, so that it overwrites itself when it is extracted again. Where a row
    is a sum over its slice, two parts of one can't be added up: the rest waits until all of it is asked for.
    """
    kept = set(kept)
    groups: list[list[Slice]] = []
    for one in slices:
        is_rest = bool(groups) and report.grid and report.cut.cell(one.start).start != one.start
        if is_rest and report.is_summed and one not in kept:
            return groups, [
                f"the days from {one.start} on wait for the next run: a running job cuts their slice"
            ]
        if is_rest and report.is_keyless:
            groups[-1].append(one)
        else:
            groups.append([one])
    return groups, []


def _with_jobs(parts: tuple[SlicePlan, ...], known: Iterable[_Known], *, end: dt.date) -> StreamPlan:
    """Return a plan that says what becomes of each known job: it is used, left for later or discarded.

    Args:
        end: Jobs of later days are left for later.
    """
    wanted = {request.key for part in parts for request in part.requests}
    left = [job for job in known if job.key not in wanted]
    later = {job for job in left if job.key and job.days and job.days.end > end}
    lost = [
        f"job {job.job_id} of {job.days or 'a snapshot'} is discarded: "
        + ("its days are out, or another job has them" if job.key else "the report's settings have changed")
        for job in left
        if job not in later
    ]
    return StreamPlan(parts, warnings=tuple(dict.fromkeys(lost)), later=frozenset(job.key for job in later))
