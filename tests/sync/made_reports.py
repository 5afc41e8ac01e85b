"""A report type with settings applied, as a stream has it."""

from __future__ import annotations

from tap_reports.models import ReportType
from tap_reports.settings.read import read
from tap_reports.sync.configured import build_report
from tap_reports.sync.report import Report
from tap_reports.vendor import ReportConfig
from tap_reports.vendors import all_vendors


def made(type_: ReportType, report: ReportConfig | None = None, block=None, **top) -> Report:
    block = {"client_id": "abcd1234", "client_secret": "word-word", **(block or {})}
    settings = read({"start_date": "2026-01-01", "digital_turbine": block, **top}, version="1")
    vendor = all_vendors()["digital_turbine"]
    return build_report(type_, vendor, settings.vendors[0], settings, report or ReportConfig())
