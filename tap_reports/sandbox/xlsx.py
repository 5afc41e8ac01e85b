"""A small XLSX writer: several sheets, typed cells, flat memory."""

from __future__ import annotations

import datetime as dt
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import IO
from xml.sax.saxutils import escape, quoteattr

Cell = str | int | float | bool | dt.date | dt.datetime | dt.timedelta | None

EPOCH = dt.datetime(1899, 12, 30)
SECONDS = 86400
GENERAL, DATE, DATE_TIME, DURATION = range(4)
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
STYLES = (
    f'{HEAD}<styleSheet xmlns="{MAIN}">'
    '<numFmts count="1"><numFmt numFmtId="164" formatCode="[h]:mm:ss"/></numFmts>'
    '<fonts count="1"><font/></fonts>'
    '<fills count="1"><fill><patternFill patternType="none"/></fill></fills>'
    '<borders count="1"><border/></borders>'
    '<cellStyleXfs count="1"><xf/></cellStyleXfs>'
    '<cellXfs count="4"><xf numFmtId="0"/><xf numFmtId="14" applyNumberFormat="1"/>'
    '<xf numFmtId="22" applyNumberFormat="1"/><xf numFmtId="164" applyNumberFormat="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet's name and its rows, header included."""

    name: str
    rows: Iterable[Sequence[Cell]]


def write(out: IO[bytes], sheets: Sequence[Sheet]) -> None:
    """Write a workbook."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, text in _frame(sheets).items():
            package.writestr(zipfile.ZipInfo(name), text)
        for number, sheet in enumerate(sheets, 1):
            entry = zipfile.ZipInfo(f"xl/worksheets/sheet{number}.xml")
            entry.compress_type = zipfile.ZIP_DEFLATED
            with package.open(entry, "w", force_zip64=True) as part:
                part.write(f'{HEAD}<worksheet xmlns="{MAIN}"><sheetData>'.encode())
                for index, row in enumerate(sheet.rows, 1):
                    part.write(_row(index, row).encode())
                part.write(b"</sheetData></worksheet>")


def _frame(sheets: Sequence[Sheet]) -> dict[str, str]:
    """Return the parts of the package that are not rows."""
    overrides = listed = targets = ""
    for n, sheet in enumerate(sheets, 1):
        part = f"worksheets/sheet{n}.xml"
        overrides += f'<Override PartName="/xl/{part}" ContentType="{TYPE}.worksheet+xml"/>'
        listed += f'<sheet name={quoteattr(sheet.name)} sheetId="{n}" r:id="rId{n}"/>'
        targets += f'<Relationship Id="rId{n}" Type="{LINKS}/worksheet" Target="{part}"/>'
    return {
        "[Content_Types].xml": (
            f'{HEAD}<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Default Extension="xml" ContentType="application/xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{TYPE}.sheet.main+xml"/>'
            f'<Override PartName="/xl/styles.xml" ContentType="{TYPE}.styles+xml"/>{overrides}</Types>'
        ),
        "_rels/.rels": (
            f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1" '
            f'Type="{LINKS}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
        ),
        "xl/workbook.xml": (
            f'{HEAD}<workbook xmlns="{MAIN}" xmlns:r="{LINKS}"><sheets>{listed}</sheets></workbook>'
        ),
        "xl/_rels/workbook.xml.rels": (
            f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships">{targets}<Relationship Id="rIdS" '
            f'Type="{LINKS}/styles" Target="styles.xml"/></Relationships>'
        ),
        "xl/styles.xml": STYLES,
    }


def _row(index: int, row: Sequence[Cell]) -> str:
    cells = [_cell(f"{_letters(at)}{index}", value) for at, value in enumerate(row) if value is not None]
    return f'<row r="{index}">{"".join(cells)}</row>'


def _cell(place: str, value: Cell) -> str:
    if isinstance(value, str):
        return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'
    if isinstance(value, bool):
        return f'<c r="{place}" t="b"><v>{int(value)}</v></c>'
    number, style = value, GENERAL
    if isinstance(value, dt.datetime):
        number, style = (value.replace(tzinfo=None) - EPOCH).total_seconds() / SECONDS, DATE_TIME
    elif isinstance(value, dt.date):
        number, style = (dt.datetime(value.year, value.month, value.day) - EPOCH).days, DATE
    elif isinstance(value, dt.timedelta):
        number, style = value.total_seconds() / SECONDS, DURATION
    return f'<c r="{place}" s="{style}"><v>{number}</v></c>'


def _letters(index: int) -> str:
    """Return a column's letters: 0 is A, 26 is AA."""
    before, rest = divmod(index, 26)
    return (_letters(before - 1) if before else "") + chr(65 + rest)
