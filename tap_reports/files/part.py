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


class Unpacking(io.RawIOBase):
    """Unpacked bytes. Damage and bombs become file errors at the byte where they show.

    Args:
        part: What is unpacked.
        streams: The unpacking stream, then those below it; all are closed with this one.
        damage: What the unpacking stream raises for a damaged file.
    """

    def __init__(
        self,
        part: Part,
        streams: tuple[io.BufferedIOBase, ...],
        damage: tuple[type[Exception], ...],
    ) -> None:
        self._part = part
        self._streams = streams
        self._damage = damage
        self._count = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # any buffer in stubs
        """Fill the buffer, as `io.RawIOBase` says."""
        try:
            count = self._streams[0].readinto(buffer)
        except self._damage as error:
            raise FileError(
                f"{self._part.name} is damaged or truncated: unpacking failed after "
                f"{self._count:,} bytes ({error})."
            ) from error
        self._count += count
        refuse_bomb(self._part.name, self._part.size, self._count)
        return count

    def close(self) -> None:
        """Close the files below, too."""
        for stream in self._streams:
            stream.close()
        super().close()


class UnpackedFile:
    """A file unpacked to disk, there for as long as something refers to this object."""

    def __init__(self, part: Part, work_dir: Path) -> None:
        handle, name = tempfile.mkstemp(prefix="unpacked-", dir=work_dir)
        self.path = Path(name)
        weakref.finalize(self, self.path.unlink, missing_ok=True)
        with os.fdopen(handle, "wb") as unpacked, part.open() as packed:
            shutil.copyfileobj(packed, unpacked, 1 << 20)


def refuse_bomb(name: str, packed: int, unpacked: int) -> None:
    """Raise FileError if a file unpacks to more than any report would (sizes in bytes)."""
    if unpacked > BOMB_BYTES and unpacked > BOMB_RATIO * packed:
        raise FileError(
            f"{name} unpacks from {packed:,} to over {BOMB_BYTES:,} bytes, more than {BOMB_RATIO} times "
            "its size: refused as a zip bomb.",
            remedy="Ask the vendor what this file is.",
        )
