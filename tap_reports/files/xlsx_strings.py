"""The strings that a workbook's cells share: in memory if they are few, else on disk, in blocks."""

from __future__ import annotations

import io
import os
import tempfile
import weakref
from array import array
from bisect import bisect_right
from collections import OrderedDict
from pathlib import Path
from typing import Protocol

import msgspec

from tap_reports.exceptions import FileError
from tap_reports.files.xlsx_xml import ASK, MOST_TEXT, Xml, parse, unescaped

HELD_BYTES = 24 << 20
"""Of strings in memory."""
BLOCK_BYTES = 16 << 10
BLOCK_STRINGS = 128
OBJECT_BYTES = 64
"""About what a string takes in memory beside its text."""

_READER = msgspec.json.Decoder(list[str])


class Strings(Protocol):
    """Strings by number."""

    def __getitem__(self, number: int, /) -> str:
        """Return a string. Raises IndexError for one that is not there."""


class StringsOnDisk:
    """Strings in a file of blocks; those read last are kept in memory. The file goes with this object."""

    def __init__(self, folder: Path) -> None:
        handle, name = tempfile.mkstemp(prefix="unpacked-", dir=folder)
        self._file = os.fdopen(handle, "w+b")
        weakref.finalize(self, _remove, self._file, Path(name))
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

    def read(self, stream: io.BufferedIOBase, most: int) -> Strings:
        """Return the strings of a part of at most so many bytes.

        Raises:
            FileError: It is damaged, or has more, or a string is longer than a cell may be.
        """
        parse(stream, self._xml, self._name, most)
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
        if self._length > MOST_TEXT:
            raise FileError(f"{self._name} has a string of more than {MOST_TEXT:,} characters.", remedy=ASK)

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


def _remove(file: io.BufferedRandom, path: Path) -> None:
    file.close()
    path.unlink(missing_ok=True)
