"""CSV bytes -> blocks of whole records, in flat memory."""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from itertools import accumulate
from typing import TYPE_CHECKING

from tap_reports.exceptions import FileError
from tap_reports.files.csv_records import Records, readable, records_of
from tap_reports.files.streams import skip
from tap_reports.files.table import MAX_RECORD, Cut
from tap_reports.files.text import shown

if TYPE_CHECKING:
    from tap_reports.files.table import CsvTable

BLOCK = 1 << 20
"""Bytes: large enough to be parsed by column at speed, small enough to be held several times over."""
MAX_BLOCKS_A_RECORD = 8
"""Blocks in which a record ends, unless its quotes are odd."""


def cuts(table: CsvTable, size: int, offset: int | None = None) -> Iterator[Cut]:
    """Yield the bytes after the header in blocks that end where a record ends.

    Together they are the file's bytes, none left out. The last record may lack its line break.
    Without an offset the cut is quick: a line break after an even number of quotes ends a record. That is
    wrong where a quote stands in the middle of a cell; parsing the block fails then, and the caller starts
    again from the block's offset. From an offset on the cut is exact.

    Args:
        table: What to read.
        size: Bytes of a block, about; a block with one longer record is as long as that.
        offset: Where a record begins.

    Raises:
        FileError: A quoted cell is not closed.
    """
    delimiter, rest, wanted = table.delimiter.encode(), b"", size
    is_exact, begin = offset is not None, offset or 0
    with closing(table.open_text()) as stream:
        skip(stream, begin)
        while chunk := stream.read(wanted):
            data = rest + chunk
            end = 0 if is_exact else _likely_end(data)
            # So long without a record's end, and the quotes are not to be trusted.
            is_exact |= not end and len(data) > MAX_BLOCKS_A_RECORD * size
            end = last_end(data, delimiter) if is_exact else end
            cut, rest = Cut(data[:end], begin, is_exact or b'"' not in data), data[end:]
            del chunk, data  # as long as a cell may be
            if end:
                yield cut
            begin += end
            if len(rest) > MAX_RECORD:
                raise _unclosed(table, rest)
            # A record longer than a block is looked through again as it doubles, not with each block.
            wanted = max(size, len(rest) if is_exact and not end else 0)
    if rest:
        # With two line breaks more, it is whole unless a quote is open.
        if is_exact and last_end(rest + b"\n\n", delimiter) <= len(rest):
            raise _unclosed(table, rest)
        yield Cut(rest, begin, is_exact or b'"' not in rest)


def _likely_end(data: bytes) -> int:
    """Return what `last_end` does, if the quotes are where they should be."""
    end = data.rfind(b"\n") + 1
    is_quoted = data.count(b'"', 0, end) % 2
    while end and is_quoted:
        before = data.rfind(b"\n", 0, end - 1) + 1
        is_quoted ^= data.count(b'"', before, end) % 2
        end = before
    return end


def last_end(data: bytes, delimiter: bytes) -> int:
    """Return where the last whole record in `data` ends, 0 if none does. `data` begins with a record.

    Counting quotes says which line breaks are quoted, provided that each quote opens or closes a cell.
    Quotes elsewhere (`5" pipe`) are rare, and the CSV reader itself tells them apart.
    """
    last = data.rfind(b"\n") + 1
    if not last or b'"' not in data:
        return last
    # A doubled quote is a quote in a quoted cell, or an empty one; either way it changes nothing.
    pieces = data.replace(b'""', b"").split(b'"')
    if not _is_well_quoted(pieces, delimiter):
        return _last_end_exact(data, delimiter)
    quoted_breaks = 0
    for index in range(len(pieces) - 1, -1, -1):
        breaks = pieces[index].count(b"\n")
        if breaks and index % 2 == 0:
            break
        quoted_breaks += breaks
    for _ in range(quoted_breaks):
        last = data.rfind(b"\n", 0, last - 1) + 1
    return last


def _is_well_quoted(pieces: list[bytes], delimiter: bytes) -> bool:
    """Return whether the pieces between quotes are by turns outside and inside of quoted cells.

    Only the first and the last piece can be empty: the data begins or ends with a quote.
    """
    outside = pieces[::2]
    # Where all is quoted, most pieces are a lone delimiter: the inner sets leave few to look at.
    before_opening = {piece[-1:] for piece in set(outside[: len(pieces) // 2])}
    after_closing = {piece[:1] for piece in set(outside[1:])}
    return before_opening <= {delimiter, b"\n", b""} and after_closing <= {delimiter, b"\r", b"\n", b""}


def _last_end_exact(data: bytes, delimiter: bytes) -> int:
    """Return what `last_end` does, for data with quotes in odd places."""
    text = data.decode("latin-1")  # a character for each byte
    read = end = 0

    def lines() -> Iterator[str]:
        nonlocal read
        for line in io.StringIO(text, newline="\n"):
            read += len(line)
            yield line

    try:
        for _ in records_of(text, lines(), delimiter.decode()):
            end = read if text[read - 1] == "\n" else end
    except csv.Error:
        if read < len(text):
            # A wrongly quoted record: cut after it; parsing the block raises the error with the row.
            return data.rfind(b"\n") + 1
    return end


def _unclosed(table: CsvTable, record: bytes) -> FileError:
    begins = shown(record[:1000].decode(errors="replace"))
    return FileError(
        f"{table.name}: a quoted cell is not closed before the end of the file, which is truncated or "
        f'damaged. Its record begins: "{begins}".'
    )


def end_before_footer(table: CsvTable, rows: int) -> int:
    """Return where the last `rows` rows of a table begin, in bytes after its header.

    Raises:
        FileError: The file is damaged.
    """
    starts: deque[int] = deque(maxlen=rows)
    offset = 0
    try:
        for cut in cuts(table, BLOCK, 0):
            starts.extend(cut.offset + start for start in _record_starts(cut.data, table.delimiter))
            offset += len(cut.data)
    except csv.Error as error:
        raise FileError(f"{table.name} can't be read to its footer: {readable(str(error))}.") from error
    return starts[0] if starts else offset


def _record_starts(block: bytes, delimiter: str) -> Iterator[int]:
    lines = list(io.StringIO(block.decode("latin-1"), newline="\n"))  # a character for each byte
    ends = list(accumulate(map(len, lines)))
    begin, records = 0, Records(lines, delimiter)
    for cells in records:
        if any(cells):
            yield begin
        begin = ends[records.lines - 1]
