"""A job's life in the ledger, and what it shows of it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType

import pytest
import sqlalchemy as sa
from ledger_cases import HOUR, NOON, job_of, open_jobs, request_of, reserve, submit

from tap_reports.ledger.ledger import Ledger
from tap_reports.models import JobStatus, ReportRequest, Slice

# --- a job's life -------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [request_of().slice, pytest.param(None, id="a snapshot has no slice")])
def test_a_submitted_job_is_found_with_all_that_is_needed_to_continue(ledger, days):
    request = request_of(slice=days)
    job = job_of(
        request,
        handle=MappingProxyType({"link": "https://cdn.example.com/x?sig=1", "deep": {"n": 1}}),
        submitted_at=NOON.astimezone(dt.timezone(dt.timedelta(hours=9))),
        created_at=NOON - HOUR,
        credits=Decimal("12.50"),
    )
    ledger.submitted(reserve(ledger, request), job)
    entry = ledger.find(request.key)
    assert entry.job(request) == replace(job, handle=dict(job.handle))
    assert entry.submitted_at.tzinfo is dt.UTC
    assert entry.is_in_flight
    assert entry.slice == days
    assert entry.run_id == "run1"


def test_what_a_poll_says_is_kept(ledger):
    request = request_of()
    job = submit(ledger, request)
    ledger.seen(replace(job, status=JobStatus.SUCCEEDED, finished_at=NOON + HOUR, credits=Decimal(7), rows=3))
    entry = ledger.find(request.key)
    assert entry.is_good
    assert (entry.finished_at, entry.credits, entry.rows) == (NOON + HOUR, 7, 3)


def test_a_poll_with_fewer_fields_does_not_erase_known_ones(ledger):
    request = request_of()
    job = job_of(request, handle={"link": "https://cdn.example.com/x"}, credits=Decimal(7))
    ledger.submitted(reserve(ledger, request), job)
    ledger.seen(job_of(request, status=JobStatus.RUNNING))
    entry = ledger.find(request.key)
    assert entry.handle == {"link": "https://cdn.example.com/x"}
    assert entry.credits == 7


def test_a_failed_and_an_unknown_job_cannot_be_used(ledger):
    failed, forgotten = request_of(1), request_of(2)
    ledger.failed(submit(ledger, failed), "quota of the moon")
    ledger.forget(submit(ledger, forgotten))
    assert ledger.find(failed.key).status == JobStatus.FAILED
    assert ledger.find(failed.key).message == "quota of the moon"
    assert ledger.find(failed.key).finished_at == NOON
    assert ledger.find(forgotten.key).status == JobStatus.EXPIRED
    assert ledger.find(forgotten.key).job(forgotten).status is JobStatus.EXPIRED


def test_a_refused_submission_leaves_no_job(ledger):
    request = request_of()
    assert ledger.find(request.key) is None
    ledger.refused(reserve(ledger, request))
    assert ledger.find(request.key) is None


def test_a_lost_submission_is_found_as_unanswered_until_a_newer_one(ledger):
    request = request_of()
    ledger.lost(reserve(ledger, request))
    entry = ledger.find(request.key)
    assert entry.is_unanswered
    assert entry.submitted_at == NOON
    assert entry.job(request) is None
    submit(ledger, request, "j2")
    assert ledger.find(request.key).job_id == "j2"


def test_a_job_that_only_the_state_knew_is_added_when_it_is_seen(ledger):
    request = request_of()
    job = job_of(request, submitted_at=NOON - HOUR)
    ledger.seen(job)
    assert (ledger.find(request.key).job_id, ledger.find(request.key).submitted_at) == ("j1", NOON - HOUR)
    ledger.emitted(job, stream="acme_x", rows=1)
    assert [line["stream"] for line in ledger.listing()] == ["acme_x"]


def test_a_rerun_under_a_new_id_belongs_to_the_same_streams(ledger):
    request = request_of()
    submit(ledger, request, "j1")
    ledger.seen(job_of(request, "j2", submitted_at=NOON + HOUR))
    assert ledger.find(request.key).job_id == "j2"
    assert [(line["job_id"], line["stream"]) for line in ledger.listing()] == [
        ("j2", "acme_campaign_daily"),
        ("j1", "acme_campaign_daily"),
    ]


def test_the_ledger_outlives_the_run_that_wrote_it(shared_url, clock):
    request = request_of()
    first = Ledger.open(shared_url, clock=clock)
    submit(first, request)
    first.close()
    second = Ledger.open(shared_url, clock=clock)
    assert second.find(request.key).job_id == "j1"
    second.close()


def test_submissions_and_answers_are_on_the_disk_before_the_run_continues(sqlite_url, clock):
    """A power failure may lose a job's polled status, which its vendor repeats, but not its submission."""
    ledger = Ledger.open(sqlite_url, clock=clock)
    is_synced = []

    def committed(db):
        driver = db.connection.driver_connection
        is_synced.append(driver.execute("PRAGMA synchronous").fetchone()[0] == 2)

    sa.event.listen(ledger._store._connection._engine, "commit", committed)
    ledger.seen(submit(ledger, request_of()))
    ledger.lost(reserve(ledger, request_of(2)))
    assert is_synced == [True, True, False, True, True]
    ledger.close()


def test_off_keeps_nothing(clock):
    first = Ledger.open("off", clock=clock)
    submit(first, request_of())
    second = Ledger.open("off", clock=clock)
    assert list(second.listing()) == []
    first.close()
    second.close()


# --- for people ---------------------------------------------------------------------------------------


def test_the_listing_shows_each_job_newest_first_and_no_handle(ledger, clock):
    old, new = request_of(1), request_of(2)
    job = submit(ledger, old)
    job = replace(job, status=JobStatus.SUCCEEDED, finished_at=NOON + HOUR, handle={"link": "secret"})
    ledger.seen(replace(job, credits=Decimal("2.0"), rows=9))
    clock.sleep(7200)
    ledger.downloaded(job, size=1234)
    ledger.emitted(job, stream="acme_campaign_daily", rows=8)
    ledger.lost(reserve(ledger, new))
    unknown = dict.fromkeys(("job_id", "finished_at", "downloaded_at", "rows", "bytes", "credits"))
    assert list(ledger.listing()) == [
        unknown
        | {
            "stream": "acme_campaign_daily",
            "vendor": "acme",
            "slice_start": "2026-02-02",
            "slice_end": "2026-02-02",
            "status": "lost",
            "submitted_at": "2026-03-01T14:00:00+00:00",
        },
        {
            "stream": "acme_campaign_daily",
            "vendor": "acme",
            "slice_start": "2026-02-01",
            "slice_end": "2026-02-01",
            "job_id": "j1",
            "status": "succeeded",
            "submitted_at": "2026-03-01T12:00:00+00:00",
            "finished_at": "2026-03-01T13:00:00+00:00",
            "downloaded_at": "2026-03-01T14:00:00+00:00",
            "rows": 8,
            "bytes": 1234,
            "credits": 2,
        },
    ]


def test_a_job_of_several_sheets_is_listed_for_each_stream_with_its_rows(ledger):
    request = request_of()
    reservation = reserve(ledger, request, streams=["acme_r__a", "acme_r__b"])
    job = job_of(request)
    ledger.submitted(reservation, job)
    ledger.emitted(job, stream="acme_r__b", rows=2)
    ledger.emitted(job, stream="acme_r__c", rows=0)
    assert [(line["stream"], line["rows"]) for line in ledger.listing()] == [
        ("acme_r__a", None),
        ("acme_r__b", 2),
        ("acme_r__c", 0),
    ]


def test_old_jobs_are_deleted_on_opening(shared_url, clock):
    ledger = Ledger.open(shared_url, clock=clock)
    submit(ledger, request_of(1))
    clock.time += dt.timedelta(days=399)
    submit(ledger, request_of(2))
    ledger.close()
    clock.time += dt.timedelta(days=2)
    ledger = Ledger.open(shared_url, clock=clock)
    assert [line["slice_start"] for line in ledger.listing()] == ["2026-02-02"]
    ledger.close()


# --- jobs that may still bring records ----------------------------------------------------------------


def span(first: int, last: int) -> ReportRequest:
    return request_of(slice=Slice(dt.date(2026, 2, first), dt.date(2026, 2, last)))


def test_a_job_is_open_until_its_records_are_emitted(ledger):
    assert open_jobs(ledger) == []
    job = submit(ledger, request_of(3))
    assert open_jobs(ledger) == ["j1"]
    ledger.seen(replace(job, status=JobStatus.SUCCEEDED, finished_at=NOON))
    assert open_jobs(ledger) == ["j1"]
    assert not ledger.find(job.request.key).is_emitted
    ledger.emitted(job, stream="acme_campaign_daily", rows=1)
    assert open_jobs(ledger) == []
    assert ledger.find(job.request.key).is_emitted


def test_a_job_is_open_for_each_of_its_days_and_only_for_its_report(ledger):
    submit(ledger, span(3, 9), "j1")
    submit(ledger, replace(span(3, 9), report="other"), "j2")
    submit(ledger, replace(span(3, 9), account="a2"), "j3")
    assert open_jobs(ledger, 9, 20) == open_jobs(ledger, 1, 3) == ["j1"]
    assert open_jobs(ledger, 10, 20) == open_jobs(ledger, 1, 2) == []


def test_a_failed_job_is_not_open_and_an_unanswered_submission_is(ledger):
    ledger.failed(submit(ledger, request_of(3)), "no")
    ledger.lost(reserve(ledger, request_of(4)))
    assert [record.status for record in ledger.open_jobs(
        request_of(1), stream="s", first=dt.date(2026, 2, 1), last=dt.date(2026, 2, 28)
    )] == ["lost"]  # fmt: skip


def test_a_job_is_not_open_once_a_later_job_s_records_of_its_days_were_emitted(ledger):
    submit(ledger, span(3, 9), "old")
    job = replace(submit(ledger, span(1, 9), "new"), status=JobStatus.SUCCEEDED, finished_at=NOON)
    ledger.seen(job)
    ledger.emitted(job, stream="acme_campaign_daily", rows=1)
    assert open_jobs(ledger) == []
    assert open_jobs(ledger, stream="acme_other") == ["old"]
