"""Which tables a file gives, and files that are none."""

import io
import subprocess
import sys
import zipfile

import pytest
from file_reader import CSV, JSON, XLSX, gzipped, zipped

from tap_reports.exceptions import FileError
from tap_reports.files import tables_of_all
from tap_reports.models import FileFormat, Layout

SHEETS = {
    "csv": (FileFormat.CSV, zipped({"Users.csv": "a\n1\n", "Scores.csv": "b\n2\n"})),
    "json": (
        FileFormat.JSON,
        b'{"reports":[{"sheet_name":"Users","data":[{"a":"1"}]},{"sheet_name":"Scores","data":[{"b":"2"}]}]}',
    ),
}


def twice():
    """Return a zip in which two files have one name."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("S.csv", "a\n1\n")
        archive.writestr("S.csv", "a\n2\n")
    return packed.getvalue()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_files_of_one_name_are_sheets_of_their_own(reader):
    for sheet, row in (("S", "1"), ("S_2", "2")):
        (table,) = reader.tables(twice(), Layout(format=FileFormat.CSV, sheet=sheet))
        assert list(table.rows()) == [[row]]


@pytest.mark.parametrize("kind", SHEETS)
def test_the_sheet_of_the_layout_is_chosen(reader, kind):
    format_, content = SHEETS[kind]
    (table,) = reader.tables(content, Layout(format=format_, sheet="Scores"))
    assert (table.sheet, table.header, list(table.rows())) == ("Scores", ("b",), [["2"]])
    assert [table.sheet for table in reader.tables(content, Layout(format=format_))] == ["Users", "Scores"]


@pytest.mark.parametrize("kind", SHEETS)
def test_a_sheet_that_is_missing_is_an_error_that_names_those_there(reader, kind):
    format_, content = SHEETS[kind]
    text = reader.error(content, Layout(format=format_, sheet="Other"))
    assert 'no sheet "Other"; there is "Users", "Scores"' in text
    assert "discover" in text


def test_other_sheets_are_not_looked_at(reader):
    content = zipped({"Bad.csv": '"a', "Good.csv": "a\n1\n"})
    (table,) = reader.tables(content, Layout(sheet="Good"))
    assert list(table.rows()) == [["1"]]


@pytest.mark.parametrize("content", [b"a\n1\n", zipped({"member.csv": "a\n1\n"}), gzipped(b"a\n1\n")])
def test_the_vendor_names_the_sheet_of_a_file_with_one_table(reader, content):
    assert reader.table(content, CSV, sheet="Users").sheet == "Users"
    assert reader.table(content, Layout(sheet="Users"), sheet="Users").sheet == "Users"
    assert reader.tables(content, Layout(sheet="Scores"), sheet="Users") == []


def test_a_file_without_sheets_is_whatever_sheet_is_wanted(reader):
    assert list(reader.table("a\n1\n", Layout(sheet="Users")).rows()) == [["1"]]


def test_tables_of_all_files_of_a_job(reader):
    files = [reader.file("a\n1\n", "Users"), reader.file("b\n2\n", "Scores")]
    found = tables_of_all(files, CSV, work_dir=reader.folder)
    assert [table.sheet for table in found] == ["Users", "Scores"]
    (table,) = tables_of_all(files, Layout(sheet="Scores"), work_dir=reader.folder)
    assert table.sheet == "Scores"
    with pytest.raises(FileError, match='no sheet "Other"; there is "Users", "Scores"'):
        list(tables_of_all(files, Layout(sheet="Other"), work_dir=reader.folder))


@pytest.mark.parametrize("layout", [CSV, JSON, XLSX], ids=["csv", "json", "xlsx"])
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<!DOCTYPE html><html><title>502 Bad Gateway</title></html>", "an HTML page"),
        (b"\xef\xbb\xbf\n <html>502 Bad Gateway</html>", "an HTML page"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code> 502 Bad Gateway</Error>", "XML"),
        ("<html>502 Bad Gateway</html>".encode("utf-16"), "an HTML page"),
        (gzipped(b"<html>502 Bad Gateway</html>"), "an HTML page"),
        (b"%PDF-1.7\n...", "a PDF"),
        (b"PAR1\x15\x04", "a Parquet file"),
        (b'{"error": "502 Bad Gateway"}', "not a report"),
        (b"502 Bad Gateway", "not a report"),
    ],
)
def test_what_is_no_report_is_an_error_that_says_what_came(reader, content, says, layout):
    text = reader.error(content, layout)
    assert says in text
    assert "Bad Gateway" in text or "which can't be read" in text


def test_an_error_page_within_a_zip_is_an_error(reader):
    assert "an HTML page" in reader.error(zipped({"a.csv": "<html>502 Bad Gateway</html>"}))


def test_messages_show_a_short_redacted_beginning(reader):
    text = reader.error(
        b"<Error>https://bucket.example/x?X-Amz-Signature=secretsecret " + b"x" * 1000 + b"</Error>"
    )
    assert "secretsecret" not in text
    assert len(text) < 500


def test_parsers_are_loaded_only_for_their_formats():
    """Start-up and CSV runs do not pay for workbooks and JSON."""
    code = (
        "import sys, tap_reports.files.tables; "
        "print(sorted({'ijson', 'isal', 'xlrd', 'msgspec', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
