"""A downloaded file -> the files within it, told apart by their first bytes and read as streams.

Nothing is unpacked to disk or into memory, with one exception: a workbook within a gzip or a zip,
which can't be read from front to back, is unpacked to disk.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from tap_reports.exceptions import FileError
from tap_reports.files.part import BUFFER, MOST_BYTES, Part, UnpackedFile, Unpacking
from tap_reports.models import FileFormat

GZIP = b"\x1f\x8b"
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""The container of old and of password-protected workbooks."""

HEAD = 4096
"""Bytes looked at to tell what a file is."""

MOST_LAYERS = 3
"""gzip in zip in gzip is still unpacked; more is no report."""


def parts(path: Path, expected: FileFormat, work_dir: Path, *, most: int = MOST_BYTES) -> Iterator[Part]:
    """Yield the files within a downloaded file, in order.

    Args:
        path: The file.
        expected: Which members of a zip count; others only if there is none of these.
        work_dir: An existing folder for workbooks within gzip or zip; what is unpacked there goes with
            the parts that need it.
        most: Bytes that the file may unpack to.

    Raises:
        FileError: Damaged, encrypted, a bomb, or without any report.
    """
    size = path.stat().st_size
    whole = Part(name=path.name, open=partial(_open_file, path), size=size, path=path, most=most)
    yield from _unpacked(whole, expected, work_dir, MOST_LAYERS)


def _unpacked(part: Part, expected: FileFormat, work_dir: Path, layers: int) -> Iterator[Part]:
    if layers < 0:
        raise FileError(f"{part.name} is packed more than {MOST_LAYERS} times over.")
    with part.open() as stream:
        part = replace(part, head=stream.read(HEAD))
    if part.head.startswith(GZIP):
        inner = replace(part, open=partial(_open_gzip, part), path=None)
        yield from _unpacked(inner, expected, work_dir, layers - 1)
    elif part.head.startswith((*ZIP, OLE)):
        for member in _unzipped(part, expected, work_dir):
            yield from [member] if member.is_workbook else _unpacked(member, expected, work_dir, layers - 1)
    else:
        yield part


def _unzipped(part: Part, expected: FileFormat, work_dir: Path) -> Iterator[Part]:
    """Yield a workbook as it is, or the members of a zip."""
    from tap_reports.files.archive import holds_workbook, members

    if part.path is None:
        unpacked = UnpackedFile(part, work_dir)
        part = replace(part, path=unpacked.path, kept=unpacked)
    if part.head.startswith(OLE) or holds_workbook(part):
        yield replace(part, is_workbook=True)
    else:
        yield from members(part, expected)


def _open_file(path: Path) -> io.BufferedIOBase:
    return path.open("rb")


def _open_gzip(part: Part) -> io.BufferedIOBase:
    from tap_reports.files.gzip_stream import GzipStream

    stream = GzipStream(part.name, part.open())
    return io.BufferedReader(Unpacking(part, stream), BUFFER)
