"""Writes small report files and reads them."""

import gzip
import io
import zipfile

import pytest

from tap_reports.exceptions import FileError
from tap_reports.files import tables
from tap_reports.models import FileFormat, Layout, ReportFile

CSV = Layout(format=FileFormat.CSV)
JSON = Layout(format=FileFormat.JSON)
XLSX = Layout(format=FileFormat.XLSX)


def zipped(members, **options):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def gzipped(*contents):
    return b"".join(gzip.compress(content, mtime=0) for content in contents)


class Reader:
    """Reads bytes as a report file."""

    def __init__(self, folder):
        self.folder = folder
        self.count = 0

    def file(self, content, sheet=None):
        self.count += 1
        path = self.folder / f"report-{self.count}"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return ReportFile(path=path, job_id="1", sheet=sheet, bytes=path.stat().st_size)

    def tables(self, content, layout=CSV, sheet=None):
        return list(tables(self.file(content, sheet), layout, work_dir=self.folder))

    def table(self, content, layout=CSV, sheet=None):
        (table,) = self.tables(content, layout, sheet)
        return table

    def rows(self, content, layout=CSV):
        """Return header and rows of the only table."""
        table = self.table(content, layout)
        rows = list(table.rows())
        assert all(len(row) == len(table.header) for row in rows)
        return table.header, rows

    def error(self, content, layout=CSV):
        """Return the text of the file error that reading everything ends with."""
        try:
            self.everything(content, layout)
        except FileError as error:  # not kept: its traceback holds the file open, until much later
            return str(error)
        return pytest.fail("no FileError")

    def everything(self, content, layout=CSV):
        """Return the rows of all tables."""
        return [row for table in self.tables(content, layout) for row in table.rows()]
