"""Quotas, jobs in flight, and what other runs submit."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import threading
from dataclasses import replace

import pytest
from ledger_cases import DAY_QUOTA, MINUTE_QUOTA, NOON, SECOND, job_of, request_of, reserve, submit

from tap_reports import process as owner
from tap_reports.ledger.quota import Wait
from tap_reports.ledger.reserve import Existing, Reservation
from tap_reports.models import JobStatus

# --- limits -------------------------------------------------------------------------------------------


def test_a_minute_quota_waits_until_the_oldest_submission_leaves_the_window(ledger, clock):
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


@pytest.mark.parametrize(
    ("outcome", "day", "minute"),
    [
        pytest.param("refused", Reservation, Wait, id="refused: in the minute only"),
        pytest.param("lost", Wait, Wait, id="without an answer: in both"),
    ],
)
def test_a_submission_without_a_job_counts(ledger, outcome, day, minute):
    for number in (1, 2, 3):
        getattr(ledger, outcome)(reserve(ledger, request_of(number)))
    assert isinstance(reserve(ledger, request_of(4), quotas=[DAY_QUOTA]), day)
    assert isinstance(reserve(ledger, request_of(5), quotas=[MINUTE_QUOTA]), minute)


def test_each_account_and_kind_has_its_own_quotas(ledger):
    for day in (1, 2, 3):
        submit(ledger, request_of(day), f"j{day}")
    quotas = [DAY_QUOTA, replace(DAY_QUOTA, name="clicks_per_day", counts="click")]
    assert isinstance(reserve(ledger, request_of(4, account="a2"), quotas=quotas), Reservation)
    assert isinstance(reserve(ledger, request_of(4, vendor="other"), quotas=quotas), Reservation)
    assert isinstance(reserve(ledger, request_of(4, quota="click"), quotas=quotas), Reservation)
    assert isinstance(reserve(ledger, request_of(4), quotas=quotas), Wait)


def test_the_number_of_jobs_in_flight_is_limited(ledger):
    first = submit(ledger, request_of(1), "j1")
    reserve(ledger, request_of(2))
    wait = reserve(ledger, request_of(3), max_in_flight=2)
    assert wait == Wait()
    ledger.seen(replace(first, status=JobStatus.SUCCEEDED, finished_at=NOON))
    assert isinstance(reserve(ledger, request_of(3), max_in_flight=2), Reservation)


def test_a_job_that_is_no_longer_polled_does_not_count_as_in_flight_for_ever(ledger, clock):
    submit(ledger, request_of(1))
    clock.sleep(3601)
    assert isinstance(reserve(ledger, request_of(2), max_in_flight=1), Reservation)


def test_usage_of_quotas(ledger, clock):
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


@pytest.mark.parametrize("status", [None, JobStatus.SUCCEEDED])
def test_another_run_s_job_is_reused_and_not_submitted_again_even_if_it_is_done(runs, status):
    ours, theirs = runs
    request = request_of()
    assert ours.find(request.key) is None
    job = submit(theirs, request, run_id="run2")
    if status:
        theirs.seen(replace(job, status=status, finished_at=NOON))
    existing = reserve(ours, request)
    assert isinstance(existing, Existing)
    assert existing.job.id == "j1"


def test_a_run_waits_for_the_same_submission_of_another_run(runs):
    ours, theirs = runs
    request = request_of()
    reservation = reserve(theirs, request, run_id="run2")
    assert ours.find(request.key) is None
    assert isinstance(reserve(ours, request), Wait)
    theirs.submitted(reservation, job_of(request))
    assert isinstance(reserve(ours, request), Existing)


def test_a_submission_that_another_run_was_refused_is_sent(runs):
    ours, theirs = runs
    request = request_of()
    theirs.refused(reserve(theirs, request, run_id="run2"))
    assert isinstance(reserve(ours, request), Reservation)


@pytest.mark.parametrize("who", ["theirs", "ours"])
def test_a_job_that_the_run_saw_end_or_judged_too_old_is_submitted_again(runs, who):
    ours, theirs = runs
    request = request_of()
    job = submit(theirs, request, run_id="run2")
    assert ours.find(request.key).is_in_flight
    (ours if who == "ours" else theirs).seen(replace(job, status=JobStatus.SUCCEEDED, finished_at=NOON))
    assert ours.find(request.key).is_good
    assert isinstance(reserve(ours, request), Reservation)


def test_the_run_s_own_jobs_do_not_block_another_submission(ledger):
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
    monkeypatch.setattr("tap_reports.ledger.reserve.this_process", lambda: gone)
    reserve(theirs, request, run_id="run2")
    assert ours.find(request.key).is_unanswered
    assert isinstance(reserve(ours, request), Reservation)


def test_a_process_of_another_machine_is_never_taken_for_ended():
    assert not owner.is_gone(owner.this_process())
    assert not owner.is_gone("elsewhere/pid:[1]:99999999")
    assert owner.is_gone(owner.this_process().rpartition(":")[0] + ":99999999")


def test_threads_share_a_ledger(ledger):
    quotas = [replace(DAY_QUOTA, limit=5)]
    results = []

    def work(number: int) -> None:
        results.append(reserve(ledger, request_of(number), quotas=quotas))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 11)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(result, Reservation) for result in results) == 5
    assert sum(isinstance(result, Wait) for result in results) == 5
