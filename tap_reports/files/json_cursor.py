"""JSON bytes, value by value: the end of each is found before it is decoded, so memory is bounded."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

from tap_reports.exceptions import FileError
from tap_reports.files.blocks import MAX_RECORD
from tap_reports.files.numbers import Number
from tap_reports.files.text import shown

if TYPE_CHECKING:
    import io

DEEPEST = 200
"""Nested arrays and objects. The compiled module has the same bound."""

EXCERPT = 40
"""Bytes that an error shows."""
MOST_DIGITS = 4300
"""Python reads no longer integers."""

_BLANKS = re.compile(rb"[ \t\r\n]*")
_LITERAL = re.compile(rb'[^ \t\r\n,:\[\]{}"]*')
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|["\[\]{}]', re.DOTALL)

NOT_JSON = (ValueError, ArithmeticError, RecursionError)
"""What decoding raises for what is not JSON, or has a number beyond all bounds."""


class Cursor:
    """A position in a JSON file.

    Args:
        open_: Opens the file: UTF-8.
        name: The file's, for messages.
        size: Bytes to read at once.

    Attributes:
        data: The bytes at hand.
        at: The position in them.
        where: What is being read, for messages.
    """

    def __init__(self, open_: Callable[[], io.BufferedIOBase], name: str, size: int) -> None:
        self.data = b""
        self.at = 0
        self.name = name
        self.where = ""
        self._size = size
        self._before = 0
        self._open = open_
        self._stream = open_()

    @property
    def position(self) -> int:
        """The position in the file, in bytes of UTF-8 without byte order mark."""
        return self._before + self.at

    def restart(self) -> None:
        """Go back to the start of the file."""
        self.close()
        self.data, self.at, self._before = b"", 0, 0
        self._stream = self._open()

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def more(self) -> bool:
        """Read on; False at the end of the file."""
        rest = self.data[self.at :]
        if len(rest) > MAX_RECORD:
            self.fail(f"a value is longer than {MAX_RECORD:,} bytes")
        chunk = self._stream.read(max(self._size, len(rest)))
        self._before += self.at
        self.data, self.at = rest + chunk, 0
        return bool(chunk)

    def peek(self) -> bytes:
        """Go to the next byte that is not blank and return it; b"" at the end of the file."""
        while True:
            self.at = _end(_BLANKS, self.data, self.at)
            if self.at < len(self.data):
                return self.data[self.at : self.at + 1]
            if not self.more():
                return b""

    def take(self, wanted: bytes) -> None:
        """Go behind the next byte that is not blank, which must be this one."""
        if self.peek() != wanted:
            self.unexpected()
        self.at += 1

    def raw(self) -> bytes:
        """Go behind the next value and return it as it stands."""
        self.peek()
        while True:
            end = _end_of_value(self.data, self.at)
            if end is not None and (end < len(self.data) or self.data[end - 1 : end] in {b'"', b"]", b"}"}):
                break
            if not self.more():
                if end is not None and end > self.at:  # a literal
                    break
                self.unexpected()
        found = self.data[self.at : end]
        self.at = end
        return found

    def value(self) -> Any:
        """Go behind the next value and return it."""
        raw = self.raw()
        try:
            return decoded(raw)
        except NOT_JSON as error:
            self.fail(str(error))

    def unexpected(self) -> NoReturn:
        """Say what stands where something else should.

        Raises:
            FileError: Always.
        """
        self.peek()
        while len(self.data) - self.at < EXCERPT and self.more():
            pass
        follows = shown(self.data[self.at : self.at + EXCERPT].decode(errors="replace"))
        self.fail(f'at byte {self.position + 1:,} stands "{follows}"' if follows else "it ends too early")

    def fail(self, reason: str) -> NoReturn:
        """Say why the file can't be read.

        Raises:
            FileError: Always.
        """
        where = (
            f"{self.name}: {self.where} is no JSON" if self.where else f"{self.name} is truncated or no JSON"
        )
        raise FileError(f"{where}: {shown(reason)}.")


def decoded(raw: bytes) -> Any:
    """Return a JSON value, its numbers with every digit: `int` or `Number`.

    Raises:
        ValueError: It is not JSON. So say the other errors of `NOT_JSON`.
    """
    import msgspec

    try:
        return _decoder().decode(raw)
    except (msgspec.MsgspecError, *NOT_JSON):
        # It refuses halves of surrogate pairs, which JSON can spell and no UTF-8 output can hold.
        value = json.loads(raw.decode(), parse_int=_integer, parse_float=Number, parse_constant=_refuse)
        return _writable(value)


def _writable(value: Any) -> Any:
    """Return a value without halves of surrogate pairs."""
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case list():
            return [_writable(one) for one in value]
        case dict():
            return {_writable(key): _writable(one) for key, one in value.items()}
    return value


@cache
def _decoder() -> Any:
    import msgspec

    return msgspec.json.Decoder(float_hook=Number)


def _integer(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"a number has more than {MOST_DIGITS:,} digits")
    return int(digits)


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _end(pattern: re.Pattern[bytes], data: bytes, at: int) -> int:
    found = pattern.match(data, at)
    return found.end() if found else at


def _end_of_value(data: bytes, at: int) -> int | None:
    """Return what is behind the value at `at`; None if the data ends before it does."""
    if data[at : at + 1] not in {b'"', b"[", b"{"}:
        return _end(_LITERAL, data, at)
    depth = 0
    for token in _TOKEN.finditer(data, at):
        match token[0]:
            case b'"':
                return None
            case b"[" | b"{":
                depth += 1
                if depth > DEEPEST:
                    raise FileError(f"The JSON is nested deeper than {DEEPEST} levels, as no report is.")
            case b"]" | b"}":
                depth -= 1
        if depth <= 0:
            return token.end()
    return None
