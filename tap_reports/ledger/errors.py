"""What is said when the ledger can't be used: where it is, what its database says, what to do."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError

from tap_reports.redaction import redact


class NewerLedgerError(Exception):
    """The ledger was written by a newer version of this tap."""


REMEDIES = {
    ("locked", "lock timeout"): "Another process holds it; run again when that is done.",
    ("not a database", "malformed"): (
        "Move the file away: a new one is made, and the state still names the jobs that are pending."
    ),
    ("readonly", "read-only", "permission denied", "unable to open"): (
        "Make the file and its folder writable, or name another file in job_ledger."
    ),
    ("full", "no space"): "Free space on its disk and run again.",
    ("connect", "refused", "timeout", "resolve", "authentication", "does not exist"): (
        "Check the URL's host, port, user and database, and that the server runs."
    ),
}
"""Words of the databases' messages -> what to do; the first that fits."""


def shown_place(setting: str) -> str:
    """Return where the ledger is, for messages: no password, no query."""
    if "://" not in setting:
        return setting
    try:
        url = sa.make_url(setting)
    except ArgumentError:
        return "the URL"
    return url.set(query={}).render_as_string(hide_password=True)


def shown_error(error: Exception) -> str:
    """Return what a database says, on one line, without the statement and its values."""
    cause = error.orig if isinstance(error, DBAPIError) else None
    return redact(" ".join(str(cause or error).split()))[:300] or type(error).__name__


def remedy(error: BaseException) -> str:
    """Return what to do about a database that can't be used."""
    text = str(getattr(error, "orig", None) or error).lower()
    if isinstance(error, NewerLedgerError):
        return "Upgrade tap-reports, or name another file in job_ledger."
    if isinstance(error, ImportError):
        return 'Install the driver: pip install "tap-reports[postgres]".'
    for words, advice in REMEDIES.items():
        if any(word in text for word in words):
            return advice
    return "Check job_ledger, or name another file there."
