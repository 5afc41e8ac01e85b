"""Blocks are the file, cut where records end."""

import csv
import io

import pytest
from file_reader import gzipped
from hypothesis import given
from hypothesis import strategies as st

from tap_reports.exceptions import FileError
from tap_reports.files import csv_blocks as module
from tap_reports.files.csv_ import plain_rows
from tap_reports.files.csv_blocks import cuts, last_end


def blocks(table, size, offset=0):
    """Yield the data of exact cuts, or of quick ones without an offset."""
    return (cut.data for cut in cuts(table, size, offset))


CELLS = st.text(alphabet='ab",\n\r é', max_size=6)
RAW_CELLS = st.sampled_from(
    ['5" pipe', 'x"', '""', '"a""b"', '"\n"', '",\n"', '" "', "", "y", 'z""', '"""\n"']
)
RECORDS = st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=12)


def written(records, ending="\n", quoting=csv.QUOTE_MINIMAL):
    if quoting == csv.QUOTE_MINIMAL:  # which does not quote a lone \\r
        records = [[cell.replace("\r", "") for cell in cells] for cells in records]
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=ending, quoting=quoting).writerows(records)
    return text.getvalue()


def parsed(data):
    return [row for row in csv.reader(io.StringIO(data.decode(), newline="\n"), strict=True) if any(row)]


@given(
    records=RECORDS,
    ending=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    size=st.integers(1, 60),
    last=st.booleans(),
    offset=st.sampled_from([None, 0]),
)
def test_blocks_are_the_file_and_each_is_whole_records(
    session_reader, records, ending, quoting, size, last, offset
):
    body = written(records, ending, quoting).encode()
    body = body if last else body.removesuffix(ending.encode())
    table = session_reader.table(b"h1,h2,h3\n" + body)
    found = list(blocks(table, size, offset))
    assert b"".join(found) == body
    assert [row for block in found for row in parsed(block)] == list(plain_rows(table, size)) == parsed(body)
    assert list(table.rows()) == [[cell or None for cell in row] for row in parsed(body)]


@given(records=st.lists(st.lists(RAW_CELLS, min_size=2, max_size=2), max_size=10), size=st.integers(1, 40))
def test_quotes_in_odd_places_do_not_move_the_cuts(session_reader, records, size):
    body = "".join(f"{','.join(cells)}\n" for cells in records).encode()
    table = session_reader.table(b"h1,h2\n" + body)
    found = list(blocks(table, size))
    assert b"".join(found) == body
    assert [row for block in found for row in parsed(block)] == parsed(body)
    assert list(plain_rows(table, size)) == parsed(body)


@given(data=st.text(alphabet='a",\n', max_size=40).map(str.encode))
def test_no_block_ends_within_a_record_whatever_the_bytes(data):
    end = last_end(data, b",")
    assert end == 0 or data[end - 1 : end] == b"\n"
    try:
        whole = parsed(data)
    except csv.Error:
        return
    assert parsed(data[:end]) + parsed(data[end:]) == whole
    assert b"\n" not in data[end:] or len(parsed(data[end:])) == 1


def test_blocks_go_on_from_an_offset_and_are_cut_exactly_then(reader):
    body = b'x,1\n5" pipe,2\n6" pipe,3\n' * 9
    found = list(cuts(reader.table(b"a,b\n" + body), 16, 4))
    assert all(cut.is_exact for cut in found)
    assert b"".join(cut.data for cut in found) == body[4:]
    assert found[1].offset == 4 + len(found[0].data)


@pytest.mark.parametrize("offset", [None, 0])
def test_a_record_longer_than_a_block_stays_whole(reader, offset):
    body = b'1,"' + b"x\n" * 50_000 + b'"\n2,y\n'
    found = list(blocks(reader.table(b"a,b\n" + body), 1000, offset))
    assert b"".join(found) == body
    assert found[0].startswith(b'1,"x')
    assert all(parsed(block) for block in found)


def test_blocks_of_a_gzip_are_as_small_as_asked_for(reader):
    body = b"1,2\n" * 100_000
    sizes = [len(block) for block in blocks(reader.table(gzipped(b"a,b\n" + body)), 4096)]
    assert sum(sizes) == len(body)
    assert max(sizes) <= 4096 + 4


@pytest.mark.parametrize("offset", [None, 0])
def test_a_quote_that_is_never_closed_does_not_fill_the_memory(reader, monkeypatch, offset):
    table = reader.table(b'a,b\n1,2\n3,"' + b"x\n" * 10_000)
    taken = []
    monkeypatch.setattr(module, "MAX_RECORD", 1000)
    with pytest.raises(FileError, match="not closed"):
        taken.extend(blocks(table, 100, offset))
    assert taken == [b"1,2\n"]


def test_an_open_quote_at_the_end_is_an_error_after_the_whole_records(reader):
    found = blocks(reader.table(b'a,b\n1,2\n3,"4\n'), 4)
    assert next(found) == b"1,2\n"
    with pytest.raises(FileError, match=r'not closed.*"3,"4'):
        next(found)


def test_reading_only_some_blocks_closes_the_file(reader):
    found = blocks(reader.table(gzipped(b"a,b\n" + b"1,2\n" * 1000)), 100)
    assert next(found)
    found.close()
