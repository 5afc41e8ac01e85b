"""Which periods are final, and how dates are written in requests."""

from __future__ import annotations

import calendar
import datetime as dt

from tap_reports.models import Granularity, Json, Slice

EST = dt.timezone(dt.timedelta(hours=-5))
"""Similarweb's clock: EST, without daylight saving time."""
LAG_DAYS = 4
"""Days are ready by the end of their third day; nothing is said of weeks, so they wait as long."""
GRANULARITIES = ("daily", "weekly", "monthly", "7days", "on-demand")
"""The last two have no dates to choose: the newest result is requested, as a snapshot."""
MONTHLY_FROM_DAY = 10
"""A month is ready by this day of the next one."""


def granularity_of(report: Json) -> str:
    """Return a report's granularity, in the vendor's word."""
    return str(report.get("granularity") or Granularity.MONTHLY)


def last_day(text: str, granularity: str) -> dt.date | None:
    """Return the last day of the period named as `2023-08` or `2023-08-14`; None if it is not a date."""
    day, is_month = _read(text)
    if day is None:
        return None
    if granularity == Granularity.WEEKLY and not is_month:
        return day + dt.timedelta(days=6 - day.weekday())
    if granularity != Granularity.MONTHLY and not is_month:
        return day
    end = day.replace(day=calendar.monthrange(day.year, day.month)[1])
    return _sunday_before(end) if granularity == Granularity.WEEKLY else end


def first_day(text: str, granularity: str) -> dt.date | None:
    """Return the first day of the first whole period from `2018-08` or `2018-08-14` on; None for no date."""
    day, _ = _read(text)
    if day and granularity == Granularity.MONTHLY:
        return day.replace(day=1)
    if day and granularity == Granularity.WEEKLY:
        return day + dt.timedelta(days=-day.weekday() % 7)
    return day


def _read(text: str) -> tuple[dt.date | None, bool]:
    """Return the day of a date or the first one of a month, None for anything else; whether it is a month."""
    is_month = len(text) == len("2023-08")
    try:
        return dt.date.fromisoformat(f"{text}-01" if is_month else text[:10]), is_month
    except ValueError:
        return None, is_month


def final_by_rule(granularity: str, now: dt.datetime) -> dt.date:
    """Return the last final day by the documented delays, for accounts without describe."""
    today = now.astimezone(EST).date()
    if granularity == Granularity.MONTHLY:
        first = today.replace(day=1)
        last = first - dt.timedelta(days=1)
        return last if today.day >= MONTHLY_FROM_DAY else last.replace(day=1) - dt.timedelta(days=1)
    day = today - dt.timedelta(days=LAG_DAYS)
    return _sunday_before(day) if granularity == Granularity.WEEKLY else day


def last_period(granularity: str, final: dt.date) -> Slice:
    """Return the period that ends with a final day."""
    if granularity == Granularity.MONTHLY:
        return Slice(final.replace(day=1), final)
    return Slice(final - dt.timedelta(days=6 if granularity == Granularity.WEEKLY else 0), final)


def date_fields(days: Slice | None, granularity: str, version: str) -> dict[str, object]:
    """Return a request's dates: months as `2023-02` but for v3; without dates the newest period."""
    if days is None:
        return {"latest": True}
    shown = "%Y-%m" if granularity == Granularity.MONTHLY and version != "v3" else "%Y-%m-%d"
    return {"start_date": days.start.strftime(shown), "end_date": days.end.strftime(shown)}


def _sunday_before(day: dt.date) -> dt.date:
    """Return the day itself if it is a Sunday, else the Sunday before."""
    return day - dt.timedelta(days=day.isoweekday() % 7)
