"""Cells that are written as they stand in records, quotes aside, as regular expressions."""

from __future__ import annotations

from tap_reports.files.numbers import JSON_NUMBER

INTEGER = "(?:0|-?[1-9][0-9]{0,40})"
NUMBER = f"(?:{JSON_NUMBER})"
DAY = (
    r"(?:[12][0-9]{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    r"|[12][0-9](?:0[48]|[2468][048]|[13579][26])-02-29)"
)
"""A day that there is, by the calendar (a 29 February of 2000 and such is left to the converters)."""
TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?"
OFFSET = r"(?:\+00:00|[+-](?:0[1-9]|1[0-9]|2[0-3]):[0-5][0-9])"
