"""How a run ended: who failed and why, and the exit status that says so."""

from __future__ import annotations

import datetime as dt
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field

from tap_reports.exceptions import QuotaSpent, StreamError
from tap_reports.models import RunOutcome, StreamEnd, StreamOutcome
from tap_reports.redaction import redact

logger = logging.getLogger("tap-reports")


def counted(number: int, what: str) -> str:
    """Return `1 row`, `2 rows`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


@dataclass(slots=True)
class Outcome:
    """What became of the selected streams.

    Attributes:
        done: Streams that are out, with their rows.
        failures: Failed streams, with their errors.
        stopped: Streams that ended before their time as a quota was spent, and are not to fail for that.
        left: Where a spent quota stops a stream (`on_quota_spent`): returns how many of its jobs are left.
        signal: The signal that ended the run, or None.
        closed: The reader of our output went away.
    """

    done: dict[str, int] = field(default_factory=dict)
    failures: dict[str, StreamError] = field(default_factory=dict)
    stopped: dict[str, QuotaSpent] = field(default_factory=dict)
    left: Callable[[str], int] | None = None
    signal: int | None = None
    closed: bool = False

    @property
    def is_stopped(self) -> bool:
        """True if the run is to end before its time."""
        return self.signal is not None or self.closed

    @property
    def status(self) -> int:
        """The exit status: 0 all done, 1 something failed, 128 + signal."""
        if self.signal is not None:
            return 128 + self.signal
        return 1 if self.failures or self.closed else 0

    def of_run(self, run_id: str, version: str, started_at: dt.datetime, now: dt.datetime) -> RunOutcome:
        """Return how the run ended, for the ledger."""
        done = [
            StreamOutcome(stream=name, outcome=StreamEnd.DONE, rows=rows) for name, rows in self.done.items()
        ]
        ended = [
            StreamOutcome(stream=name, outcome=outcome, error=redact(error))
            for outcome, errors in ((StreamEnd.FAILED, self.failures), (StreamEnd.STOPPED, self.stopped))
            for name, error in errors.items()
        ]
        return RunOutcome(
            run_id=run_id,
            version=version,
            started_at=started_at,
            seconds=(now - started_at).total_seconds(),
            exit_status=self.status,
            signal=self.signal,
            streams=(*done, *ended),
        )

    def fail(self, stream: str, error: StreamError) -> None:
        """Note a failed stream."""
        error.stream = stream
        if self.left and isinstance(error, QuotaSpent):
            self.stopped[stream] = error
            left = self.left(stream)
            days = math.ceil(left / error.per_day) if error.per_day else 0
            more = f", which take {counted(days, 'day')} more" if days else ""
            logger.warning("stopped: %s %s left%s", redact(error), counted(left, "job"), more)
            return
        self.failures[stream] = error
        logger.error("stream failed: %s", redact(error))

    def summarise(self) -> None:
        """Log the last lines of a run: what is done, what failed and what to do."""
        rows = sum(self.done.values())
        failed = len(self.failures)
        logger.info(
            "%s done, %s, %s failed%s",
            counted(len(self.done), "stream"),
            counted(rows, "row"),
            counted(failed, "stream"),
            f", {len(self.stopped)} stopped by a spent quota" if self.stopped else "",
        )
        for error in self.failures.values():
            logger.error("failed: %s", redact(error))
        if self.signal is not None:
            logger.warning("ended by signal %d; submitted jobs are resumed by the next run", self.signal)
        if self.closed:
            logger.error("the reader of the output went away; submitted jobs are resumed by the next run")
