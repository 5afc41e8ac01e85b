"""Where tasks stand in line for what is scarce: credits, quotas, places among the jobs in flight.

What does not suffice for all is given one by one, in the order in which the tasks came, so that it goes to
the earliest slices however slow the vendor's answers are. What follows, the submission, runs side by side.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tap_reports.jobs.scheduler import Agenda
    from tap_reports.jobs.task import Task


@dataclass(slots=True, eq=False)
class _Place:
    """One stay in line; a task may come back."""

    task: Task


class Line:
    """Tasks in line.

    Args:
        agenda: Where the steps run.
        serve: Called for each task, in order, with what to call once the task took its share: the next one
            is served then, at the latest when `serve` returns. Does not raise.
    """

    def __init__(self, agenda: Agenda, serve: Callable[[Task, Callable[[], None]], None]) -> None:
        self._agenda = agenda
        self._serve = serve
        self._lock = threading.Lock()
        self._places: deque[_Place] = deque()

    def join(self, task: Task) -> None:
        """Put a task at the end of the line."""
        with self._lock:
            self._places.append(_Place(task))
            is_first = len(self._places) == 1
        if is_first:
            self._agenda.add(self._serve_first)

    def _serve_first(self) -> None:
        place = self._places[0]
        self._serve(place.task, lambda: self._let_next(place))
        self._let_next(place)

    def _let_next(self, place: _Place) -> None:
        with self._lock:
            if not self._places or self._places[0] is not place:
                return
            self._places.popleft()
            more = bool(self._places)
        if more:
            self._agenda.add(self._serve_first)
