"""What happens to a job after any status: the whole table."""

from __future__ import annotations

import datetime as dt

import pytest

from tap_reports.exceptions import FileError, JobFailed, JobTimeout
from tap_reports.jobs.next_step import Rules, Step, next_step
from tap_reports.jobs.task import Attempts
from tap_reports.models import JobStatus, ReportJob, ReportRequest, Slice

MARCH = Slice(dt.date(2026, 3, 1), dt.date(2026, 3, 31))
NONE = Rules(retries=0, resubmissions=0)
TWO_RETRIES = Rules(retries=2, resubmissions=0)
ONE_MORE = Rules(retries=0, resubmissions=1)


def job(status, message="", days=MARCH):
    request = ReportRequest(vendor="v", account="a", api_url="https://x", report="r", slice=days)
    return ReportJob(
        request=request,
        id="1",
        status=status,
        submitted_at=dt.datetime(2026, 4, 1, tzinfo=dt.UTC),
        message=message,
    )


@pytest.mark.parametrize(
    ("status", "attempts", "rules", "is_outdated", "step"),
    [
        (JobStatus.SUCCEEDED, Attempts(), NONE, False, Step.DOWNLOAD),
        (JobStatus.EMPTY, Attempts(), NONE, False, Step.READY),
        (JobStatus.SUCCEEDED, Attempts(), NONE, True, Step.REPLAY),
        (JobStatus.EMPTY, Attempts(), NONE, True, Step.REPLAY),
        (JobStatus.SUCCEEDED, Attempts(replays=1), NONE, True, Step.DOWNLOAD),
        (JobStatus.FAILED_RETRYABLE, Attempts(), TWO_RETRIES, False, Step.RETRY),
        (JobStatus.FAILED_RETRYABLE, Attempts(retries=1), TWO_RETRIES, False, Step.RETRY),
        (JobStatus.FAILED_RETRYABLE, Attempts(), ONE_MORE, False, Step.RESUBMIT),
        (JobStatus.EXPIRED, Attempts(), ONE_MORE, False, Step.RESUBMIT),
    ],
)
def test_a_status_leads_to_a_step(status, attempts, rules, is_outdated, step):
    assert next_step(job(status), attempts, rules, is_outdated=is_outdated) is step


@pytest.mark.parametrize(
    ("status", "attempts", "rules", "error"),
    [
        (JobStatus.FAILED, Attempts(), Rules(retries=2, resubmissions=1), JobFailed),
        (JobStatus.FAILED_RETRYABLE, Attempts(), NONE, JobFailed),
        (JobStatus.FAILED_RETRYABLE, Attempts(retries=2), TWO_RETRIES, JobFailed),
        (JobStatus.FAILED_RETRYABLE, Attempts(retries=1, replays=1), TWO_RETRIES, JobFailed),
        (JobStatus.FAILED_RETRYABLE, Attempts(resubmissions=1), ONE_MORE, JobFailed),
        (JobStatus.EXPIRED, Attempts(resubmissions=1), ONE_MORE, JobTimeout),
        (JobStatus.EXPIRED, Attempts(link_renewals=2), NONE, FileError),
    ],
)
def test_a_status_ends_the_stream_where_nothing_more_is_allowed(status, attempts, rules, error):
    with pytest.raises(error, match=f'ended as "{status}"'):
        next_step(job(status), attempts, rules)


@pytest.mark.parametrize(
    "said", ["The result is too large.", "Row limit exceeded", "query timed out", "OUT OF MEMORY"]
)
def test_a_job_that_is_too_large_is_told_of_smaller_slices(said):
    with pytest.raises(JobFailed, match="smaller slice_days"):
        next_step(job(JobStatus.FAILED, said), Attempts(), NONE)
    one_day = Slice(MARCH.start, MARCH.start)
    with pytest.raises(JobFailed) as caught:
        next_step(job(JobStatus.FAILED, said, one_day), Attempts(), NONE)
    assert "slice_days" not in str(caught.value)
