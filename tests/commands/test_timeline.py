"""The page of `--jobs --format html`: what it says, that it loads nothing, and that a browser shows it."""

from __future__ import annotations

import datetime as dt
import os
import re
import shutil
import struct
import subprocess
import zlib
from decimal import Decimal
from html.parser import HTMLParser

import pytest

from tap_reports.commands.timeline import Phase, runs
from tap_reports.commands.timeline_html import page
from tap_reports.ledger.records import EmitRecord, JobRecord
from tap_reports.models import Slice

T0 = dt.datetime(2026, 3, 20, 8, 0, tzinfo=dt.UTC)
NOW = T0 + dt.timedelta(hours=5)
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-component-update",
    "--disable-background-networking",
)
VOID = {"meta", "br", "hr", "img", "input", "link"}


def at(seconds):
    return T0 + dt.timedelta(seconds=seconds)


def passage(number=1, **values):
    made = {
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


def use(run_id, seconds, rows=100):
    return EmitRecord(
        run_id=run_id,
        rows=rows,
        downloaded_at=at(seconds),
        download_seconds=5.0,
        emitted_at=at(seconds + 20),
        emit_seconds=10.0,
    )


class Page(HTMLParser):
    """Checks that tags are closed in order, and keeps what the tests ask for."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text = [], [], []
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

    def of(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


# --- what it says -------------------------------------------------------------------------------------


def test_a_job_goes_through_its_four_phases_in_order():
    (run,) = runs([passage(1)], NOW)
    (job,) = run.jobs
    assert [(span.phase, span.start, span.end) for span in job.spans] == [
        (Phase.QUEUED, at(1), at(11)),
        (Phase.RUNNING, at(11), at(41)),
        (Phase.DOWNLOAD, at(45), at(50)),
        (Phase.EMIT, at(60), at(70)),
    ]
    assert (run.start, run.end, run.submitted, run.reused, run.rows) == (at(1), at(70), 1, 0, 100)


def test_a_job_used_by_two_runs_stands_in_both_and_is_paid_in_one():
    first, second = use("first", 50), use("second", 3600, rows=90)
    newer, older = runs([passage(1, uses=(first, second))], NOW)
    assert (newer.id, older.id) == ("second", "first")
    assert (newer.submitted, newer.reused, newer.rows, newer.credits) == (0, 1, 90, None)
    assert (older.submitted, older.reused, older.rows, older.credits) == (1, 0, 100, Decimal(7))
    assert [span.phase for span in newer.jobs[0].spans] == [Phase.DOWNLOAD, Phase.EMIT]
    assert older.end == at(70)


def test_a_resumed_job_shows_the_wait_for_the_vendor_in_the_run_that_waited():
    """The run began at 3,600 s, as its other job shows, and the vendor was done with this one at 3,640 s."""
    waited = passage(1, finished_at=at(3640), uses=(use("second", 3650),))
    times = {"submitted_at": at(3600), "started_at": at(3600), "finished_at": None, "downloaded_at": None}
    other = passage(2, run_id="second", status="running", uses=(), **times)
    newer, older = runs([waited, other], NOW)
    assert [(span.phase, span.start, span.end) for span in newer.jobs[0].spans] == [
        (Phase.RUNNING, at(3600), at(3640)),
        (Phase.DOWNLOAD, at(3645), at(3650)),
        (Phase.EMIT, at(3660), at(3670)),
    ]
    assert (newer.reused, newer.jobs[0].is_reused, older.jobs[0].use) == (1, True, None)


def test_a_job_that_was_done_before_the_run_shows_no_wait_in_it():
    (newer, _) = runs([passage(1, uses=(use("first", 50), use("second", 3600)))], NOW)
    assert Phase.RUNNING not in {span.phase for span in newer.jobs[0].spans}


def test_a_job_left_behind_does_not_stretch_its_run():
    left = passage(2, finished_at=at(9_000), downloaded_at=at(9_010), uses=(use("second", 9_010),))
    _, older = runs([passage(1), left], NOW)
    assert older.end == at(70)
    assert older.jobs[1].use is None


def test_a_job_under_way_lasts_until_now():
    open_ = passage(1, status="running", finished_at=None, downloaded_at=None, uses=(), rows=None)
    (run,) = runs([open_], NOW)
    assert run.jobs[0].spans[-1].phase is Phase.RUNNING
    assert run.end == NOW


@pytest.mark.parametrize("status", ["pending", "intent"])
def test_a_job_that_never_began_is_queued(status):
    (run,) = runs(
        [passage(1, status=status, started_at=None, finished_at=None, downloaded_at=None, uses=())], NOW
    )
    assert [span.phase for span in run.jobs[0].spans] == [Phase.QUEUED]


def test_a_lost_answer_is_still_a_line():
    lost = passage(
        1, status="lost", job_id="", started_at=None, finished_at=None, downloaded_at=None, uses=()
    )
    (run,) = runs([lost], NOW)
    assert run.seconds == 1
    assert "lost" in page([lost], NOW)


def test_credits_and_bytes_of_a_job_of_several_sheets_count_once():
    text = page([passage(1, stream="a__x"), passage(1, stream="a__y")], NOW)
    facts = re.findall(r"<dt>([^<]+)</dt><dd>([^<]*)</dd>", text)
    assert dict(facts)["credits"] == "7"
    assert dict(facts)["downloaded"] == "5.0 kB"
    assert dict(facts)["jobs"] == "1"
    assert dict(facts)["rows"] == "200"


# --- that it needs nothing else ---------------------------------------------------------------------


def test_the_page_is_well_formed_and_loads_nothing():
    text = page(
        [passage(1), passage(2, uses=(use("second", 3600),)), passage(3, status="failed", uses=())], NOW
    )
    parsed = Page(text)
    assert text.startswith("<!DOCTYPE html>")
    assert not {tag for tag, _ in parsed.tags} & {"script", "link", "img", "iframe", "object"}
    assert not re.search(r"(?:src|href|url\()\s*=?", text.partition("</style>")[2])
    assert "default-src 'none'" in next(one["content"] for one in parsed.of("meta") if "http-equiv" in one)


def test_bars_have_a_table_beside_them():
    parsed = Page(page([passage(1)], NOW))
    assert parsed.of("html")[0]["lang"] == "en"
    assert all(one.get("aria-hidden") for one in parsed.of("div") if one.get("class") == "track")
    assert {one["scope"] for one in parsed.of("th")} == {"col", "rowgroup"}
    words = " ".join(parsed.text)
    for shown in (
        "10 s",
        "30 s",
        "5.0 s",
        "100",
        "5.0 kB",
        "2026-03-01 to 2026-03-01",
        "succeeded",
        "impact_actions",
    ):
        assert shown in words


def test_what_was_reused_and_what_failed_is_said_in_words():
    failed = passage(3, status="failed", message="no <b>such</b> column", uses=(), credits=None)
    parsed = Page(page([passage(1, uses=(use("first", 50), use("second", 3600))), failed], NOW))
    words = " ".join(parsed.text)
    assert words.count("reused") >= 2
    assert "no <b>such</b> column" in words
    assert "b" not in {tag for tag, _ in parsed.tags}


def test_only_the_newest_run_is_open():
    parsed = Page(page([passage(1), passage(2, run_id="second", submitted_at=at(4000), uses=())], NOW))
    assert ["open" in one for one in parsed.of("details")] == [True, False]


def test_vendor_text_can_not_leave_its_cell():
    parsed = Page(page([passage(1, job_id='"><script>x</script>', stream="<i>\x1b[31m")], NOW))
    assert "script" not in {tag for tag, _ in parsed.tags}
    assert "\x1b" not in "".join(parsed.text)


def test_an_empty_ledger_is_a_page_too():
    assert "holds no jobs yet" in " ".join(Page(page([], NOW)).text)


# --- a real browser -----------------------------------------------------------------------------------


def pixels(png):
    """Return the colours of an 8-bit RGB(A) PNG with their counts."""
    width, _, _, kind = struct.unpack(">IIBB", png[16:26])
    step = {2: 3, 6: 4}[kind]
    data, place = b"", 8
    while place < len(png):
        length, name = struct.unpack(">I4s", png[place : place + 8])
        data += png[place + 8 : place + 8 + length] if name == b"IDAT" else b""
        place += length + 12
    raw, size, before, found = zlib.decompress(data), width * step, bytes(width * step), {}
    for start in range(0, len(raw), size + 1):
        before = _unfiltered(raw[start], bytearray(raw[start + 1 : start + 1 + size]), before, step)
        for index in range(0, size, step):
            colour = bytes(before[index : index + 3])
            found[colour] = found.get(colour, 0) + 1
    return found


def _unfiltered(kind, line, above, step):
    for index in range(len(line)):
        left = line[index - step] if index >= step else 0
        corner = above[index - step] if index >= step else 0
        up = above[index]
        guess = left + up - corner
        paeth = min((left, up, corner), key=lambda value: abs(guess - value))
        line[index] = (line[index] + (0, left, up, (left + up) // 2, paeth)[kind]) & 255
    return line


@pytest.mark.browser
@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
@pytest.mark.parametrize(
    ("scheme", "colours"),
    [
        (1, {"back": "ffffff", "running": "2f6fdb", "download": "b3641b", "emit": "1f8a4c"}),
        (0, {"back": "0f1419", "running": "5b9bff", "download": "e59a4c", "emit": "45c07a"}),
    ],
    ids=["light", "dark"],
)
def test_a_browser_shows_the_bars_in_light_and_dark(tmp_path, scheme, colours):
    (tmp_path / "page.html").write_text(
        page([passage(number) for number in range(1, 5)], NOW), encoding="utf-8"
    )
    subprocess.run(
        [
            BROWSER,
            *FLAGS,
            "--window-size=900,500",
            f"--user-data-dir={tmp_path / 'profile'}",
            f"--blink-settings=preferredColorScheme={scheme}",
            f"--screenshot={tmp_path / 'page.png'}",
            (tmp_path / "page.html").as_uri(),
        ],
        check=True,
        capture_output=True,
        timeout=120,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    found = pixels((tmp_path / "page.png").read_bytes())
    counts = {name: found.get(bytes.fromhex(colour), 0) for name, colour in colours.items()}
    assert counts["back"] > 200_000
    assert min(counts.values()) > 200, counts
    # 30 s, 10 s and 5 s of the same bars: their areas tell their lengths.
    assert counts["running"] > counts["emit"] > counts["download"]
