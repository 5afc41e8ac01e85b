"""Workbooks as Excel writes them: shared strings, numbers, days as numbers with a style."""

from __future__ import annotations

import datetime as dt
import zipfile
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import data

DAY_ZERO = dt.date(1899, 12, 30)


def write_xlsx(path: Path, columns: Sequence[tuple[str, str]], count: int) -> None:
    """Write a workbook of so many rows."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    strings: dict[str, int] = {}

    def cell(at: int, row: int, text: str, kind: str) -> str:
        place = f"{chr(65 + at)}{row}"
        if kind == "date":
            return f'<c r="{place}" s="1"><v>{(dt.date.fromisoformat(text) - DAY_ZERO).days}</v></c>'
        if kind in {"integer", "number"}:
            return f'<c r="{place}"><v>{text}</v></c>'
        return f'<c r="{place}" t="s"><v>{strings.setdefault(text, len(strings))}</v></c>'

    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package}"><Relationship Id="r1" Type="{office}/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>',
        )
        archive.writestr(
            "[Content_Types].xml",
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default '
            'Extension="xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.'
            'main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.'
            'openxmlformats-officedocument.spreadsheetml.worksheet+xml"/><Override '
            'PartName="/xl/sharedStrings.xml" ContentType="application/vnd.openxmlformats-officedocument.'
            'spreadsheetml.sharedStrings+xml"/><Override PartName="/xl/styles.xml" ContentType="application/'
            'vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/></Types>',
        )
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="Report" sheetId="1" '
            'r:id="r1"/></sheets></workbook>',
        )
        links = [("worksheet", "worksheets/sheet1.xml"), ("styles", "styles.xml")]
        links.append(("sharedStrings", "sharedStrings.xml"))
        related = (
            f'<Relationship Id="r{number}" Type="{office}/{kind}" Target="{target}"/>'
            for number, (kind, target) in enumerate(links, start=1)
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="{package}">{"".join(related)}</Relationships>',
        )
        archive.writestr(
            "xl/styles.xml",
            f'<styleSheet xmlns="{main}"><fonts><font/></fonts><fills><fill><patternFill/></fill></fills>'
            '<borders><border/></borders><cellStyleXfs><xf/></cellStyleXfs><cellXfs><xf numFmtId="0"/>'
            '<xf numFmtId="14"/></cellXfs></styleSheet>',
        )
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            sheet.write(f'<worksheet xmlns="{main}"><sheetData><row r="1">'.encode())
            header = "".join(cell(at, 1, name, "string") for at, (name, _) in enumerate(columns))
            sheet.write(f"{header}</row>".encode())
            for number, row in enumerate(data.rows(count), start=2):
                cells = zip(range(len(row)), row, columns, strict=False)
                texts = [cell(at, number, text, kind) for at, text, (_, kind) in cells if text]
                sheet.write(f'<row r="{number}">{"".join(texts)}</row>'.encode())
            sheet.write(b"</sheetData></worksheet>")
        texts = "".join(f"<si><t>{escape(text)}</t></si>" for text in strings)
        archive.writestr("xl/sharedStrings.xml", f'<sst xmlns="{main}">{texts}</sst>')
