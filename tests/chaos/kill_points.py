"""At which steps of a job's life a run is ended, and what the next run is given."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from scenarios import SCENARIOS

SLICES = 2


@dataclass(frozen=True)
class Point:
    """A step of a job's life at which a run is ended.

    Attributes:
        gate: Kind of call, which one, and whether its answer is held back.
        ledger: When the ledger's database is held: from the start, or from the gate on.
        unread: Nobody reads the output: from the start, or after so many records.
        slow: The download takes long.
        bookmarked: Wait until a slice is out.
        one_by_one: Only one job is in flight at a time.
        seconds: What a job takes.
    """

    name: str
    gate: tuple[str, int, bool] | None = None
    ledger: str = ""
    unread: int | None = None
    slow: bool = False
    bookmarked: bool = False
    one_by_one: bool = False
    seconds: float = 0.2


POINTS = (
    Point("before the submission", ledger="start"),
    Point("submission sent", gate=("submit", 1, False)),
    Point("submission accepted", gate=("submit", 1, True)),
    Point("answer not yet in the ledger", gate=("submit", 1, True), ledger="gate"),
    Point("ledger written, state not", gate=("submit", 1, False), unread=0),
    Point("state written", gate=("poll", 1, False), seconds=2.0),
    Point("polling", gate=("poll", 2, False), seconds=2.0),
    Point("downloading", slow=True),
    Point("half-way in the records", unread=40),
    Point("between slices", gate=("submit", 2, False), bookmarked=True, one_by_one=True),
)
RESTARTS = ("both", "state", "ledger", "neither")


@dataclass(frozen=True)
class Kill:
    """A run that is ended, and the one after it.

    Attributes:
        ending: The signal.
        restart: What the second run is given of state and ledger.
        days: How much later the second run starts; as many further days are final then.
    """

    vendor: str
    point: Point
    ending: signal.Signals
    restart: str
    days: int = 0


def kills(*, everything: bool = False) -> list[Kill]:
    """Return what is tried: every point with every restart, the vendors taking turns; or all of all."""
    if everything:
        return [
            Kill(vendor, point, ending, restart, days)
            for days in (0, 1)
            for vendor in SCENARIOS
            for point in POINTS
            for ending in (signal.SIGKILL, signal.SIGTERM)
            for restart in RESTARTS
        ]
    vendors = list(SCENARIOS)
    chosen = []
    for row, point in enumerate(POINTS):
        for column, restart in enumerate(RESTARTS):
            vendor = vendors[(row + column) % len(vendors)]
            chosen.append(Kill(vendor, point, signal.SIGKILL, restart))
        ended = vendors[row % len(vendors)], vendors[(row + 1) % len(vendors)]
        chosen.append(Kill(ended[0], point, signal.SIGTERM, RESTARTS[row % 2]))
        chosen.append(Kill(ended[0], point, signal.SIGKILL, "both", days=1))
        chosen.append(Kill(ended[1], point, signal.SIGTERM, RESTARTS[row % 3], days=1))
    return chosen
