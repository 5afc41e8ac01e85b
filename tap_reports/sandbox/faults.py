"""Faults: which call is hit, and by what."""

from __future__ import annotations

import dataclasses
import threading
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Action(StrEnum):
    """What happens to the call."""

    STATUS = "status"  # Answers `status` (with `retry_after`, `body`) instead of doing anything
    RESET = "reset"  # The connection breaks before anything is done
    LOST_ANSWER = "lost_answer"  # Everything is done, then the connection breaks
    HANG = "hang"  # Waits for `seconds`, then goes on as usual
    TRUNCATED = "truncated"  # Sends the part `keep` of the body under the full length
    CORRUPT_GZIP = "corrupt_gzip"  # Sends the body as gzip with wrong bytes inside
    HTML = "html"  # Answers 200 with a web page
    GARBAGE = "garbage"  # Answers 200 with broken JSON
    STATUSES = "statuses"  # The job steps through `words`, one a poll; a failing one stays until a retry
    NO_LINK = "no_link"  # A finished job's answer lacks its link
    EXPIRED_LINK = "expired_link"  # The link handed out (or followed) has expired
    EMPTY_FILE = "empty_file"  # The file has no byte
    HEADER_ONLY = "header_only"  # The file has its header and no row
    WRONG_CONTENT = "wrong_content"  # The file is a JSON error envelope (or `body`)
    SLOW = "slow"  # Sends the body in ten pieces, `seconds` in all
    DUPLICATE = "duplicate"  # Postbacks: called twice
    DELAY = "delay"  # Postbacks: called `seconds` later
    FORGE = "forge"  # Postbacks: called at once, long before the job is done
    LOSE = "lose"  # Postbacks: not called


@dataclass(slots=True, kw_only=True, eq=False)
class Fault:
    """One entry of the list. Empty `vendor` or `kind` match any."""

    action: Action
    vendor: str = ""
    kind: str = ""
    nth: int = 1  # The first matching call that is hit, counted from 1 from the time of adding
    times: int = 1  # How many matching calls in a row are hit; 0: all from then on
    status: int = 500
    retry_after: float | str | None = None
    body: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    keep: float = 0.5
    words: list[str] = field(default_factory=list)
    seen: int = 0  # Matching calls so far

    def hits(self, vendor: str, kind: str) -> bool:
        """Count a call if it matches, and return whether it is hit."""
        if (self.vendor and self.vendor != vendor) or (self.kind and self.kind != kind):
            return False
        self.seen += 1
        return self.seen >= self.nth and (self.times == 0 or self.seen < self.nth + self.times)

    @property
    def spent(self) -> bool:
        """True if it hits nothing any more."""
        return self.times > 0 and self.seen >= self.nth + self.times - 1


class Faults:
    """The list of faults; at most one hits a call, the oldest first."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, action: str, **values: Any) -> Fault:
        """Add a fault, as `add("status", vendor="impact", kind="poll", status=503, times=2)`.

        Raises:
            TypeError: An unknown field.
            ValueError: An unknown action.
        """
        fault = Fault(action=Action(action), **values)
        with self._lock:
            self._faults.append(fault)
        return fault

    def add_json(self, value: Any) -> list[Fault]:
        """Add a fault, or a list of them, as the control API takes them.

        Raises:
            ValueError: It is not what `add` takes; the message says what is wrong.
        """
        entries = value if isinstance(value, list) else [value]
        if not all(isinstance(entry, dict) and "action" in entry for entry in entries):
            raise ValueError("a fault is a JSON object with an action")
        try:
            return [self.add(**entry) for entry in entries]
        except (TypeError, ValueError) as error:
            raise ValueError(f"not a fault: {error}") from error

    def take(self, vendor: str, kind: str) -> Fault | None:
        """Count a call and return the fault that hits it."""
        with self._lock:
            hit = [fault for fault in self._faults if fault.hits(vendor, kind)]
            self._faults = [fault for fault in self._faults if not fault.spent]
        return hit[0] if hit else None

    def listed(self) -> list[dict[str, Any]]:
        """Return the faults that may still hit."""
        with self._lock:
            return [dataclasses.asdict(fault) for fault in self._faults]

    def clear(self) -> None:
        """Remove all."""
        with self._lock:
            self._faults.clear()
