"""A file within a downloaded file, and the streams that unpack it."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tap_reports.exceptions import FileError

BUFFER = 1 << 18

BOMB_BYTES = 1 << 30
BOMB_RATIO = 200
"""A file is refused once it has unpacked to more than `BOMB_BYTES` and `BOMB_RATIO` times its size.

DEFLATE reaches 1032:1 on one repeated byte. Reports pack some 3:1 to 30:1 (XLSX and JSON, which repeat
their names in each row, the most), so 200:1 leaves room for very repetitive ones; below 1 GiB any ratio
is harmless, since all is read as a stream.
"""


MOST_BYTES = 100 << 30
"""Bytes of the largest file that is unpacked, unless the user says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A file within a downloaded file, or the file itself.

    Attributes:
        name: For messages.
        open: Opens its unpacked bytes; the caller closes it.
        size: Its size as it came, in bytes.
        head: Its first bytes.
        sheet: The sheet that its name stands for, if it is a member of a zip.
        path: Where it lies if it is on disk as it is.
        is_workbook: It is an XLSX (or older) workbook; `path` is set then.
        kept: Whatever must live as long as the part does.
        encoding: Of its text, where the user has set it.
        most: Bytes that it may unpack to.
    """

    name: str
    open: Callable[[], io.BufferedIOBase] = field(repr=False)
    size: int
    head: bytes = field(default=b"", repr=False)
    sheet: str | None = None
    path: Path | None = None
    is_workbook: bool = False
    kept: object = field(default=None, repr=False)
    encoding: str | None = None
    most: int = MOST_BYTES


class Unpacking(io.RawIOBase):
    """Unpacked bytes. Damage and bombs become file errors at the byte where they show.

    Args:
        part: What is unpacked.
        stream: The unpacking stream; it is closed with this one.
        damage: What the unpacking stream raises for a damaged file.
    """

    def __init__(
        self,
        part: Part,
        stream: io.BufferedIOBase | io.RawIOBase,
        damage: tuple[type[Exception], ...] = (),
    ) -> None:
        self._part = part
        self._stream = stream
        self._damage = damage
        self._count = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # any buffer in stubs
        """Fill the buffer, as `io.RawIOBase` says."""
        try:
            count = self._stream.readinto(buffer)
        except self._damage as error:
            raise FileError(
                f"{self._part.name} is damaged or truncated: unpacking failed after "
                f"{self._count:,} bytes ({error})."
            ) from error
        self._count += count or 0
        refuse_bomb(self._part, self._count)
        return count or 0

    def close(self) -> None:
        """Close the stream below, too."""
        self._stream.close()
        super().close()


class UnpackedFile:
    """A file unpacked to disk, there for as long as something refers to this object."""

    def __init__(self, part: Part, work_dir: Path) -> None:
        handle, name = tempfile.mkstemp(prefix="unpacked-", dir=work_dir)
        self.path = Path(name)
        weakref.finalize(self, self.path.unlink, missing_ok=True)
        with os.fdopen(handle, "wb") as unpacked, part.open() as packed:
            shutil.copyfileobj(packed, unpacked, 1 << 20)


def refuse_bomb(part: Part, unpacked: int) -> None:
    """Raise FileError if a file unpacks to more than any report would, or than may be, in bytes."""
    if unpacked > BOMB_BYTES and unpacked > BOMB_RATIO * part.size:
        raise FileError(
            f"{part.name} unpacks from {part.size:,} to over {BOMB_BYTES:,} bytes, more than "
            f"{BOMB_RATIO} times its size: refused as a zip bomb.",
            remedy="Ask the vendor what this file is.",
        )
    if unpacked > part.most:
        raise FileError(
            f"{part.name} unpacks to more than {part.most / 2**30:g} GiB: refused.",
            remedy='Ask for less at once, with "slice_days" for one, or raise "max_file_gib".',
        )
