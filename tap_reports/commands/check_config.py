"""`--check-config`: what is right is shown; anything that is wrong has been raised as an error before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_reports.commands import console

if TYPE_CHECKING:
    from tap_reports.settings.read import Settings


def show_right(settings: Settings) -> int:
    """Print that a configuration is right, and what it holds. Returns the exit status."""
    shown = [
        f"{block.name} ({'all its reports' if block.reports is None else _counted(len(block.reports))})"
        for block in settings.vendors
    ]
    console.write(f"The configuration is right: {', '.join(shown)}. Nothing was sent.")
    return 0


def _counted(reports: int) -> str:
    return f"{reports} report{'s' * (reports != 1)}"
