"""How long the commands take that ask the tap about itself, beside an SDK tap that has nothing in it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from timed import Way, measure

BARE = """
from singer_sdk import Stream, Tap
from singer_sdk import typing as th

class Nothing(Stream):
    name = "nothing"
    schema = th.PropertiesList(th.Property("id", th.StringType())).to_dict()
    def get_records(self, context):
        return ()

class Bare(Tap):
    name = "tap-bare"
    config_jsonschema = th.PropertiesList().to_dict()
    def discover_streams(self):
        return [Nothing(self)]

Bare.cli()
"""
OPTIONS = ("--version", "--about", "--help")


def startup(folder: Path, rounds: int) -> str:
    """Return the Markdown table."""
    bare = folder / "bare_tap.py"
    bare.write_text(BARE, encoding="utf-8")
    ways = [
        Way(option, 0, [sys.executable, *command, option])
        for option in OPTIONS
        for command in ([str(bare)], ["-m", "tap_reports"])
    ]
    measure(ways, max(rounds, 3) * 3)
    return _table(ways)


def _table(ways: Sequence[Way]) -> str:
    lines = ["| command | bare SDK tap | tap-reports | ratio |", "|---|--:|--:|--:|"]
    for bare, ours in zip(ways[::2], ways[1::2], strict=True):
        # The fastest run: what the machine's other work can only add to.
        least = [min(way.seconds) for way in (bare, ours)]
        lines.append(f"| `{ours.name}` | {least[0]:.2f} s | {least[1]:.2f} s | {least[1] / least[0]:.2f} |")
    return "\n".join(lines)
