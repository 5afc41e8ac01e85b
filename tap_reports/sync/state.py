"""The Singer state: of each stream a bookmark, and the jobs whose records are not yet out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tap_reports.models import ReportJob, Slice
from tap_reports.vendors import all_vendors

if TYPE_CHECKING:
    from tap_reports.emit.state_output import StateOutput
    from tap_reports.jobs.task import Task
    from tap_reports.sync.signals import Signals

PENDING = "pending_jobs"
KEY, VALUE = "replication_key", "replication_key_value"
OWN = {KEY, VALUE, PENDING, "replication_key_signpost", "starting_replication_value", "progress_markers"}
"""What this tap and the SDK write of a stream."""
SHOWN = 3
"""Streams that are named of a state that is not ours."""


class StreamState:
    """One stream's part of the state, changed in place.

    Args:
        values: `bookmarks.<stream>` of the tap's state.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    @property
    def bookmark(self) -> dt.date | None:
        """Last day for which everything up to it is out."""
        return _day(self.values.get(VALUE))

    def advance(self, replication_key: str, day: dt.date) -> None:
        """Move the bookmark to `day`; never back."""
        self.values[KEY] = replication_key
        self.values[VALUE] = max(day, self.bookmark or day).isoformat()

    def pending(self, key: str) -> Mapping[str, Any] | None:
        """Return the submitted job of a request key, if its records are not yet out."""
        return next((job for job in self._listed() if _key(job) == key and _is_job(job)), None)

    def warnings(self, replication_key: str | None) -> Iterator[str]:
        """Yield why this may not be what this stream has written."""
        others = sorted(self.values.keys() - OWN)
        if others and not self.values.keys() & {VALUE, PENDING}:
            yield (
                f'its state has no "{VALUE}" (but {", ".join(others)}), so all days from start_date on '
                "are extracted; correct the state, or remove it"
            )
        written_for = self.values.get(KEY)
        if written_for and written_for != replication_key and self.bookmark:
            yield (
                f"its bookmark {self.bookmark} was written for {written_for}, and its replication key is "
                f"{replication_key}: it is used as it is; remove it to begin at start_date"
            )

    def unreadable_jobs(self) -> Iterator[str]:
        """Yield what becomes of pending jobs that can't be read: they may be paid for again."""
        given = self.values.get(PENDING)
        if given is not None and given != self.jobs():
            yield (
                f"its {PENDING} can't all be read (each has key, id, slice_start, slice_end and "
                "submitted_at): what else it names is submitted again unless the ledger knows it; "
                "correct or remove it"
            )

    def add(self, job: ReportJob) -> None:
        """Name a submitted job, in place of an earlier one of the same request."""
        days = job.request.slice
        self.drop(job.request.key)
        self.values[PENDING].append(
            {
                "key": job.request.key,
                "id": job.id,
                "slice_start": days.start.isoformat() if days else None,
                "slice_end": days.end.isoformat() if days else None,
                "submitted_at": job.submitted_at.isoformat(timespec="seconds"),
            }
        )

    def drop(self, key: str) -> None:
        """Forget a job: its records are out, or it has ended without any."""
        # All are looked at for each of thousands of jobs: whether they can be read is asked elsewhere.
        self.values[PENDING] = [
            job for job in self._listed() if not isinstance(job, dict) or job.get("key") != key
        ]

    def keep_only(self, keys: Collection[str]) -> None:
        """Forget the jobs of other requests."""
        self.values[PENDING] = [job for job in self.jobs() if job.get("key") in keys]

    def jobs(self) -> list[dict[str, Any]]:
        """Return the submitted jobs whose records are not yet out."""
        return [job for job in self._listed() if _is_job(job)]

    def _listed(self) -> list[Any]:
        jobs = self.values.get(PENDING)
        return jobs if isinstance(jobs, list) else []


def job_days(job: Mapping[str, Any]) -> Slice | None:
    """Return the slice of one of a state's jobs; None for a snapshot's."""
    start, end = _day(job.get("slice_start")), _day(job.get("slice_end"))
    return Slice(start, end) if start and end else None


class RunState:
    """The state of all streams while the run goes on, those included that are still to be discovered.

    Args:
        values: As it was passed; changed in place. `values` becomes the tap's own once the SDK has copied it.
        output: Where STATE messages go.
        signals: None of them ends a message half-way.
        names_jobs: False for a shard, whose jobs are in the ledger alone.
        is_written: False for commands that write no messages.
    """

    def __init__(
        self,
        values: dict[str, Any],
        output: StateOutput,
        signals: Signals,
        *,
        names_jobs: bool,
        is_written: bool,
    ) -> None:
        self.values = values
        self.output = output
        self._signals = signals
        self._names_jobs = names_jobs
        self._is_written = is_written

    @property
    def bookmarks(self) -> dict[str, Any]:
        """The streams' parts. The SDK removes an empty object, and readers of a state look for it."""
        found: dict[str, Any] = self.values.setdefault("bookmarks", {})
        return found

    def name(self, task: Task) -> None:
        """Name a submitted job in the state of each stream that wants it."""
        if task.job is None or not self._names_jobs:
            return
        for stream in task.streams:
            StreamState(self.bookmarks.setdefault(stream, {})).add(task.job)

    def drop(self, stream: str, key: str) -> None:
        """Forget a job, and a stream of which nothing else is known."""
        values = self.bookmarks.get(stream, {})
        StreamState(values).drop(key)
        if not any(values.values()):
            self.bookmarks.pop(stream, None)

    def write(self, now: bool = False, again: bool = False) -> float:  # noqa: FBT002  (the engine calls it)
        """Write a STATE message if anything has changed since the last one. No signal ends it half-way.

        Args:
            now: At once, also a large one.
            again: Also one that was written before.

        Returns:
            The seconds until it is due; 0 if it is out.
        """
        if not self._is_written:
            return 0.0
        state = {**self.values, "bookmarks": self.bookmarks}
        with self._signals.at_once(is_on=False):
            return self.output.put(state, now=now or again, again=again)


def state_errors(state: Any) -> Iterator[str]:
    """Yield why a state can't be one of this tap's.

    A wrong bookmark must not count as none: all from start_date on would be extracted (and paid) again. For
    the same reason a state of other taps' streams alone is taken for a mistake.
    """
    bookmarks = state.get("bookmarks") if isinstance(state, Mapping) else None
    if not state:
        return
    if not isinstance(bookmarks, Mapping):
        yield 'state: must be an object with "bookmarks"; pass the value of the last STATE message.'
        return
    own = {stream: values for stream, values in bookmarks.items() if _is_own(stream)}
    if bookmarks and not own:
        names = ", ".join(sorted(map(str, bookmarks))[:SHOWN])
        yield f"state: is another tap's (it knows {names}); pass this tap's, or none to begin at start_date."
    for stream, values in own.items():  # somebody else's are kept as they are
        if not isinstance(values, Mapping):
            yield f"state: bookmarks.{stream} must be an object; correct or remove it."
        elif values.get(VALUE) is not None and _day(values[VALUE]) is None:
            yield f"state: bookmarks.{stream}.{VALUE} is not a day (YYYY-MM-DD); correct or remove it."


def shard_state_errors(bookmarks: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a shard's state: a bookmark moves the list of slices."""
    marked = sorted(name for name, one in bookmarks.items() if one)
    if marked:
        yield f"--state: a shard takes no bookmarks, and the state has some ({', '.join(marked)})."


def _key(job: Any) -> Any:
    return job.get("key") if isinstance(job, dict) else None


def _is_job(job: Any) -> bool:
    if not isinstance(_key(job), str):
        return False
    if not job.get("id") or not isinstance(job["id"], (str, int)):
        return False
    days = [job.get("slice_start"), job.get("slice_end")]
    return days == [None, None] or job_days(job) is not None


def _is_own(stream: str) -> bool:
    return any(stream.startswith(f"{vendor}_") for vendor in all_vendors())


def _day(value: Any) -> dt.date | None:
    try:
        return dt.datetime.fromisoformat(str(value)).date() if value is not None else None
    except ValueError:
        return None
