from __future__ import annotations

import datetime as dt
import logging
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType

import pytest

from tap_reports.downloads import process as owner
from tap_reports.exceptions import ConfigError, StreamError
from tap_reports.ledger.ledger import Ledger
from tap_reports.ledger.records import Existing, Reservation, Wait
from tap_reports.models import JobStatus, Quota, ReportJob, ReportRequest, Slice

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)
HOUR = dt.timedelta(hours=1)
MINUTE_QUOTA = Quota(name="reports_per_minute", limit=2, seconds=60)
DAY_QUOTA = Quota(name="reports_per_day", limit=3, seconds=86400)


class Clock:
    """Stands still unless moved."""

    def __init__(self, now: dt.datetime = NOON) -> None:
        self.time = now

    def now(self) -> dt.datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def sleep(self, seconds: float) -> None:
        self.time += seconds * SECOND


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ledger(ledger_url, clock):
    ledger = Ledger.open(ledger_url, clock=clock)
    yield ledger
    ledger.close()


@pytest.fixture
def runs(shared_url, clock):
    """Two runs with one ledger."""
    ledgers = [Ledger.open(shared_url, clock=clock) for _ in range(2)]
    yield ledgers
    for ledger in ledgers:
        ledger.close()


def request_of(day: int = 1, **changes) -> ReportRequest:
    date = dt.date(2026, 2, day)
    request = ReportRequest(
        vendor="acme",
        account="a1",
        api_url="https://api.example.com",
        report="campaign_daily",
        slice=Slice(date, date),
        settled_on=date + dt.timedelta(days=1),
    )
    return replace(request, **changes)


def job_of(request: ReportRequest, job_id: str = "j1", **changes) -> ReportJob:
    return ReportJob(**{"request": request, "id": job_id, "submitted_at": NOON} | changes)


def reserve(ledger: Ledger, request: ReportRequest, **changes):
    arguments = {
        "stream": "acme_campaign_daily",
        "run_id": "run1",
        "quotas": [],
        "max_in_flight": 100,
        "in_flight_hours": 1.0,
        "now": ledger._clock.now(),
    }
    return ledger.reserve(request, **arguments | changes)


def submit(ledger: Ledger, request: ReportRequest, job_id: str = "j1", run_id: str = "run1") -> ReportJob:
    reservation = reserve(ledger, request, run_id=run_id)
    assert isinstance(reservation, Reservation)
    job = job_of(request, job_id, submitted_at=ledger._clock.now())
    ledger.submitted(reservation, job)
    return job


# --- a job's life -------------------------------------------------------------------------------------


def test_a_key_that_was_never_submitted_is_not_found(ledger):
    assert ledger.find("nothing") is None


def test_a_submitted_job_is_found_with_all_that_is_needed_to_go_on(ledger):
    request = request_of()
    job = job_of(
        request,
        handle=MappingProxyType({"link": "https://cdn.example.com/x?sig=1", "deep": {"n": 1}}),
        created_at=NOON - HOUR,
        credits=Decimal("12.50"),
    )
    ledger.submitted(reserve(ledger, request), job)
    entry = ledger.find(request.key)
    assert entry.job(request) == replace(job, handle=dict(job.handle))
    assert entry.is_in_flight
    assert entry.slice == request.slice
    assert entry.run_id == "run1"


def test_times_come_back_aware_in_utc_whatever_the_zone_they_went_in_with(ledger):
    request = request_of()
    east = dt.timezone(dt.timedelta(hours=9))
    ledger.submitted(reserve(ledger, request), job_of(request, submitted_at=NOON.astimezone(east)))
    found = ledger.find(request.key).submitted_at
    assert found == NOON
    assert found.tzinfo is dt.UTC


def test_a_snapshot_has_no_slice(ledger):
    request = request_of(slice=None)
    submit(ledger, request)
    assert ledger.find(request.key).slice is None


def test_what_is_seen_of_a_job_is_kept(ledger):
    request = request_of()
    job = submit(ledger, request)
    ledger.seen(replace(job, status=JobStatus.SUCCEEDED, finished_at=NOON + HOUR, credits=Decimal(7), rows=3))
    entry = ledger.find(request.key)
    assert entry.is_good
    assert (entry.finished_at, entry.credits, entry.rows) == (NOON + HOUR, 7, 3)


def test_a_poll_that_says_less_does_not_erase_what_is_known(ledger):
    request = request_of()
    job = job_of(request, handle={"link": "https://cdn.example.com/x"}, credits=Decimal(7))
    ledger.submitted(reserve(ledger, request), job)
    ledger.seen(job_of(request, status=JobStatus.RUNNING))
    entry = ledger.find(request.key)
    assert entry.handle == {"link": "https://cdn.example.com/x"}
    assert entry.credits == 7


def test_a_failed_and_a_forgotten_job_can_not_be_used(ledger):
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
    ledger.refused(reserve(ledger, request))
    assert ledger.find(request.key) is None


def test_a_lost_submission_is_found_as_unanswered(ledger):
    request = request_of()
    ledger.lost(reserve(ledger, request))
    entry = ledger.find(request.key)
    assert entry.is_unanswered
    assert entry.submitted_at == NOON
    assert entry.job(request) is None


def test_attempts_are_listed_newest_first(ledger):
    request = request_of()
    ledger.lost(reserve(ledger, request))
    submit(ledger, request, "j2")
    assert [entry.job_id for entry in ledger.attempts(request.key)] == ["j2", ""]


def test_a_job_that_only_the_state_knew_is_added_when_it_is_seen(ledger):
    request = request_of()
    ledger.seen(job_of(request, submitted_at=NOON - HOUR), stream="acme_x", run_id="run2")
    entry = ledger.find(request.key)
    assert (entry.job_id, entry.submitted_at, entry.run_id) == ("j1", NOON - HOUR, "run2")
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


def test_off_keeps_nothing(clock):
    first = Ledger.open("off", clock=clock)
    submit(first, request_of())
    second = Ledger.open("off", clock=clock)
    assert list(second.listing()) == []
    first.close()
    second.close()


# --- limits -------------------------------------------------------------------------------------------


def test_a_minute_quota_is_waited_for_until_the_oldest_leaves_the_window(ledger, clock):
    for day in (1, 2):
        submit(ledger, request_of(day), f"j{day}")
        clock.sleep(10)
    wait = reserve(ledger, request_of(3), quotas=[MINUTE_QUOTA])
    assert wait == Wait(
        quota="reports_per_minute", limit=2, seconds=40.0, resets_at=NOON + 60 * SECOND, is_day=False
    )
    clock.sleep(wait.seconds)
    assert isinstance(reserve(ledger, request_of(3), quotas=[MINUTE_QUOTA]), Reservation)


def test_a_submission_counts_from_its_answer(ledger, clock):
    """The vendor may have counted a slow call when it came, not when it was sent."""
    request = request_of()
    reservation = reserve(ledger, request)
    clock.sleep(30)
    ledger.submitted(reservation, job_of(request))
    wait = reserve(ledger, request_of(2), quotas=[replace(MINUTE_QUOTA, limit=1)])
    assert wait.seconds == 60


def test_a_day_quota_resets_at_midnight_utc(ledger, clock):
    for day in (1, 2, 3):
        submit(ledger, request_of(day), f"j{day}")
    wait = reserve(ledger, request_of(4), quotas=[DAY_QUOTA, replace(MINUTE_QUOTA, limit=1)])
    midnight = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
    assert wait == Wait(
        quota="reports_per_day", limit=3, seconds=12 * 3600.0, resets_at=midnight, is_day=True
    )
    clock.time = midnight
    assert isinstance(reserve(ledger, request_of(4), quotas=[DAY_QUOTA]), Reservation)


def test_what_the_vendor_refused_counts_in_the_minute_but_not_in_the_day(ledger):
    for day in (1, 2, 3):
        ledger.refused(reserve(ledger, request_of(day)))
    assert isinstance(reserve(ledger, request_of(4), quotas=[DAY_QUOTA]), Reservation)
    assert isinstance(reserve(ledger, request_of(5), quotas=[MINUTE_QUOTA]), Wait)


def test_a_lost_submission_counts_in_the_day(ledger):
    for day in (1, 2, 3):
        ledger.lost(reserve(ledger, request_of(day)))
    assert isinstance(reserve(ledger, request_of(4), quotas=[DAY_QUOTA]), Wait)


def test_quotas_are_an_account_s_and_a_kind_s_own(ledger):
    for day in (1, 2, 3):
        submit(ledger, request_of(day), f"j{day}")
    quotas = [DAY_QUOTA, replace(DAY_QUOTA, name="clicks_per_day", counts="click")]
    assert isinstance(reserve(ledger, request_of(4, account="a2"), quotas=quotas), Reservation)
    assert isinstance(reserve(ledger, request_of(4, vendor="other"), quotas=quotas), Reservation)
    assert isinstance(reserve(ledger, request_of(4, quota="click"), quotas=quotas), Reservation)
    assert isinstance(reserve(ledger, request_of(4), quotas=quotas), Wait)


def test_jobs_in_flight_are_limited_until_one_is_done(ledger):
    first = submit(ledger, request_of(1), "j1")
    reserve(ledger, request_of(2))
    wait = reserve(ledger, request_of(3), max_in_flight=2)
    assert isinstance(wait, Wait)
    assert wait.quota == ""
    assert wait.seconds > 0
    ledger.seen(replace(first, status=JobStatus.SUCCEEDED, finished_at=NOON))
    assert isinstance(reserve(ledger, request_of(3), max_in_flight=2), Reservation)


def test_a_job_that_nobody_looked_after_does_not_hold_its_place_for_ever(ledger, clock):
    submit(ledger, request_of(1))
    clock.sleep(3601)
    assert isinstance(reserve(ledger, request_of(2), max_in_flight=1), Reservation)


def test_the_use_of_quotas_is_told(ledger, clock):
    quotas = [MINUTE_QUOTA, DAY_QUOTA]
    unused = ledger.usage("acme", "a1", quotas, clock.now())
    assert [(use.used, use.remaining, use.resets_at) for use in unused] == [
        (0, 2, None),
        (0, 3, dt.datetime(2026, 3, 2, tzinfo=dt.UTC)),
    ]
    submit(ledger, request_of())
    clock.sleep(1)
    used = ledger.usage("acme", "a1", quotas, clock.now())
    assert [(use.name, use.limit, use.used, use.remaining) for use in used] == [
        ("reports_per_minute", 2, 1, 1),
        ("reports_per_day", 3, 1, 2),
    ]
    assert used[0].resets_at == NOON + 60 * SECOND


# --- another run --------------------------------------------------------------------------------------


def test_another_run_s_job_is_resumed_and_not_submitted_again(runs):
    ours, theirs = runs
    request = request_of()
    assert ours.find(request.key) is None
    submit(theirs, request, run_id="run2")
    existing = reserve(ours, request)
    assert isinstance(existing, Existing)
    assert existing.job.id == "j1"


def test_another_run_s_job_that_is_done_already_is_not_submitted_again(runs):
    ours, theirs = runs
    request = request_of()
    assert ours.find(request.key) is None
    job = submit(theirs, request, run_id="run2")
    theirs.seen(replace(job, status=JobStatus.SUCCEEDED, finished_at=NOON))
    assert isinstance(reserve(ours, request), Existing)


def test_a_submission_that_another_run_is_just_sending_is_waited_for(runs):
    ours, theirs = runs
    request = request_of()
    reservation = reserve(theirs, request, run_id="run2")
    assert ours.find(request.key) is None
    assert isinstance(reserve(ours, request), Wait)
    theirs.submitted(reservation, job_of(request))
    assert isinstance(reserve(ours, request), Existing)


def test_a_submission_that_another_run_gave_up_is_sent(runs):
    ours, theirs = runs
    request = request_of()
    theirs.refused(reserve(theirs, request, run_id="run2"))
    assert isinstance(reserve(ours, request), Reservation)


def test_a_job_that_the_run_looked_at_and_judged_too_old_is_submitted_again(runs):
    ours, theirs = runs
    request = request_of()
    job = submit(theirs, request, run_id="run2")
    theirs.seen(replace(job, status=JobStatus.SUCCEEDED, finished_at=NOON))
    assert ours.find(request.key).is_good
    assert isinstance(reserve(ours, request), Reservation)


def test_a_resumed_job_that_this_run_saw_end_is_submitted_again(runs):
    ours, theirs = runs
    request = request_of()
    job = submit(theirs, request, run_id="run2")
    assert ours.find(request.key).is_in_flight
    ours.seen(replace(job, status=JobStatus.SUCCEEDED, finished_at=NOON))
    assert isinstance(reserve(ours, request), Reservation)


def test_the_run_s_own_jobs_do_not_stand_against_another_submission(ledger):
    request = request_of()
    submit(ledger, request)
    assert isinstance(reserve(ledger, request), Reservation)


def test_an_intent_that_was_never_answered_is_found_after_two_minutes(runs, clock):
    ours, theirs = runs
    request = request_of()
    reserve(theirs, request, run_id="run2")
    clock.sleep(120)
    assert ours.find(request.key).is_unanswered
    assert isinstance(reserve(ours, request), Reservation)


def test_an_intent_of_a_process_that_has_ended_is_found_at_once(runs, monkeypatch):
    ours, theirs = runs
    request = request_of()
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    gone = owner.this_process().rpartition(":")[0] + f":{process.pid}"
    monkeypatch.setattr("tap_reports.ledger.statements.this_process", lambda: gone)
    reserve(theirs, request, run_id="run2")
    assert ours.find(request.key).is_unanswered
    assert isinstance(reserve(ours, request), Reservation)


def test_of_another_machine_s_process_nothing_is_known():
    assert not owner.is_gone(owner.this_process())
    assert not owner.is_gone("elsewhere/pid:[1]:99999999")
    assert owner.is_gone(owner.this_process().rpartition(":")[0] + ":99999999")


def test_threads_share_a_ledger(ledger):
    quotas = [replace(DAY_QUOTA, limit=5)]
    places = []

    def work(number: int) -> None:
        places.append(reserve(ledger, request_of(number), quotas=quotas))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 11)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(place, Reservation) for place in places) == 5
    assert sum(isinstance(place, Wait) for place in places) == 5


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
    reservation = reserve(ledger, request, stream="acme_r__a,acme_r__b")
    job = job_of(request)
    ledger.submitted(reservation, job)
    ledger.emitted(job, stream="acme_r__b", rows=2)
    ledger.emitted(job, stream="acme_r__c", rows=0)
    assert [(line["stream"], line["rows"]) for line in ledger.listing()] == [
        ("acme_r__a", None),
        ("acme_r__b", 2),
        ("acme_r__c", 0),
    ]


def test_what_is_too_old_to_matter_is_dropped_on_opening(shared_url, clock):
    ledger = Ledger.open(shared_url, clock=clock)
    submit(ledger, request_of(1))
    clock.time += dt.timedelta(days=399)
    submit(ledger, request_of(2))
    ledger.close()
    clock.time += dt.timedelta(days=2)
    ledger = Ledger.open(shared_url, clock=clock)
    assert [line["slice_start"] for line in ledger.listing()] == ["2026-02-02"]
    ledger.close()


# --- trouble ------------------------------------------------------------------------------------------


def test_the_file_and_its_folder_are_the_user_s_alone(sqlite_url, clock, tmp_path):
    old = os.umask(0)
    try:
        ledger = Ledger.open(sqlite_url, clock=clock)
        submit(ledger, request_of())
    finally:
        os.umask(old)
    files = list((tmp_path / "state").iterdir())
    assert {file.name for file in files} >= {"jobs.sqlite", "jobs.sqlite-wal"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    ledger.close()


def test_a_file_that_was_open_to_others_is_closed_to_them(tmp_path, clock):
    path = tmp_path / "jobs.sqlite"
    path.touch(mode=0o644)
    Ledger.open(str(path), clock=clock).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_sqlite_url_is_a_path(tmp_path, clock):
    Ledger.open(f"sqlite:///{tmp_path}/jobs.sqlite", clock=clock).close()
    assert stat.S_IMODE((tmp_path / "jobs.sqlite").stat().st_mode) == 0o600


def broken(path):
    path.write_bytes(b"this is no database " * 100)
    return str(path), "Move the file away"


def newer(path):
    Ledger.open(str(path), clock=Clock()).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE tap_reports_version SET version = 99")
    connection.close()
    return str(path), "Upgrade tap-reports"


def below_a_file(path):
    path.touch()
    return str(path / "jobs.sqlite"), "job_ledger"


def unknown_database(_path):
    return "mysql://user:sesame-open@localhost/x", "only sqlite and postgresql"


def unreachable(_path):
    return "postgresql://user:sesame-open@127.0.0.1:1/x?connect_timeout=2", "that the server runs"


def no_url(_path):
    return "://", "job_ledger"


@pytest.mark.parametrize("trouble", [broken, newer, below_a_file, unknown_database, unreachable, no_url])
def test_a_named_ledger_that_can_not_be_used_is_a_configuration_error(trouble, tmp_path, clock):
    setting, remedy = trouble(tmp_path / "jobs.sqlite")
    with pytest.raises(ConfigError) as caught:
        Ledger.open(setting, clock=clock)
    [message] = caught.value.errors
    assert message.startswith("job_ledger: ")
    assert remedy in message
    assert "sesame-open" not in message


@pytest.mark.parametrize("trouble", [broken, newer, below_a_file])
def test_a_default_ledger_that_can_not_be_used_is_warned_about_once(
    trouble, tmp_path, clock, monkeypatch, caplog
):
    setting, remedy = trouble(tmp_path / "jobs.sqlite")
    monkeypatch.setattr("tap_reports.ledger.database.default_path", lambda: type(tmp_path)(setting))
    ledger = Ledger.open(None, clock=clock)
    submit(ledger, request_of())
    assert ledger.find(request_of().key).job_id == "j1"
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert setting in record.getMessage()
    assert remedy in record.getMessage()
    ledger.close()


def test_the_default_ledger_lies_in_the_user_s_state_folder(tmp_path, clock, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    Ledger.open(None, clock=clock).close()
    assert len(list(tmp_path.rglob("jobs.sqlite"))) == 1


def test_a_ledger_that_stays_locked_says_so(sqlite_url, clock, caplog):
    ledger = Ledger.open(sqlite_url, clock=clock, busy_seconds=0.01)
    job = submit(ledger, request_of())
    other = sqlite3.connect(sqlite_url, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StreamError, match=r"nothing may be submitted.*Another process holds it"):
        reserve(ledger, request_of(2))
    for status in (JobStatus.RUNNING, JobStatus.SUCCEEDED):
        ledger.seen(replace(job, status=status))
    Ledger.open(sqlite_url, clock=clock, busy_seconds=0.01).close()  # it waits for nobody
    assert ledger.find(request_of().key).status == "pending"
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "The run goes on" in caplog.text
    other.execute("ROLLBACK")
    other.close()
    ledger.close()


def test_a_database_that_goes_away_ends_the_stream_before_anything_is_paid_twice(postgres_url, clock):
    ledger = Ledger.open(postgres_url, clock=clock)
    with ledger._store.writing() as connection:
        connection.exec_driver_sql("DROP TABLE tap_reports_submissions")
    with pytest.raises(StreamError, match="nothing may be submitted"):
        reserve(ledger, request_of(), quotas=[DAY_QUOTA])
    ledger.close()


# --- jobs that may still bring records ----------------------------------------------------------------


def on_its_way(ledger: Ledger, first: int = 1, last: int = 28, stream: str = "acme_campaign_daily"):
    like = request_of(1, parameters={"other": True})
    days = dt.date(2026, 2, first), dt.date(2026, 2, last)
    return [record.job_id for record in ledger.on_its_way(like, stream=stream, first=days[0], last=days[1])]


def span(first: int, last: int) -> ReportRequest:
    return request_of(slice=Slice(dt.date(2026, 2, first), dt.date(2026, 2, last)))


def test_a_job_is_on_its_way_until_its_records_are_out(ledger):
    assert on_its_way(ledger) == []
    job = submit(ledger, request_of(3))
    assert on_its_way(ledger) == ["j1"]
    ledger.seen(replace(job, status=JobStatus.SUCCEEDED, finished_at=NOON))
    assert on_its_way(ledger) == ["j1"]
    assert not ledger.find(job.request.key).is_out
    ledger.emitted(job, stream="acme_campaign_daily", rows=1)
    assert on_its_way(ledger) == []
    assert ledger.find(job.request.key).is_out


def test_a_job_is_on_its_way_for_any_of_its_days_and_its_report_only(ledger):
    submit(ledger, span(3, 9), "j1")
    submit(ledger, replace(span(3, 9), report="other"), "j2")
    submit(ledger, replace(span(3, 9), account="a2"), "j3")
    assert on_its_way(ledger, 9, 20) == on_its_way(ledger, 1, 3) == ["j1"]
    assert on_its_way(ledger, 10, 20) == on_its_way(ledger, 1, 2) == []


def test_a_failed_job_is_not_on_its_way_and_an_unanswered_submission_is(ledger):
    ledger.failed(submit(ledger, request_of(3)), "no")
    ledger.lost(reserve(ledger, request_of(4)))
    assert [record.status for record in ledger.on_its_way(
        request_of(1), stream="s", first=dt.date(2026, 2, 1), last=dt.date(2026, 2, 28)
    )] == ["lost"]  # fmt: skip


def test_a_job_whose_days_came_out_of_a_later_one_is_no_longer_on_its_way(ledger):
    submit(ledger, span(3, 9), "old")
    job = replace(submit(ledger, span(1, 9), "new"), status=JobStatus.SUCCEEDED, finished_at=NOON)
    ledger.seen(job)
    ledger.emitted(job, stream="acme_campaign_daily", rows=1)
    assert on_its_way(ledger) == []
    assert on_its_way(ledger, stream="acme_other") == ["old"]
