"""impact.com's reports as the sandbox has them, and their rows."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import partial

from tap_reports.sandbox.data import (
    NAMES,
    Dice,
    Field,
    Restated,
    amount,
    count,
    days,
    fill,
    one_of,
    padded,
    sometimes,
)

INSTANT = "Date (yyyy-MM-dd'T'HH:mm:ssZZ)"
ZONE = "-06:00"
ZONE_SHOWN = "(GMT -06:00) Central Time (US & Canada)"
PROGRAMS = {"1000": "Blue Harbour", "1001": 'The "Best" Deals, Ltd', "1002": "Café São João"}
STATUSES = ("PENDING", "APPROVED", "REVERSED")


class Shape(StrEnum):
    """How the rows of a report lie over its days."""

    BY_DAY = "one row a day"
    BY_PROGRAM = "one row a program, no date"
    LISTING = "several rows a day"


@dataclass(frozen=True, slots=True)
class ReportSpec:
    """A report: the date column (with how it is shown), then generated ones."""

    name: str
    category: str
    shape: Shape
    kinds: tuple[str, ...]  # Account types that have it
    dates: dict[str, str]  # Date columns and their metadata types
    fields: tuple[Field, ...]
    accessible: bool = True
    needs_program: bool = False  # Refused without SUBAID
    # What the metadata lists; a report without dates among them is a snapshot
    filters: tuple[str, ...] = ("START_DATE", "END_DATE", "SUBAID")

    @property
    def is_dated(self) -> bool:
        """True if it takes dates."""
        return "START_DATE" in self.filters

    @property
    def attributes(self) -> dict[str, str]:
        """Columns in file order and their metadata types."""
        if self.shape is Shape.LISTING:
            first, *others = self.fields
            return {first.name: first.type, **self.dates, **{item.name: item.type for item in others}}
        return {**self.dates, **{item.name: item.type for item in self.fields}}


def _action_fields(key: str) -> tuple[Field, ...]:
    return (
        Field(key, "String", padded(18), moves=False),
        Field("Campaign", "String", one_of(tuple(PROGRAMS.values())), moves=False),
        Field("Event_Type", "String", one_of(("Sale", "Lead", "Install")), moves=False),
        Field("Status", "String", one_of(STATUSES)),
        Field("Sale_Amount", "Decimal", amount),
        Field("Payout", "Decimal", sometimes(amount, 9)),
        Field("Oid", "String", padded(8), moves=False),
        Field("Item_Name", "String", sometimes(one_of(NAMES)), moves=False),
        Field("SubId1", "String", sometimes(padded(6), 3), moves=False),
        Field("Quantity", "Integer", count(9), moves=False),
    )


FIGURES = (Field("Clicks", "Integer", count(9000)), Field("Actions", "Integer", count(300)))
SALES, COSTS = Field("Sale_Amount", "Decimal", amount), Field("Action_Cost", "Decimal", amount)
BRAND_FIGURES = (
    *(Field("Impressions", "INTEGER", count(90_000)), *FIGURES, Field("Revenue", "DECIMAL", amount)),
    *(Field("action_cost", "DECIMAL", amount), Field("CPC", "DECIMAL", sometimes(amount))),
    Field("total_cost", "DECIMAL", amount),
)
PARTNER, BRAND, AGENCY = ("partner",), ("brand",), ("agency",)
ACTIONS = partial(ReportSpec, "Action Listing", "Listing", Shape.LISTING)
BY_DAY = partial(ReportSpec, "Performance by Day", "Performance", Shape.BY_DAY)

REPORTS = {
    "mp_action_listing_fast": ACTIONS(
        PARTNER, {"Action_Date": INSTANT, "Locking_Date": INSTANT}, _action_fields("action_id")
    ),
    "partner_performance_by_day": BY_DAY(
        PARTNER, {"date_display": "String"}, (*FIGURES, COSTS, Field("Sale_zzzAmount", "Decimal", amount))
    ),
    "partner_performance_by_program": ReportSpec(
        *("Performance by Program", "Performance", Shape.BY_PROGRAM, PARTNER, {}, (*FIGURES, SALES, COSTS))
    ),
    "att_adv_performance_by_day_pm_only": BY_DAY(
        BRAND, {"date_display": "String", "date_sort": "DATE"}, BRAND_FIGURES, needs_program=True
    ),
    "adv_action_listing_pm": ACTIONS(
        BRAND, {"Action_Date": "DATETIME"}, _action_fields("Action_Id"), needs_program=True
    ),
    "agency_action_listing": ACTIONS(AGENCY, {"Action_Date": INSTANT}, _action_fields("Action_Id")),
    "4222": ReportSpec(
        *("Daily Figures", "Custom", Shape.BY_DAY, PARTNER + BRAND + AGENCY, {"Day": "Date (yyyy-MM-dd)"}),
        (*FIGURES, Field("Earnings", "Decimal", amount)),
    ),
    "partner_payable_click_data": ReportSpec(
        *("Payable Click Data", "Finance", Shape.LISTING, PARTNER + BRAND, {"Day": "String"}),
        _action_fields("Id"),
        accessible=False,
    ),
    "mp_vanity_links": ReportSpec(
        *("Vanity Links", "Listing", Shape.BY_PROGRAM, PARTNER, {}),
        (Field("Vanity_Link", "String", padded(8)), *FIGURES),
        filters=("SUBAID",),
    ),
}
CITIES = ("Zürich", "New York", "São Paulo", "Harare, Bay 2")
CLICKS = ReportSpec(
    *("Clicks", "Listing", Shape.LISTING, PARTNER + BRAND, {"EventDate": INSTANT}),
    (
        Field("Id", "String", padded(18)),
        Field("ProfileId", "String", padded(9)),
        Field("IpAddress", "String", lambda roll: f"{roll % 16**16:016x}"),
        Field("MediaName", "String", one_of(NAMES)),
        Field("AdId", "String", count(900_000)),
        Field("AdType", "String", one_of(("BANNER", "TEXT_LINK"))),
        Field("CustomerCity", "String", sometimes(one_of(CITIES))),
        Field("CustomerCountry", "String", one_of(("CH", "US", "BR", "ZW"))),
        Field("DeviceType", "String", one_of(("Mobile", "Desktop"))),
        Field("SharedId", "String", sometimes(padded(6))),
        Field("CpcBid", "Decimal", sometimes(amount)),
        Field("UniqueClick", "Boolean", one_of(("true", "false"))),
    ),
)


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
