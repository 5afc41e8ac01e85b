"""How often, and after how long, a broken call is repeated."""

from __future__ import annotations

import logging
import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_reports.exceptions import CallBroken, NotSent
from tap_reports.http.responses import MAX_RETRY_AFTER_SECONDS

if TYPE_CHECKING:
    from tap_reports.clock import Clock
    from tap_reports.exceptions import CallError

logger = logging.getLogger("tap-reports.http")

MAX_BACKOFF_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How a broken call is repeated: exponential backoff from `backoff_seconds`, with jitter, capped.

    Attributes:
        deadline: Maximum seconds of waiting between a download's attempts in all, whatever the server asks.
    """

    max_retries: int = 5
    backoff_seconds: float = 1.0
    deadline: float = math.inf

    def wait(self, attempt: int, retry_after: float | None = None) -> float:
        """Return the seconds before attempt + 1, at least the vendor's `retry_after`."""
        grown = min(MAX_BACKOFF_SECONDS, self.backoff_seconds * 2.0 ** min(attempt - 1, 16))
        jittered = grown * random.uniform(0.75, 1.25)
        return max(min(jittered, MAX_BACKOFF_SECONDS), retry_after or 0.0)


@dataclass(slots=True)
class CallAttempts:
    """The attempts of one call.

    Attributes:
        number: The current attempt. A call that made progress may start again at 1.
    """

    policy: RetryPolicy
    clock: Clock
    number: int = 1
    _waited: float = 0.0

    def pause(self, error: CallError, what: str = "Retrying") -> None:
        """Wait until the next attempt.

        Raises:
            CallError: `error`, after the last attempt.
        """
        seconds = self.policy.wait(self.number, error.retry_after)
        self._waited += seconds
        if self.number > self.policy.max_retries or self._waited > self.policy.deadline:
            raise error
        self.number += 1
        of = self.policy.max_retries + 1
        logger.info("%s in %.1f s (attempt %d of %d): %s", what, seconds, self.number, of, error)
        self.clock.sleep(seconds)


def is_worth_repeating(error: BaseException) -> bool:
    """Return whether a free call that failed with this error may succeed another time."""
    if isinstance(error, NotSent) and not error.is_worth_repeating:
        return False
    return isinstance(error, CallBroken) and (error.retry_after or 0.0) <= MAX_RETRY_AFTER_SECONDS
