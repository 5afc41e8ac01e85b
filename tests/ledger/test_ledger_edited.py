"""A ledger that was edited by hand, or that can't be reached during a run."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa
from ledger_cases import NOON, job_of, open_jobs, request_of, reserve, submit

from tap_reports.exceptions import StreamError
from tap_reports.ledger.ledger import Ledger
from tap_reports.ledger.reserve import Reservation
from tap_reports.models import JobStatus


def edit(ledger: Ledger, **values) -> None:
    """Write text into columns of all jobs, as a person with a database tool might."""
    table = sa.table("tap_reports_jobs", *map(sa.column, values))
    ledger._store.write(lambda db: db.execute(table.update().values(values)))


@pytest.mark.parametrize(
    "values",
    [
        {"status": "dunno"},
        {"sent_at": "yesterday"},
        {"sent_at": ""},
        {"finished_at": "soon"},
        {"handle": "{"},
        {"handle": "[1]"},
        {"slice_start": "May"},
        {"slice_end": "2019-01-01"},
        {"status": "dunno", "sent_at": "x", "finished_at": "x", "slice_start": "x", "handle": "x"},
    ],
)
def test_invalid_values_are_warned_about_once_and_the_job_can_be_polled(local, values, caplog):
    job = submit(local, request_of())
    local.seen(replace(job, status=JobStatus.SUCCEEDED, finished_at=NOON))
    local.emitted(job, stream="acme_campaign_daily", rows=1)
    edit(local, **values)
    entry = [local.find(job.request.key) for _ in range(2)][-1]
    resumed = entry.job(job.request)
    assert resumed.id == "j1"
    assert resumed.submitted_at == NOON
    if values.keys() & {"status", "finished_at"}:  # otherwise its end can be read
        assert resumed.status is JobStatus.PENDING
    open_jobs(local)
    (warning,) = [record.getMessage() for record in caplog.records]
    assert "row 1 (acme campaign_daily, job j1)" in warning
    assert "Correct the row, or delete it" in warning
    assert [line["stream"] for line in local.listing()] == ["acme_campaign_daily"]
    local.job_history()


def test_a_job_without_an_id_and_a_valid_status_counts_as_unanswered(local):
    submit(local, request_of())
    edit(local, status="dunno", job_id="")
    assert local.find(request_of().key).is_unanswered


def test_a_job_without_a_valid_time_of_submission_is_not_in_flight(local):
    submit(local, request_of())
    edit(local, sent_at="yesterday")
    assert isinstance(reserve(local, request_of(2), max_in_flight=1), Reservation)


def test_jobs_and_intents_from_years_ahead_block_nothing(runs, clock):
    """It was corrected; otherwise its jobs and submissions would count until then."""
    ours, theirs = runs
    clock.time = NOON.replace(year=2030)
    submit(theirs, request_of(1), run_id="run2")
    reserve(theirs, request_of(2), run_id="run2")
    clock.time = NOON
    assert isinstance(reserve(ours, request_of(3), max_in_flight=1), Reservation)
    assert ours.find(request_of(2).key).is_unanswered
    assert isinstance(reserve(ours, request_of(2)), Reservation)


def test_a_file_that_is_moved_during_a_run_is_not_created_again(local, tmp_path):
    job = submit(local, request_of())
    (tmp_path / "state" / "jobs.sqlite").rename(tmp_path / "elsewhere")
    with pytest.raises(StreamError, match=r"moved or deleted.*Put it back, or run again"):
        reserve(local, request_of(2))
    local.seen(replace(job, status=JobStatus.RUNNING))
    assert not (tmp_path / "state" / "jobs.sqlite").exists()
    (tmp_path / "elsewhere").rename(tmp_path / "state" / "jobs.sqlite")
    assert isinstance(reserve(local, request_of(2)), Reservation)


def test_after_a_restart_of_the_server_the_next_call_reconnects(postgres_url, clock):
    ledger = Ledger.open(postgres_url, clock=clock)
    job = submit(ledger, request_of())
    number = ledger._store.read(lambda own: own.exec_driver_sql("SELECT pg_backend_pid()").scalar())
    engine = sa.create_engine(postgres_url, poolclass=sa.NullPool)
    with engine.begin() as db:
        db.exec_driver_sql(f"SELECT pg_terminate_backend({number})")
    assert isinstance(reserve(ledger, request_of(2)), Reservation)
    ledger.seen(replace(job, status=JobStatus.RUNNING))
    assert ledger.find(job.request.key).status == "running"
    ledger.close()


def test_a_note_that_a_full_disk_refused_is_written_when_there_is_space(local, sqlite_url, clock, caplog):
    pages, long = [10**6], "x" * 100_000
    engine = local._store._connection._engine
    sa.event.listen(engine, "begin", lambda db: db.exec_driver_sql(f"PRAGMA max_page_count = {pages[0]}"))
    reserved = reserve(local, request_of())
    pages[0] = 1  # it never shrinks below what it has
    job = job_of(request_of(), handle={"link": long})
    local.submitted(reserved, job)
    assert "full" in caplog.text
    with pytest.raises(StreamError, match=r"full.*Free space"):
        reserve(local, request_of(2), streams=[long])
    pages[0] = 10**6
    local.downloaded(job, size=7)
    again = Ledger.open(sqlite_url, clock=clock)
    assert (again.find(job.request.key).job_id, again.find(job.request.key).bytes) == ("j1", 7)
    again.close()
