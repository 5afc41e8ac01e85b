"""CSV files that are not what they seem: each is read rightly, or refused in words that name the setting."""

import csv
import io
import logging

import pytest
from file_reader import gzipped
from hypothesis import given
from hypothesis import strategies as st

from tap_reports.exceptions import FileError
from tap_reports.files import csv_, csv_records
from tap_reports.files.streams import BUFFER
from tap_reports.models import FileFormat, FileOptions, Layout

SCORES = (("Trainee", "Score"), [["Ada", "91"], ["Bo", "68"]])


def layout(known=(), **options):
    return Layout(format=FileFormat.CSV, options=FileOptions(**options), known=frozenset(known))


MESSAGES = {
    "a comma": "Report server busy, please wait a minute and ask again.\n",
    "a comma, two lines": "Report server busy, please wait.\nAsk again in one minute, not earlier.\n",
    "another language": "Bericht wird erstellt, bitte warten\n",
    "a failure, in short": "Error, report 4711\n",
    "a status": "503,Service Unavailable\n",
    "keys of an answer": "code,message\n500,oops\n",
    "one line": "Internal Server Error\n",
    "one word": "Unauthorized\n",
    "one word without a line break": "Forbidden",
    "null": "null",
    "a key": "invalid API key",
    "a failure": "Error: forbidden",
    "one quoted word": '"Unauthorized"\n',
    "key and value": "error: quota used\ncode: 429\n",
    "semicolons": "Too many requests; slow down\n",
    "two sentences": "Your report failed.\nContact our support team.\n",
    "a control sequence": "\x1b[31mAccess denied, ask your administrator\x1b[0m\n",
}


@pytest.mark.parametrize("text", MESSAGES.values(), ids=MESSAGES)
def test_a_message_is_never_a_header_and_the_error_shows_it(reader, text):
    error = reader.error(text)
    assert "is a text, not a report. It begins:" in error
    assert text.split("\n")[0].strip('"').replace("\x1b", "")[:20].strip() in error
    assert "\x1b" not in error


@pytest.mark.parametrize(
    "text",
    [
        "Trainee,Score\n",
        "Trainee, Team, Score\n",
        "Name,Failed Attempts,Errors\n",
        "Order No.,Amount\n",
        "Completed,In progress,Retry Count\n",
        "Status,Title\nopen,Please call back\n",
        "Number of trainees\n12\n",
        "campaign_id,date\n",
        ",name\nx,Ada\n",
        "^a\nb\n",
        "Trainee,Score\nAda,\u2013\nBo,\u2014\nCy,68\nDi,71\n",
        ",a\n0,1\n",
        "ORCID,PAR1\n1,2\n",
        "title,message\nHello,Bye\n",
        "code,error_code\n1,2\n",
        "success,fault\n",
    ],
)
def test_a_header_is_not_taken_for_a_message(reader, text):
    assert reader.table(text).header[-1] == text.split("\n")[0].split(",")[-1]


@pytest.mark.parametrize("text", ["single_column\r\n", "Total error count, overall\n"])
def test_a_header_of_known_columns_is_never_a_message(reader, text):
    assert reader.rows(text, layout(known=["single_column", "total_error_count", "overall"]))[1] == []


READ = {
    "sep= names the delimiter": "sep=,\nTrainee,Score\nAda,91\nBo,68\n",
    "sep= with quotes and a delimiter": '"sep=;"\nTrainee;Score\nAda;91\nBo;68\n',
    "sep= of another character": "sep=^\r\nTrainee^Score\r\nAda^91\r\nBo^68\r\n",
    "the header again": "Trainee,Score\nAda,91\nTrainee,Score\nBo,68\nTrainee,Score\n",
    "the header again, quoted": 'Trainee,Score\nAda,91\n"Trainee","Score"\nBo,68\n',
    "the header again after a blank line": "Trainee,Score\nAda,91\n\nTrainee,Score\nBo,68\n",
    "two files, each with a byte order mark": "\ufeffTrainee,Score\nAda,91\n\ufeffTrainee,Score\nBo,68\n",
    "two byte order marks": "\ufeff\ufeffTrainee,Score\nAda,91\nBo,68\n",
    "a blank before quotes": 'Trainee, "Score"\nAda, "91"\n"Bo", "68"\n',
    "line breaks of old": "Trainee,Score\rAda,91\rBo,68\r",
    "some NUL characters": "Trainee,Sc\0ore\nA\0\0da,91\nBo,68\n",
    "UTF-16 without a mark": "Trainee,Score\nAda,91\nBo,68\n".encode("utf-16-le"),
    "UTF-16, the other one": "Trainee,Score\nAda,91\nBo,68\n".encode("utf-16-be"),
    "UTF-32": "Trainee,Score\nAda,91\nBo,68\n".encode("utf-32"),
}


@pytest.mark.parametrize("content", READ.values(), ids=READ)
def test_what_can_be_told_is_read(reader, content):
    assert reader.rows(content) == SCORES
    assert reader.rows(gzipped(content if isinstance(content, bytes) else content.encode())) == SCORES


@pytest.mark.parametrize("before", range(4))
def test_a_mark_that_is_read_in_two_parts_is_dropped_too(reader, before):
    first = "a,b\n" + "x" * (BUFFER - 7 - before) + ",1\n"
    assert reader.rows(f"{first}\ufeffa,b\ny,2\n")[1][1:] == [["y", "2"]]


def test_line_breaks_and_delimiters_in_a_cell_after_a_blank(reader):
    content = 'a, "b"\n1, "x, y\nz"\n 2 ,3\n'
    assert reader.rows(content) == (("a", "b"), [["1", "x, y\nz"], [" 2 ", "3"]])


def test_the_header_in_the_middle_is_counted_and_a_single_column_may_repeat_its_header(reader, caplog):
    reader.rows(READ["the header again"])
    assert "the header is repeated in 2 rows from row 1 on; dropped" in caplog.text
    assert reader.rows("Name\nAda\nName\nBo\n") == (("Name",), [["Ada"], ["Name"], ["Bo"]])


def test_dropped_characters_are_counted_once(reader, caplog):
    table = reader.table(READ["some NUL characters"])
    caplog.set_level(logging.WARNING)
    assert list(table.rows()) == list(table.rows())
    assert caplog.text.count("3 NUL characters within its text were dropped") == 1


REFUSED = {
    "key and value rows above": (
        "Report name,Quiz overview\nExported on,2026-03-02\n\nTrainee,Score\nAda,91\nBo,68\n",
        "Line 4 looks like one",
        {"header_row": 4},
    ),
    "without a blank line": (
        "Report,Quiz\nFrom,2026-03-02\nTrainee,Score\nAda,91\nBo,68\n",
        "Line 3 looks like one",
        {"header_row": 3},
    ),
    "one row above": (
        "Report,Quiz\nTrainee,Score\nAda,91\nBo,68\nCy,1\nDi,2\nEd,3\n",
        "file.header_row",
        {"header_row": 2},
    ),
    "comments above": (
        "# --\n# Quiz\n# --\nTrainee,Score\nAda,91\nBo,68\n",
        "file.header_row",
        {"header_row": 4},
    ),
    "a title above": ("Quiz overview\nTrainee;Score\nAda;91\nBo;68\n", "file.header_row", {"header_row": 2}),
    "a wider title above": (
        "Quiz, overview\nTrainee;Score;Team\nAda;91;x\nBo;68;y\n",
        "file.header_row",
        {"header_row": 2},
    ),
    "a title with delimiters": (
        "Quiz,,\nTrainee,Team,City\nAda,x,y\nBo,x,y\n",
        "Line 2 looks like one",
        {"header_row": 2},
    ),
    "a title of two cells": ("Quiz,\nTrainee,Score\nAda,1\n", "Line 2 looks like one", {"header_row": 2}),
    "a blank header": (",,\n1,2,3\n", "does not look like a header", None),
    "no header": ("2026-01-01,5\n2026-01-02,6\n", "does not look like a header", None),
    "a footer": ("Trainee,Score\nAda,91\nBo,68\nTotal rows: 2\n", "file.footer_rows", {"footer_rows": 1}),
    "two delimiters": ("a;b,c\nx;y,z\n", "divided by ',' or ';'", {"delimiter": ","}),
    "two delimiters, one of them before a value": ("a;b,c\n1,y;z\n", "divided by", {"delimiter": ";"}),
    "a rare delimiter": ("Trainee^Score\nAda^91\n", "each of its cells has a '^'", {"delimiter": "^"}),
    "a character of no width": ("Trainee\x01Score\nAda\x01\n", "has a '\\x01'", {"delimiter": "\x01"}),
    "lines quoted as a whole": ('"a;b"\n"x;y"\n', "each of its cells has a ';'", {"delimiter": ","}),
    "two delimiters, header only": ("Tag;Kosten, EUR\n", "divided by ',' or ';'", {"delimiter": ";"}),
}


@pytest.mark.parametrize(("content", "says", "options"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_told_is_refused_and_the_setting_reads_it(reader, content, says, options):
    error = reader.error(content)
    assert says in error
    assert "file." in error
    assert "un again" not in error
    if options:
        header, rows = reader.rows(content, layout(**options))
        assert header[0] in {"Trainee", "a;b", "Tag", "a"}
        assert len(rows) >= content.count("Ada")


def test_a_wrong_header_row_is_named(reader):
    with pytest.raises(FileError, match=r"file\.header_row is 2, and that line is blank or missing"):
        reader.table("a,b\n\n1,2\n", layout(header_row=2))
    with pytest.raises(FileError, match=r"file\.header_row is 9"):
        reader.table("a,b\n1,2\n", layout(header_row=9))


def test_a_row_of_known_columns_is_the_header_wherever_words_stand(reader):
    known = layout(known=["trainee", "score"])
    assert reader.rows("Trainee,Score\nAda,absent\nBo,absent\nCy,68\nDi,71\n", known)[0] == SCORES[0]
    with pytest.raises(FileError, match="Line 3 looks like one"):
        reader.table("Report,Quiz\nBy,Ada\nTrainee,Score\nx,y\n", known)
    assert reader.rows("Trainee;Score, EUR\nAda;1,5\n", layout(known=["trainee", "score_eur"]))[1] == [
        ["Ada", "1,5"]
    ]


def test_a_footer_is_cut_off_wherever_blocks_end(reader, monkeypatch):
    body = "".join(f'{number},"x\n{number}"\n' for number in range(300))
    content = f"id,text\n{body}Total;300\nmade on 2026-01-01, by us, today\n\n"
    assert len(reader.rows(content, layout(footer_rows=2))[1]) == 300
    assert reader.rows("a,b\n1,2\nTotal\n", layout(footer_rows=5))[1] == []
    monkeypatch.setattr(csv_, "cuts", lambda table, _, *offset, cut=csv_.cuts: cut(table, 8, *offset))
    assert reader.rows(content, layout(footer_rows=2))[1][-1] == ["299", "x\n299"]


ENCODINGS = {
    "cp1252": "Date,Name\n2024-09-01,Café Größe\n",
    "shift_jis": "日付,名前\n2024-09-01,カフェのテスト\n",
    "cp932": "日付,名前\n2024-09-01,カフェ①\n",
    "cp1251": "Дата,Имя\n2024-09-01,Москва\n",
}


@pytest.mark.parametrize(("encoding", "text"), ENCODINGS.items(), ids=ENCODINGS)
def test_another_encoding_is_guessed_in_the_error_and_read_once_it_is_set(reader, encoding, text):
    error = reader.error(text.encode(encoding))
    assert f"Set file.encoding to {encoding}" in error
    (row,) = reader.rows(text.encode(encoding), layout(encoding=encoding))[1]
    assert row == text.splitlines()[1].split(",")


def test_what_cannot_be_guessed_still_names_the_setting(reader):
    text = "日期,名称\n2024-09-01,咖啡馆\n".encode("gb18030")
    assert "bytes that are not UTF-8 text. Set file.encoding" in reader.error(text)
    assert reader.rows(text, layout(encoding="gb18030"))[0] == ("日期", "名称")


def test_a_mark_is_stronger_than_the_setting_and_wrong_bytes_name_the_encoding(reader):
    assert reader.rows("ä,b\n1,2\n".encode("utf-8-sig"), layout(encoding="cp1252"))[0] == ("ä", "b")
    with pytest.raises(FileError, match=r"row 1 holds bytes that are not CP1252 text\. Set file\.encoding"):
        reader.everything(b"a,b\n1,\x81\n", layout(encoding="cp1252"))


def test_a_long_header_is_an_error_in_words(reader, monkeypatch):
    monkeypatch.setattr(csv_records, "MAX_HEADER", 100)
    assert "the header is longer than 100 bytes" in reader.error("x" * 200)
    assert "the header is longer" in reader.error(f"a,{'b' * 99}\n1,2\n")
    assert reader.rows(f"a,b\n1,{'x' * 5000}\n")[1] == [["1", "x" * 5000]]


def test_ten_thousand_columns_are_the_most(reader):
    names = ",".join(f"c{number}" for number in range(10_001))
    assert "has 10,001 columns, more than 10,000" in reader.error(f"{names}\n")
    assert len(reader.table(",".join(["same"] * 10_000) + "\n").header) == 10_000


CELLS = st.text('ab1 ,;|\t"\n.-é', max_size=4)


@given(
    table=st.integers(2, 4).flatmap(
        lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=5)
    ),
    delimiter=st.sampled_from(",;|\t"),
    ending=st.sampled_from(["\n", "\r\n"]),
)
def test_any_table_is_read_as_it_was_written_or_refused(session_reader, table, delimiter, ending):
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=ending).writerows(table)
    try:
        header, rows = session_reader.rows(text.getvalue())
    except FileError:
        return
    if not text.getvalue().strip():  # tabs between empty cells
        assert (list(header), rows) == ([], [])
        return
    names = [cell if cell.strip() else f"column_{at}" for at, cell in enumerate(table[0], start=1)]
    assert list(header) == names
    assert rows == [[cell or None for cell in row] for row in table[1:] if any(row) and row != table[0]]
