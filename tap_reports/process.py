"""Tells whether the process that began something may still be at it."""

from __future__ import annotations

import hashlib
import os
import platform
from functools import cache
from pathlib import Path


def this_process() -> str:
    """Return a name for this process that other processes of any machine can judge with `is_gone`."""
    return f"{_place()}:{os.getpid()}"


def is_gone(owner: str) -> bool:
    """Return whether a process is known to have ended. Of another machine's nothing is known: False."""
    place, _, number = owner.rpartition(":")
    return place == _place() and _has_ended(number)


def mark() -> str:
    """Return a name for this process as `this_process` does, fit for the name of a file."""
    return f"{_place_mark()}-{os.getpid()}"


def is_of_here(mark: str) -> bool:
    """Return whether a mark is of this machine (and container), so that `is_marked_gone` can tell."""
    return mark.partition("-")[0] == _place_mark()


def is_marked_gone(mark: str) -> bool:
    """Return of a mark what `is_gone` returns of an owner."""
    return is_of_here(mark) and _has_ended(mark.partition("-")[2])


def _has_ended(number: str) -> bool:
    # Elsewhere than on POSIX, signal 0 is a signal that ends the process.
    if os.name != "posix" or not number.isdigit():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:  # it lives and is another user's
        return False
    return False


def _place_mark() -> str:
    return hashlib.sha256(_place().encode()).hexdigest()[:8]


@cache
def _place() -> str:
    """Return the machine and, as containers may share its name, the process namespace."""
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        namespace = ""
    return f"{platform.node()}/{namespace}"
