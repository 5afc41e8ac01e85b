"""What a command wants of the tap."""

from __future__ import annotations

from enum import Enum, auto


class Mode(Enum):
    """What a command wants of the tap."""

    SYNC = auto()
    """Extract the selected streams."""
    PLAN = auto()
    """Say what a sync would do; nothing is submitted."""
    SUBMIT = auto()
    """Submit what a sync needs, without waiting for it."""
    DISCOVER = auto()
    """Make a catalog."""
    ASK = auto()
    """Ask the vendors or the ledger something that has nothing to do with streams."""
    CHECK = auto()
    """Say what is wrong with settings, catalog and state; nothing is sent."""

    @property
    def has_streams(self) -> bool:
        """Whether the streams of catalog or discovery are loaded at once."""
        return self in {Mode.SYNC, Mode.PLAN, Mode.SUBMIT}

    @property
    def needs_start_date(self) -> bool:
        """Whether dated streams need a start_date."""
        return self.has_streams or self is Mode.CHECK

    @property
    def discovers_columns(self) -> bool:
        """Whether reports may be run to discover their columns."""
        return self in {Mode.SYNC, Mode.DISCOVER}
