"""What is in the report files: rows as of advertising, objects of many shapes; the same bytes each time."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import json
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

Columns = Sequence[tuple[str, str]]
Write = Callable[[Path, Columns, int], None]
COLUMNS = (
    ("Date", "date"),
    ("Campaign ID", "integer"),
    ("Campaign Name", "string"),
    ("Ad Group ID", "integer"),
    ("Ad Group Name", "string"),
    ("Country", "string"),
    ("Device", "string"),
    ("Creative", "string"),
    ("Currency", "string"),
    ("Impressions", "integer"),
    ("Clicks", "integer"),
    ("Installs", "integer"),
    ("Conversions", "integer"),
    ("Spend", "number"),
    ("Revenue", "number"),
    ("CTR", "number"),
    ("CPC", "number"),
    ("CPI", "number"),
    ("ROAS", "number"),
    ("Updated At", "date-time"),
    ("Comment", "string"),
)
SEED = 7
FIRST_DAY = dt.date(2026, 1, 1)
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
DAYS = 90


def rows(count: int) -> Iterator[list[str]]:
    """Yield the usual rows, as the CSV has them: dates, ids, texts, counts, decimals."""
    chance = random.Random(SEED)
    names = [
        f"Campaign {word} {number}" for number in range(100) for word in ("Spring", "Sömmer", "Fall, late")
    ]
    for row in range(count):
        day = FIRST_DAY + dt.timedelta(days=row * DAYS // count)
        impressions = chance.randrange(1_000_000)
        clicks = chance.randrange(impressions // 20 + 1)
        installs = chance.randrange(clicks // 5 + 1)
        group = chance.randrange(5000)
        seconds = chance.randrange(86400)
        instant = dt.datetime.combine(day, dt.time(), dt.UTC) + dt.timedelta(seconds=seconds)
        yield [
            day.isoformat(),
            str(10**11 + chance.randrange(300)),
            names[chance.randrange(300)],
            str(10**13 + group),
            f"Group {group} ßä" if group % 3 == 0 else f"Group {group}",
            chance.choice(["US", "DE", "FR", "GB", "JP", ""]),
            chance.choice(["mobile", "desktop", "tablet"]),
            f"creative-{chance.randrange(10**6)}.jpg",
            "USD",
            str(impressions),
            str(clicks),
            str(installs),
            str(installs // 2) if row % 10 else "",
            f"{chance.random() * 1000:.6f}",
            f"{chance.random() * 3000:.12f}",
            repr(clicks / impressions if impressions else 0.0),
            f"{chance.random():.4f}",
            f"{chance.random() * 9:.4f}" if installs else "",
            repr(chance.random() * 1e-5) if row % 50 == 0 else f"{chance.random() * 3:.15f}",
            instant.strftime("%Y-%m-%dT%H:%M:%SZ"),
            f'said "hi", {row}' if row % 20 == 0 else "",
        ]


def csv_of(cells: Callable[[int], Iterator[list[str]]]) -> Write:
    """Return what writes rows as CSV, packed if its name says so."""

    def write(path: Path, columns: Columns, count: int) -> None:
        is_packed = path.name.endswith(".gz.part")
        with (gzip.open if is_packed else open)(path, "wt", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header for header, _ in columns)
            writer.writerows(cells(count))

    return write


def changed(every: int, at: int, cell: str) -> Callable[[int], Iterator[list[str]]]:
    """Return the usual rows, with another cell in one of so many."""

    def some(count: int) -> Iterator[list[str]]:
        for number, row in enumerate(rows(count)):
            if number % every == 37:
                row[at] = cell
            yield row

    return some


MONEY: Columns = (
    ("Date", "date"),
    ("Campaign ID", "integer"),
    ("Campaign", "string"),
    ("Impressions", "integer"),
    ("Clicks", "integer"),
    ("Spend", "number"),
    ("Revenue", "number"),
    ("CTR", "number"),
    ("Share", "number"),
    ("Fee", "number"),
)


def money(count: int) -> Iterator[list[str]]:
    """Yield rows of amounts as people write them."""
    for row in rows(count):
        shown, spend, revenue = int(row[9]), float(row[13]) * 9, float(row[14]) * 9
        numbers = [f"{shown:,}", f"{shown // 30:,}", f"${spend:,.2f}", f"${revenue:,.2f}"]
        shares = [f"{shown % 997 / 10:.1f}%", f"{shown % 99991 / 1000:.2f}%", f"-${shown % 1999 / 100:.2f}"]
        yield [*row[:3], *numbers, *shares]


DATES: Columns = (
    ("Seen", "date-time"),
    ("ID", "integer"),
    ("Name", "string"),
    ("Clicks", "integer"),
    ("Spend", "number"),
    ("Day", "date"),
)


def dates(seen: Callable[[dt.datetime], str], day: Callable[[dt.datetime], str]) -> Any:
    """Return what writes rows with an instant and a day as these functions show them."""

    def some(count: int) -> Iterator[list[str]]:
        for number in range(count):
            moment = START + dt.timedelta(minutes=number)
            middle = [str(number), f"n{number % 100}", str(number % 1000), f"{number / 7:.2f}"]
            yield [seen(moment), *middle, day(moment)]

    return csv_of(some)


def wide(count: int) -> Iterator[list[str]]:
    """Yield rows of 300 cells."""
    for number, row in enumerate(rows(count)):
        yield [row[(number + at) % 3] if kind == "string" else row[9] for at, (_, kind) in enumerate(WIDE)]


def decimal_commas(count: int) -> Iterator[list[str]]:
    """Yield the usual rows with decimal commas."""
    for row in rows(count):
        yield [*row[:13], *(cell.replace(".", ",") for cell in row[13:19]), *row[19:]]


WIDE: Columns = tuple((f"Column {at}", "string" if at % 3 else "integer") for at in range(300))
NESTED: Columns = (
    ("date", "date"),
    ("id", "integer"),
    ("name", "string"),
    ("spend", "number"),
    ("dims", "string"),
    ("tags", "string"),
)


def objects(count: int, columns: Columns) -> Iterator[str]:
    """Yield the usual rows as objects."""
    for row in rows(count):
        cells = {header: cell for (header, _), cell in zip(columns, row, strict=True)}
        yield _object(cells, columns, "null")


def _object(cells: dict[str, str], columns: Columns, empty: str) -> str:
    texts = {
        header: (cell if kind in {"integer", "number"} else json.dumps(cell, ensure_ascii=False))
        if (cell := cells[header])
        else empty
        for header, kind in columns
    }
    members = (f"{json.dumps(key)}:{text}" for key, text in texts.items() if text)
    return f"{{{','.join(members)}}}"


def sparse(count: int, columns: Columns) -> Iterator[str]:
    """Yield the usual rows as objects without their empty values."""
    for row in rows(count):
        yield _object({header: cell for (header, _), cell in zip(columns, row, strict=True)}, columns, "")


def nested(count: int, _: Columns) -> Iterator[str]:
    """Yield objects that hold objects and arrays."""
    for row in rows(count):
        dims = {"country": row[5], "device": {"os": row[6], "version": int(row[9]) % 20}}
        yield json.dumps(
            {
                "date": row[0],
                "id": int(row[3]),
                "name": row[4],
                "spend": float(row[13]),
                "dims": dims,
                "tags": ["a", row[7]],
            }
        )


def json_of(objects: Callable[[int, Columns], Iterator[str]], around: tuple[str, str] = ("[", "]")) -> Any:
    """Return what writes objects, one a line, between two texts."""

    def write(path: Path, columns: Columns, count: int) -> None:
        between = ",\n" if around[0] else "\n"
        with path.open("w", encoding="utf-8") as file:
            file.write(around[0])
            for number, text in enumerate(objects(count, columns)):
                file.write(f"{between if number else ''}{text}")
            file.write(around[1] or "\n")

    return write
