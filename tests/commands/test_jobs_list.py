"""`--jobs`: the JSON as it is promised, and tables that people read."""

from __future__ import annotations

import contextlib
import json
import os
import tracemalloc
from decimal import Decimal
from pathlib import Path

import pytest

from tap_reports.commands.jobs import job_lines
from tap_reports.console import output
from tap_reports.ledger.history import JobFilter

COLUMNS = (
    "stream",
    "vendor",
    "slice_start",
    "slice_end",
    "job_id",
    "status",
    "submitted_at",
    "finished_at",
    "downloaded_at",
    "rows",
    "bytes",
    "credits",
)


def test_an_empty_ledger_is_an_empty_list_and_a_sentence(config, listed):
    assert listed(config) == []
    assert listed(config, "text") == "The ledger holds no jobs yet: a sync adds them.\n"
    assert "The ledger holds no jobs yet" in listed(config, "html")


def test_jobs_have_the_promised_keys_newest_first_and_the_rows_that_came_out(synced, listed):
    config, _ = synced
    listing = listed(config)
    assert all(tuple(job) == COLUMNS for job in listing)
    times = [job["submitted_at"] for job in listing]
    assert times == sorted(times, reverse=True)
    assert {job["status"] for job in listing} == {"succeeded"}
    assert all(job["rows"] for job in listing)
    credits_ = {job["vendor"] for job in listing if job["credits"] is not None}
    assert credits_ == {"similarweb"}


def test_a_report_of_several_sheets_is_listed_by_sheet_only(synced, listed):
    config, _ = synced
    names = {job["stream"] for job in listed(config) if job["vendor"] == "second_nature"}
    assert names
    assert all("__" in name for name in names)


def test_a_pipe_gets_one_line_a_job_with_whole_ids(synced, listed):
    config, _ = synced
    listing = listed(config)
    lines = listed(config, "text").splitlines()
    for job in listing:
        sent = job["submitted_at"][:19].replace("T", " ")
        assert any(job["job_id"] in line and sent in line for line in lines)
    # A job of several sheets has a line for each of them.
    jobs = {job["job_id"] for job in listing}
    assert len(jobs) < len(listing)
    assert lines[-1].startswith(f"{len(jobs)} jobs, {sum(job['rows'] for job in listing):,} rows, ")
    assert not any(line != line.rstrip() for line in lines)


@pytest.mark.parametrize("width", [80, 260])
def test_jobs_fit_the_terminal_with_whole_ids(synced, listed, drawn, width):
    config, _ = synced
    listing = listed(config)
    lines = drawn(lambda console: job_lines(listing, console, JobFilter()), width)
    assert max(map(len, lines)) <= width
    for job in listing:
        is_beside_its_stream = any(job["job_id"] in line and job["stream"] in line for line in lines)
        assert is_beside_its_stream is (width > 200)
        assert any(job["job_id"] in line for line in lines)


def test_filters_and_limit_apply_and_the_text_says_that_there_is_more(synced, listed):
    config, _ = synced
    listing = listed(config, stream="impact_*", limit=2)
    assert [job["stream"].partition("_")[0] for job in listing] == ["impact"] * 2
    assert listed(config, "text", limit=2).splitlines()[-1] == "These are the newest 2; --limit N shows more."
    assert listed(config, "text", failed=True) == "No job in the ledger matches.\n"
    assert "second_nature" not in listed(config, "html", stream="impact_*")


def test_json_of_many_jobs_needs_no_memory_for_them(capsys):
    """20,000 jobs of 300 bytes would be 6 MB."""

    def items(count):
        for number in range(count):
            yield {"stream": f"impact_{number}", "credits": Decimal(number), "rest": "x" * 250}

    with capsys.disabled(), Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        tracemalloc.start()
        output.write_json_list(items(20_000))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize("items", [[], [{"a": 1}], [{"a": 1}, {"b": Decimal("1.5")}]])
def test_a_list_item_by_item_is_json(items, capsys):
    output.write_json_list(iter(items))
    assert json.loads(capsys.readouterr().out) == [
        {name: float(value) for name, value in item.items()} for item in items
    ]


def test_vendor_words_are_neither_markup_nor_control():
    text = output.cell("[red]no[/red] \x1b[31mred\x07")
    assert text.plain == "[red]no[/red]  [31mred "
