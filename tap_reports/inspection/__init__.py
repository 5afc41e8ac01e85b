"""What the tap tells without syncing: `--plan`, `--jobs`, `--test`. Nothing is submitted here."""

from __future__ import annotations

from tap_reports.inspection.checks import test
from tap_reports.inspection.jobs_list import jobs
from tap_reports.inspection.plan import plan

__all__ = ["jobs", "plan", "test"]
