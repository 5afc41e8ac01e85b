"""Made-up values: every cell is a pure function of its seed, report, keys, day and column."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b

Make = Callable[[int], str]

NAMES = (
    "Blue Harbour",
    "Łódź Market, Hala 3",
    'The "Best" Deals',
    "東京ストア",
    "Bay 2, 32 Simon Rd, Harare",
    "O'Brien & Söhne",
    "Café São João",
    "Plain Name",
)
COUNTRIES = ("US", "DE", "JP", "BR", "GB", "IN", "FR", "ZA")


class Dice:
    """Rolls the same number for the same key, whatever else is rolled."""

    def __init__(self, seed: int, *scope: str) -> None:
        self._start = blake2b("\x1f".join((str(seed), *scope)).encode(), digest_size=16)

    def roll(self, *key: object) -> int:
        """Return a number of 128 bits."""
        state = self._start.copy()
        state.update("\x1f".join(map(str, key)).encode())
        return int.from_bytes(state.digest())


@dataclass(frozen=True, slots=True)
class Field:
    """A generated column."""

    name: str
    type: str  # The vendor's word for its type
    make: Make  # Turns a roll into a cell's text
    moves: bool = True  # Its value may be restated; keys and names do not


@dataclass(frozen=True, slots=True)
class Restated:
    """Which days still change, and which run of the report is looked at."""

    since: dt.date | None = None
    revision: int = 0

    def mark(self, day: dt.date) -> str:
        """Return what makes a day's values differ from an earlier run's; empty if they are settled."""
        if self.since is None or day <= self.since or not self.revision:
            return ""
        return f"run {self.revision}"


def fill(dice: Dice, fields: tuple[Field, ...], key: tuple[object, ...], mark: str = "") -> dict[str, str]:
    """Return the generated cells of one row."""
    return {item.name: item.make(dice.roll(*key, item.name, mark if item.moves else "")) for item in fields}


def days(start: dt.date, end: dt.date) -> Iterator[dt.date]:
    """Yield each day, both ends included; none if they are the wrong way round."""
    for ordinal in range(start.toordinal(), end.toordinal() + 1):
        yield dt.date.fromordinal(ordinal)


def count(below: int) -> Make:
    """Make whole numbers."""
    return lambda roll: str(roll % below)


def amount(roll: int) -> str:
    """Make a decimal with 18 digits after the point."""
    return f"{roll % 10**5}.{(roll >> 40) % 10**18:018d}"


def estimate(roll: int) -> str:
    """Make a float with many digits, now and then in scientific notation."""
    if roll % 13 == 0:
        return repr((roll >> 30) % 10**9 / 7e15 + 1e-9)
    return repr((roll >> 30) % 10**12 / 7)


def ratio(roll: int) -> str:
    """Make a float below 1,500 with many digits."""
    return repr((roll >> 30) % 10**12 / 7e8)


def rank(roll: int) -> str:
    """Make a whole number written as a float."""
    return f"{roll % 50_000 + 1}.0"


def share(roll: int) -> str:
    """Make a part of one."""
    return repr(roll % 10**12 / 10**12)


def padded(digits: int) -> Make:
    """Make ids with leading zeros."""
    return lambda roll: f"{roll % 10 ** (digits - 2):0{digits}d}"


def one_of(options: tuple[str, ...]) -> Make:
    """Make one of some texts."""
    return lambda roll: options[roll % len(options)]


def sometimes(make: Make, every: int = 5) -> Make:
    """Leave one of `every` cells empty, on average."""
    return lambda roll: "" if (roll >> 90) % every == 0 else make(roll)
