"""The page of `--jobs --format html`: what it says, and that it loads nothing."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from html.parser import HTMLParser

import pytest

from tap_reports.commands.timeline import Phase, page, runs
from tap_reports.ledger.records import EmitRecord, JobRecord
from tap_reports.models import RunOutcome, Slice, StreamEnd, StreamOutcome

T0 = dt.datetime(2026, 3, 20, 8, 0, tzinfo=dt.UTC)
NOW = T0 + dt.timedelta(hours=5)
VOID = {"meta", "br", "hr", "img", "input", "link"}


def at(seconds):
    return T0 + dt.timedelta(seconds=seconds)


def record(number=1, **values):
    made = {
        "row": number,
        "stream": "impact_actions",
        "vendor": "impact",
        "report": "actions",
        "slice": Slice(dt.date(2026, 3, number), dt.date(2026, 3, number)),
        "job_id": f"job-{number}-of-the-vendor",
        "status": "succeeded",
        "submitted_at": at(number),
        "started_at": at(number + 10),
        "finished_at": at(number + 40),
        "downloaded_at": at(50),
        "rows": 100,
        "bytes": 5_000,
        "credits": Decimal(7),
        "run_id": "first",
        "uses": (use("first", 50),),
    }
    return JobRecord(**{**made, **values})


def use(run_id, seconds, rows=100, **values):
    return EmitRecord(
        run_id=run_id,
        rows=rows,
        started_at=at(11),
        finished_at=values.get("finished_at", at(41)),
        downloaded_at=at(seconds),
        download_seconds=5.0,
        emitted_at=at(seconds + 20),
        emit_seconds=10.0,
    )


def outcome(run_id, *streams, start=0, **values):
    made = {"version": "1", "started_at": at(start), "seconds": 80.0, "exit_status": 0, "streams": streams}
    return RunOutcome(run_id=run_id, **{**made, **values})


def spans(job):
    """Return a job's bars in seconds: `running 11-41, emit 60-70`."""
    seconds = [(bar.phase, *((one - T0).total_seconds() for one in (bar.start, bar.end))) for bar in job.bars]
    return ", ".join(f"{phase} {start:g}-{end:g}" for phase, start, end in seconds)


class Page(HTMLParser):
    """Checks that tags are closed in order, and keeps what the tests ask for."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text, self.within = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)
        self.within.append((tuple(self.open), data))

    def of_tag(self, tag):
        return [data for tags, data in self.within if tag in tags]

    def of(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


# --- what it says -------------------------------------------------------------------------------------


def test_a_job_goes_through_its_four_phases_in_order():
    (run,) = runs([record(1)], [outcome("first")], NOW)
    (job,) = run.jobs
    assert spans(job) == "queued 1-11, running 11-41, download 45-50, emit 60-70"
    assert (run.start, run.seconds, run.actions, run.totals["rows"]) == (T0, 80, {"submitted": 1}, 100)


def test_a_job_used_by_two_runs_is_in_both_and_its_credits_in_one():
    uses = (use("first", 50), use("second", 3630, rows=90))
    newer, older = runs([record(1, uses=uses)], [outcome("first"), outcome("second", start=3600)], NOW)
    assert (newer.actions, older.actions) == ({"reused": 1}, {"submitted": 1})
    assert newer.totals == {"rows": 90, "bytes": 0, "credits": None}
    assert older.totals == {"rows": 100, "bytes": 5_000, "credits": Decimal(7)}
    assert [bar.phase for bar in newer.jobs[0].bars] == [Phase.DOWNLOAD, Phase.EMIT]


def test_a_resumed_job_shows_the_wait_for_the_vendor_in_the_run_that_waited():
    resumed = record(1, finished_at=at(3640), uses=(use("second", 3650, finished_at=at(3640)),))
    newer, older = runs([resumed], [outcome("second", start=3600), outcome("first")], NOW)
    assert spans(newer.jobs[0]) == "running 3600-3640, download 3645-3650, emit 3660-3670"
    assert newer.actions == {"resumed": 1}
    assert (older.jobs[0].use, older.jobs[0].bars[-1].end) == (None, older.end)


def test_a_replay_does_not_change_what_an_earlier_run_shows():
    before = record(1)
    uses = (use("first", 50), use("second", 3650, finished_at=at(3640)))
    after = record(1, finished_at=at(3640), uses=uses)
    ended = [outcome("second", start=3600), outcome("first")]
    newer, older = runs([after], ended, NOW)
    (alone,) = runs([before], [outcome("first")], NOW)
    assert (spans(older.jobs[0]), older.totals) == (spans(alone.jobs[0]), alone.totals)
    assert newer.actions == {"replayed": 1}
    assert newer.jobs[0].seconds(Phase.RUNNING) == 40


def test_a_job_that_outlives_its_run_does_not_lengthen_it():
    left = record(2, finished_at=at(9_000), uses=(use("second", 9_010),))
    (older,) = (run for run in runs([record(1), left], [outcome("first")], NOW) if run.outcome)
    assert older.seconds == 80
    assert max(bar.end for job in older.jobs for bar in job.bars) <= older.end


@pytest.mark.parametrize(
    ("status", "started", "phase"),
    [("running", at(11), Phase.RUNNING), ("pending", None, Phase.QUEUED), ("intent", None, Phase.QUEUED)],
)
def test_a_job_under_way_lasts_until_now(status, started, phase):
    unknown = {"finished_at": None, "downloaded_at": None, "rows": None, "uses": ()}
    (run,) = runs([record(1, status=status, started_at=started, **unknown)], [], NOW)
    assert (run.jobs[0].bars[-1].phase, run.end) == (phase, NOW)


def test_a_lost_submission_has_a_line():
    unknown = {"started_at": None, "finished_at": None, "downloaded_at": None, "uses": ()}
    lost = record(1, status="lost", job_id="", **unknown)
    assert runs([lost], [], NOW)[0].seconds == 1
    assert "lost" in page([lost], [], NOW)


def test_credits_and_bytes_of_a_job_of_several_sheets_count_once():
    text = page([record(1, stream="a__x"), record(1, stream="a__y")], [], NOW)
    facts = dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]*)</dd>", text))
    assert (facts["credits"], facts["downloaded"], facts["jobs"]) == ("7", "5.0 kB", "1")
    assert facts["rows"] == "200"


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        (outcome("first"), "succeeded"),
        (outcome("first", exit_status=1), "failed, exit status 1"),
        (outcome("first", exit_status=143), "failed, exit status 143"),
        (outcome("first", exit_status=None, seconds=None), "is under way"),
        (
            outcome("first", exit_status=None, seconds=None, was_killed=True),
            "did not end: it was killed, or its machine went down",
        ),
        (None, "not a sync, or its end is not known"),
    ],
)
def test_the_page_says_how_a_run_ended(ended, said):
    words = " ".join(Page(page([record(1)], [ended] if ended else [], NOW)).of_tag("summary"))
    assert said in words


def test_a_stream_that_failed_comes_first_with_its_reason_though_its_job_succeeded():
    failed = StreamOutcome(stream="impact_b", outcome=StreamEnd.FAILED, error="row 2: not a <number>")
    done = StreamOutcome(stream="impact_a", outcome=StreamEnd.DONE, rows=100)
    jobs = [record(1, stream="impact_a"), record(2, stream="impact_b", uses=())]
    text = page(jobs, [outcome("first", done, failed, exit_status=1)], NOW)
    words = " ".join(Page(text).text)
    assert words.index("impact_b") < words.index("row 2: not a <number>") < words.index("impact_a")
    assert re.search(r"<dt>runs failed</dt><dd>1</dd>", text)


def test_a_run_that_failed_before_any_job_is_on_the_page():
    error = StreamOutcome(stream="impact_a", outcome=StreamEnd.FAILED, error="HTTP 401: wrong key")
    assert "HTTP 401: wrong key" in page([], [outcome("first", error, exit_status=1)], NOW)


def test_a_page_that_does_not_show_all_jobs_says_so():
    assert "Only the newest 1 jobs" in " ".join(Page(page([record(1)], [], NOW, limit=1)).text)
    assert "Only the newest" not in page([record(1)], [], NOW, limit=2)


# --- that it needs nothing else ---------------------------------------------------------------------


def test_the_page_is_well_formed_and_loads_nothing():
    text = page(
        [record(1), record(2, uses=(use("second", 3600),)), record(3, status="failed", uses=())], [], NOW
    )
    parsed = Page(text)
    assert text.startswith("<!DOCTYPE html>")
    assert not {tag for tag, _ in parsed.tags} & {"script", "link", "img", "iframe", "object"}
    assert not re.search(r"(?:src|href|url\()\s*=?", text.partition("</style>")[2])
    assert "default-src 'none'" in next(one["content"] for one in parsed.of("meta") if "http-equiv" in one)


def test_the_bars_values_are_in_a_table_too():
    parsed = Page(page([record(1)], [], NOW))
    assert parsed.of("html")[0]["lang"] == "en"
    assert all(one.get("aria-hidden") for one in parsed.of("div") if one.get("class") == "track")
    assert {one["scope"] for one in parsed.of("th")} == {"col", "rowgroup"}
    words = " ".join(parsed.text)
    for shown in ("10 s", "30 s", "5.0 s", "100", "5.0 kB", "2026-03-01 to 2026-03-01", "impact_actions"):
        assert shown in words
    assert "job-1-of-the-vendor" in words  # whole, to be copied


def test_only_the_newest_run_is_open():
    parsed = Page(page([record(1), record(2, run_id="second", submitted_at=at(4000), uses=())], [], NOW))
    assert ["open" in one for one in parsed.of("details")] == [True, False]


HOSTILE = [
    '"><script>x</script>',
    "<img src=x onerror=alert(1)>",
    "</style><script>x</script>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:x' onclick='x",
    "\x1b[31m\u202e<b>",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_vendor_or_user_is_markup(text):
    def shown(one):
        failed = StreamOutcome(stream=one, outcome=StreamEnd.FAILED, error=one)
        job = record(1, job_id=one, stream=one, message=one, status="failed", uses=())
        return Page(page([job], [outcome("first", failed, exit_status=1)], NOW))

    harmless, parsed = shown("harmless"), shown(text)
    assert [tag for tag, _ in parsed.tags] == [tag for tag, _ in harmless.tags]
    assert [sorted(one) for _, one in parsed.tags] == [sorted(one) for _, one in harmless.tags]
    words = "".join(parsed.text)
    assert "49" not in words
    assert not {"\x1b", "\u202e"} & set(words)
