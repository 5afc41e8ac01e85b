"""Advertising-style report files, the same bytes each time: dates, ids, texts, counts, decimals."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator

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
DAYS = 90


def rows(count: int) -> Iterator[list[str]]:
    """Yield the rows as the CSV has them."""
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
