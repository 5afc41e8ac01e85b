"""Workbooks with what people put around and into a table."""

import datetime as dt
import io
import struct
import zipfile
from dataclasses import replace

import openpyxl
import pytest
import xlwt
from file_reader import CSV, XLSX, gzipped, zipped

from tap_reports.files.table import ErrorCell
from tap_reports.models import FileFormat, FileOptions, Kind

# Workbooks know no time zone.
MOMENT = dt.datetime(2024, 1, 2, 3, 4, 5)
MIDNIGHT = dt.datetime(2024, 1, 2)


def workbook(sheets, change=None):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    if change:
        change(book)
    packed = io.BytesIO()
    book.save(packed)
    book.close()
    return packed.getvalue()


SIMPLE = workbook({"S": [["a", "b"], [1, "x"]]})


def test_cells_are_the_text_of_what_the_workbook_holds(reader):
    content = workbook(
        {
            "S": [
                ["n", "f", "t", "d", "dt", "long", "short", "bool", "none"],
                [
                    1,
                    2.5,
                    "007",
                    dt.date(2024, 1, 2),
                    MOMENT,
                    dt.timedelta(hours=30, minutes=1),
                    dt.time(0, 5, 7),
                    True,
                    None,
                ],
                [0.1, -0.0, " x ", None, MIDNIGHT, dt.timedelta(0), None, False, ""],
                [10**15, 1e300, "é", None, None, None, None, None, None],
            ]
        }
    )
    table = reader.table(content, XLSX)
    assert list(table.rows()) == [
        ["1", "2.5", "007", "2024-01-02", "2024-01-02T03:04:05", "30:01:00", "0:05:07", "true", None],
        ["0.1", "-0", " x ", None, "2024-01-02T00:00:00", "0:00:00", None, "false", None],
        ["1000000000000000", "1e+300", "é", None, None, None, None, None, None],
    ]
    number, date, moment = Kind.NUMBER, Kind.DATE, Kind.DATE_TIME
    assert table.kinds == (number, number, None, date, moment, None, None, Kind.BOOLEAN, None)


def test_rows_above_the_header_and_blank_rows_are_skipped(reader):
    content = workbook(
        {"S": [["Trainee report"], [], [None, "for Acme"], ["a", "b"], [1, 2], [], [3, None], [], []]}
    )
    assert reader.rows(content, XLSX) == (("a", "b"), [["1", "2"], ["3", None]])


REPORT = [["Report", "Aug 2026"], [], ["Trainee", "Score"], ["Ada", 91], ["Bo", 68]]


def test_a_title_of_the_tables_width_is_refused_and_the_setting_reads_it(reader):
    said = reader.error(workbook({"S": REPORT}), XLSX)
    assert "both look like the header" in said
    assert 'Set "header_row"' in said
    known = replace(XLSX, known=frozenset({"trainee", "score"}))
    content = workbook({"S": REPORT})
    assert reader.rows(content, replace(XLSX, options=FileOptions(header_row=3)))[0] == ("Trainee", "Score")
    assert "both look" in reader.error(content, known)
    assert (
        reader.rows(workbook({"S": REPORT[2:] + REPORT[1:2] + REPORT[2:]}), known)[1]
        == [["Ada", "91"], ["Bo", "68"]] * 2
    )


@pytest.mark.parametrize("at", [1, 2, 3, 5])
def test_a_row_of_words_among_numbers_is_read(reader, caplog, at):
    """A score is missing. In the first rows it might be the header below a title, which is said."""
    rows = [["Trainee", "Team", "Score"], *([name, "Red", 9] for name in "ABCDEFGHIJ")]
    rows.insert(at, ["Fay", "Blue", "absent"])
    assert len(reader.rows(workbook({"S": rows}), XLSX)[1]) == 11
    assert ("both look like the header" in caplog.text) == (at < 3)
    if at > 2:
        lines = "".join(",".join(map(str, row)) + "\n" for row in rows)
        assert len(reader.rows(lines)[1]) == 11


def test_a_header_of_years_is_one_where_words_are_below(reader):
    content = workbook({"S": [[2025, 2026], ["a", "b"]]})
    assert reader.rows(content, XLSX)[0] == ("2025", "2026")
    assert "does not look like a header" in reader.error(workbook({"S": [[2025, 2026], [1, 2]]}), XLSX)


def test_a_title_of_one_sheet_does_not_stop_the_others(reader, caplog):
    tables = reader.tables(workbook({"Cover": REPORT, "S": REPORT[2:]}), XLSX)
    assert [table.header for table in tables] == [("Report", "Aug 2026"), ("Trainee", "Score")]
    assert "both look like the header" in caplog.text


def test_a_sheet_may_start_anywhere(reader):
    def change(book):
        book["S"]["C5"], book["S"]["D5"], book["S"]["C6"], book["S"]["D6"] = "a", "b", 1, 2

    assert reader.rows(workbook({"S": []}, change), XLSX) == (("a", "b"), [["1", "2"]])


def test_a_sheet_of_one_column(reader):
    content = workbook({"S": [[None], ["email"], ["a@x"], [None], ["b@x"]]})
    assert reader.rows(content, XLSX) == (("email",), [["a@x"], ["b@x"]])


@pytest.mark.parametrize("rows", [5, 12_000], ids=["in the first piece", "after it"])
def test_merged_cells_below_the_header_are_warned_of(reader, caplog, rows):
    def change(book):
        for merged in ("A1:A2", "B3:C3", "A4:A5"):
            book["S"].merge_cells(merged)

    content = workbook(
        {"S": [["Title"], ["Team", "N", "M"], *[["North", at, at] for at in range(rows)]]}, change
    )
    table = reader.table(content, XLSX)
    assert [row[0] for row in table.rows()][:3] == ["North", "North", None]
    assert "merged cells (A4:A5) have a value in their first row only; it is null" in caplog.text


def test_columns_without_header_are_named_by_place_if_they_hold_anything(reader):
    def change(book):
        book["S"].merge_cells("A1:B1")
        book["S"]["H9"].font = openpyxl.styles.Font(bold=True)

    rows = [
        ["name", None, None, " ", 5, None],
        ["Jane", "Doe", None, None, 1, None],
        ["x", None, None, 7, 2, None],
    ]
    header, found = reader.rows(workbook({"S": rows}, change), XLSX)
    assert header == ("name", "column_2", "column_4", "5")
    assert found == [["Jane", "Doe", None, "1"], ["x", None, "7", "2"]]


def test_all_sheets_in_order_the_empty_ones_too(reader):
    content = workbook({"Users": [["a"], [1]], "Empty": [], "Header": [["a", "b"]], "Scores": [["c"], [2]]})
    tables = reader.tables(content, XLSX)
    assert [(table.sheet, table.header, list(table.rows())) for table in tables] == [
        ("Users", ("a",), [["1"]]),
        ("Empty", (), []),
        ("Header", ("a", "b"), []),
        ("Scores", ("c",), [["2"]]),
    ]


def test_charts_are_no_sheets(reader):
    content = workbook(
        {"S": [["a"], [1]]}, lambda book: book.create_chartsheet("C").add_chart(openpyxl.chart.BarChart())
    )
    assert [table.sheet for table in reader.tables(content, XLSX)] == ["S"]


def test_what_is_unpacked_goes_with_its_table(reader, tmp_path):
    """Two tables read by turns give the same rows, each from a file of its own."""
    one, two = reader.tables(workbook({"A": [["a"], [1], [2]], "B": [["b"], [3], [4]]}), XLSX)
    assert list(zip(one.rows(), two.rows(), strict=True)) == [(["1"], ["3"]), (["2"], ["4"])]
    assert len(list(tmp_path.glob("unpacked-*"))) == 2
    del one, two
    assert list(tmp_path.glob("unpacked-*")) == []


@pytest.mark.parametrize(
    "pack",
    [
        lambda data: data,
        gzipped,
        lambda data: zipped({"x.xlsx": data}),
        lambda data: gzipped(zipped({"x.xlsx": data})),
    ],
    ids=["plain", "gzip", "zip", "zip in gzip"],
)
@pytest.mark.parametrize("layout", [XLSX, CSV], ids=["as asked", "in place of CSV"])
def test_workbooks_are_known_by_their_bytes(reader, tmp_path, pack, layout):
    tables = reader.tables(pack(SIMPLE), layout)
    assert [(table.sheet, table.format, list(table.rows())) for table in tables] == [
        ("S", FileFormat.XLSX, [["1", "x"]])
    ]
    del tables
    assert list(tmp_path.glob("unpacked-*")) == []


@pytest.mark.parametrize("first", [10, 12_000], ids=["in the first piece", "after it"])
def test_the_header_in_the_middle_is_dropped_and_counted(reader, caplog, first):
    header, rows = ["Name", None, "a, b"], [[f"n{at}", 1, at] for at in range(first)]
    table = reader.table(workbook({"S": [header, *rows, header, ["x", 2, 3], header]}), XLSX)
    found = list(table.rows())
    assert (len(found), found[-1]) == (first + 1, ["x", "2", "3"])
    assert table.kinds == (None, Kind.NUMBER, Kind.NUMBER)
    assert "the header is repeated in 2 rows; dropped" in caplog.text


@pytest.mark.parametrize(("footer_rows", "left"), [(0, 3), (1, 2), (2, 2), (3, 1), (4, 0), (9, 0)])
def test_a_header_that_stands_again_in_the_footer_is_one_of_its_rows(reader, footer_rows, left):
    rows = [["Day", "N"], ["d1", 1], ["d2", 2], ["Day", "N"], ["Total", 3]]
    options = FileOptions(footer_rows=footer_rows)
    written = "".join(f"{first},{second}\n" for first, second in rows).encode()
    for content, layout in ((workbook({"S": rows}), XLSX), (written, CSV)):
        found = list(reader.table(content, replace(layout, options=options)).rows())
        assert found == [["d1", "1"], ["d2", "2"], ["Total", "3"]][:left]


def test_a_workbook_all_of_whose_sheets_are_hidden_is_an_error_that_names_the_setting(reader):
    old = xlwt.Workbook()
    old.add_sheet("S").visibility = 1
    packed = io.BytesIO()
    old.save(packed)
    hidden = changed("xl/workbook.xml", lambda part: part.replace(b'"visible"', b'"hidden"'))
    for content in (packed.getvalue(), hidden):
        assert 'no visible worksheet, only "S". Set file.hidden_sheets' in reader.error(content, XLSX)


def changed(member, change):
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(SIMPLE)) as old, zipfile.ZipFile(packed, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == member else old.read(name))
    return packed.getvalue()


def test_a_sheet_without_the_element_of_its_rows_is_damaged(reader):
    content = changed("xl/worksheets/sheet1.xml", lambda part: part.replace(b"sheetData", b"rows"))
    assert "is not a worksheet, or has no rows at all" in reader.error(content, XLSX)


def without(member):
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(SIMPLE)) as old, zipfile.ZipFile(packed, "w") as new:
        for name in old.namelist():
            if name != member:
                new.writestr(name, old.read(name))
    return packed.getvalue()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (SIMPLE[:-100], "damaged or truncated"),
        (SIMPLE[:500], "damaged or truncated"),
        (without("xl/worksheets/sheet1.xml"), "its part xl/worksheets/sheet1.xml is missing"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000), "damaged or truncated"),
        (b"", "holds nothing (0 bytes): not a workbook"),
        (b"\r\n", "holds only white space: not a workbook"),
        (b"not a workbook", "is a text, not a report"),
    ],
)
def test_damaged_workbooks_are_errors(reader, content, says):
    assert says in reader.error(content, XLSX)


def container(*streams):
    """Return a compound file, as old and as protected workbooks are, with empty streams."""
    end, free, table = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
    magic = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    header = struct.pack("<8s16x5H6x9I", magic, 0x3E, 3, 0xFFFE, 9, 6, 0, 1, 1, 0, 4096, end, 0, end, 0)
    header += struct.pack("<109I", 0, *[free] * 108)
    sectors = struct.pack("<128I", table, end, *[free] * 126)
    entries = b""
    for name in ("Root Entry", *streams):
        text, type_ = name.encode("utf-16-le"), 2 if entries else 5
        entries += struct.pack("<64sHBB3I36xIQ", text, len(text) + 2, type_, 1, free, free, free, end, 0)
    return header + sectors + entries.ljust(512, b"\0")


def test_a_password_is_named(reader):
    said = reader.error(container("EncryptionInfo", "EncryptedPackage"), XLSX)
    assert "is protected by a password" in said
    assert "without a password" in said


def old_workbook(fill):
    book = xlwt.Workbook()
    fill(book)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def scores(book):
    sheet, hidden = book.add_sheet("Scores"), book.add_sheet("Hidden")
    hidden.visibility = 1
    row = [
        ("Name", "Ada", None),
        ("Score", 91, None),
        ("Rate", 0.1 + 0.2, "0%"),
        ("Day", dt.date(2026, 1, 2), "yyyy-mm-dd"),
        ("At", dt.datetime(2026, 1, 2, 3, 4), "yyyy-mm-dd hh:mm"),
        ("Took", 1.5, "[h]:mm:ss"),
        ("Passed", True, None),
    ]
    for column, (header, value, shown) in enumerate(row):
        sheet.write(0, column, header)
        sheet.write(1, column, value, xlwt.easyxf(num_format_str=shown or "General"))
    sheet.write(0, 7, "Lookup")
    sheet.row(1).set_cell_error(7, "#N/A!")


def test_old_workbooks_are_read_like_new_ones(reader):
    (table,) = reader.tables(old_workbook(scores), XLSX)
    assert table.sheet == "Scores"
    assert list(table.rows()) == [
        [
            "Ada",
            "91",
            "0.30000000000000004",
            "2026-01-02",
            "2026-01-02T03:04:00",
            "36:00:00",
            "true",
            ErrorCell("#N/A"),
        ]
    ]
    assert table.kinds[:3] == (None, Kind.NUMBER, Kind.NUMBER)


def test_damaged_old_workbooks_are_errors_of_the_file(reader):
    content = old_workbook(scores)
    for cut in range(0, len(content), 97):
        assert "damaged or truncated" in reader.error(content[:cut] if cut else content[:8], XLSX)


def test_csv_in_place_of_a_workbook_is_read(reader):
    assert reader.rows("a,b\n1,2\n", XLSX) == (("a", "b"), [["1", "2"]])
