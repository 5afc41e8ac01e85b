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
MAKERS: dict[str, Callable[[int, dt.date], Cell]] = {
    "person": lambda roll, _: PEOPLE[roll % len(PEOPLE)],
    "email": lambda roll, _: f"trainee{roll % 1000:04d}@example.com",
    "course": lambda roll, _: list(COURSES.values())[roll % len(COURSES)],
    "team": lambda roll, _: NAMES[roll % len(NAMES)] if roll % 7 else None,
    "code": lambda roll, _: f"{roll % 1000:05d}",
    "score": lambda roll, _: roll % 101,
    "mark": lambda roll, _: (roll % 1001) / 10 if roll % 6 else None,
    "percent": lambda roll, _: f"{roll % 101}%",
    "duration": lambda roll, _: dt.timedelta(seconds=roll % 7200),
    "passed": lambda roll, _: roll % 2 == 0,
    "day": lambda _, day: day,
    "moment": lambda roll, day: dt.datetime.combine(day, dt.time()) + dt.timedelta(seconds=roll % 86400),
}


@dataclass(frozen=True, slots=True)
class SheetType:
    """A sheet."""

    name: str
    columns: dict[str, str]  # Column name → what makes its cells; a `*` after it: values may be restated
    title: str = ""  # Stands in a row of its own above the header (XLSX only)


TRAINEE = {"trainee_email": "email", "trainee_name": "person"}
SUMMARY = {
    **(TRAINEE | {"course_name": "course", "team_name": "team", "employee_code": "code"}),
    "number_of_attempts": "score*",
    "completion": "percent*",
    "last_activity": "day",
}
QUIZ = TRAINEE | {"quiz_score": "mark*", "passed": "passed*", "quiz_date": "day"}
SESSION = {
    **(TRAINEE | {"course_name": "course", "session_score": "score*", "session_duration": "duration"}),
    "started_at": "moment",
    "session_date": "day",
}
FIRST_TO_BEST = {
    **(TRAINEE | {"first_ai_score": "score", "best_ai_score": "score*", "number_of_attempts": "score*"}),
    "first_to_best_calculation": "percent*",
    "last_attempt": "day",
}
REPORTS = {
    "admin-xls-report": (
        SheetType("Trainee Performance Summary", SUMMARY),
        SheetType("Quiz Overview", QUIZ),
        SheetType("Session Overview", SESSION, title="Session Overview, all teams"),
    ),
    "trainee-improvement-first-to-best": (SheetType("First to Best", FIRST_TO_BEST),),
}


def rows(seed: int, number: int, what: dict[str, Any], restated: Restated) -> Iterator[dict[str, Cell]]:
    """Yield a sheet's rows: `number` for each requested day, or `number` in all for a snapshot."""
    sheet: SheetType = what["sheet"]
    dice = Dice(seed, "second_nature", what["report"], sheet.name, what["course"])
    is_chosen = what["course"] and "course_name" in sheet.columns
    only: dict[str, Cell] = {"course_name": COURSES[what["course"]]} if is_chosen else {}
    if what["start"] is None or what["end"] is None:
        mark = f"run {restated.revision}" if restated.since and restated.revision else ""
        for at in range(number):
            day = SNAPSHOT_DAY - dt.timedelta(days=at % 90)
            yield _row(dice, sheet, ("snapshot", at), day, mark) | only
        return
    for day in days(what["start"], what["end"]):
        for at in range(number):
            yield _row(dice, sheet, (day, at), day, restated.mark(day)) | only


def _row(dice: Dice, sheet: SheetType, key: tuple[object, ...], day: dt.date, mark: str) -> dict[str, Cell]:
    return {
        name: MAKERS[word.rstrip("*")](dice.roll(*key, name, mark if word.endswith("*") else ""), day)
        for name, word in sheet.columns.items()
    }
