"""The parts of a workbook that its sheets refer to: XML, read as a stream, and the strings that cells share.

A DOCTYPE is refused, and so all tricks with entities.
"""

from __future__ import annotations

import io
import re
import weakref
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol
from xml.parsers import expat

import msgspec

from tap_reports.exceptions import FileError
from tap_reports.files.streams import TemporaryFile
from tap_reports.files.text import shown

PIECE = 1 << 18
"""Bytes read at once."""
MAX_TEXT = 1 << 26
"""Bytes of the longest cell, 64 MiB."""
HELD_BYTES = 24 << 20
"""Of strings in memory."""
BLOCK_BYTES = 16 << 10
BLOCK_STRINGS = 128
OBJECT_BYTES = 64
"""About what a string takes in memory in addition to its text."""

_READER = msgspec.json.Decoder(list[str])

ASK = "Ask the vendor for the file as Excel writes it, or for CSV."

_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")

Start = Callable[[str, dict[str, str]], None]
End = Callable[[str], None]


class Xml:
    """A parser of one part.

    Args:
        name: Of the part, for messages.
        start: Called with an element's name, without prefix, and its attributes.
        end: Called with its name.
        text: Called with its text, in pieces.
    """

    def __init__(self, name: str, start: Start, end: End, text: Callable[[str], None] | None = None) -> None:
        self._name = name
        self._parser = parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = lambda tag, attributes: start(
            tag.rpartition(":")[2] if ":" in tag else tag, attributes
        )
        parser.EndElementHandler = lambda tag: end(tag.rpartition(":")[2] if ":" in tag else tag)
        if text:
            parser.CharacterDataHandler = text
        parser.StartDoctypeDeclHandler = self._refuse

    def feed(self, data: bytes, *, is_last: bool = False) -> None:
        """Parse a piece.

        Raises:
            FileError: It is not well-formed, or has a DOCTYPE.
        """
        try:
            self._parser.Parse(data, is_last)
        except expat.ExpatError as error:
            cause = f"{self._name} is not well-formed XML: {shown(expat.ErrorString(error.code))}."
            raise FileError(f"{cause} The workbook is damaged.", remedy=ASK) from error

    def handle_text(self, text: Callable[[str], None] | None) -> None:
        """Set what is called with text from now on."""
        self._parser.CharacterDataHandler = text

    def close(self) -> None:
        """Drop the handlers: they refer to this parser, too."""
        parser = self._parser
        parser.StartElementHandler = parser.EndElementHandler = parser.CharacterDataHandler = None
        parser.StartDoctypeDeclHandler = None

    def _refuse(self, *_: Any) -> None:
        raise FileError(f"{self._name} has a DOCTYPE, which no workbook has: refused.", remedy=ASK)


def parse(stream: io.BufferedIOBase, xml: Xml, name: str, limit: int) -> None:
    """Parse a part to its end.

    Args:
        stream: Its bytes.
        xml: Its parser.
        name: Of the part, for messages.
        limit: Bytes that it may have.

    Raises:
        FileError: It is damaged, or has more.
    """
    count = 0
    with closing(xml):
        while piece := stream.read(PIECE):
            count += len(piece)
            if count > limit:
                raise FileError(f"{name} has more than {limit:,} bytes: refused.", remedy=ASK)
            xml.feed(piece)
        xml.feed(b"", is_last=True)


def unescaped(text: str) -> str:
    """Return a text with Excel's own escapes resolved: `_x000D_` is a carriage return, NUL goes."""
    if "_x" not in text:
        return text
    found = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text).replace("\0", "")
    found = found.replace("\uffff", "\ufffd").replace("\ufffe", "\ufffd")
    # Halves of a surrogate pair are escaped one by one.
    return found.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class Strings(Protocol):
    """Strings by number."""

    def __getitem__(self, number: int, /) -> str:
        """Return a string. Raises IndexError for one that is not there."""


class StringsOnDisk:
    """Strings in a file of blocks; those read last are kept in memory. The file goes with this object."""

    def __init__(self, folder: Path) -> None:
        self._temporary = TemporaryFile(folder)
        self._file = self._temporary.path.open("w+b")
        weakref.finalize(self, self._file.close)
        self._firsts, self._offsets = array("Q"), array("Q", [0])
        self._count = 0
        self._kept: OrderedDict[int, tuple[list[str], int]] = OrderedDict()
        self._held = 0

    def add(self, strings: list[str]) -> None:
        """Write the next block."""
        self._firsts.append(self._count)
        self._count += len(strings)
        size = self._file.write(msgspec.json.encode(strings))
        self._offsets.append(self._offsets[-1] + size)

    def __getitem__(self, number: int, /) -> str:
        """Return a string. Raises IndexError for one that is not there."""
        if not 0 <= number < self._count:
            raise IndexError(number)
        block = bisect_right(self._firsts, number) - 1
        found = self._kept.get(block)
        if found is None:
            found = self._read(block)
        else:
            self._kept.move_to_end(block)
        return found[0][number - self._firsts[block]]

    def _read(self, block: int) -> tuple[list[str], int]:
        self._file.seek(self._offsets[block])
        data = self._file.read(self._offsets[block + 1] - self._offsets[block])
        strings = _READER.decode(data)
        found = self._kept[block] = strings, len(data) + OBJECT_BYTES * len(strings)
        self._held += found[1]
        while self._held > HELD_BYTES and len(self._kept) > 1:
            self._held -= self._kept.popitem(last=False)[1][1]
        return found


class SharedStrings:
    """Reads the part `sharedStrings.xml`.

    Args:
        name: Of the part, for messages.
        folder: For strings that are too many for memory.
    """

    def __init__(self, name: str, folder: Path) -> None:
        self._name = name
        self._folder = folder
        self._strings: list[str] = []
        self._disk: StringsOnDisk | None = None
        self._bytes = 0
        self._texts: list[str] = []
        self._length = 0
        self._phonetic = 0
        self._xml = Xml(name, self._start, self._end)

    def read(self, stream: io.BufferedIOBase, limit: int) -> Strings:
        """Return the strings of a part of at most `limit` bytes.

        Raises:
            FileError: It is damaged, or has more, or a string is longer than a cell may be.
        """
        parse(stream, self._xml, self._name, limit)
        if self._disk is None:
            return self._strings
        self._spill(self._disk)
        return self._disk

    def _start(self, tag: str, _: dict[str, str]) -> None:
        if tag == "si":
            self._texts, self._length = [], 0
        elif tag == "rPh":
            self._phonetic += 1
        elif tag == "t" and not self._phonetic:
            self._xml.handle_text(self._text)

    def _end(self, tag: str) -> None:
        if tag == "t":
            self._xml.handle_text(None)
        elif tag == "rPh":
            self._phonetic -= 1
        elif tag == "si":
            self._add(unescaped("".join(self._texts)))

    def _text(self, text: str) -> None:
        self._texts.append(text)
        self._length += len(text)
        if self._length > MAX_TEXT:
            raise FileError(f"{self._name} has a string of more than {MAX_TEXT:,} characters.", remedy=ASK)

    def _add(self, text: str) -> None:
        self._strings.append(text)
        self._bytes += len(text) + OBJECT_BYTES
        if self._disk is None:
            if self._bytes > HELD_BYTES:
                self._disk = StringsOnDisk(self._folder)
                self._spill(self._disk)
        elif self._bytes > BLOCK_BYTES + OBJECT_BYTES * BLOCK_STRINGS:
            self._spill(self._disk)

    def _spill(self, disk: StringsOnDisk) -> None:
        for begin in range(0, len(self._strings), BLOCK_STRINGS):
            disk.add(self._strings[begin : begin + BLOCK_STRINGS])
        self._strings, self._bytes = [], 0
