"""When a job is polled once its vendor may call: on a fake clock, its statuses as a script."""

from __future__ import annotations

import datetime as dt

import pytest
from scenarios import SCENARIOS, run_here
from virtual_clock import FakeClock, VirtualLoop

from tap_reports.jobs.task import MAX_POSTBACK_POLLS, Stage
from tap_reports.jobs.task import POSTBACK_GAP_SECONDS as GAP
from tap_reports.models import Slice
from tap_reports.sandbox import Sandbox
from tap_reports.settings import read as config
from tap_reports.sync.run import Run

FALLBACK = 300
POSTBACKS = {"listen": "127.0.0.1:0", "public_url": "https://example.com", "secret": "a-long-random-text"}
TODAY = dt.datetime.now(dt.UTC).date()
DAYS = Slice(TODAY - dt.timedelta(days=9), TODAY - dt.timedelta(days=5))


@pytest.fixture
def sandbox():
    with Sandbox(rows=1, speed=1e6, delay=0) as running:
        yield running


class Watched:
    """One impact job, called for at chosen seconds; how often it was polled is noted each second."""

    def __init__(self, sandbox, polls, calls=(), *, is_early=False):
        words = ["RUNNING"] * (polls - 1) + ["COMPLETED"]
        sandbox.faults.add("statuses", vendor="impact", kind="submit", words=words)
        raw = SCENARIOS["impact"].config(sandbox, job_ledger="off")
        raw["postbacks"] = {**POSTBACKS, "fallback_poll_seconds": FALLBACK}
        clock = FakeClock()
        loop = VirtualLoop(clock)
        self.run = Run(config.read(raw, version="1"), self.submitted, clock=clock, loop=loop)
        _, client = self.run.vendors[0]
        (request,) = client.requests(next(iter(client.report_types())), DAYS)
        self.is_early = is_early
        self.polls = []
        self.answers = []
        self.task = self.run.engine.start("one", request)
        for at in calls:
            loop.at(at, lambda: self.answers.append(self.run.engine.wake(self.task)))
        for at in range(1000):
            loop.at(at + 0.5, lambda: self.polls.append(len(sandbox.calls_of("impact", "poll"))))
        self.run.engine.wait([self.task])
        self.polls.append(len(sandbox.calls_of("impact", "poll")))

    def submitted(self, task):
        """The state is about to name the job."""
        if self.is_early:
            self.answers.append(self.run.engine.wake(task))

    @property
    def times(self):
        """The whole second before each poll."""
        return [
            at
            for at, (before, now) in enumerate(zip([0, *self.polls], self.polls, strict=False))
            if now > before
        ]


@pytest.fixture
def watch(sandbox):
    opened = []

    def make(**what):
        watched = Watched(sandbox, **what)
        opened.append(watched.run)
        return watched

    yield make
    for run in opened:
        run.close()


def close_to(seconds):
    """The fallback's jitter takes off up to 15 %."""
    return pytest.approx(seconds, abs=0.15 * FALLBACK + 1)


def test_without_a_call_the_fallback_polls(watch):
    first, second = watch(polls=2).times
    assert first == close_to(FALLBACK)
    assert second - first == close_to(FALLBACK)


@pytest.mark.parametrize(
    ("calls", "at"),
    [pytest.param([10], 10, id="at once"), pytest.param([10, 12], 10 + GAP, id="within the gap is not lost")],
)
def test_a_call_polls_and_that_is_all(watch, calls, at):
    watched = watch(polls=len(calls), calls=calls)
    assert watched.task.stage is Stage.READY
    assert watched.polls[-1] == len(calls)
    assert watched.answers == [True] * len(calls)
    assert watched.run.clock.seconds == pytest.approx(at, abs=0.5)
    assert watched.run.engine.wake(watched.task) is False, "its job is over"
    assert watched.task.postback_polls.count == len(calls)


def test_an_early_call_costs_one_poll_and_the_fallback_goes_on(watch):
    first, second, third = watch(polls=3, calls=[10]).times
    assert first == 10
    assert second - first == close_to(FALLBACK)
    assert third - second == close_to(FALLBACK)


def test_repeated_calls_are_answered_together(watch):
    watched = watch(polls=3, calls=[10, 10, 10.1, 11, 12, 13.9])
    assert watched.times[:2] == [10, 10 + GAP]
    assert watched.times[2] - watched.times[1] == close_to(FALLBACK)
    assert watched.answers == [True, False, True, False, False, False]


def test_a_flood_of_calls_polls_only_so_often(watch):
    watched = watch(polls=MAX_POSTBACK_POLLS + 3, calls=[1 + n / 4 for n in range(800)])
    flood = [at for at in watched.times if at <= 200]
    assert len(flood) == MAX_POSTBACK_POLLS
    assert watched.times[MAX_POSTBACK_POLLS] - watched.times[MAX_POSTBACK_POLLS - 1] == close_to(FALLBACK)
    assert watched.answers.count(True) == MAX_POSTBACK_POLLS


def test_a_call_before_the_state_names_the_job_is_kept(watch):
    watched = watch(polls=1, is_early=True)
    assert watched.answers == [True]
    assert watched.task.stage is Stage.READY
    assert watched.run.clock.seconds < 1


def test_the_fallback_ends_at_the_deadline(sandbox):
    scenario = SCENARIOS["impact"]
    sandbox.faults.add("statuses", vendor="impact", kind="submit", words=["RUNNING"] * 99, times=0)
    ran = run_here(scenario.config(sandbox, job_ledger="off", job_deadline_seconds=100, postbacks=POSTBACKS))
    assert ran.error_class == "JobTimeout"
    assert ran.seconds == pytest.approx(100, abs=0.1)
    assert len(ran.pending(scenario.stream)) == 2


def test_a_vendor_that_does_not_call_is_polled_as_ever(sandbox):
    scenario = SCENARIOS["second_nature"]
    words = ["pending", "pending", "complete"]
    sandbox.faults.add("statuses", vendor="second_nature", kind="submit", words=words, times=0)
    ran = run_here(
        scenario.config(
            sandbox,
            job_ledger="off",
            postbacks=POSTBACKS,
            block={"poll_interval_seconds": 5, "poll_max_interval_seconds": 60},
        )
    )
    assert ran.status == 0
    assert 3 * 5 * 0.85 < ran.seconds < 60
