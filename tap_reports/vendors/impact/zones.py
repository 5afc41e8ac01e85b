"""The account's time zone: days end in it, and instants without an offset are meant in it."""

from __future__ import annotations

import datetime as dt
import logging
import re
import threading
from collections.abc import Callable
from zoneinfo import ZoneInfo

from tap_reports.exceptions import CallRejected
from tap_reports.redaction import redact

logger = logging.getLogger("tap-reports.impact")

_DISPLAY = re.compile(r"\(\s*(?:GMT|UTC)\s*(?:([+-])\s*(\d{1,2}):?(\d{2}))?\s*\)", re.IGNORECASE)
"""`(GMT -06:00) Central Time (US & Canada)`; the offset does not know daylight saving time."""
_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})")


def read_zone(text: str) -> dt.tzinfo | None:
    """Return the zone that an IANA name, a display form or an offset (`-06:00`) means; None for no zone."""
    text = text.strip()
    try:
        if match := _DISPLAY.match(text) or _OFFSET.fullmatch(text):
            sign, hours, minutes = match.groups()
            offset = dt.timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
            return dt.timezone(-offset if sign == "-" else offset)
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):  # unknown name; no name at all; a folder of the zone database
        return None


def zone_text(zone: dt.tzinfo) -> str:
    """Return a zone as `read_zone` reads it: an IANA name, `UTC`, or an offset such as `-06:00`."""
    if isinstance(zone, ZoneInfo):
        return zone.key
    offset = zone.utcoffset(None) or dt.timedelta()
    hours, minutes = divmod(abs(offset) // dt.timedelta(minutes=1), 60)
    return f"{'-' if offset < dt.timedelta() else '+'}{hours:02}:{minutes:02}" if offset else "UTC"


class AccountZone:
    """The account's time zone, requested at most once and only when it is needed. For many threads.

    Args:
        setting: The `timezone` setting, checked; None if not set.
        ask: Returns CompanyInformation's display form.
    """

    def __init__(self, setting: str | None, ask: Callable[[], str]) -> None:
        self.known = read_zone(setting) if setting else None
        """The zone, if it is known without a call."""
        self._ask = ask
        self._lock = threading.Lock()

    def get(self) -> dt.tzinfo:
        """Return the zone, asking the vendor where it is not known yet."""
        with self._lock:
            if self.known is None:
                self.known = self._from_vendor()
            return self.known

    def _from_vendor(self) -> dt.tzinfo:
        try:
            text = self._ask()
        except CallRejected as error:
            if error.status == 401:
                raise
            logger.warning(
                'Time zone taken as UTC, as CompanyInformation can\'t be read: %s Set "timezone".', error
            )
            return dt.UTC
        zone = read_zone(text) if text else None
        if zone is None:
            logger.warning(
                'Time zone taken as UTC: CompanyInformation says "%s". Set "timezone".', redact(text)
            )
        return zone or dt.UTC
