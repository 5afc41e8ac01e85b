"""Airflow operators for tap-reports.

They run the `tap-reports` command and do not import it: the tap lives in an environment of its own.
"""

from tap_reports_airflow.operators import TapReportsOperator, TapReportsSubmitOperator
from tap_reports_airflow.triggers import TapReportsTrigger

__all__ = ["TapReportsOperator", "TapReportsSubmitOperator", "TapReportsTrigger"]
