"""Bytes of report files -> tables of cells, and cells -> typed values.

`tables` is the way in: it unpacks a downloaded file, tells what it is and yields its tables.
The readers of the formats are loaded with the first file of their kind.
"""

from tap_reports.files.table import Cell, CsvTable, Table
from tap_reports.files.tables import tables, tables_of_all

__all__ = ["Cell", "CsvTable", "Table", "tables", "tables_of_all"]
