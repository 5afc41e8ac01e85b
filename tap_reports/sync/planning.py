"""What a stream has to extract: bookmark, final day and existing jobs become slices with their requests.

A job that was paid for keeps its slice, whatever the bookmark, the lookback, the final day or `slice_days`
are by now. Only the days that no such job covers are cut into new slices.
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
    """A slice to extract (`days`; None for a snapshot) and its requests, in row order."""

    days: Slice | None
    requests: tuple[ReportRequest, ...]


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """What a stream has to extract.

    Attributes:
        slices: Ascending.
        notes, warnings: For the log.
        later: Request keys of jobs in the state that belong to later days: they stay in the state.
    """

    slices: tuple[SlicePlan, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    later: frozenset[str] = frozenset()

    @property
    def requests(self) -> list[ReportRequest]:
        """All requests, in the order of the slices."""
        return [request for plan in self.slices for request in plan.requests]


@dataclass(frozen=True, slots=True)
class _KnownJob:
    """A job of the state or the ledger. `key` is "" if today's settings make no such request any more."""

    days: Slice | None
    job_id: str
    key: str


@dataclass(frozen=True, kw_only=True)
class StreamPlanner:
    """Plans one stream's extraction.

    Attributes:
        states: The stream's part of the state; in discovery those of all sheets of the report.
        is_incremental: Continue after the bookmark.
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
            StreamError: The vendor did not say which day is final, or the ledger failed.
        """
        try:
            if self.run.settings.shard:
                return self._plan_shard(self.run.settings.shard)
            if self.report.type.dated:
                return self._plan_days()
            snapshot = SlicePlan(None, self._requests(None))
            return _with_known_jobs((snapshot,), self._jobs_in_state(), last=dt.date.max)
        except CallError as error:
            failed = StreamError.from_error(error)
            raise failed.with_location(vendor=self.report.vendor, stream=self.report.stream) from error
        except ConfigError as error:
            # With a catalog, the vendor's discovery did not run, which would have found this earlier.
            raise StreamError(str(error), remedy="Correct the report's settings.") from error

    def _plan_shard(self, shard: Shard) -> StreamPlan:
        """Return this shard's slices. Neither a bookmark nor existing jobs change the list."""
        report, start, end = self.report, self.run.settings.start_date, self.run.settings.end_date
        plans: tuple[SlicePlan, ...] = (SlicePlan(None, self._requests(None)),)
        if report.type.dated and start and end:
            days = report.slicing.days(start, end, not_before=start)
            plans = self._slice_plans(group_slices(report, report.slicing.slices(days))[0] if days else [])
        reports = {request.report for plan in plans for request in plan.requests}
        return StreamPlan(shard.share_of(plans, f"{report.vendor} {min(reports, default='')}"))

    def _plan_days(self) -> StreamPlan:
        report, settings = self.report, self.run.settings
        final, end = self.client.final_day(report.type), settings.end_date
        last = min(final, end) if end else final
        bookmark = self._bookmark()
        # In a sync, start_date is required; discovery also works without.
        start, warnings = self._data_start(settings.start_date or last, bookmark)
        warnings += self._state_warnings(bookmark, final)
        first = first_day(start, bookmark, report.lookback_days)
        days = report.slicing.days(first, last, not_before=start)
        if days is None or (bookmark and bookmark >= days.end):
            note = f"no new final day since {bookmark}" if bookmark else f"no final day from {start} on"
            plan = _with_known_jobs((), self._jobs_in_state(), last=dt.date.min)
            return replace(plan, notes=(note,), warnings=(*warnings, *plan.warnings))
        known = [*self._jobs_in_state(), *self._jobs_in_ledger(days)]
        candidates = dict.fromkeys(job.days for job in known if job.key and job.days)
        kept = report.slicing.keep(candidates, days, not_before=start)
        groups, notes = group_slices(report, report.slicing.slices(days, kept), kept)
        if bookmark and start < first:
            notes.append(
                f"goes on from {first} by its bookmark {bookmark} and lookback_days {report.lookback_days}; "
                f"start_date {start} counts for a first run only"
            )
        if gaps := self.client.gaps(report.type, days):
            warnings.append(gaps)
        plan = _with_known_jobs(self._slice_plans(groups), known, last=groups[-1][-1].end)
        return replace(plan, notes=tuple(notes), warnings=(*warnings, *plan.warnings))

    def _data_start(self, start: dt.date, bookmark: dt.date | None) -> tuple[dt.date, list[str]]:
        """Return `start`, or the first day of the vendor's data if that is later, and any warning."""
        first = self.client.first_day(self.report.type) if isinstance(self.client, Bounded) else None
        if first is None or first <= start:
            return start, []
        text = f"the data begins on {first}, later than start_date ({start}); it is extracted from there on"
        return first, [] if bookmark and bookmark >= first else [text]

    def _bookmark(self) -> dt.date | None:
        """Return the last day up to which all of the report's streams are complete."""
        marks = [state.bookmark for state in self.states] if self.is_incremental else []
        return min(filter(None, marks)) if marks and all(marks) else None

    def _state_warnings(self, bookmark: dt.date | None, final: dt.date) -> Iterator[str]:
        for state in self.states:
            yield from state.unreadable_jobs()
        if self.is_incremental:
            if bookmark and bookmark > final:
                yield (
                    f"the bookmark {bookmark} lies after the last final day, {final}: nothing is extracted "
                    "until then; correct replication_key_value in the state"
                )
            for state in self.states:
                yield from state.warnings(self.report.replication_key)

    # --- existing jobs ----------------------------------------------------------------------------------

    def _jobs_in_state(self) -> Iterator[_KnownJob]:
        for state in self.states:
            for job in state.jobs():
                yield self._known_job(job_days(job), str(job["id"]), str(job.get("key")))

    def _jobs_in_ledger(self, days: Slice) -> Iterator[_KnownJob]:
        """Yield the ledger's unfinished or unread jobs of this report with these parameters."""
        for like in self._requests(days)[:1]:
            records = self.run.ledger.open_jobs(
                like, stream=self.report.stream, first=days.start, last=days.end
            )
            jobs = (self._known_job(record.slice, record.job_id, record.key) for record in records)
            yield from (job for job in jobs if job.key)

    def _known_job(self, days: Slice | None, job_id: str, key: str) -> _KnownJob:
        is_current = key in {request.key for request in self._requests(days)}
        return _KnownJob(days, job_id, key if is_current else "")

    def _slice_plans(self, groups: Iterable[list[Slice]]) -> tuple[SlicePlan, ...]:
        return tuple(
            SlicePlan(
                Slice(group[0].start, group[-1].end),
                tuple(request for days in group for request in self._requests(days)),
            )
            for group in groups
        )

    def _requests(self, days: Slice | None) -> tuple[ReportRequest, ...]:
        if days not in self._requests_of:
            report = self.report
            self._requests_of[days] = tuple(
                replace(request, settled_on=report.settled_on(request.slice))
                for request in self.client.requests(report.type, days)
            )
        return self._requests_of[days]


def group_slices(
    report: Report, slices: Iterable[Slice], kept: Iterable[Slice] = ()
) -> tuple[list[list[Slice]], list[str]]:
    """Return the slices in groups, each emitted as one, and notes for the log.

    A kept job may end inside a slice of the grid. If rows are identified by slice and row number, the rest of
    that grid slice joins its group, so that it overwrites itself when it is extracted again. If a row is a
    sum over its slice, two parts can't be added up: the rest waits until all of the slice is requested.
    """
    kept = set(kept)
    groups: list[list[Slice]] = []
    for slice_ in slices:
        grid_start = report.slicing.grid_slice(slice_.start).start
        is_rest = bool(groups) and report.on_grid and grid_start != slice_.start
        if is_rest and report.is_aggregated and slice_ not in kept:
            note = f"the days from {slice_.start} on wait for the next run: a running job cuts their slice"
            return groups, [note]
        if is_rest and report.is_keyless:
            groups[-1].append(slice_)
        else:
            groups.append([slice_])
    return groups, []


def _with_known_jobs(
    plans: tuple[SlicePlan, ...], known: Iterable[_KnownJob], *, last: dt.date
) -> StreamPlan:
    """Return a plan that says of each known job whether it is used, kept for later or discarded.

    Jobs for days after `last` are kept for later.
    """
    wanted = {request.key for plan in plans for request in plan.requests}
    unused = [job for job in known if job.key not in wanted]
    later = {job for job in unused if job.key and job.days and job.days.end > last}
    discarded = [
        f"job {job.job_id} of {job.days or 'a snapshot'} is discarded: "
        + (
            "its days are extracted already, or another job has them"
            if job.key
            else "the report's settings have changed"
        )
        for job in unused
        if job not in later
    ]
    keys = frozenset(job.key for job in later)
    return StreamPlan(plans, warnings=tuple(dict.fromkeys(discarded)), later=keys)
