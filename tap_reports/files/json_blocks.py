"""JSON bytes -> blocks of whole objects, in flat memory, for files whose objects are written alike.

The whole file is looked through before a row of it is used: it is known to be whole then, and to be cut where
objects end. A file that is otherwise is left to the reader that understands all of JSON.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tap_reports.files.json_form import Form
from tap_reports.files.numbers import Number
from tap_reports.files.table import Cell, Table
from tap_reports.files.text import open_utf8

if TYPE_CHECKING:
    from tap_reports.files.part import Part

SIZE = 1 << 21
"""Bytes of a block."""
MAX_OBJECT = 1 << 26
"""Bytes without an end of an object in sight: the objects are not alike after all."""

NESTED = frozenset({dict, list})


class NotAlikeError(Exception):
    """The file is no JSON, or its objects are not written alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonTable(Table):
    """A table of a JSON file whose objects may be read as text as well.

    Attributes:
        keys: The objects' keys, in the order of the header.
        form: How most objects are written.
        open_blocks: Makes the iterator of blocks: objects and what separates them, from the first brace to
            the last. Reading raises FileError on damage.
        is_lines: The objects are one a line, without commas.
    """

    keys: tuple[str, ...]
    form: Form
    open_blocks: Callable[[], Iterator[bytes]]
    is_lines: bool

    def rows_of(self, block: bytes) -> list[list[Cell]]:
        """Return the rows of a block."""
        return [cells(found, self.keys) for found in objects(block, is_lines=self.is_lines)]


def objects(block: bytes, *, is_lines: bool) -> list[dict[str, Any]]:
    """Return the objects of a block; numbers that are no integers as `Number`."""
    decoder = _decoder(is_lines=is_lines)
    found: list[dict[str, Any]] = decoder.decode_lines(block) if is_lines else decoder.decode(b"[%b]" % block)
    return found


def cells(found: dict[str, Any], keys: tuple[str, ...]) -> list[Cell]:
    """Return an object's row; a key that is missing is null."""
    return [
        None if value == "" else json_text(value) if type(value) in NESTED else value
        for value in map(found.get, keys)
    ]


def json_text(value: Any) -> str:
    """Return what is nested in a row, as JSON."""
    import msgspec

    def written(value: Number) -> msgspec.Raw:
        return msgspec.Raw(str(value).encode())

    return msgspec.json.Encoder(decimal_format="number", enc_hook=written).encode(value).decode()


@lru_cache
def _decoder(*, is_lines: bool) -> Any:
    import msgspec

    type_ = dict[str, Any] if is_lines else list[dict[str, Any]]
    return msgspec.json.Decoder(type_, float_hook=Number)


def rows(table: JsonTable) -> Iterator[list[Cell]]:
    """Yield a table's rows."""
    for block in table.open_blocks():
        yield from table.rows_of(block)


def blocks(part: Part, start: int, size: int, form: Form) -> Iterator[bytes]:
    """Yield `size` bytes from `start` on in blocks."""
    with closing(open_utf8(part)) as stream:
        stream.read(start)
        cut = Cut(stream, form, size)
        yield from cut
        yield cut.rest


class Cut:
    """Blocks of a stream, each cut where the text between two objects stands; `rest` is behind the last."""

    def __init__(self, stream: io.BufferedIOBase, form: Form, size: int | None = None) -> None:
        self.rest = b""
        self._stream = stream
        self._left = size
        self._between = form.between.encode()
        self._close = len(form.close)
        self._gap = len(form.close) + len(form.separator)

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self._stream.read(SIZE if self._left is None else min(SIZE, self._left)):
            if self._left is not None:
                self._left -= len(chunk)
            data = self.rest + chunk
            end = data.rfind(self._between)
            if end >= 0:
                self.rest = data[end + self._gap :]
                yield data[: end + self._close]
            elif len(data) > MAX_OBJECT:
                raise NotAlikeError
            else:
                self.rest = data
