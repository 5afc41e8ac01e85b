"""How the job ledger bears many machines and a long history: prints a Markdown table.

    python benchmarks/ledger.py postgresql+psycopg://root@127.0.0.1:5432/test

Each worker is a process with a ledger of its own, as each tap has. Jobs are sleeps: nothing is sent anywhere.
Limits are checked by the workers' own clocks, not by the ledger. The tables lie in schemas of their own that
are dropped at the end. Without a URL, what needs a server is left out.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import multiprocessing
import statistics
import tempfile
import time
import tracemalloc
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from tap_reports.exceptions import TapReportsError
from tap_reports.ledger.ledger import Ledger
from tap_reports.ledger.quota import Wait
from tap_reports.ledger.reserve import Existing, Reservation, Submission
from tap_reports.ledger.schema import jobs, streams, submissions
from tap_reports.models import JobStatus, Quota, ReportJob, ReportRequest, Slice

if TYPE_CHECKING:
    from multiprocessing.queues import Queue
    from multiprocessing.synchronize import Event

PLACES, PER_MINUTE = 20, 600
JOBS_EACH, JOB_SECONDS = 3, 0.5
MAX_WAIT_SECONDS = 15.0
HISTORY = 100_000
REPEATS = 50
QUOTAS = [
    Quota(name="minute", limit=PER_MINUTE, seconds=60),
    Quota(name="day", limit=10 * HISTORY, seconds=86400),
]
Figures = Iterator[tuple[str, str]]


@dataclass(frozen=True)
class Worked:
    """What one worker did: when each job began and ended, how often it asked for a place, what went wrong."""

    spans: list[tuple[float, float]]
    asked: int
    failed: str = ""


def request_of(number: int) -> ReportRequest:
    """Return a request of a day of its own."""
    day = dt.date(1970, 1, 1) + dt.timedelta(days=number)
    return ReportRequest(
        vendor="acme", account="one", api_url="https://api.example.com", report="r", slice=Slice(day, day)
    )


def reserve(
    ledger: Ledger, request: ReportRequest, run_id: str, places: int = PLACES
) -> Reservation | Existing | Wait:
    """Ask for a place."""
    wanted = Submission(
        request=request,
        streams=["acme_r"],
        run_id=run_id,
        quotas=QUOTAS,
        max_in_flight=places,
        in_flight_hours=1,
        now=dt.datetime.now(dt.UTC),
    )
    return ledger.reserve(wanted)


def whole_job(
    ledger: Ledger, request: ReportRequest, run_id: str, seconds: float = 0.0
) -> tuple[float, float, int]:
    """Take a job through its life as the engine does. Returns its begin, its end, and how often it asked."""
    ledger.find(request.key)
    asked, wait = 1, 1.0
    while not isinstance(place := reserve(ledger, request, run_id), Reservation):
        time.sleep(getattr(place, "seconds", 0.0) or wait)
        asked, wait = asked + 1, min(MAX_WAIT_SECONDS, 2 * wait)
    began = time.time()
    job = ReportJob(request=request, id=uuid.uuid4().hex, submitted_at=dt.datetime.now(dt.UTC))
    ledger.submitted(place, job)
    time.sleep(seconds)
    ended = time.time()
    ledger.seen(replace(job, status=JobStatus.RUNNING))
    ledger.seen(replace(job, status=JobStatus.SUCCEEDED, finished_at=dt.datetime.now(dt.UTC)))
    ledger.downloaded(job, size=1, seconds=0.1)
    ledger.emitted(job, stream="acme_r", rows=1, run_id=run_id)
    return began, ended, asked


def work(url: str, number: int, start: Event, out: Queue[Worked]) -> None:
    """Do one worker's jobs."""
    start.wait()
    spans, asked, failed = [], 0, ""
    try:
        ledger = Ledger.open(url)
        for nth in range(JOBS_EACH):
            request = request_of(number * JOBS_EACH + nth)
            began, ended, times = whole_job(ledger, request, f"run{number}", JOB_SECONDS)
            spans.append((began, ended))
            asked += times
        ledger.close()
    except TapReportsError as error:
        failed = str(error)[:200]
    out.put(Worked(spans, asked, failed))


def crowd(url: str, workers: int) -> Figures:
    """Many processes at once on one account."""
    fork = multiprocessing.get_context("fork")
    start, out = fork.Event(), fork.Queue()
    processes = [fork.Process(target=work, args=(url, number, start, out)) for number in range(workers)]
    for process in processes:
        process.start()
    began = time.monotonic()
    start.set()
    done: list[Worked] = [out.get() for _ in processes]
    seconds = time.monotonic() - began
    for process in processes:
        process.join()
    spans = [span for one in done for span in one.spans]
    most = max(sum(a <= at < b for a, b in spans) for at, _ in spans)
    minute = max(sum(at <= a < at + 60 for a, _ in spans) for at, _ in spans)
    failed = [one.failed for one in done if one.failed]
    yield f"{workers} processes at once, {len(spans)} jobs: failed", f"{len(failed)} {failed[:1] or ''}"
    yield "… most in flight; most in a minute", f"{most} of {PLACES}; {minute} of {PER_MINUTE}"
    yield "… reservations a job", f"{sum(one.asked for one in done) / len(spans):.1f}"
    yield "… seconds", f"{seconds:.0f}"


def round_trips(url: str) -> Figures:
    """What a job costs of statements; a transaction's BEGIN and COMMIT count as well."""
    with contextlib.closing(Ledger.open(url)) as ledger:
        whole_job(ledger, request_of(0), "run")
        trips = count()

        def count_begin(db: sa.Connection) -> None:
            if db.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
                list(islice(trips, 2))

        sa.event.listen(sa.Engine, "before_cursor_execute", lambda *_: next(trips))
        sa.event.listen(sa.Engine, "begin", count_begin)
        whole_job(ledger, request_of(1), "run")
    yield "round trips of a job's whole life, PostgreSQL", str(next(trips))


def reservations(url: str, name: str) -> Figures:
    """How long a reservation takes, with nothing and with a long day behind it."""
    medians = []
    for history in (0, HISTORY):
        with contextlib.closing(Ledger.open(url)) as ledger:
            day = dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
            sent = {"vendor": "acme", "account": "one", "quota": "report", "key": "k", "outcome": "accepted"}
            instants = (day + dt.timedelta(microseconds=number) for number in range(history))
            insert(url, submissions, [sent | {"at": at} for at in instants])
            times = []
            for number in range(REPEATS):
                began = time.perf_counter()
                reserve(ledger, request_of(history + number), "run", 10**6)
                times.append(1000 * (time.perf_counter() - began))
            medians.append(statistics.median(times))
    few, many = medians
    yield (
        f"a reservation, {name}: no submission of the day; {HISTORY:,}",
        f"{few:.1f} ms; {many:.1f} ms ({many / few:.1f} times)",
    )


def listing(url: str, name: str) -> Figures:
    """How long `--jobs --format json` reads a long history, and the memory that it takes."""
    same = {"vendor": "acme", "account": "two", "api_url": "https://x", "report": "r", "quota": "report"}
    done = {"status": "succeeded", "sent_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)}
    rows = [
        {**same, **done, "id": 10**6 + number, "key": str(number), "job_id": f"j{number}"}
        for number in range(HISTORY)
    ]
    with contextlib.closing(Ledger.open(url)) as ledger:
        insert(url, jobs, rows)
        insert(url, streams, [{"job": row["id"], "stream": "acme_r"} for row in rows])
        began, worked = time.perf_counter(), time.process_time()
        lines = sum(1 for _ in ledger.listing())
        seconds, processor = time.perf_counter() - began, time.process_time() - worked
        tracemalloc.start()
        for _ in ledger.listing():
            pass
        peak = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
    yield f"`--jobs` of {lines:,} rows, {name}", f"{seconds:.1f} s, {processor:.1f} s of CPU, {peak:.1f} MiB"


def insert(url: str, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    """Write many rows, as a long past would have left them."""
    engine = sa.create_engine(url if "://" in url else f"sqlite:///{url}", poolclass=sa.NullPool)
    with engine.begin() as db:
        if rows:
            db.execute(table.insert(), rows)


@contextlib.contextmanager
def own_schema(url: str) -> Iterator[str]:
    """Yield the URL with a schema of its own."""
    name = f"tap_reports_{uuid.uuid4().hex[:12]}"
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as db:
        db.exec_driver_sql(f"CREATE SCHEMA {name}")
    try:
        own = sa.make_url(url).update_query_dict({"options": f"-csearch_path={name}"})
        yield own.render_as_string(hide_password=False)
    finally:
        with engine.begin() as db:
            db.exec_driver_sql(f"DROP SCHEMA {name} CASCADE")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?", help="a PostgreSQL server's")
    parser.add_argument("--workers", type=int, default=200)
    chosen = parser.parse_args()
    print("| what | figure |\n|---|--:|")
    with contextlib.ExitStack() as opened:
        folder = opened.enter_context(tempfile.TemporaryDirectory())
        places = {"SQLite": str(Path(folder) / "jobs.sqlite")}
        parts: list[Figures] = []
        if chosen.url:
            places["PostgreSQL"], *others = [opened.enter_context(own_schema(chosen.url)) for _ in range(3)]
            parts += [crowd(others[0], chosen.workers), round_trips(others[1])]
        for name, url in places.items():
            parts += [reservations(url, name), listing(url, name)]
        for part in parts:
            for what, figure in part:
                print(f"| {what} | {figure} |", flush=True)


if __name__ == "__main__":
    main()
