"""The objects of a JSON array, or of JSON lines -> their keys, and blocks of whole objects, in flat memory.

A first pass goes over all of them: objects may have keys that the first one lacks, a table's header must be
known before its rows, and the file is known to be whole before a row of it is used. The second pass reads
blocks that are cut where objects begin.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

from typing_extensions import override

from tap_reports import speedups
from tap_reports.exceptions import FileError
from tap_reports.files.json_cursor import MAX_DEPTH, OTHER, Cursor
from tap_reports.files.json_values import NESTED, NOT_JSON, cell, decode, decode_at
from tap_reports.files.numbers import Number
from tap_reports.files.streams import skip
from tap_reports.files.table import MAX_COLUMNS, Cell, Cut, Table
from tap_reports.files.text import shown
from tap_reports.speedups.codes import Flag

SIZE = 1 << 19
"""Bytes of a block: they and what becomes of them stay in a processor's cache."""
PIECE = 1 << 16
"""Bytes that are looked at in Python at once."""

_BETWEEN, _BETWEEN_LINES = re.compile(r"[ \t\r\n]*,[ \t\r\n]*(?={)"), re.compile(r"[ \t\r\n]*(?={)")


@dataclass(slots=True)
class JsonRows:
    """Objects that are the rows of a table.

    Attributes:
        start: Where the first one begins: bytes of UTF-8.
        is_lines: No commas separate them.
        keys: Their keys in the order in which they come, with the number of each.
        spelled: The same for each way in which a key is spelled in the file.
        sizes: Bytes of pieces of whole objects, which blocks are made of.
        count: How many there are.
        is_plain: The compiled module has understood all of them.
    """

    start: int = 0
    is_lines: bool = False
    keys: dict[str, int] = field(default_factory=dict)
    spelled: dict[bytes, int] = field(default_factory=dict)
    sizes: list[int] = field(default_factory=list)
    count: int = 0
    is_plain: bool = field(default_factory=speedups.is_compiled)

    def add(self, keys: Collection[str]) -> None:
        """Add keys that may be known."""
        if self.keys.keys() >= set(keys):
            return
        for key in keys:
            self.keys.setdefault(key, len(self.keys))
        if len(self.keys) > MAX_COLUMNS:
            raise FileError(f"A row has a key that is the {len(self.keys):,}th column: that is too many.")


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonTable(Table):
    """A table of a JSON file, whose objects may be read as bytes as well.

    Attributes:
        objects: Its rows.
        open_text: Opens the file as UTF-8; the caller closes it.
    """

    objects: JsonRows
    open_text: Callable[[], io.BufferedIOBase] = field(repr=False)

    @override
    def rows(self) -> Iterator[list[Cell]]:
        for cut in self.cuts(SIZE):
            yield from self.rows_of(cut.data)

    def cuts(self, size: int) -> Iterator[Cut]:
        """Yield blocks of whole objects, of `size` bytes or more, each with what follows its last object."""
        begin = wanted = 0
        with closing(self.open_text()) as stream:
            skip(stream, self.objects.start)
            for number, piece in enumerate(self.objects.sizes, start=1):
                wanted += piece
                if wanted >= size or number == len(self.objects.sizes):
                    yield Cut(stream.read(wanted), begin, is_exact=True)
                    begin, wanted = begin + wanted, 0

    def rows_of(self, block: bytes) -> Iterator[list[Cell]]:
        """Yield the rows of a block; a key that is missing is null."""
        keys = tuple(self.objects.keys)
        for members in _objects(block, is_lines=self.objects.is_lines):
            values = [*map(members.get, keys)]
            is_plain = "" not in values and NESTED.isdisjoint(map(type, values))
            yield values if is_plain else [cell(value) for value in values]


def scan_objects(cursor: Cursor, *, is_lines: bool = False) -> JsonRows:
    """Read over an array of objects, or with `is_lines` over the objects up to the end of the file.

    Raises:
        FileError: They are not all objects, or not JSON, or the file ends too early.
    """
    if not is_lines:
        cursor.take(b"[")
    is_done = cursor.peek() == b"]"
    rows, begin = JsonRows(cursor.position, is_lines), cursor.position
    while not is_done:
        if cursor.peek() != b"{":
            _refuse_row(cursor, rows)
        if cursor.position - begin >= SIZE // 2:  # what was read at once, but for an object that is cut
            rows.sizes.append(cursor.position - begin)
            begin = cursor.position
        _skip_objects(cursor, rows)
        follows = cursor.peek()
        if is_lines:
            is_done = not follows
        elif follows == b",":
            cursor.at += 1
        else:
            is_done = True
    if cursor.position > begin:
        rows.sizes.append(cursor.position - begin)
    if not is_lines:
        cursor.take(b"]")
    return rows


def _skip_objects(cursor: Cursor, rows: JsonRows) -> None:
    """Move past one object at least, and note the keys."""
    cursor.where = f"row {rows.count + 1}" if rows.is_lines else ""
    flags = Flag.IS_LINES if rows.is_lines else Flag(0)
    rows.is_plain &= len(rows.spelled) <= MAX_COLUMNS  # one key can be spelled in many ways
    while rows.is_plain:
        scanned = speedups.json_keys(cursor.data, cursor.at, tuple(rows.spelled), flags)
        rows.count += scanned.objects
        cursor.at = scanned.end
        names = [decode(b'"%b"' % key) for key in scanned.new]
        rows.add(names)
        rows.spelled.update((key, rows.keys[name]) for key, name in zip(scanned.new, names, strict=True))
        if scanned.objects:
            return
        if not scanned.is_json:
            rows.is_plain = False  # it may be JSON all the same
        elif not scanned.new and not cursor.more():
            cursor.truncated()
    if not _skip_in_python(cursor, rows):
        rows.add(cursor.value())
        rows.count += 1


def _skip_in_python(cursor: Cursor, rows: JsonRows) -> int:
    """Move past the objects that are read already, up to one that needs a closer look; return how many."""
    text = _text(cursor.data[cursor.at : cursor.at + PIECE])
    follows, begin, end, count = _BETWEEN_LINES if rows.is_lines else _BETWEEN, 0, 0, 0
    while True:
        try:
            value, after = decode_at(text, begin)
        except NOT_JSON:  # or cut
            break
        if text.count("{", begin, after) + text.count("[", begin, after) > MAX_DEPTH:
            break
        rows.add(value)
        count, end = count + 1, after
        if not (between := follows.match(text, end)):
            break
        begin = between.end()
    rows.count += count
    cursor.at += len(text[:end].encode())
    return count


def _text(data: bytes) -> str:
    """Return what is text in some data, from its beginning."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        return data[: error.start].decode()


def _refuse_row(cursor: Cursor, rows: JsonRows) -> None:
    if not cursor.peek():
        cursor.truncated()
    if not (raw := cursor.raw()):
        cursor.unexpected()
    value = shown(raw.decode(errors="replace"))
    raise FileError(f'{cursor.name}: row {rows.count + 1} is not a JSON object: "{value}".', remedy=OTHER)


def _objects(block: bytes, *, is_lines: bool) -> Iterator[dict[str, Any]]:
    """Yield the objects of a block."""
    import msgspec

    try:
        yield from _decoder(is_lines=is_lines)(block)
    except (msgspec.MsgspecError, *NOT_JSON):
        cursor = Cursor(partial(io.BytesIO, block), "a block", SIZE)
        while cursor.peek():
            yield cursor.value()
            if cursor.peek() == b",":
                cursor.at += 1


@cache
def _decoder(*, is_lines: bool) -> Callable[[bytes], list[dict[str, Any]]]:
    import msgspec

    if is_lines:
        return msgspec.json.Decoder(dict[str, Any], float_hook=Number).decode_lines
    decode = msgspec.json.Decoder(list[dict[str, Any]], float_hook=Number).decode
    return lambda block: decode(b"[%b]" % block.rstrip(b" \t\r\n").removesuffix(b","))
