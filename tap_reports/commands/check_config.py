"""`--check-config`: what is right is shown; anything that is wrong has been raised as an error before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_reports.commands import console
from tap_reports.exceptions import counted

if TYPE_CHECKING:
    from tap_reports.settings.read import Settings


def show_valid(settings: Settings) -> int:
    """Print that a configuration is valid, and what it holds. Returns the exit status."""
    shown = []
    for block in settings.vendors:
        reports = "all its reports" if block.reports is None else counted(len(block.reports), "report")
        shown.append(f"{block.name} ({reports})")
    console.write(f"The configuration is valid: {', '.join(shown)}. Nothing was sent.")
    return 0
