"""The Singer state: for each stream its bookmark, and the jobs whose records are not emitted yet."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_reports.models import ReportJob, Slice
from tap_reports.vendors import all_vendors

if TYPE_CHECKING:
    from tap_reports.emit.writer import StateOutput
    from tap_reports.jobs.task import Task
    from tap_reports.sync.signals import SignalHandler

PENDING = "pending_jobs"
KEY, VALUE = "replication_key", "replication_key_value"
KNOWN_KEYS = {
    KEY,
    VALUE,
    PENDING,
    "replication_key_signpost",
    "starting_replication_value",
    "progress_markers",
}
"""What this tap and the SDK write for a stream."""
MAX_NAMED_STREAMS = 3


@dataclass(slots=True)
class StreamState:
    """One stream's part of the state: `bookmarks.<stream>`, changed in place."""

    values: dict[str, Any]

    @property
    def bookmark(self) -> dt.date | None:
        """Last day up to which everything is emitted."""
        return _day(self.values.get(VALUE))

    def advance(self, replication_key: str, day: dt.date) -> None:
        """Move the bookmark to `day`; never back."""
        self.values[KEY] = replication_key
        self.values[VALUE] = max(day, self.bookmark or day).isoformat()

    def jobs(self) -> list[dict[str, Any]]:
        """Return the submitted jobs whose records are not emitted yet."""
        return [job for job in self._listed() if _is_job(job)]

    def pending(self, key: str) -> Mapping[str, Any] | None:
        """Return the submitted job of a request key, if its records are not emitted yet."""
        return next(
            (
                job
                for job in self._listed()
                if isinstance(job, dict) and job.get("key") == key and _is_job(job)
            ),
            None,
        )

    def add_job(self, job: ReportJob) -> None:
        """Add a submitted job, in place of an earlier one of the same request."""
        days = job.request.slice
        self.drop_job(job.request.key)
        self.values[PENDING].append(
            {
                "key": job.request.key,
                "id": job.id,
                "slice_start": days.start.isoformat() if days else None,
                "slice_end": days.end.isoformat() if days else None,
                "submitted_at": job.submitted_at.isoformat(timespec="seconds"),
            }
        )

    def drop_job(self, key: str) -> None:
        """Forget a job: its records are emitted, or it ended without any."""
        # Called for each of thousands of jobs, so malformed entries are not looked for here.
        self.values[PENDING] = [
            job for job in self._listed() if not isinstance(job, dict) or job.get("key") != key
        ]

    def keep_only(self, keys: Collection[str]) -> None:
        """Forget the jobs of all other request keys."""
        self.values[PENDING] = [job for job in self.jobs() if job.get("key") in keys]

    def warnings(self, replication_key: str | None) -> Iterator[str]:
        """Yield why this stream may not have written its bookmark."""
        others = sorted(self.values.keys() - KNOWN_KEYS)
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
        """Yield a warning if pending jobs can't be read: they may be paid for again."""
        given = self.values.get(PENDING)
        if given is not None and given != self.jobs():
            yield (
                f"its {PENDING} can't all be read (each has key, id, slice_start, slice_end and "
                "submitted_at): what else it names is submitted again unless the ledger knows it; "
                "correct or remove it"
            )

    def _listed(self) -> list[Any]:
        jobs = self.values.get(PENDING)
        return jobs if isinstance(jobs, list) else []


def job_days(job: Mapping[str, Any]) -> Slice | None:
    """Return the slice of one of the state's jobs; None for a snapshot's."""
    start, end = _day(job.get("slice_start")), _day(job.get("slice_end"))
    return Slice(start, end) if start and end else None


@dataclass(slots=True, kw_only=True)
class RunState:
    """The state of all streams during a run, also of streams that are still to be discovered.

    Attributes:
        values: The state as given, changed in place; replaced by the SDK's copy when the tap is made.
        names_jobs: False for a shard, whose jobs are in the ledger only.
        is_written: False for commands that write no messages.
    """

    values: dict[str, Any]
    output: StateOutput
    signals: SignalHandler
    names_jobs: bool
    is_written: bool

    @property
    def bookmarks(self) -> dict[str, Any]:
        """The streams' parts. The SDK removes an empty object, but readers of a state expect it."""
        bookmarks: dict[str, Any] = self.values.setdefault("bookmarks", {})
        return bookmarks

    def add_job(self, task: Task) -> None:
        """Add a task's submitted job to the state of each stream that wants it."""
        if task.job is None or not self.names_jobs:
            return
        for stream in task.streams:
            StreamState(self.bookmarks.setdefault(stream, {})).add_job(task.job)

    def drop_job(self, stream: str, key: str) -> None:
        """Forget a job, and the stream if nothing else is known of it."""
        values = self.bookmarks.get(stream, {})
        StreamState(values).drop_job(key)
        if not any(values.values()):
            self.bookmarks.pop(stream, None)

    def write(self, now: bool = False, again: bool = False) -> float:  # noqa: FBT002  (the engine calls it)
        """Write a STATE message if anything has changed. A signal can't interrupt it.

        Args:
            now: Do not delay a large one.
            again: Write it even if it has not changed.

        Returns:
            The seconds until it is due; 0 if it is written.
        """
        if not self.is_written:
            return 0.0
        state = {**self.values, "bookmarks": self.bookmarks}
        with self.signals.interruptible(allowed=False):
            return self.output.put(state, now=now or again, again=again)


def state_errors(state: Any) -> Iterator[str]:
    """Yield why a state can't be one of this tap's.

    A wrong bookmark must not count as none: everything from start_date on would be extracted, and paid for,
    again. For the same reason, a state with only other taps' streams is an error.
    """
    bookmarks = state.get("bookmarks") if isinstance(state, Mapping) else None
    if not state:
        return
    if not isinstance(bookmarks, Mapping):
        yield 'state: must be an object with "bookmarks"; pass the value of the last STATE message.'
        return
    own = {stream: values for stream, values in bookmarks.items() if _is_own(stream)}
    if bookmarks and not own:
        names = ", ".join(sorted(map(str, bookmarks))[:MAX_NAMED_STREAMS])
        yield f"state: is another tap's (it knows {names}); pass this tap's, or none to begin at start_date."
    for stream, values in own.items():  # other taps' parts are kept as they are
        if not isinstance(values, Mapping):
            yield f"state: bookmarks.{stream} must be an object; correct or remove it."
        elif values.get(VALUE) is not None and _day(values[VALUE]) is None:
            yield f"state: bookmarks.{stream}.{VALUE} is not a day (YYYY-MM-DD); correct or remove it."


def shard_state_errors(bookmarks: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a shard's state: a bookmark would change the list of slices."""
    marked = sorted(name for name, values in bookmarks.items() if values)
    if marked:
        yield f"--state: a shard takes no bookmarks, and the state has some ({', '.join(marked)})."


def _is_job(job: Any) -> bool:
    if not isinstance(job, dict) or not isinstance(job.get("key"), str):
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
