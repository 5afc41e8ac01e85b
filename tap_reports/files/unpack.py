"""A downloaded file -> the files within it, recognized by their first bytes and read as streams.

Nothing is unpacked to disk or into memory, with one exception: a workbook or zip within a gzip or a zip,
which can't be read from front to back, is unpacked to disk.
"""

from __future__ import annotations

import io
import lzma
import posixpath
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import cast

from tap_reports.exceptions import FileError
from tap_reports.files.streams import BUFFER, GZIP, Gzip, TemporaryFile, Unpacked
from tap_reports.files.text import shown
from tap_reports.models import FileFormat, Layout, ReportFile

ZIP = (b"PK\x03\x04", b"PK\x05\x06")
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""The container of old and of password-protected workbooks."""

HEAD = 4096
"""Bytes looked at to tell what a file is."""
MAX_LAYERS = 3
"""gzip in zip in gzip is still unpacked; no report has more."""
MAX_MEMBERS = 10_000

BOMB_BYTES = 1 << 30
BOMB_RATIO = 200
"""A file is refused once it has unpacked to more than `BOMB_BYTES` and `BOMB_RATIO` times its size.

DEFLATE reaches 1032:1 on one repeated byte. Reports pack some 3:1 to 30:1 (XLSX and JSON, which repeat
their names in each row, the most), so 200:1 leaves room for very repetitive ones; below 1 GiB any ratio
is harmless, since all is read as a stream.
"""

SUFFIXES = {
    FileFormat.CSV: (".csv", ".tsv"),
    FileFormat.JSON: (".json", ".jsonl", ".ndjson"),
    FileFormat.XLSX: (".xlsx", ".xlsm", ".xls"),
}
UNCLEAR = ("", ".txt")
"""Suffixes of files that may be a report, or a note that comes with it."""
ENCRYPTED = 0x1
"""The bit of a zip member's flags that says so."""
DAMAGE = (EOFError, OSError, zlib.error, zipfile.BadZipFile, lzma.LZMAError)
"""What `zipfile` raises for a damaged member."""
ASK = "Ask the vendor what this file is, or for CSV."


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file within a downloaded file, or the file itself.

    Attributes:
        name: For messages: the report's, then the member's.
        open: Opens its unpacked bytes; the caller closes it.
        size: Its size as it came, in bytes.
        head: Its first bytes.
        sheet: The sheet that its name stands for, if it is a member of a zip.
        path: Where it lies if it is on disk as it is.
        is_workbook: It is an XLSX (or older) workbook; `path` is set then.
        keeps_alive: Whatever must live as long as the member does.
        encoding: Of its text, where the user has set it.
        max_bytes: That it may unpack to.
    """

    name: str
    open: Callable[[], io.BufferedIOBase] = field(repr=False)
    size: int
    head: bytes = field(default=b"", repr=False)
    sheet: str | None = None
    path: Path | None = None
    is_workbook: bool = False
    keeps_alive: object = field(default=None, repr=False)
    encoding: str | None = None
    max_bytes: int

    def refuse_bomb(self, unpacked: int) -> None:
        """Raise FileError if it unpacks to more bytes than any report would, or than it may."""
        if unpacked > BOMB_BYTES and unpacked > BOMB_RATIO * self.size:
            raise FileError(
                f"{self.name} unpacks from {self.size:,} to over {BOMB_BYTES:,} bytes, more than "
                f"{BOMB_RATIO} times its size: refused as a zip bomb.",
                remedy=ASK,
            )
        if unpacked > self.max_bytes:
            raise FileError(
                f"{self.name} unpacks to more than {self.max_bytes / 2**30:g} GiB: refused.",
                remedy='Ask for less at once, with "slice_days" for one, or raise "max_file_gib".',
            )


def members(file: ReportFile, layout: Layout, work_dir: Path) -> Iterator[Member]:
    """Yield the files within a downloaded file, in order.

    Args:
        file: The file.
        layout: What is expected. Members of a zip of another format count only if there is none of this.
        work_dir: An existing folder for workbooks within gzip or zip; what is unpacked there goes with
            the members that need it.

    Raises:
        FileError: Damaged, encrypted, a bomb, or without any report.
    """
    whole = Member(
        name=file.name,
        open=partial(cast("Callable[[str], io.BufferedIOBase]", file.path.open), "rb"),
        size=file.path.stat().st_size,
        path=file.path,
        max_bytes=layout.max_bytes,
        encoding=layout.options.encoding,
    )
    yield from _unpacked(whole, layout.format, work_dir, MAX_LAYERS)


def _unpacked(member: Member, expected: FileFormat, work_dir: Path, layers: int) -> Iterator[Member]:
    if layers < 0:
        raise FileError(f"{member.name} is packed more than {MAX_LAYERS} times over.", remedy=ASK)
    with member.open() as stream:
        member = replace(member, head=stream.read(HEAD))
    if member.head.startswith(GZIP):
        inner = replace(member, open=partial(_open_gzip, member, set()), path=None)
        yield from _unpacked(inner, expected, work_dir, layers - 1)
    elif member.head.startswith((*ZIP, OLE)):
        if member.path is None:
            with member.open() as packed:
                unpacked = TemporaryFile(work_dir, packed)
            member = replace(member, path=unpacked.path, keeps_alive=unpacked)
        if member.head.startswith(OLE) or _is_workbook(member):
            yield replace(member, is_workbook=True)
        else:
            for inner in _zip_members(member, expected):
                yield from _unpacked(inner, expected, work_dir, layers - 1)
    else:
        yield member


def _open_gzip(member: Member, warned: set[str]) -> io.BufferedIOBase:
    stream = Gzip(member.name, member.open(), warned)
    return io.BufferedReader(Unpacked(member, stream, stream.damage), BUFFER)


def open_zip(member: Member) -> zipfile.ZipFile:
    """Open a zip on disk.

    Raises:
        FileError: Damaged.
    """
    if member.path is None:
        raise ValueError("a zip is read from disk")
    try:
        return zipfile.ZipFile(member.path)
    # The module raises NotImplementedError for a feature of zip that it does not read.
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise FileError(f"{member.name} is a damaged or truncated zip ({error}).") from error


def open_zipped(member: Member, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> io.BufferedIOBase:
    """Open a file within a zip; the caller closes it. Damage is an error where it shows.

    Raises:
        FileError: It can't be unpacked.
    """
    named = replace(member, name=f"{member.name} / {shown(info.filename)}", size=info.compress_size)
    try:
        stream = cast("io.BufferedIOBase", archive.open(info))
    # Likewise for a compression; RuntimeError for a password.
    except (NotImplementedError, RuntimeError, zipfile.BadZipFile, OSError) as error:
        raise FileError(f"{named.name} can't be unpacked: {error}.", remedy=ASK) from error
    return io.BufferedReader(Unpacked(named, stream, DAMAGE), BUFFER)


def _is_workbook(member: Member) -> bool:
    """Return whether a zip on disk is a workbook; one of another program is refused."""
    with closing(open_zip(member)) as archive:
        infos = {info.filename.replace("\\", "/").lstrip("/").lower(): info for info in archive.infolist()}
        if mimetype := infos.get("mimetype"):
            with open_zipped(member, archive, mimetype) as stream:
                if b"opendocument" in stream.read(100):
                    raise FileError(
                        f"{member.name} is an OpenDocument file (.ods), which can't be read.",
                        remedy="Ask the vendor for .xlsx or CSV.",
                    )
    if not any(name.startswith("xl/workbook.") for name in infos):
        return False
    _refuse(member, list(infos.values()))
    return True


def _refuse(member: Member, infos: Sequence[zipfile.ZipInfo]) -> None:
    if len(infos) > MAX_MEMBERS:
        raise FileError(
            f"{member.name} is a zip of {len(infos):,} files; at most {MAX_MEMBERS:,} are read.",
            remedy=ASK,
        )
    if any(info.flag_bits & ENCRYPTED for info in infos):
        remedy = "Ask the vendor for files without a password."
        raise FileError(f"{member.name} is an encrypted zip.", remedy=remedy)
    member.refuse_bomb(sum(info.file_size for info in infos))


def _zip_members(member: Member, expected: FileFormat) -> Iterator[Member]:
    """Yield the files of a zip that are the report."""
    archive = open_zip(member)  # once for all, which keep it
    infos = [info for info in archive.infolist() if _is_file(info)]
    _refuse(member, infos)
    sheets = _sheet_names([info.filename for info in infos], expected)
    if not sheets:
        names = ", ".join(f'"{shown(info.filename)}"' for info in infos[:10]) or "nothing"
        raise FileError(f"{member.name} is a zip without a {expected} file; it holds {names}.", remedy=ASK)
    for info in infos:
        if info.filename in sheets:
            yield replace(
                member,
                name=f"{member.name} / {shown(info.filename)}",
                open=partial(open_zipped, member, archive, info),
                size=info.compress_size,
                sheet=sheets[info.filename],
                path=None,
            )


def _is_file(info: zipfile.ZipInfo) -> bool:
    """Tell files from folders and from what archivers leave behind (`__MACOSX/`, `.DS_Store`)."""
    *folders, name = info.filename.split("/")
    return not info.is_dir() and "__MACOSX" not in folders and not name.startswith(".")


def _sheet_names(names: Sequence[str], expected: FileFormat) -> dict[str, str]:
    """Return the sheet of each member of the expected format, else of another one, else of those that do not
    say: its name without folder and suffix, with the folder where two are equal.
    """
    full = {name: posixpath.splitext(name.removesuffix(".gz").removesuffix(".GZ")) for name in names}
    known = tuple(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)
    for wanted in (SUFFIXES[expected], known, UNCLEAR):
        chosen = {name: sheet for name, (sheet, suffix) in full.items() if suffix.lower() in wanted}
        if chosen:
            short = {name: posixpath.basename(sheet) for name, sheet in chosen.items()}
            return short if len(set(short.values())) == len(short) else chosen
    return {}
