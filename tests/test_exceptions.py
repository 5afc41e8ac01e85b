"""What errors say."""

from __future__ import annotations

import errno
import os

import pytest

from tap_reports import exceptions
from tap_reports.exceptions import StreamError, unexpected_error


def subclasses(kind):
    for one in kind.__subclasses__():
        yield from (one, *subclasses(one))


def test_the_tree_at_the_start_of_the_module_names_each_error():
    tree = exceptions.__doc__
    kinds = {*subclasses(exceptions.TapReportsError), exceptions.Stopped}
    named = [one.__name__ for one in kinds if one.__module__ == exceptions.__name__]
    assert [name for name in named if f" {name} " not in tree and f"({name})" not in tree] == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "there is not enough memory. Give the process more, and run again."),
        (
            OSError(errno.EMFILE, os.strerror(errno.EMFILE)),
            "the operating system refused: Too many open files. Correct it on this machine",
        ),
        (OSError("odd"), "internal error: OSError: odd. If no setting explains it, report it"),
        (KeyError("x"), "internal error: KeyError: 'x'. If no setting explains it, report it"),
    ],
)
def test_what_nobody_expected_says_whose_fault_it_is(error, said):
    failed = unexpected_error(error)
    assert type(failed) is StreamError
    assert str(failed).startswith(said)
