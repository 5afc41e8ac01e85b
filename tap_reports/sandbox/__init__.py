"""A local server that behaves as the four vendors do, with generated data."""

from __future__ import annotations

from tap_reports.sandbox.app import Sandbox
from tap_reports.sandbox.jobs import Submissions
from tap_reports.sandbox.options import Options, Postback, Switch
from tap_reports.sandbox.server import RecordedCall

__all__ = ["Options", "Postback", "RecordedCall", "Sandbox", "Submissions", "Switch"]
