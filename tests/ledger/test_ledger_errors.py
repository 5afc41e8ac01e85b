"""A ledger that can not be used, or fails."""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
import threading
from contextlib import closing
from dataclasses import replace

import pytest
from ledger_cases import DAY_QUOTA, Clock, job_of, request_of, reserve, submit

from tap_reports.exceptions import ConfigError, StreamError
from tap_reports.ledger.ledger import Ledger
from tap_reports.ledger.schema import lock
from tap_reports.ledger.store import setting_errors
from tap_reports.models import JobStatus


def test_only_the_user_may_read_the_file_and_its_folder(sqlite_url, clock, tmp_path):
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


@pytest.mark.parametrize("form", ["{}", "sqlite:///{}"])
def test_a_file_that_others_may_read_is_made_private(tmp_path, clock, form):
    path = tmp_path / "jobs.sqlite"
    path.touch(mode=0o644)
    Ledger.open(form.format(path), clock=clock).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def broken(path):
    Ledger.open(str(path), clock=Clock()).close()
    path.write_bytes(path.read_bytes()[:100] + b"no page " * 2000)
    return str(path), "Move the file away"


def sql(path, statement):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def other_database(path):
    sql(path, "CREATE TABLE orders (id)")
    return str(path), "SQLite file of another program (its tables: orders). Name another file"


def folder(path):
    path.mkdir()
    return str(path), "it is a folder. Name another file"


def newer(path):
    Ledger.open(str(path), clock=Clock()).close()
    sql(path, "UPDATE tap_reports_version SET version = 99")
    return str(path), "Upgrade tap-reports"


def below_a_file(path):
    path.touch()
    return str(path / "jobs.sqlite"), "job_ledger"


ADDRESSES = {
    "mysql://user:sesame-open@localhost/x": "only sqlite and postgresql",
    "postgresql://user:sesame-open@127.0.0.1:1/x?connect_timeout=2": "that the server runs",
    "://": "job_ledger",
    "postgresql://user:sesame-open@[::1/x": "not a URL",
}


@pytest.mark.parametrize("broken_ledger", [broken, newer, below_a_file, other_database, folder, *ADDRESSES])
def test_a_configured_ledger_that_cannot_be_used_is_a_configuration_error(broken_ledger, tmp_path, clock):
    known = ADDRESSES.get(broken_ledger)
    setting, remedy = (broken_ledger, known) if known else broken_ledger(tmp_path / "jobs.sqlite")
    with pytest.raises(ConfigError) as caught:
        Ledger.open(setting, clock=clock)
    [message] = caught.value.errors
    assert message.startswith("job_ledger: ")
    assert remedy in message
    assert "sesame-open" not in message


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b'{"similarweb": {}}', "JSON file"),
        (b"a,b\n1,2\n", "text file"),
        (b"PK\x03\x04....", "zip archive"),
        (b"\x00\x01\x02", "binary file"),
    ],
)
def test_a_file_that_is_not_a_ledger_is_left_unchanged_and_the_error_says_what_it_is(
    tmp_path, clock, content, kind
):
    path = tmp_path / "jobs.sqlite"
    path.write_bytes(content)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match=f"it is a {kind}, not a ledger.* Name another file in job_ledger"):
        Ledger.open(str(path), clock=clock)
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (content, 0o644)


@pytest.mark.parametrize("broken_ledger", [broken, newer, below_a_file])
def test_a_default_ledger_that_cannot_be_used_is_warned_about_once(
    broken_ledger, tmp_path, clock, monkeypatch, caplog
):
    setting, remedy = broken_ledger(tmp_path / "jobs.sqlite")
    monkeypatch.setattr("tap_reports.ledger.database.default_path", lambda: type(tmp_path)(setting))
    ledger = Ledger.open(None, clock=clock)
    submit(ledger, request_of())
    assert ledger.find(request_of().key).job_id == "j1"
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert setting in record.getMessage()
    assert remedy in record.getMessage()
    ledger.close()


def test_the_default_ledger_is_in_the_user_s_state_folder(tmp_path, clock, monkeypatch):
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
    Ledger.open(sqlite_url, clock=clock, busy_seconds=0.01).close()  # opening does not wait
    assert ledger.find(request_of().key).status == "pending"
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "The run goes on" in caplog.text
    other.execute("ROLLBACK")
    other.close()
    ledger.close()


def test_an_answer_is_noted_later_if_another_process_locks_a_file_without_wal(sqlite_url, clock):
    """For example on a network file system. Without the note a submission would count as lost."""
    Ledger.open(sqlite_url, clock=clock).close()
    with closing(sqlite3.connect(sqlite_url, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode=DELETE")
        other.execute("BEGIN")
        other.execute("SELECT * FROM sqlite_master").fetchone()  # a reader: the mode can't be changed
        ledger = Ledger.open(sqlite_url, clock=clock, busy_seconds=0.01)
        other.execute("COMMIT")
        first, second = reserve(ledger, request_of(1)), reserve(ledger, request_of(2))
        other.execute("BEGIN EXCLUSIVE")
        ledger.submitted(first, job_of(request_of(1), "one"))
        ledger.submitted(second, job_of(request_of(2), "two"))  # through a new connection
        with pytest.raises(StreamError, match=r"nothing may be submitted.*Another process holds it"):
            reserve(ledger, request_of(3))
        other.execute("ROLLBACK")
    ledger.close()
    with closing(Ledger.open(sqlite_url, clock=clock)) as later:
        assert [later.find(request_of(number).key).job_id for number in (1, 2)] == ["one", "two"]


def test_a_commit_waits_for_a_reader_of_a_file_without_wal(sqlite_url, clock):
    Ledger.open(sqlite_url, clock=clock).close()
    with closing(sqlite3.connect(sqlite_url, isolation_level=None, check_same_thread=False)) as other:
        other.execute("PRAGMA journal_mode=DELETE")
        other.execute("BEGIN")
        other.execute("SELECT * FROM sqlite_master").fetchone()  # a reader: the mode can't be changed
        with closing(Ledger.open(sqlite_url, clock=clock, busy_seconds=20)) as ledger:
            threading.Timer(0.5, other.execute, ["COMMIT"]).start()
            reserve(ledger, request_of())
            assert not other.in_transaction


def test_a_stopping_run_does_not_wait_for_a_locked_ledger(local, sqlite_url, caplog):
    job = submit(local, request_of())
    with closing(sqlite3.connect(sqlite_url, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = threading.Thread(target=local.seen, args=(replace(job, status=JobStatus.RUNNING),))
        waiting.start()
        local.end_soon()
        waiting.join(timeout=20)  # of the 30 seconds that it waits for others else
        assert not waiting.is_alive()
        assert "Another process holds it" in caplog.text
        other.execute("ROLLBACK")
    local.downloaded(job, size=7)
    assert local.find(job.request.key).status == "running"


def test_a_stream_fails_if_the_database_is_lost_before_anything_is_paid_twice(postgres_url, clock):
    ledger = Ledger.open(postgres_url, clock=clock)
    ledger._store.write(lambda db: db.exec_driver_sql("DROP TABLE tap_reports_submissions"))
    with pytest.raises(StreamError, match="nothing may be submitted"):
        reserve(ledger, request_of(), quotas=[DAY_QUOTA])
    ledger.close()


@pytest.mark.parametrize(
    ("pgbouncer_url", "query", "remedy"),
    [
        ("statement", "", "Set pool_mode to transaction"),
        ("transaction", "?options=-csearch_path%3Dmine", "Take it out of the URL"),
    ],
    indirect=["pgbouncer_url"],
)
def test_the_error_says_which_url_setting_a_pooler_refuses(pgbouncer_url, query, remedy, clock):
    with pytest.raises(ConfigError, match=remedy):
        Ledger.open(pgbouncer_url + query, clock=clock)


@pytest.mark.parametrize("url", ["postgres_url", "pgbouncer_url"])
def test_waiting_for_another_process_s_lock_is_limited(url, request, clock):
    url = request.getfixturevalue(url)
    with closing(Ledger.open(url, clock=clock)) as other, other._store.writing() as db:
        lock(db, request_of().vendor, request_of().account)
        ledger = Ledger.open(url, clock=clock, busy_seconds=0.1)
        with pytest.raises(StreamError, match=r"lock timeout.*Another process holds it"):
            reserve(ledger, request_of())
        ledger.close()


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("{folder}", "is a folder"),
        ("{folder}/text", "is a text file, not a ledger"),
        ("mysql://a@b/c", "mysql is not supported"),
        ("postgresql://a@b:x/c", "not a URL"),
        ("postgresql+nosuchdriver://a@b/c", "nosuchdriver"),
        ("{folder}/none/jobs.sqlite", ""),
        ("postgresql://a@127.0.0.1:1/c", ""),
        ("jobs.sqlite", ""),
        ("sqlite:///jobs.sqlite", ""),
        ("off", ""),
    ],
)
def test_a_wrong_setting_is_found_without_opening_the_ledger(tmp_path, monkeypatch, setting, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text").write_text("text")
    Ledger.open("jobs.sqlite").close()
    errors = list(setting_errors(setting.format(folder=tmp_path)))
    assert len(errors) == bool(said)
    assert said in "".join(errors)
    assert not (tmp_path / "none").exists()
