"""CSV files as vendors send them, and as they should not."""

import codecs

import pytest
from file_reader import CSV, JSON, gzipped

from tap_reports.exceptions import FileError
from tap_reports.files.csv_ import plain_rows
from tap_reports.models import FileOptions, Layout


def test_cells_are_text_as_it_stands_and_empty_ones_null(reader):
    content = 'a,b,c,d\n 1 ,"x ""y"", z","",\n007,1.50,é,"line 1\r\nline 2"\n'
    assert reader.rows(content) == (
        ("a", "b", "c", "d"),
        [[" 1 ", 'x "y", z', None, None], ["007", "1.50", "é", "line 1\r\nline 2"]],
    )


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r\r\n"])
@pytest.mark.parametrize("last", [True, False], ids=["with last line break", "without"])
def test_line_endings(reader, ending, last):
    content = ending.join(["a,b", "1,2", "3,4"]) + ending * last
    assert reader.rows(content) == (("a", "b"), [["1", "2"], ["3", "4"]])


def test_blank_lines_are_no_rows(reader):
    assert reader.rows("\r\n\na,b\n\n1,2\n\n\n3,4\n\n") == (("a", "b"), [["1", "2"], ["3", "4"]])


@pytest.mark.parametrize("content", ["", "\n", "\r\n\r\n \t\n", "\ufeff", " " * 10_000])
@pytest.mark.parametrize("layout", [CSV, JSON])
def test_a_file_of_white_space_has_no_rows_and_is_warned_of(reader, content, layout, caplog):
    assert reader.rows(content, layout) == ((), [])
    assert ("holds only white space" in caplog.text) is bool(content)


def test_a_row_without_any_value_is_no_row_as_in_workbooks(reader):
    assert reader.rows('a,b\n,\n1,\n"",""\n ,\n') == (("a", "b"), [["1", None], [" ", None]])
    assert reader.rows('a\n""\n\n1\n') == (("a",), [["1"]])
    footer = Layout(options=FileOptions(footer_rows=1))
    assert reader.rows("a,b\n1,2\nTotal,2\n,\n,\n", footer)[1] == [["1", "2"]]
    assert reader.rows("a,b\nTotal: 0\n,\n", footer)[1] == []


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_delimiter_is_found(reader, delimiter):
    content = f'a{delimiter}"b{delimiter}b"{delimiter}c\n1{delimiter}2{delimiter}3\n'
    table = reader.table(content)
    assert table.delimiter == delimiter
    assert table.header == ("a", f"b{delimiter}b", "c")
    assert list(table.rows()) == [["1", "2", "3"]]


@pytest.mark.parametrize(
    ("content", "delimiter"),
    [
        ("a|b,c|d\n1,2\n", ","),
        ("a|b,c|d\n1|2|3\n", "|"),
        ("Revenue, USD;Date\n1,5;2\n", ";"),
        ("Tag;Kosten, EUR\n2026-03-01;12,50\n2026-03-02;8,75\n", ";"),
        ("Name;Note, long\n1,5;2,5\n", ";"),
        ("Revenue, USD;Date\n1;2\n", ";"),
    ],
)
def test_the_delimiter_is_the_one_that_fits_all_rows_or_makes_more_values(reader, content, delimiter):
    assert reader.table(content).delimiter == delimiter


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_encodings_with_a_byte_order_mark(reader, encoding):
    mark = codecs.BOM_UTF16_BE if encoding == "utf-16-be" else b""
    content = mark + "ä,b\n€,😀\n".encode(encoding)
    for packed in (content, gzipped(content)):
        assert reader.rows(packed) == (("ä", "b"), [["€", "😀"]])


def test_blank_headers_are_named_and_equal_ones_stay(reader):
    table = reader.table("a,, ,a\n1,2,3,4\n")
    assert table.header == ("a", "column_2", "column_3", "a")


def test_headers_are_renamed(reader):
    layout = Layout(renames={"yearmonth": "date"})
    assert reader.table("domain,yearmonth\nx.com,2024-09\n", layout).header == ("domain", "date")


@pytest.mark.parametrize("content", ["a,b\n", "a,b", "a,b\r\n\r\n"])
def test_a_header_alone_is_a_table_without_rows(reader, content):
    assert reader.rows(content)[1] == []


@pytest.mark.parametrize("content", ["No data returned", '"no data returned"\n', "No data returned,,\n"])
def test_empty_word_in_the_header_is_no_data(reader, content):
    assert reader.rows(content, Layout(empty_words=("No data returned",))) == ((), [])


@pytest.mark.parametrize("row", ["No data returned", "No data returned,\n"])
def test_empty_word_in_the_first_row_is_no_data(reader, row):
    table = reader.table(f"a,b\n{row}", Layout(empty_words=("No data returned",)))
    assert (table.header, list(table.rows()), table.open_text().read()) == (("a", "b"), [], b"")


def test_empty_word_as_a_value_is_a_value(reader):
    layout = Layout(empty_words=("none",))
    assert reader.rows("a,b\nnone,1\n", layout)[1] == [["none", "1"]]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("a,b\n1,2\n3\n", "row 2 has 1 cell, the header has 2"),
        ("a,b\n1,2\n\n3,4,5\n", "row 2 has 3 cells"),
        ("a,b\n1\n", "row 1 has 1 cell"),
        ("a,b\n1,2\n3,4\n5,", None),
        ("a,b\n1,2\n  \n", "row 2 has 1 cell"),
        (b"a,b\n1,2\n3,\x00\x00\x00\x00\n", "many NUL characters"),
        (b"a,b\n" + b"1,2\0\n" * 2000, "many NUL characters"),
        (b"a,b\n1,2\n\n\n3,\xff\n", "row 2 holds bytes that are not UTF-8 text"),
        (b"a,b\n1,x\ry\n3,\xff\n", "row 2 holds bytes that are not UTF-8 text"),
        (b'a,b\n1,"2\n\xff"\n', "row 1 holds bytes"),
        (b"a,\xe9\n1,2\n", "the header holds bytes"),
        ('a,b\n1,"2\n3,4\n', "a quoted cell is not closed"),
        ('a,b\n1,2\n3,"4', "a quoted cell is not closed"),
        ('a,b\n1,2\n3,"4"x\n', "row 2 can't be read"),
        ('a,b\n1,2\n3,"4"x', "row 2 can't be read"),
        ('a,b\n1,2\n3,"4"x\n5,6\n', "row 2 can't be read"),
        ("a,b\n1,2\n3,4\r5,6\n", "row 2 can't be read"),
        ('"a,b\n1,2\n', "the header can't be read"),
        ("a,b\n1,😀\n".encode("utf-16")[:-1], "row 1 holds bytes"),
        ("a,b\n1,2\n".encode("utf-16") + b"\x00\xd8\n\x00", "row 2 "),
    ],
)
def test_a_damaged_file_is_an_error_that_names_the_row(reader, content, says):
    if says is None:
        assert reader.rows(content)[1][-1] == ["5", None]
    else:
        assert says in reader.error(content)


def test_errors_name_the_file_but_show_no_link(reader):
    text = reader.error("a,b\nhttps://files.example/x.csv?sig=abcdef,2,3\n")
    assert "the report" in text
    assert "abcdef" not in text


def test_rows_are_counted_on_through_blocks(reader):
    table = reader.table("a,b\n" + "1,2\n" * 500 + "3\n")
    with pytest.raises(FileError, match="row 501 has 1 cell"):
        list(plain_rows(table, 8))


def test_quotes_within_an_unquoted_cell_are_text(reader):
    assert reader.rows('size,b\n5" pipe,x\n6"" pipe,"y\nz"\n') == (
        ("size", "b"),
        [['5" pipe', "x"], ['6"" pipe', "y\nz"]],
    )


def test_a_cell_may_be_longer_than_the_csv_module_expects(reader):
    cell = "x" * 3_000_000
    assert reader.rows(f'a,b\n1,"{cell}"\n')[1] == [["1", cell]]


def test_csv_in_place_of_json_is_read(reader):
    assert reader.rows("a,b\n1,2\n", JSON) == (("a", "b"), [["1", "2"]])


@pytest.mark.parametrize("content", ["forbidden", "Sorry, no", "a\nb\n"])
def test_text_in_place_of_json_is_an_error(reader, content):
    assert "is a text, not a report" in reader.error(content, JSON)


def test_a_table_can_be_read_again_and_by_blocks(reader):
    table = reader.table("a,b\n1,2\n3,4\n", CSV)
    assert list(table.rows()) == list(table.rows())
    with table.open_text() as stream:
        assert stream.read() == b"1,2\n3,4\n"
