"""Workbooks as Excel writes them: shared strings, numbers, days as numbers with a style."""

from __future__ import annotations

import datetime as dt
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from contents import rows as usual_rows

DAY_ZERO = dt.date(1899, 12, 30)
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
LINKS = (
    ("worksheet", "worksheets/sheet1.xml"),
    ("styles", "styles.xml"),
    ("sharedStrings", "sharedStrings.xml"),
)


def _links(links: Sequence[tuple[str, str]]) -> str:
    texts = (
        f'<Relationship Id="r{number}" Type="{OFFICE}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(links, start=1)
    )
    return f'<Relationships xmlns="{PACKAGE}">{"".join(texts)}</Relationships>'


PARTS = {
    "_rels/.rels": _links([("officeDocument", "xl/workbook.xml")]),
    "xl/_rels/workbook.xml.rels": _links(LINKS),
    "[Content_Types].xml": f'<Types xmlns="{TYPES}">'
    f'<Default Extension="xml" ContentType="{TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{TYPE}.worksheet+xml"/>'
    f'<Override PartName="/xl/sharedStrings.xml" ContentType="{TYPE}.sharedStrings+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{TYPE}.styles+xml"/></Types>',
    "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}">'
    '<sheets><sheet name="Report" sheetId="1" r:id="r1"/></sheets></workbook>',
    "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><fonts><font/></fonts><fills><fill><patternFill/></fill>'
    "</fills><borders><border/></borders><cellStyleXfs><xf/></cellStyleXfs>"
    '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>',
}


def write_xlsx(path: Path, columns: Sequence[tuple[str, str]], count: int, errors_every: int = 0) -> None:
    """Write a workbook of so many rows; one in `errors_every` has an error cell."""
    strings: dict[str, int] = {}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, text in PARTS.items():
            archive.writestr(name, text)
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            sheet.write(f'<worksheet xmlns="{MAIN}"><sheetData>'.encode())
            for row in _rows(columns, count, errors_every, strings):
                sheet.write(row.encode())
            sheet.write(b"</sheetData></worksheet>")
        texts = "".join(f"<si><t>{escape(text)}</t></si>" for text in strings)
        archive.writestr("xl/sharedStrings.xml", f'<sst xmlns="{MAIN}">{texts}</sst>')


def _rows(
    columns: Sequence[tuple[str, str]], count: int, errors_every: int, strings: dict[str, int]
) -> Iterator[str]:
    header = "".join(_cell(at, 1, name, "string", strings) for at, (name, _) in enumerate(columns))
    yield f'<row r="1">{header}</row>'
    for number, row in enumerate(usual_rows(count), start=2):
        kinds = [kind for _, kind in columns]
        if errors_every and number % errors_every == 37:
            row[9], kinds[9] = "#N/A", "error"
        cells = zip(range(len(row)), row, kinds, strict=False)
        texts = [_cell(at, number, text, kind, strings) for at, text, kind in cells if text]
        yield f'<row r="{number}">{"".join(texts)}</row>'


def _cell(at: int, row: int, text: str, kind: str, strings: dict[str, int]) -> str:
    place = f"{chr(65 + at)}{row}"
    match kind:
        case "date":
            return f'<c r="{place}" s="1"><v>{(dt.date.fromisoformat(text) - DAY_ZERO).days}</v></c>'
        case "integer" | "number":
            return f'<c r="{place}"><v>{text}</v></c>'
        case "error":
            return f'<c r="{place}" t="e"><v>{text}</v></c>'
    return f'<c r="{place}" t="s"><v>{strings.setdefault(text, len(strings))}</v></c>'
