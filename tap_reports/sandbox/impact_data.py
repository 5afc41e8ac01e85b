"""The rows of impact.com's reports."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from tap_reports.sandbox.data import Dice, Restated, days, fill
from tap_reports.sandbox.impact_reports import CLICKS, PROGRAMS, REPORTS, ZONE, ReportSpec, Shape


@dataclass(frozen=True, slots=True)
class Query:
    """What a job asks for."""

    report: str
    start: dt.date
    end: dt.date
    programs: tuple[str, ...] = ()

    @property
    def spec(self) -> ReportSpec:
        """The report's facts."""
        return CLICKS if self.report == "clicks" else REPORTS[self.report]

    @property
    def header(self) -> list[str]:
        """Columns in file order."""
        extra = ["ProgramId", "ProgramName"] if self.report == "clicks" else []
        first = ["Campaign"] if self.spec.shape is Shape.BY_PROGRAM else []
        return [*first, *self.spec.attributes, *extra]


def rows(seed: int, number: int, query: Query, restated: Restated) -> Iterator[dict[str, str]]:
    """Yield the rows of a job; a listing has `number` a day (clicks: a day and program)."""
    dice, spec = Dice(seed, "impact", query.report), query.spec
    scope = query.programs if query.report != "clicks" else ()
    if spec.shape is Shape.BY_PROGRAM:
        yield from (_program(dice, query, program, restated) for program in query.programs or PROGRAMS)
        return
    for day in days(query.start, query.end):
        if spec.shape is Shape.BY_DAY:
            cells = fill(dice, spec.fields, (*scope, day), restated.mark(day))
            yield {name: _shown(name, kind, day, 0) for name, kind in spec.dates.items()} | cells
        elif query.report == "clicks":
            for program in query.programs or tuple(PROGRAMS):
                named = {"ProgramId": program, "ProgramName": PROGRAMS.get(program, f"Program {program}")}
                yield from (_listed(dice, spec, day, (program, day, at), "") | named for at in range(number))
        else:
            mark = restated.mark(day)
            yield from (_listed(dice, spec, day, (*scope, day, at), mark) for at in range(number))


def _listed(dice: Dice, spec: ReportSpec, day: dt.date, key: tuple[object, ...], mark: str) -> dict[str, str]:
    """Return the row of a listing with this key."""
    second = dice.roll(*key, "second") % 86_400
    cells = fill(dice, spec.fields, key, mark)
    dates = {name: _shown(name, kind, day, second) for name, kind in spec.dates.items()}
    return {name: (dates | cells)[name] for name in spec.attributes}


def _program(dice: Dice, query: Query, program: str, restated: Restated) -> dict[str, str]:
    """Return a program's row: the sums over all days."""
    sums = {item.name: Decimal(0) for item in query.spec.fields}
    for day in days(query.start, query.end):
        for name, text in fill(dice, query.spec.fields, (program, day), restated.mark(day)).items():
            sums[name] += Decimal(text or "0")
    return {"Campaign": PROGRAMS.get(program, f"Program {program}")} | {
        name: str(value) for name, value in sums.items()
    }


def _shown(name: str, kind: str, day: dt.date, second: int) -> str:
    """Return a date as that column shows it; a locking date is the end of the next month."""
    if name == "Locking_Date":
        later = (day.replace(day=1) + dt.timedelta(days=63)).replace(day=1) - dt.timedelta(days=1)
        return f"{later}T23:59:59{ZONE}"
    if name == "date_display":
        return f"{day:%b} {day.day}, {day.year}"
    if "HH" in kind or kind == "DATETIME":
        return f"{day}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}{ZONE}"
    return day.isoformat()


def as_json(root: str, lines: Iterable[dict[str, str]]) -> Iterator[str]:
    """Yield a result as JSON; every value is a string."""
    yield f'{{"{root}": ['
    for number, row in enumerate(lines):
        yield (",\n" if number else "\n") + json.dumps(row, ensure_ascii=False)
    yield "\n]}\n"
