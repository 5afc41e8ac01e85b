"""Zip archives: which members are the report, and their bytes."""

from __future__ import annotations

import io
import lzma
import posixpath
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import cast

from tap_reports.exceptions import FileError
from tap_reports.files.part import BUFFER, Part, Unpacking, refuse_bomb
from tap_reports.files.text import shown
from tap_reports.models import FileFormat

SUFFIXES = {
    FileFormat.CSV: (".csv", ".tsv"),
    FileFormat.JSON: (".json", ".jsonl", ".ndjson"),
    FileFormat.XLSX: (".xlsx", ".xlsm", ".xls"),
}
MOST_MEMBERS = 10_000
UNCLEAR = ("", ".txt")
"""Suffixes of files that may be a report, or a note beside it."""

ENCRYPTED = 0x1
"""The bit of a member's flags that says so."""


def holds_workbook(part: Part) -> bool:
    """Tell whether a zip on disk is a workbook.

    Raises:
        FileError: It is one of another program, or a bomb.
    """
    with closing(open_archive(part)) as archive:
        names = {info.filename.replace("\\", "/").lstrip("/").lower() for info in archive.infolist()}
        is_open_document = "mimetype" in names and b"opendocument" in _beginning(part, archive, "mimetype")
        if is_open_document:
            raise FileError(
                f"{part.name} is an OpenDocument file (.ods), which can't be read.",
                remedy="Ask the vendor for .xlsx or CSV.",
            )
        if not any(name.startswith("xl/workbook.") for name in names):
            return False
        _refuse_encrypted(part, archive.infolist())
        refuse_bomb(part, sum(info.file_size for info in archive.infolist()))
    return True


def members(part: Part, expected: FileFormat) -> Iterator[Part]:
    """Yield the members that are the report.

    Args:
        part: A zip on disk.
        expected: Members of this format are taken; if there is none, those of another one.

    Raises:
        FileError: Damaged, encrypted, a bomb, or without any report.
    """
    archive = open_archive(part)  # once for all members, which keep it
    infos = [info for info in archive.infolist() if _is_file(info)]
    if len(infos) > MOST_MEMBERS:
        raise FileError(
            f"{part.name} is a zip of {len(infos):,} files; at most {MOST_MEMBERS:,} are read.",
            remedy="Ask the vendor what this file is.",
        )
    _refuse_encrypted(part, infos)
    refuse_bomb(part, sum(info.file_size for info in infos))
    sheets = _sheet_names(_chosen([info.filename for info in infos], expected))
    if not sheets:
        names = ", ".join(f'"{shown(info.filename)}"' for info in infos[:10]) or "nothing"
        raise FileError(f"{part.name} is a zip without a {expected} file; it holds {names}.")
    for info in infos:
        if info.filename in sheets:
            yield Part(
                name=f"{part.name} / {shown(info.filename)}",
                open=partial(member_stream, part, archive, info),
                size=info.compress_size,
                sheet=sheets[info.filename],
                kept=part.kept,
                most=part.most,
            )


def open_archive(part: Part) -> zipfile.ZipFile:
    """Open a zip on disk.

    Raises:
        FileError: Damaged.
    """
    if part.path is None:
        raise ValueError("a zip is read from disk")
    try:
        return zipfile.ZipFile(part.path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise FileError(f"{part.name} is a damaged or truncated zip ({error}).") from error


def member_stream(part: Part, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> io.BufferedIOBase:
    """Open a member; the caller closes it. Damage is an error where it shows.

    Raises:
        FileError: It can't be unpacked.
    """
    named = replace(part, name=f"{part.name} / {shown(info.filename)}", size=info.compress_size)
    try:
        member = cast("io.BufferedIOBase", archive.open(info))
    except (NotImplementedError, RuntimeError, zipfile.BadZipFile, OSError) as error:
        raise FileError(f"{named.name} can't be unpacked: {error}.") from error
    damage = (EOFError, OSError, zlib.error, zipfile.BadZipFile, lzma.LZMAError)
    return io.BufferedReader(Unpacking(named, member, damage), BUFFER)


def _refuse_encrypted(part: Part, infos: Sequence[zipfile.ZipInfo]) -> None:
    if any(info.flag_bits & ENCRYPTED for info in infos):
        remedy = "Ask the vendor for files without a password."
        raise FileError(f"{part.name} is an encrypted zip.", remedy=remedy)


def _beginning(part: Part, archive: zipfile.ZipFile, name: str) -> bytes:
    info = next(info for info in archive.infolist() if info.filename.lower() == name)
    with member_stream(part, archive, info) as stream:
        return stream.read(100)


def _is_file(info: zipfile.ZipInfo) -> bool:
    """Tell files from folders and from what archivers leave behind (`__MACOSX/`, `.DS_Store`)."""
    *folders, name = info.filename.split("/")
    return not info.is_dir() and "__MACOSX" not in folders and not name.startswith(".")


def _chosen(names: list[str], expected: FileFormat) -> list[str]:
    """Return the members of the expected format, else of another format, else those that do not say."""
    known = tuple(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)
    for wanted in (SUFFIXES[expected], known, UNCLEAR):
        if chosen := [name for name in names if posixpath.splitext(_bare(name))[1].lower() in wanted]:
            return chosen
    return []


def _bare(name: str) -> str:
    """Return a member's name without `.gz`."""
    return name[:-3] if name.lower().endswith(".gz") else name


def _sheet_names(names: list[str]) -> dict[str, str]:
    """Return each member's sheet: its name without folder and suffix, with folder where two are equal."""
    full = {name: posixpath.splitext(_bare(name))[0] for name in names}
    short = {name: posixpath.basename(sheet) for name, sheet in full.items()}
    return short if len(set(short.values())) == len(short) else full
