"""The command line of tap-reports, its exit statuses, and settings that one task adds to a configuration."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

DONE, NOT_READY, WRONG_CONFIGURATION = 0, 75, 78
LAST_LINES = 20
"""Lines of the tap's log that a failed task shows in its error; the whole log is in the task's log."""


@dataclass(frozen=True)
class Call:
    """How the command is called. Everything in it can be written as JSON, and no secret is in it.

    Args:
        command: The program and its first arguments, such as `["/opt/tap/bin/tap-reports"]`.
        config: Values of `--config`: paths, or `ENV` for the `TAP_REPORTS_…` variables.
        catalog: A path for `--catalog`.
        state: A path for `--state`.
        settings: Top-level settings over those of `config`, such as `start_date` and `end_date`.
    """

    command: Sequence[str]
    config: Sequence[str]
    catalog: str | None = None
    state: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @contextlib.contextmanager
    def arguments(self, *options: str) -> Iterator[list[str]]:
        """Yield the whole command line; the added settings are in a file as long as the block lasts."""
        with tempfile.TemporaryDirectory(prefix="airflow-tap-reports-") as folder:
            configs = list(self.config)
            if self.settings:
                added = Path(folder) / "settings.json"
                added.write_text(json.dumps(dict(self.settings)), encoding="utf-8")
                configs.append(str(added))
            named = [("--config", path) for path in configs]
            named += [("--catalog", self.catalog)] if self.catalog else []
            named += [("--state", self.state)] if self.state else []
            yield [*self.command, *(part for pair in named for part in pair), *options]

    def as_json(self) -> dict[str, Any]:
        """Return it as values that Airflow can store."""
        return {**asdict(self), "command": list(self.command), "config": list(self.config)}


def last_lines(log: str) -> str:
    """Return the end of a log: the tap's last lines name each failed stream, its cause and the remedy."""
    return "\n".join(log.splitlines()[-LAST_LINES:])
