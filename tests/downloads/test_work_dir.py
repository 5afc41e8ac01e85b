from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from filelock import FileLock

from tap_reports import process
from tap_reports.downloads.work_dir import DiskBudget, WorkFolder
from tap_reports.exceptions import FileError

KILLED = """
import os, sys
from tap_reports.downloads.work_dir import WorkFolder
folder = WorkFolder()
(folder.path / "job-0").write_text("half a report")
print(folder.path, flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """A temporary folder of the test's own, for its children too."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield tmp_path
    tempfile.tempdir = None


def test_a_work_folder_is_the_user_s_alone_and_goes_with_all_in_it(temporary):
    folder = WorkFolder()
    assert folder.path.parent == temporary
    assert folder.path.name.startswith("tap-reports-")
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    (folder.path / "job-0").touch()
    folder.close()
    folder.close()
    assert list(temporary.iterdir()) == []


def test_a_live_run_s_folder_stays_and_a_killed_one_s_is_removed(temporary):
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with child:
        theirs = child.stdout.readline().strip()
        WorkFolder().close()
        assert Path(theirs, "job-0").exists()
        child.kill()
    WorkFolder().close()
    assert list(temporary.iterdir()) == []


def test_two_runs_of_one_process_leave_each_other_alone(temporary):
    first, second = WorkFolder(), WorkFolder()
    assert len(list(temporary.iterdir())) == 2
    first.close()
    assert [path.name for path in temporary.iterdir()] == [second.path.name]
    second.close()


def foreign(temporary, number, *, age, lock=True):
    """A work folder that another container's process made."""
    folder = temporary / f"tap-reports-0123abcd-{number}-abcdefgh"
    folder.mkdir()
    if lock:
        (folder / ".lock").touch()
    os.utime(folder, (time.time() - age, time.time() - age))
    return folder


def test_another_container_s_folder_goes_only_when_it_is_old_and_nobody_holds_its_lock(temporary):
    old = foreign(temporary, 1, age=7200)
    fresh, unlocked, held = (
        foreign(temporary, 2, age=10),
        foreign(temporary, 3, age=7200, lock=False),
        foreign(temporary, 4, age=7200),
    )
    with FileLock(held / ".lock"):
        os.utime(held, (time.time() - 7200, time.time() - 7200))
        WorkFolder().close()
    assert not old.exists()
    assert fresh.exists()
    assert unlocked.exists()
    assert held.exists()


@pytest.mark.parametrize("name", ["main/src", "config-backup", "0123abcd-1", "0123abcd-x-abcdefgh", "old"])
def test_a_folder_of_the_user_s_own_stays_whatever_its_name_begins_with(name, temporary):
    folder = temporary / f"tap-reports-{name}"
    folder.mkdir(parents=True)
    (folder / "mine").touch()
    for path in (folder, *folder.parents[: len(Path(name).parts) - 1]):
        os.utime(path, (time.time() - 7200, time.time() - 7200))
    WorkFolder().close()
    assert (folder / "mine").exists()


def test_a_living_process_s_folder_stays_also_before_its_lock_is_held(temporary):
    folder = temporary / f"tap-reports-{process.folder_mark()}-abcdefgh"
    folder.mkdir()
    (folder / ".lock").touch()
    WorkFolder().close()
    assert folder.exists()


def test_a_folder_of_a_run_that_was_killed_while_it_was_made_goes_at_once(temporary):
    code = (
        "import os, tempfile; from tap_reports.downloads import work_dir as disk;"
        "disk._lock_of = lambda _: os.kill(os.getpid(), 9); disk.WorkFolder()"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    (left,) = temporary.iterdir()
    assert not (left / ".lock").exists()
    WorkFolder().close()
    assert list(temporary.iterdir()) == []


def test_a_file_that_is_put_there_meanwhile_goes_too(temporary, monkeypatch):
    folder, remove = WorkFolder(), shutil.rmtree

    def interrupted(path, **_options):
        """What a download does that begins while the folder is being emptied."""
        monkeypatch.setattr(shutil, "rmtree", remove)
        (path / "late").touch()

    monkeypatch.setattr(shutil, "rmtree", interrupted)
    folder.close()
    assert list(temporary.iterdir()) == []


def test_what_only_looks_like_a_work_folder_stays(temporary):
    (temporary / "elsewhere").mkdir()
    (temporary / "elsewhere" / ".lock").touch()
    (temporary / "tap-reports-link").symlink_to(temporary / "elsewhere")
    (temporary / "tap-reports-file").touch()
    (temporary / "tap-other").mkdir()
    WorkFolder().close()
    assert {path.name for path in temporary.iterdir()} == {
        "elsewhere",
        "tap-reports-link",
        "tap-reports-file",
        "tap-other",
    }
    assert (temporary / "elsewhere" / ".lock").exists()


def test_a_temporary_folder_that_can_not_be_used_is_said(temporary):
    tempfile.tempdir = str(temporary / "gone")
    with pytest.raises(FileError, match="gone") as caught:
        WorkFolder()
    assert "TMPDIR" in caught.value.remedy


def test_downloads_are_held_back_while_too_much_is_on_disk():
    budget = DiskBudget(100)
    assert budget.allows("b")
    budget.add("a", 60)
    assert budget.allows("b")
    budget.add("a", 40)
    assert not budget.allows("b")
    budget.remove("a")
    assert budget.allows("b")


def test_what_is_needed_next_is_never_held_back():
    budget = DiskBudget(100)
    budget.add("later", 1000)
    budget.need({"next"})
    assert budget.allows("next")
    assert not budget.allows("other")
    budget.need({"other"})
    assert not budget.allows("next")
