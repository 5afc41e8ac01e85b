"""Disk space for report files: a run's own temporary folder, and a limit on its size."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Collection
from pathlib import Path

from filelock import FileLock, Timeout

from tap_reports import process
from tap_reports.exceptions import FileError

PREFIX = "tap-reports-"
LOCK = ".lock"
_FOLDER_NAME = re.compile(r"tap-reports-([0-9a-f]{8}-[0-9]+)-[a-z0-9_]{8}")
"""A work folder's name, with its process's mark. No other folder is touched."""
FOREIGN_ABANDONED_SECONDS = 3600.0
"""From this age on, a folder of another container or machine whose lock is free counts as abandoned."""
MAX_REMOVALS = 50
"""Attempts to remove a folder in which files still appear."""
REMOVAL_SECONDS = 0.02
"""Between two attempts."""
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class WorkFolder:
    """A run's temporary folder: only for the user, removed when the run ends.

    Its name contains the process that made it, so that the next run recognizes the folders of killed runs and
    removes them. Processes of other containers can't be checked; they hold a lock while they run.
    """

    def __init__(self) -> None:
        """Make it.

        Raises:
            FileError: The system's temporary folder can't be used.
        """
        try:
            remove_abandoned()
            self.path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{process.folder_mark()}-"))
        except OSError as error:
            raise FileError(
                f"no temporary folder can be made: {error}",
                remedy="Set TMPDIR to a folder with room that can be written, and run again.",
            ) from error
        self._lock = _lock_of(self.path)
        with contextlib.suppress(OSError, NotImplementedError):  # a file system without locks
            self._lock.acquire(blocking=False)

    def close(self) -> None:
        """Remove the folder and its files. A download that is ending may still add a file."""
        self._lock.release()
        for _ in range(MAX_REMOVALS):
            shutil.rmtree(self.path, ignore_errors=True)
            if not self.path.exists():
                return
            time.sleep(REMOVAL_SECONDS)


def remove_abandoned() -> None:
    """Remove the folders of this user's killed runs."""
    try:
        with os.scandir(tempfile.gettempdir()) as entries:
            folders = [
                Path(entry.path)
                for entry in entries
                if _FOLDER_NAME.fullmatch(entry.name) and _is_ours(entry)
            ]
    except OSError:  # a folder may be writable and not readable
        return
    for folder in folders:
        if _is_abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_ours(entry: os.DirEntry[str]) -> bool:
    try:
        status = entry.stat(follow_symlinks=False)
        return entry.is_dir(follow_symlinks=False) and (
            not hasattr(os, "getuid") or status.st_uid == os.getuid()
        )
    except OSError:
        return False


def _is_abandoned(folder: Path) -> bool:
    """Return whether the process that made a folder is known to have ended."""
    match = _FOLDER_NAME.fullmatch(folder.name)
    mark = match[1] if match else ""
    if process.is_local(mark):
        return process.has_ended(mark.partition("-")[2])
    try:
        if time.time() - folder.stat().st_mtime < FOREIGN_ABANDONED_SECONDS or not (folder / LOCK).exists():
            return False
        with _lock_of(folder).acquire(blocking=False):
            return True
    except (Timeout, OSError, NotImplementedError):  # held, or a file system without locks
        return False


def _lock_of(folder: Path) -> FileLock:
    return FileLock(folder / LOCK, thread_local=False)


def disk_error(error: OSError, folder: Path, size: int) -> FileError:
    """Return the error for a file that can't be written, of which `size` bytes were received."""
    if error.errno in DISK_FULL:
        return FileError(
            f"there is no room for the report file in {folder} ({size} bytes came)",
            remedy="Free space there, or set TMPDIR to a folder with more, and run again: "
            "the finished job is downloaded again without a new submission.",
        )
    return FileError(f"the report file can't be written in {folder}: {error.strerror or error}")


class DiskBudget:
    """Delays downloads while too many files on disk wait to be read.

    Files that are read next are never delayed, or reading and downloading would wait for each other.

    Args:
        limit_bytes: No new download starts while this many bytes are on disk.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._sizes: dict[str, int] = {}
        self._needed: frozenset[str] = frozenset()
        self._lock = threading.Lock()

    def allows(self, key: str) -> bool:
        """Return whether a job's download may start now."""
        with self._lock:
            return key in self._needed or sum(self._sizes.values()) < self._limit

    def need(self, keys: Collection[str]) -> None:
        """Set the jobs whose files are read next."""
        with self._lock:
            self._needed = frozenset(keys)

    def add(self, key: str, size: int) -> None:
        """Count one more file of a job, of `size` bytes."""
        with self._lock:
            self._sizes[key] = self._sizes.get(key, 0) + size

    def remove(self, key: str) -> None:
        """No longer count a job's files: they are removed."""
        with self._lock:
            self._sizes.pop(key, None)
