"""What a command of the command line needs from the tap."""

from __future__ import annotations

from enum import Enum, auto


class Mode(Enum):
    """The kinds of commands."""

    SYNC = auto()
    """Extract the selected streams."""
    PLAN = auto()
    """Show what a sync would do; submit nothing."""
    SUBMIT = auto()
    """Submit what a sync needs, without waiting."""
    DISCOVER = auto()
    """Make a catalog."""
    ASK = auto()
    """Ask the vendors or the ledger about something other than streams."""
    CHECK = auto()
    """Check settings, catalog and state; send nothing."""

    @property
    def has_streams(self) -> bool:
        """Whether the streams are loaded at once, from catalog or discovery."""
        return self in {Mode.SYNC, Mode.PLAN, Mode.SUBMIT}

    @property
    def needs_start_date(self) -> bool:
        """Whether dated streams need a start_date."""
        return self.has_streams or self is Mode.CHECK

    @property
    def discovers_columns(self) -> bool:
        """Whether reports may be run to discover their columns."""
        return self in {Mode.SYNC, Mode.DISCOVER}
