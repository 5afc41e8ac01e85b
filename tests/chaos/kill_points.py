"""At which steps of a job's life a run is ended, what the next one is given, and what came of both."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field

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
    Point("state written", gate=("poll", 1, False)),
    Point("polling", gate=("poll", 2, False), seconds=2.0),
    Point("downloading", slow=True),
    Point("half-way in the records", unread=40),
    Point("between slices", gate=("submit", 2, False), bookmarked=True, one_by_one=True),
)
RESTARTS = ("both", "state", "ledger", "neither")
SIGNALS = (signal.SIGKILL, signal.SIGTERM)


@dataclass
class Outcome:
    """What a scenario came to.

    Attributes:
        lost: Rows that did not come out in either run.
        invented: Rows that came out and do not exist.
        ahead: STATEs whose bookmark was ahead of the rows before it.
        submissions: Accepted by the vendor in both runs.
        beyond: Of those, more than what the restart could know asks for.
        extra: Of those, more than one for each slice.
        faults: What else was wrong.
    """

    vendor: str
    point: str
    ending: str
    restart: str
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
