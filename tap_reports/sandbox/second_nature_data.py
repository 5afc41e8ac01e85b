"""Second Nature's reports as the sandbox has them: sheets, typed columns, rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tap_reports.sandbox.data import NAMES, Dice, Restated, days
from tap_reports.sandbox.xlsx import Cell

SNAPSHOT_DAY = dt.date(2026, 1, 1)
"""Dates of a snapshot are counted back from here, so that it is the same on every day."""
COURSES = {
    "6f1a3c52-8f43-4a65-9a0e-0d2a7a4f0001": "Course 1A",
    "6f1a3c52-8f43-4a65-9a0e-0d2a7a4f0002": "HVAC Présentation, avancée",
}
PEOPLE = ("Jane Doe", "José García", "Zoë Müller", "山田 太郎", "O'Neil, Pat", 'Ana "Annie" Silva')

MakeCell = Callable[[int, dt.date], Cell]


@dataclass(frozen=True, slots=True)
class SheetColumn:
    """A column; names and keys do not move when values are restated."""

    name: str
    make: MakeCell
    moves: bool = False


@dataclass(frozen=True, slots=True)
class SheetType:
    """A sheet; `title` stands in a row of its own above the header (XLSX only)."""

    name: str
    columns: tuple[SheetColumn, ...]
    title: str = ""


def _person(roll: int, _: dt.date) -> Cell:
    return PEOPLE[roll % len(PEOPLE)]


def _email(roll: int, _: dt.date) -> Cell:
    return f"trainee{roll % 1000:04d}@example.com"


def _course(roll: int, _: dt.date) -> Cell:
    return list(COURSES.values())[roll % len(COURSES)]


def _team(roll: int, _: dt.date) -> Cell:
    return NAMES[roll % len(NAMES)] if roll % 7 else None


def _code(roll: int, _: dt.date) -> Cell:
    return f"{roll % 1000:05d}"


def _score(roll: int, _: dt.date) -> Cell:
    return roll % 101


def _mark(roll: int, _: dt.date) -> Cell:
    return (roll % 1001) / 10 if roll % 6 else None


def _percent(roll: int, _: dt.date) -> Cell:
    return f"{roll % 101}%"


def _duration(roll: int, _: dt.date) -> Cell:
    return dt.timedelta(seconds=roll % 7200)


def _passed(roll: int, _: dt.date) -> Cell:
    return roll % 2 == 0


def _the_day(_: int, day: dt.date) -> Cell:
    return day


def _moment(roll: int, day: dt.date) -> Cell:
    return dt.datetime.combine(day, dt.time()) + dt.timedelta(seconds=roll % 86400)


TRAINEE = (SheetColumn("trainee_email", _email), SheetColumn("trainee_name", _person))

REPORTS = {
    "admin-xls-report": (
        SheetType(
            "Trainee Performance Summary",
            (
                *TRAINEE,
                SheetColumn("course_name", _course),
                SheetColumn("team_name", _team),
                SheetColumn("employee_code", _code),
                SheetColumn("number_of_attempts", _score, moves=True),
                SheetColumn("completion", _percent, moves=True),
                SheetColumn("last_activity", _the_day),
            ),
        ),
        SheetType(
            "Quiz Overview",
            (
                *TRAINEE,
                SheetColumn("quiz_score", _mark, moves=True),
                SheetColumn("passed", _passed, moves=True),
                SheetColumn("quiz_date", _the_day),
            ),
        ),
        SheetType(
            "Session Overview",
            (
                *TRAINEE,
                SheetColumn("course_name", _course),
                SheetColumn("session_score", _score, moves=True),
                SheetColumn("session_duration", _duration),
                SheetColumn("started_at", _moment),
                SheetColumn("session_date", _the_day),
            ),
            title="Session Overview, all teams",
        ),
    ),
    "trainee-improvement-first-to-best": (
        SheetType(
            "First to Best",
            (
                *TRAINEE,
                SheetColumn("first_ai_score", _score),
                SheetColumn("best_ai_score", _score, moves=True),
                SheetColumn("number_of_attempts", _score, moves=True),
                SheetColumn("first_to_best_calculation", _percent, moves=True),
                SheetColumn("last_attempt", _the_day),
            ),
        ),
    ),
}


def rows(
    seed: int, number: int, place: tuple[str, SheetType], what: dict[str, Any], restated: Restated
) -> Iterator[dict[str, Cell]]:
    """Yield a sheet's rows: `number` for each day asked for, or `number` in all for a snapshot."""
    report, sheet = place
    dice = Dice(seed, "second_nature", report, sheet.name, what["course"])
    only: dict[str, Cell] = (
        {"course_name": COURSES[what["course"]]} if what["course"] and _has_course(sheet) else {}
    )
    if what["start"] is None or what["end"] is None:
        dated = [(SNAPSHOT_DAY - dt.timedelta(days=at % 90), at) for at in range(number)]
        mark = f"run {restated.revision}" if restated.since and restated.revision else ""
        yield from (_row(dice, sheet, ("snapshot", at), day, mark) | only for day, at in dated)
        return
    for day in days(what["start"], what["end"]):
        for at in range(number):
            yield _row(dice, sheet, (day, at), day, restated.mark(day)) | only


def _has_course(sheet: SheetType) -> bool:
    return any(item.name == "course_name" for item in sheet.columns)


def _row(dice: Dice, sheet: SheetType, key: tuple[object, ...], day: dt.date, mark: str) -> dict[str, Cell]:
    return {
        item.name: item.make(dice.roll(*key, item.name, mark if item.moves else ""), day)
        for item in sheet.columns
    }
