"""Streams that unpack, and temporary files: damage and bombs are file errors at the byte where they show."""

from __future__ import annotations

import io
import logging
import os
import shutil
import tempfile
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from typing_extensions import override

from tap_reports.exceptions import FileError

if TYPE_CHECKING:
    from tap_reports.files.unpack import Member

logger = logging.getLogger("tap-reports")

BUFFER = 1 << 18
GZIP = b"\x1f\x8b"
WINDOW = 31
"""Of zlib: 32 KiB, with gzip's header and check sum."""


class TemporaryFile:
    """A file on disk, there for as long as something refers to this object.

    Args:
        folder: Where it lies.
        content: What is written to it; nothing else.
    """

    def __init__(self, folder: Path, content: IO[bytes] | io.BufferedIOBase | None = None) -> None:
        handle, name = tempfile.mkstemp(prefix="unpacked-", dir=folder)
        self.path = Path(name)
        weakref.finalize(self, self.path.unlink, missing_ok=True)
        with os.fdopen(handle, "wb") as file:
            if content is not None:
                shutil.copyfileobj(content, file, 1 << 20)

    def open(self) -> io.BufferedIOBase:
        """Open it; the caller closes it."""
        return self.path.open("rb")


def skip(stream: io.BufferedIOBase, count: int) -> None:
    """Skip `count` bytes, or what is left of the stream."""
    while count:
        count -= len(stream.read(min(count, 1 << 20))) or count


class Derived(io.RawIOBase, ABC):
    """Bytes that are made of a stream's.

    Args:
        stream: Theirs; it is closed with this one.
    """

    def __init__(self, stream: io.BufferedIOBase | io.RawIOBase) -> None:
        self._stream = stream
        self._ready = b""

    @abstractmethod
    def more(self, size: int) -> bytes:
        """Return what comes next, b"" at the end; what is more than `size` bytes is kept."""

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # any buffer in stubs
        ready = self._ready or self.more(len(buffer))
        count = min(len(buffer), len(ready))
        buffer[:count] = ready[:count]
        self._ready = ready[count:]
        return count

    @override
    def close(self) -> None:
        self._stream.close()
        super().close()


class Unpacked(Derived):
    """Unpacked bytes.

    Args:
        member: What is unpacked.
        stream: The unpacking stream.
        damage: What the unpacking stream raises for a damaged file.
    """

    def __init__(
        self,
        member: Member,
        stream: io.BufferedIOBase | io.RawIOBase,
        damage: tuple[type[Exception], ...],
    ) -> None:
        super().__init__(stream)
        self._member = member
        self._damage = damage
        self._count = 0

    @override
    def more(self, size: int) -> bytes:
        try:
            data = self._stream.read(size) or b""
        except self._damage as error:
            raise FileError(
                f"{self._member.name} is damaged or truncated: unpacking failed after "
                f"{self._count:,} bytes ({error})."
            ) from error
        self._count += len(data)
        self._member.refuse_bomb(self._count)
        return data


class Gzip(Derived):
    """The unpacked bytes of a gzip file, all members of it, each checked.

    Args:
        name: For messages.
        packed: The file.
        warned: Names of files with a warning about bytes after the end.

    Attributes:
        damage: What it raises for a damaged file.
    """

    def __init__(self, name: str, packed: io.BufferedIOBase, warned: set[str]) -> None:
        super().__init__(packed)
        self._name = name
        self._warned = warned
        self._unpacker, self.damage = _unpacker()
        self._packed = packed
        self._member: Any = None
        self._rest = b""
        self._members = 0
        self._is_done = False

    @override
    def more(self, size: int) -> bytes:
        while not self._is_done:
            if not self._rest:
                self._rest = self._packed.read(BUFFER)
            if self._member is None and not self._begins():
                break
            if not self._rest:
                raise EOFError("it ends before its last check sum")
            data: bytes = self._member.decompress(self._rest, size)
            self._rest = self._member.unconsumed_tail
            if self._member.eof:
                self._rest, self._member = self._member.unused_data, None
            if data:
                return data
        return b""

    def _begins(self) -> bool:
        """Begin the next member; False at the end of all."""
        while not self._rest.strip(b"\0"):  # padding
            self._rest = self._packed.read(BUFFER)
            if not self._rest:
                self._is_done = True
                return False
        rest = self._rest.lstrip(b"\0") if self._members else self._rest
        if len(rest) == 1:
            rest += self._packed.read(1)
        self._rest = rest
        if not rest.startswith(GZIP) and not (self._members and GZIP.startswith(rest)):
            if self._name not in self._warned:
                self._warned.add(self._name)
                logger.warning(
                    "%s: bytes behind the end of the gzip data are left out; all data before them is whole",
                    self._name,
                )
            self._is_done = True
            return False
        self._member = self._unpacker(WINDOW)
        self._members += 1
        return True


def _unpacker() -> tuple[Callable[[int], Any], tuple[type[Exception], ...]]:
    """Return the fastest there is, and what is raised for damage."""
    try:
        from isal import isal_zlib
    except ImportError:
        import zlib

        return zlib.decompressobj, (EOFError, zlib.error)
    return isal_zlib.decompressobj, (EOFError, cast("type[Exception]", isal_zlib.error))
