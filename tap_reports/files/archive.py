"""Zip archives: which members are the report, and their bytes."""

from __future__ import annotations

import io
import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import cast

from tap_reports.exceptions import FileError
from tap_reports.files.part import BUFFER, Part, Unpacking, refuse_bomb
from tap_reports.models import FileFormat

SUFFIXES = {
    FileFormat.CSV: (".csv", ".tsv"),
    FileFormat.JSON: (".json", ".jsonl", ".ndjson"),
    FileFormat.XLSX: (".xlsx", ".xlsm", ".xls"),
}
UNCLEAR = ("", ".txt")
"""Suffixes of files that may be a report, or a note beside it."""

ENCRYPTED = 0x1
"""The bit of a member's flags that says so."""


def holds_workbook(part: Part) -> bool:
    """Tell whether a zip on disk is a workbook."""
    with _archive(part) as archive:
        if not any(name.startswith("xl/workbook.") for name in archive.namelist()):
            return False
        refuse_bomb(part.name, part.size, sum(info.file_size for info in archive.infolist()))
    return True


def members(part: Part, expected: FileFormat) -> Iterator[Part]:
    """Yield the members that are the report.

    Args:
        part: A zip on disk.
        expected: Members of this format are taken; if there is none, those of another one.

    Raises:
        FileError: Damaged, encrypted, a bomb, or without any report.
    """
    with _archive(part) as archive:
        infos = [info for info in archive.infolist() if _is_file(info)]
    if any(info.flag_bits & ENCRYPTED for info in infos):
        remedy = "Ask the vendor for files without a password."
        raise FileError(f"{part.name} is an encrypted zip.", remedy=remedy)
    refuse_bomb(part.name, part.size, sum(info.file_size for info in infos))
    sheets = _sheet_names(_chosen([info.filename for info in infos], expected))
    if not sheets:
        names = ", ".join(f'"{info.filename}"' for info in infos[:10]) or "nothing"
        raise FileError(f"{part.name} is a zip without a {expected} file; it holds {names}.")
    for info in infos:
        if info.filename in sheets:
            yield Part(
                name=f"{part.name} / {info.filename}",
                open=partial(_open_member, part, info),
                size=info.compress_size,
                sheet=sheets[info.filename],
                kept=part.kept,
            )


def _open_member(part: Part, info: zipfile.ZipInfo) -> io.BufferedIOBase:
    """Open a member. The archive's file stays open for as long as the member is."""
    with _archive(part) as archive:
        try:
            member = cast("io.BufferedIOBase", archive.open(info))
        except (NotImplementedError, RuntimeError, zipfile.BadZipFile) as error:
            raise FileError(f"{part.name} / {info.filename} can't be unpacked: {error}.") from error
    damage = (EOFError, OSError, zlib.error, zipfile.BadZipFile)
    named = Part(name=f"{part.name} / {info.filename}", open=part.open, size=info.compress_size)
    return io.BufferedReader(Unpacking(named, (member,), damage), BUFFER)


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


@contextmanager
def _archive(part: Part) -> Iterator[zipfile.ZipFile]:
    if part.path is None:
        raise ValueError("a zip is read from disk")
    try:
        archive = zipfile.ZipFile(part.path)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise FileError(f"{part.name} is a damaged or truncated zip ({error}).") from error
    with archive:
        yield archive
