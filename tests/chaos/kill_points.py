"""The steps of a job's life at which a run is ended, what the next run is given, and the results of both."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field

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


@dataclass
class Outcome:
    """What came of a run that was ended and the one after it.

    Attributes:
        lost: Rows that did not come out in either run.
        invented: Rows that came out and do not exist.
        ahead: STATEs whose bookmark was ahead of the rows before it.
        submissions: Accepted by the vendor in both runs.
        beyond: Of those, more than what the second run could know asks for.
        extra: Of those, more than one for each slice.
        faults: What else was wrong.
    """

    kill: Kill
    lost: int = 0
    invented: int = 0
    ahead: int = 0
    submissions: int = 0
    beyond: int = 0
    extra: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not (self.lost or self.invented or self.ahead or self.beyond or self.faults)


def table(outcomes: list[Outcome]) -> str:
    """Return kill point x restart: rows lost, submissions beyond the law (and more than one a slice)."""
    lines = []
    for ending, days in dict.fromkeys((one.kill.ending, one.kill.days) for one in outcomes):
        of_both = [one for one in outcomes if (one.kill.ending, one.kill.days) == (ending, days)]
        title = f"{ending.name}{', next run a day later' if days else ''}:"
        lines.append(f"{title:32}" + "".join(f"{restart:>16}" for restart in RESTARTS))
        for point in POINTS:
            of_point = [one for one in of_both if one.kill.point is point]
            cells = [_cell([one for one in of_point if one.kill.restart == name]) for name in RESTARTS]
            lines.append(f"{point.name:32}" + "".join(f"{cell:>16}" for cell in cells))
    lost, invented, ahead = (_sum(outcomes, name) for name in ("lost", "invented", "ahead"))
    lines.append(f"{len(outcomes)} scenarios: {lost} rows lost, {invented} invented, {ahead} bookmarks ahead")
    return "\n".join([*lines, *(f"WRONG {one}" for one in outcomes if not one.is_good)])


def _cell(found: list[Outcome]) -> str:
    lost, beyond, extra = (_sum(found, name) for name in ("lost", "beyond", "extra"))
    return f"{lost} / {beyond} ({extra})" if found else "-"


def _sum(outcomes: list[Outcome], name: str) -> int:
    return sum(getattr(one, name) for one in outcomes)
