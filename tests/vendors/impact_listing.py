"""Columns of impact.com's reports, for tests."""

from __future__ import annotations

ISO = "Date (yyyy-MM-dd'T'HH:mm:ssZZ)"
ZONE = {"timezone": "America/Chicago"}


def kinds(type_):
    return {column.header: column.kind for column in type_.columns}
