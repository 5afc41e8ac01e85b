"""Names of processes. They tell other processes whether the named one still runs."""

from __future__ import annotations

import hashlib
import os
import platform
from functools import cache
from pathlib import Path


def this_process() -> str:
    """Return a name for this process that processes of any machine can pass to `is_gone`."""
    return f"{_machine()}:{os.getpid()}"


def is_gone(owner: str) -> bool:
    """Return whether a process is known to have ended; False for processes of other machines."""
    machine, _, number = owner.rpartition(":")
    return machine == _machine() and has_ended(number)


def folder_mark() -> str:
    """Return a name for this process that can be part of a folder's name."""
    return f"{_machine_hash()}-{os.getpid()}"


def is_local(mark: str) -> bool:
    """Return whether a folder's mark names a process of this machine (and container)."""
    return mark.partition("-")[0] == _machine_hash()


def has_ended(number: str) -> bool:
    """Return whether a process of this machine, by its number, is known to have ended."""
    # On systems other than POSIX, signal 0 ends the process.
    if os.name != "posix" or not number.isdigit():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:  # it runs, as another user
        return False
    return False


def _machine_hash() -> str:
    return hashlib.sha256(_machine().encode()).hexdigest()[:8]


@cache
def _machine() -> str:
    """Return the machine's name and, because containers may share it, the process namespace."""
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        namespace = ""
    return f"{platform.node()}/{namespace}"
