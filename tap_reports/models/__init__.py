"""Immutable values that all packages share. No input or output here."""

from __future__ import annotations

from tap_reports.models.jobs import (
    DAY_SECONDS,
    REPLAYED,
    RESULT_HOURS,
    Download,
    Estimate,
    JobStatus,
    Quota,
    ReportJob,
    ReportRequest,
)
from tap_reports.models.outcomes import Check, JobUse, RunOutcome, StreamEnd, StreamOutcome
from tap_reports.models.reports import (
    Column,
    FileFormat,
    FileOptions,
    Granularity,
    InvalidValues,
    Json,
    Kind,
    Layout,
    OnQuotaSpent,
    ReportFile,
    ReportType,
    Shard,
    Slice,
)

__all__ = [
    "DAY_SECONDS",
    "REPLAYED",
    "RESULT_HOURS",
    "Check",
    "Column",
    "Download",
    "Estimate",
    "FileFormat",
    "FileOptions",
    "Granularity",
    "InvalidValues",
    "JobStatus",
    "JobUse",
    "Json",
    "Kind",
    "Layout",
    "OnQuotaSpent",
    "Quota",
    "ReportFile",
    "ReportJob",
    "ReportRequest",
    "ReportType",
    "RunOutcome",
    "Shard",
    "Slice",
    "StreamEnd",
    "StreamOutcome",
]
