"""Hostile files and answers by name, one of each kind."""

from __future__ import annotations

import io
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from server import GOOD, Reply, Vendor, raw, reply

HEADER = "Date,Country,Clicks,Spend"
ROWS = b"2026-11-10,US,1,1.5\n" * 50_000
NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
NEVER = threading.Event()
LARGE = f"{HEADER}\n".encode() + ROWS[:200_000]
"""A file that its poll does not read whole: it is asked for again."""


@dataclass(frozen=True)
class Case:
    """What comes, and how a run may end.

    Attributes:
        vendor: Makes the vendor.
        ends_well: The rows can be read.
        signal_after: Seconds until SIGTERM; the run must end soon after it.
        is_file: The vendor answers at once; what is measured is the work on its file.
    """

    vendor: Callable[[], Vendor]
    ends_well: bool = False
    signal_after: float | None = None
    is_file: bool = False
    settings: dict[str, float] = field(default_factory=dict)


def packed(chunks: Iterable[bytes]) -> bytes:
    """Return gzip, made as a stream."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(chunk) for chunk in chunks) + packer.flush()


def archive(members: Iterable[tuple[str, bytes]]) -> bytes:
    """Return a zip."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as writer:
        for name, content in members:
            writer.writestr(name, content)
    return made.getvalue()


def workbook(rows: str, shared: str = "", dimension: str = "A1:D2") -> bytes:
    """Return a workbook of one sheet from the XML of its rows."""
    head = "".join(
        f'<c r="{column}1" t="inlineStr"><is><t>{name}</t></is></c>'
        for column, name in zip("ABCD", HEADER.split(","), strict=True)
    )
    relations = {"rId1": "worksheets/sheet1.xml", "rId2": "sharedStrings.xml"}
    kinds = {"rId1": "worksheet", "rId2": "sharedStrings"}
    linked = "".join(
        f'<Relationship Id="{id_}" Type="{OFFICE}/{kinds[id_]}" Target="{target}"/>'
        for id_, target in relations.items()
        if shared or id_ == "rId1"
    )
    package = "http://schemas.openxmlformats.org/package/2006"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="xml" ContentType="application/xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{NAMESPACE}" xmlns:r="{OFFICE}"><sheets><sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">{linked}</Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{NAMESPACE}"><dimension ref="{dimension}"/><sheetData><row r="1">{head}</row>{rows}</sheetData></worksheet>',
        **({"xl/sharedStrings.xml": shared} if shared else {}),
    }
    return archive((name, f'<?xml version="1.0"?>{text}'.encode()) for name, text in parts.items())


def _wide(names: Iterable[str]) -> bytes:
    return f"{HEADER},{','.join(names)}\n".encode()


def strings(text: str, doctype: str = "") -> str:
    return f'{doctype}<sst xmlns="{NAMESPACE}"><si><t>{text}</t></si></sst>'


def cell(row: int, column: str = "A") -> str:
    return f'<row r="{row}"><c r="{column}{row}"><v>1</v></c></row>'


SHARED = "".join(f'<row r="{row}"><c r="A{row}" t="s"><v>0</v></c></row>' for row in range(2, 4000))
LAUGHS = (
    "<!DOCTYPE l ["
    + "".join(
        f'<!ENTITY {name} "{"&" + inner + ";" if inner != "0" else "ha"}{"&" + inner + ";" if inner != "0" else "ha"}">'
        for inner, name in zip("0abcdefg", "abcdefgh", strict=True)
    )
    + "]>"
)
DEEP = b"[" * 1_000_000 + b"]" * 1_000_000
FILES: dict[str, Callable[[], bytes]] = {
    "workbook: cells in two far corners": lambda: workbook(cell(2) + cell(1_048_576, "XFD")),
    "workbook: 12,000 rows, one cell in the last column": lambda: workbook(cell(12_000, "XFD")),
    "workbook: a long text 4,000 times": lambda: workbook(SHARED, strings("x" * 3_000_000)),
    "workbook: entities of entities": lambda: workbook(SHARED, strings("&h;", LAUGHS)),
    "workbook: an entity from outside": lambda: workbook(
        SHARED, strings("&e;", '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>')
    ),
    "CSV: a cell of 900 MiB": lambda: packed([f"{HEADER}\n2026-11-10,".encode(), *[b"x" * (1 << 20)] * 900]),
    "CSV: a header of 900 MiB": lambda: packed([b"x" * (1 << 20)] * 900),
    "CSV: 100,000 columns": lambda: _wide(f"c{n}" for n in range(100_000)),
    "CSV: 10,000 equal headers": lambda: _wide(["x"] * 10_000),
    "CSV: a header of 20 kB, 400,000 rows": lambda: packed(
        [f"{HEADER},{'h' * 20_000}\n".encode(), *[b"2026-11-10,,,,\n" * 50_000] * 8]
    ),
    "CSV: a carriage return, then no UTF-8": lambda: f"{HEADER}\n2026-11-10,a\rb,1,1\n".encode() + b"2026-11-10,\xff,1,1\n",
    "JSON: a million levels": lambda: b'[{"Date":' + DEEP + b"}]",
    "JSON: a number of 5,000 digits": lambda: b'[{"Date":"2026-11-10","Country":"US","Clicks":1,"Spend":' + b"9" * 5000 + b"}]",
    "JSON: 3,000 objects, a new key each": lambda: b"[" + b",".join(
        b'{"Date":"2026-11-10","Country":"C%d","Clicks":1,"Spend":1,"k%d":1}' % (n, n) for n in range(3000)
    ) + b"]",
    "zip: 60,000 members": lambda: archive((f"{n}.txt", b"") for n in range(60_000)),
    "zip: a member's name leads outside": lambda: archive([("../../../outside.csv", GOOD)]),
    "escape sequences instead of a report": lambda: b"\x1b]0;title\x07\x1b[2J\x1b[31mERROR no report",
}  # fmt: skip
MAY_END_WELL = {
    "workbook: 12,000 rows, one cell in the last column",
    "workbook: cells in two far corners",
    "workbook: a long text 4,000 times",
    "CSV: 10,000 equal headers",
    "CSV: a header of 20 kB, 400,000 rows",
    "JSON: a number of 5,000 digits",
    "JSON: 3,000 objects, a new key each",
    "zip: a member's name leads outside",
}
OK = b"HTTP/1.1 200 OK\r\n"
DRIP = raw(OK + b"Content-Type: text/csv\r\n\r\n", b"D", times=300, pause=NEVER)
BUSY = partial(reply, b"busy", "503 Service Unavailable")


def of_file(body: bytes) -> Vendor:
    return Vendor(files=[reply(body)])


def of_token(token: Reply) -> Vendor:
    return Vendor(token=token, files=[reply(GOOD)])


def _bomb() -> bytes:
    return packed([b'"', *[b"a" * (1 << 20)] * 2048, b'"'])


ANSWERS = {
    "download: a byte a second": Case(lambda: Vendor(files=[DRIP]), signal_after=8),
    "download: without end": Case(
        lambda: Vendor(files=[raw(OK + b"\r\n", ROWS, times=4000)]), settings={"max_file_gib": 1}
    ),
    "download: Retry-After of a day": Case(
        lambda: Vendor(files=[reply(LARGE), BUSY(Retry_After="86400")]),
    ),
    "download: Retry-After inf": Case(lambda: Vendor(files=[reply(LARGE), BUSY(Retry_After="inf")])),
    "token: a byte a second": Case(
        lambda: of_token(raw(OK + b"Content-Length: 100000\r\n\r\n", b" ", times=300, pause=NEVER))
    ),
    "token: a header a second": Case(lambda: of_token(raw(OK, b"X", times=300, pause=NEVER))),
    "token: 1 GiB": Case(
        lambda: of_token(raw(OK + b'Content-Length: 1073741826\r\n\r\n"', b"a" * (1 << 20), times=1024))
    ),
    "token: 2 GiB in 2 MB of gzip": Case(lambda: of_token(reply(_bomb(), Content_Encoding="gzip"))),
    "token: JSON of 200,000 levels": Case(lambda: of_token(reply(b"[" * 200_000 + b"]" * 200_000))),
    "submission: JSON of 200,000 levels": Case(
        lambda: Vendor(report=reply(b"[" * 200_000 + b"]" * 200_000), files=[reply(GOOD)])
    ),
    "submission: a link that is not one": Case(
        lambda: Vendor(report=reply(b'{"signed_url": "http://[::1/f"}'), files=[reply(GOOD)])
    ),
    "redirect: to a bad address": Case(
        lambda: Vendor(files=[reply(b"", "302 Found", Location="http://[bad")])
    ),
}
CASES = {
    **{
        name: Case(lambda make=make: of_file(make()), ends_well=name in MAY_END_WELL, is_file=True)
        for name, make in FILES.items()
    },
    **ANSWERS,
}
