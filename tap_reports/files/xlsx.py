"""Workbooks (.xlsx): which sheets there are, and the parts that their cells refer to."""

from __future__ import annotations

import io
import posixpath
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

from tap_reports.exceptions import FileError
from tap_reports.files.table import Sheet
from tap_reports.files.text import shown
from tap_reports.files.unpack import Member, open_zip, open_zipped
from tap_reports.files.xlsx_cells import Book
from tap_reports.files.xlsx_parts import ASK, SharedStrings, Start, Strings, Xml, parse
from tap_reports.files.xlsx_rows import SheetFile, sheet_rows
from tap_reports.files.xlsx_sheet import visible_sheets
from tap_reports.files.xlsx_styles import read_styles
from tap_reports.models import Layout

MAX_BYTES = 1 << 24
"""Of the parts that say which others there are."""
MAX_SHEETS = 1000


class _Link(NamedTuple):
    kind: str
    target: str


def xlsx_sheets(member: Member, layout: Layout, work_dir: Path) -> list[Sheet]:
    """Return the worksheets of a workbook, in its order; hidden ones only if the options say so.

    Raises:
        FileError: Damaged, or not an .xlsx workbook.
    """
    workbook = Workbook(member, work_dir)
    sheets = [(workbook.sheet_file(part), part.is_hidden) for part in workbook.parts()]
    return visible_sheets(member.name, sheets, layout)


class _Part(NamedTuple):
    name: str
    is_hidden: bool
    target: str


class Workbook:
    """A workbook's parts.

    Args:
        member: The file.
        work_dir: For what has no room in memory.
    """

    def __init__(self, member: Member, work_dir: Path) -> None:
        self._member = member  # keeps an unpacked file on disk
        self._folder = work_dir
        self._archive = open_zip(member)
        # Some writers use backslashes, and other cases than the links do.
        self._infos = {_normalized(info.filename): info for info in self._archive.infolist()}
        links = self._links("")
        self._path = next(
            (link.target for link in links.values() if link.kind == "officeDocument"), "xl/workbook.xml"
        )
        self._refuse_others()
        self._workbook_links = self._links(self._path)

    def parts(self) -> list[_Part]:
        """Return the worksheets, in order; charts and macros are not among them."""
        parts: list[_Part] = []

        def start(tag: str, attributes: dict[str, str]) -> None:
            if tag == "sheet":
                link = next(
                    (
                        self._workbook_links.get(value)
                        for name, value in attributes.items()
                        if name.endswith(":id")
                    ),
                    None,
                )
                name = attributes.get("name", "")
                if link is None:
                    raise self._damaged(f'the sheet "{shown(name)}" has no part')
                if link.kind == "worksheet":
                    parts.append(_Part(name, attributes.get("state", "visible") != "visible", link.target))
                if len(parts) > MAX_SHEETS:
                    raise FileError(
                        f"{self._member.name} has more than {MAX_SHEETS:,} sheets: refused.",
                        remedy=ASK,
                    )
            elif tag == "workbookPr":
                self.is_1904 = attributes.get("date1904", "0") in {"1", "true"}

        self._parse(self._path, start)
        return parts

    is_1904 = False

    def sheet_file(self, sheet: _Part) -> SheetFile:
        """Return a sheet to be read."""
        name = f"{self._member.name} / {shown(sheet.name)}"
        return SheetFile(
            name=name,
            sheet=sheet.name,
            rows=partial(sheet_rows, partial(self._open, sheet.target), name, lambda: self._book),
            folder=self._folder,
            check=replace(self._member, name=name).refuse_bomb,
        )

    @cached_property
    def _book(self) -> Book:
        parts = {link.kind: link.target for link in self._workbook_links.values()}
        styles, strings = parts.get("styles"), parts.get("sharedStrings")
        return Book(
            styles=self._styles(styles) if styles and _normalized(styles) in self._infos else b"",
            strings=self._strings(strings) if strings and _normalized(strings) in self._infos else [],
            is_1904=self.is_1904,
        )

    def _styles(self, path: str) -> bytes:
        with self._open(path) as stream:
            return read_styles(stream, self._named(path))

    def _strings(self, path: str) -> Strings:
        with self._open(path) as stream:
            size = self._infos[_normalized(path)].file_size
            return SharedStrings(self._named(path), self._folder).read(stream, size)

    def _links(self, path: str) -> dict[str, _Link]:
        """Return what a part refers to, by its relationships' ids."""
        folder, name = posixpath.split(path)
        links_by_id: dict[str, _Link] = {}

        def start(tag: str, attributes: dict[str, str]) -> None:
            if tag == "Relationship" and attributes.get("TargetMode") != "External":
                target = posixpath.join(f"/{folder}", attributes.get("Target", "").replace("\\", "/"))
                kind = attributes.get("Type", "").rpartition("/")[2]
                links_by_id[attributes.get("Id", "")] = _Link(kind, posixpath.normpath(target).lstrip("/"))

        links = posixpath.join(folder, "_rels", f"{name}.rels")
        if _normalized(links) in self._infos:
            self._parse(links, start)
        return links_by_id

    def _parse(self, path: str, start: Start) -> None:
        with self._open(path) as stream:
            parse(stream, Xml(self._named(path), start, lambda _: None), self._named(path), MAX_BYTES)

    def _open(self, path: str) -> io.BufferedIOBase:
        info = self._infos.get(_normalized(path))
        if info is None:
            raise self._damaged(f"its part {shown(path)} is missing")
        return open_zipped(self._member, self._archive, info)

    def _named(self, path: str) -> str:
        return f"{self._member.name} / {shown(path)}"

    def _refuse_others(self) -> None:
        if self._path.endswith(".bin"):
            raise FileError(
                f"{self._member.name} is a binary workbook (.xlsb), which can't be read.",
                remedy="Ask the vendor for .xlsx or CSV.",
            )

    def _damaged(self, what: str) -> FileError:
        return FileError(f"{self._member.name} is a damaged workbook: {what}.", remedy=ASK)


def _normalized(path: str) -> str:
    return path.replace("\\", "/").lstrip("/").lower()
