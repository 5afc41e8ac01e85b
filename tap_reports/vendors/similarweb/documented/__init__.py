"""The documented tables, for accounts whose describe call does not answer.

Sources: https://developers.similarweb.com/docs/report-endpoints, the dataset pages of
https://docs.similarweb.com/api-v5 and the request templates and sample files of
https://github.com/ygemara/smwb-batch-api. Where they leave out names, a table is marked as open
instead: its metrics must then be listed in the report.
"""

from __future__ import annotations

from tap_reports.vendors.similarweb.documented import apps, commerce, websites

DOCUMENTED = {table.name: table for table in (*websites.TABLES, *apps.TABLES, *commerce.TABLES)}
