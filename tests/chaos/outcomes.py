"""What came of runs that were ended, and the table of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from kill_points import POINTS, RESTARTS, Kill


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
