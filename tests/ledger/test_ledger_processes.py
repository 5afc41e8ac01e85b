"""Ten processes share one account, on both databases: its limits hold for all of them together."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections import Counter

import pytest
import sqlalchemy as sa

from tap_reports.ledger.schema import jobs, submissions

PROCESSES = 10
BEGIN = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
CHILD = """
import datetime as dt, sys
from tap_reports.ledger.ledger import Ledger
from tap_reports.ledger.reserve import Existing, Reservation, Submission
from tap_reports.models import Quota, ReportJob, ReportRequest

url, me, begin = sys.argv[1], sys.argv[2], dt.datetime.fromisoformat(sys.argv[3])
quotas = [Quota(name="minute", limit=5, seconds=60), Quota(name="day", limit=100, seconds=86400)]

class Clock:
    time = begin
    def now(self):
        return self.time

clock = Clock()
print("ready", flush=True)
sys.stdin.readline()
ledger = Ledger.open(url, clock=clock)

def reserve(account, report, quotas, places):
    request = ReportRequest(vendor="acme", account=account, api_url="https://a.example.com", report=report)
    wanted = Submission(
        request=request,
        streams=["s"],
        run_id=me,
        quotas=quotas,
        max_in_flight=places,
        in_flight_hours=24,
        now=clock.now(),
    )
    place = ledger.reserve(wanted)
    if isinstance(place, Reservation):
        ledger.submitted(place, ReportJob(request=request, id=f"{me}-{report}", submitted_at=clock.now()))
    return place

# One report that all want; more jobs than places; more submissions than a minute and a day allow.
reserve("same", "one", [], 1000)
for number in range(3):
    reserve("places", f"{me}-{number}", [], 7)
for minute in range(24):
    clock.time = begin + dt.timedelta(seconds=61 * minute)
    for number in range(6):
        if not isinstance(reserve("quotas", f"{me}-{minute}-{number}", quotas, 1000), Reservation):
            break
ledger.close()
"""


@pytest.fixture(params=["sqlite_url", "postgres_url", "pgbouncer_url"])
def url(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def tables(url):
    """Rows of (account, at) after all processes have run at once, including the creation of the tables."""
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, url, f"p{number}", BEGIN.isoformat()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    for child in children:
        assert child.stdout.readline() == "ready\n"
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    for child in children:
        child.communicate()
    assert [child.returncode for child in children] == [0] * PROCESSES
    engine = sa.create_engine(url if "://" in url else f"sqlite:///{url}")
    with engine.begin() as connection:
        yield (
            connection.execute(sa.select(submissions.c.account, submissions.c.at)).all(),
            Counter(connection.scalars(sa.select(jobs.c.account))),
        )
    engine.dispose()


@pytest.mark.kill_matrix
def test_ten_processes_never_exceed_an_account_s_limits(tables):
    sent, counts = tables
    assert counts["same"] == 1
    assert counts["places"] == 7
    assert counts["quotas"] == 100
    times = sorted(at for account, at in sent if account == "quotas")
    sixth_later = zip(times, times[5:], strict=False)
    assert all((later - earlier).total_seconds() >= 60 for earlier, later in sixth_later)
