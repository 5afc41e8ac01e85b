"""Every error of this package, grouped by what happens next.

```
TapReportsError
├── ConfigError            nothing was requested; every mistake is listed; exit 78
├── CallError              one HTTP call failed
│   ├── CallBroken         the call broke (connection, time-out, 429, 5xx) also after its retries
│   │   └── NotSent        it failed before anything was sent: nothing was accepted, charged or counted
│   ├── CallRefused        a submission was refused for now and certainly not accepted: send again later
│   ├── SubmissionLost     a submission's answer was lost: unknown whether it was accepted
│   ├── CallRejected       the vendor understood and refused (other 4xx, an error in a 200)
│   │   ├── AccessDenied   401 or 403: key, role or scope
│   │   └── JobUnknown     the vendor does not know this job (any more): submit again
│   ├── LinkExpired        a download link has expired: poll again for a new one
│   └── BadAnswer          the answer is not what the API promises (no JSON, a field is missing)
├── StreamError            this stream ends here, the others continue; exit 1 at the end
│   ├── JobFailed          the vendor says that the job failed for good
│   ├── JobTimeout         the job was not done at its deadline; it stays in state and is resumed
│   ├── QuotaSpent         a day quota: this vendor gets no new submissions that it counts
│   │   └── CreditsSpent   a credit limit: this vendor gets no new submissions at all in this run
│   ├── FileError          the file is not (all of) the report
│   └── InvalidValue       a cell does not fit its column
└── (Stopped)              a signal or a closed output: jobs are left to be resumed; not an Exception
```

A message says vendor, stream, slice and job where they are known, what was answered, and what to do.
Messages are safe to log: whoever raises an error passes vendor text through `tap_reports.redaction.redact`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from tap_reports.wording import with_remedy

CONFIGURATION_IS_WRONG = 78
"""Exit status EX_CONFIG of sysexits.h: running again does not help."""
OUTPUT_CLOSED = "standard output was closed by its reader"
LONG_WAIT_SECONDS = 60.0
"""From this on, a message says how long the vendor asks to wait."""


class TapReportsError(Exception):
    """Root of all errors that this package raises on purpose."""


class ConfigError(TapReportsError):
    """The configuration cannot be used; each error is a sentence that names the setting and the remedy."""

    def __init__(self, errors: Sequence[str]) -> None:
        self.errors = list(errors)
        super().__init__("; ".join(self.errors))


class CallError(TapReportsError):
    """One HTTP call failed.

    Args:
        what: The call in the vendor's terms, without query: `GET /v3/batch/credits`.
        answer: The response, shortened and redacted.
        status: HTTP status, or None where no answer came.
        retry_after: Seconds that the vendor asked to wait, if it did.
        calls_left: Calls left by the vendor's rate limit headers, if it sends them.
        remedy: What to do, if it differs from the remedy of the error's class.
    """

    remedy = ""
    without_status = "no answer"

    def __init__(
        self,
        what: str,
        answer: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        calls_left: int | None = None,
        remedy: str = "",
    ) -> None:
        self.remedy = remedy or self.remedy
        self.what = what
        self.answer = answer
        self.status = status
        self.retry_after = retry_after
        self.calls_left = calls_left
        shown = f"{what}: {f'HTTP {status}' if status else self.without_status}"
        if retry_after and retry_after >= LONG_WAIT_SECONDS:
            answer += f" (the vendor asks to wait {retry_after:.0f} s)"
        super().__init__(f"{shown}: {answer}" if answer else shown)


class CallBroken(CallError):
    """The call broke and its retries did not help."""

    remedy = "Run again later; jobs already submitted are resumed."


class NotSent(CallBroken):
    """The call failed before anything was sent: no address, no connection, a certificate, a proxy, a header
    that can't be sent, a token that could not be had. Nothing was accepted, charged or counted in a quota.
    """

    remedy = "Check api_url, the network and the proxy, and run again."
    without_status = "not sent"
    is_worth_repeating = True
    """False for errors that stay the same (a certificate, a header), and after all retries."""


class CallRefused(CallError):
    """A submission was refused for now and certainly not accepted."""

    remedy = "The vendor is busy, or limits the calls; run again later."


class SubmissionLost(CallError):
    """The answer to a submission was lost: it may or may not have been accepted."""

    remedy = "Check with the vendor whether the report was accepted before you run again."


class CallRejected(CallError):
    """The vendor understood the call and refused it."""

    remedy = "Correct the report's settings by what the vendor answered."


class AccessDenied(CallRejected):
    """The credentials are wrong, have expired, or do not allow this."""

    remedy = "Check the credentials of this vendor block and what they may access."


class JobUnknown(CallRejected):
    """The vendor does not know this job, or no longer knows it."""

    remedy = "A new job is submitted."


class LinkExpired(CallError):
    """A download link has expired."""

    remedy = "A new link is asked for."


class BadAnswer(CallError):
    """The vendor's answer is not what its API promises."""

    remedy = "If this persists, the vendor's API has changed: check api_url, or report it."


class StreamError(TapReportsError):
    """This stream ends here; the others continue.

    Args:
        cause: What happened, in one sentence.
        remedy: What the user can do.
    """

    default_remedy = ""

    def __init__(self, cause: str, *, remedy: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.remedy = remedy or self.default_remedy
        self.vendor = self.stream = self.slice = self.job_id = ""

    @staticmethod
    def from_error(error: StreamError | CallError) -> StreamError:
        """Return the error that ends a stream."""
        return StreamError(str(error), remedy=error.remedy) if isinstance(error, CallError) else error

    def with_location(
        self, *, vendor: str = "", stream: str = "", slice_: str = "", job_id: str = ""
    ) -> Self:
        """Return this error with its location, where that is not set yet; `job_id` is never a link."""
        self.vendor = self.vendor or vendor
        self.stream = self.stream or stream
        self.slice = self.slice or slice_
        self.job_id = self.job_id or job_id
        return self

    def __str__(self) -> str:
        stream = (
            "" if self.stream == self.vendor else self.stream
        )  # equal: the error concerns all of the vendor
        named = {"vendor": self.vendor, "stream": stream, "slice": self.slice, "job": self.job_id}
        location = ", ".join(f"{name} {value}" for name, value in named.items() if value)
        return with_remedy(f"{location}: {self.cause}" if location else self.cause, self.remedy)


def unexpected_error(error: Exception) -> StreamError:
    """Return a stream's error for an unexpected exception: the machine's limits, or a mistake in this program
    or a vendor's module.
    """
    if isinstance(error, MemoryError):
        return StreamError("there is not enough memory", remedy="Give the process more, and run again.")
    if isinstance(error, OSError) and error.strerror:
        remedy = "Correct it on this machine (limits, rights, disk), and run again."
        return StreamError(f"the operating system refused: {error.strerror}", remedy=remedy)
    remedy = "If no setting explains it, report it with the log at level DEBUG."
    return StreamError(f"internal error: {type(error).__name__}: {error}", remedy=remedy)


class JobFailed(StreamError):
    """The vendor says that the job failed for good."""

    default_remedy = "Run again to submit a new job; if it fails again, ask the vendor with the job id."


class JobTimeout(StreamError):
    """The job was not done at its deadline."""

    default_remedy = (
        "The next run resumes this job without a new submission; raise job_deadline_seconds to wait longer."
    )


class QuotaSpent(StreamError):
    """A day quota (of `per_day`) or a credit limit is spent: nothing that it counts is submitted any more."""

    per_day: int | None = None


class CreditsSpent(QuotaSpent):
    """A credit limit is spent: this vendor gets no more submissions in this run."""


class FileError(StreamError):
    """The file is not the report, or is incomplete."""

    default_remedy = "Run again: the finished job is downloaded again without a new submission."


class InvalidValue(StreamError):
    """A cell does not fit its column."""

    default_remedy = (
        'Set the column\'s type in the report\'s "columns", or "invalid_values": "null" to load it as null.'
    )


class Stopped(BaseException):
    """A signal (`signum`) or a closed output ends the run; its jobs are left to be resumed. Like
    KeyboardInterrupt it is not an Exception, so that no error handler catches it.
    """

    def __init__(self, why: str = "the run is stopping", signum: int | None = None) -> None:
        super().__init__(why)
        self.status = 1 if signum is None else 128 + signum
