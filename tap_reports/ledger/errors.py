"""What a database says when it fails, in words that a user can do something with."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from tap_reports.ledger.schema import NotThisLedgerError
from tap_reports.redaction import redact

UNUSABLE = (OSError, ImportError, RuntimeError, SQLAlchemyError, sqlite3.Error, NotThisLedgerError)
"""What opening may raise."""
FAILED = (SQLAlchemyError, sqlite3.Error, ValueError, TypeError)
"""What a transaction may raise; a value that makes no sense among them, and what SQLAlchemy does not wrap."""
FULL = (
    "too many clients",
    "too many connections",
    "connection slots",
    "no more connections allowed",
    "starting up",
    "shutting down",
    "not yet accepting",
)
"""Words of a server that may take a connection a moment later."""
RESTARTING = ("refused", "closed the connection", "terminating connection", "login has been failing")
"""Words of a server that has answered before and is gone: it may be restarting."""
REMEDIES = {
    ("locked", "lock timeout"): "Another process holds it; run again when that is done.",
    ("malformed", "not a database", "version is not a number"): (
        "Move the file away: a new one is made, and the state still names the jobs that are pending."
    ),
    ("moved or deleted",): (
        "Put it back, or run again: a new one is made, and the state still names the jobs that are pending."
    ),
    ("readonly", "read-only", "permission denied", "unable to open"): (
        "Make the file and its folder writable, or name another file in job_ledger."
    ),
    ("it is a",): "Name another file in job_ledger; this one was left as it is.",
    ("it has version",): "Upgrade tap-reports, or name another file in job_ledger.",
    ("home directory",): "Set HOME or XDG_STATE_HOME, or name a file in job_ledger.",
    ("too many clients", "connection slots", "no more connections"): (
        "Raise max_connections there (of PgBouncer: max_client_conn), or start fewer runs at once."
    ),
    ("startup parameter",): "Take it out of the URL, or set ignore_startup_parameters in PgBouncer.",
    ("statement pooling",): "Set pool_mode to transaction in PgBouncer.",
    ("full", "no space"): "Free space on its disk and run again.",
    ("connect", "refused", "timeout", "resolve", "authentication", "does not exist"): (
        "Check the URL's host, port, user and database, and that the server runs."
    ),
}
"""Words of the databases' messages -> what to do; the first that fits."""


def said_by(error: BaseException) -> str:
    """Return what a database says, on one line, without the statement and its values."""
    cause = error.orig if isinstance(error, DBAPIError) else None
    return redact(" ".join(str(cause or error).split()))[:300] or type(error).__name__


def remedy(error: BaseException) -> str:
    """Return what to do about a database that can't be used."""
    text = str(getattr(error, "orig", None) or error).lower()
    if isinstance(error, ImportError):
        return "Install the driver: the extra postgres of tap-reports, or psycopg[binary]."
    for words, advice in REMEDIES.items():
        if any(word in text for word in words):
            return advice
    return "Check job_ledger, or name another file there."
