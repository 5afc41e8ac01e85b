"""The ledger for people: each use of a job is kept, and an older version's file is taken over."""

from __future__ import annotations

import datetime as dt
import sqlite3
from contextlib import closing
from dataclasses import replace
from decimal import Decimal

from ledger_cases import NOON, reserve

from tap_reports.ledger.history import JobFilter
from tap_reports.ledger.ledger import Ledger
from tap_reports.ledger.schema import VERSION
from tap_reports.models import JobStatus, ReportJob, ReportRequest, RunOutcome, StreamEnd, StreamOutcome


def job(status=JobStatus.PENDING, **values):
    request = ReportRequest(vendor="impact", account="IR1", api_url="https://x", report="a")
    return ReportJob(request=request, id="job-1", submitted_at=NOON, status=status, **values)


def submit_job(ledger, given=None, streams=("impact_a",)):
    given = given or job()
    ledger.submitted(reserve(ledger, given.request, streams=streams, run_id="first"), given)


def test_a_job_is_started_when_it_was_first_seen_running(ledger, clock):
    submit_job(ledger)
    clock.sleep(10)
    ledger.seen(job(JobStatus.RUNNING))
    clock.sleep(10)
    ledger.seen(job(JobStatus.RUNNING))
    assert ledger.job_history()[0].started_at == NOON + dt.timedelta(seconds=10)


def test_each_run_that_wrote_a_jobs_records_is_kept_with_its_times(ledger, clock):
    done = job(JobStatus.SUCCEEDED, finished_at=NOON)
    submit_job(ledger, done)
    for run_id, rows in (("first", 5), ("second", 6)):
        clock.sleep(60)
        ledger.downloaded(done, size=10, seconds=2.5)
        clock.sleep(1)
        ledger.emitted(done, stream="impact_a", rows=rows, seconds=0.5, run_id=run_id)
    (record,) = ledger.job_history()
    assert [(use.run_id, use.rows, use.download_seconds, use.emit_seconds) for use in record.uses] == [
        ("first", 5, 2.5, 0.5),
        ("second", 6, 2.5, 0.5),
    ]
    assert record.uses[1].downloaded_at - record.uses[0].downloaded_at == dt.timedelta(seconds=61)
    assert (record.rows, next(iter(ledger.listing()))["rows"]) == (6, 6)


def test_records_written_twice_in_a_run_count_once(ledger):
    done = job(JobStatus.SUCCEEDED, finished_at=NOON)
    submit_job(ledger, done)
    for rows in (5, 6):
        ledger.emitted(done, stream="impact_a", rows=rows, run_id="first")
    (record,) = ledger.job_history()
    assert [use.rows for use in record.uses] == [6]


def test_a_report_whose_sheets_are_known_is_not_listed_under_its_own_name(ledger):
    submit_job(ledger, streams=["impact_a", "impact_a__one", "impact_a__two"])
    assert [line["stream"] for line in ledger.listing()] == ["impact_a__one", "impact_a__two"]


def test_an_older_versions_file_gets_the_columns_that_it_lacks(sqlite_url, clock, local):
    submit_job(local)
    local.close()
    with closing(sqlite3.connect(sqlite_url)) as db, db:
        db.execute("ALTER TABLE tap_reports_jobs DROP COLUMN started_at")
        db.execute("ALTER TABLE tap_reports_jobs DROP COLUMN download_seconds")
        db.execute("ALTER TABLE tap_reports_jobs DROP COLUMN estimate")
        db.execute("ALTER TABLE tap_reports_runs DROP COLUMN owner")
        db.execute("ALTER TABLE tap_reports_job_streams DROP COLUMN content")
        db.execute("DROP TABLE tap_reports_uses")
        db.execute("UPDATE tap_reports_version SET version = 1")
    with closing(Ledger.open(sqlite_url, clock=clock)) as upgraded:
        upgraded.seen(job(JobStatus.RUNNING))
        (record,) = upgraded.job_history()
        assert (record.job_id, record.started_at) == ("job-1", NOON)
    with closing(sqlite3.connect(sqlite_url)) as db:
        assert db.execute("SELECT version FROM tap_reports_version").fetchall() == [(VERSION,)]


def test_the_outcome_of_a_run_and_its_streams_is_kept_with_the_reason(ledger):
    streams = (
        StreamOutcome(stream="impact_a", outcome=StreamEnd.DONE, rows=5),
        StreamOutcome(stream="impact_b", outcome=StreamEnd.FAILED, error="it is not a report"),
    )
    run = RunOutcome(run_id="r", version="1", started_at=NOON, seconds=2.5, exit_status=1, streams=streams)
    ledger.store_run(replace(run, exit_status=None, seconds=None, streams=()))
    ledger.store_run(run)
    assert ledger.run_outcomes() == [run]
    assert ledger.run_outcomes(JobFilter(failed=True, stream="*_b")) == [run]
    assert ledger.run_outcomes(JobFilter(stream="other*")) == []


def test_a_replay_does_not_change_the_record_of_an_earlier_run(ledger):
    submit_job(ledger, job(JobStatus.SUCCEEDED, finished_at=NOON))
    ledger.emitted(job(), stream="impact_a", rows=5, run_id="first")
    later = NOON + dt.timedelta(hours=1)
    ledger.seen(job(JobStatus.SUCCEEDED, finished_at=later))
    ledger.emitted(job(), stream="impact_a", rows=6, run_id="second")
    (record,) = ledger.job_history()
    assert [use.finished_at for use in record.uses] == [NOON, later]


def test_jobs_are_listed_by_pattern_and_newest_only(ledger):
    submit_job(ledger)
    assert [line["stream"] for line in ledger.listing(JobFilter(stream="*_a"))] == ["impact_a"]
    assert len(list(ledger.listing(JobFilter(limit=1)))) == 1
    assert list(ledger.listing(JobFilter(failed=True))) == []


def test_a_run_that_was_killed_is_told_from_one_that_is_under_way(sqlite_url, clock, local):
    local.store_run(RunOutcome(run_id="r", version="1", started_at=NOON))
    assert [run.was_killed for run in local.run_outcomes()] == [False]
    assert local.run_outcomes(JobFilter(failed=True)) == []
    with closing(sqlite3.connect(sqlite_url)) as db, db:  # of another machine nothing is known but its age
        db.execute("UPDATE tap_reports_runs SET owner = 'elsewhere/pid:[1]:1'")
    assert [run.was_killed for run in local.run_outcomes()] == [False]
    clock.sleep(3 * 86400)
    assert [run.was_killed for run in local.run_outcomes(JobFilter(failed=True))] == [True]


def test_the_estimate_stands_beside_what_was_charged(ledger):
    reserved = reserve(ledger, job().request, estimate=Decimal("24.5"))
    ledger.submitted(reserved, job(credits=Decimal(7)))
    (record,) = ledger.job_history()
    assert (record.estimate, record.credits) == (Decimal("24.5"), Decimal(7))
