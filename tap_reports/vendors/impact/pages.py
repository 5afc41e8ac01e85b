"""Downloads, of which a JSON result may be one page of several: `@page` and `@numpages` stand in the file."""

from __future__ import annotations

import gzip
import logging
import zlib
from functools import partial
from pathlib import Path
from typing import IO, cast

from tap_reports.exceptions import FileError
from tap_reports.models import Download

logger = logging.getLogger("tap-reports.impact")

PAGE, PAGES, NEXT = "@page", "@numpages", "@nextpageuri"
REMEDY = 'Set "result_format": "csv", whose results have no pages.'
_GZIP, _BOM = b"\x1f\x8b", b"\xef\xbb\xbf"
_CHUNK = 1 << 20


def page_download(url: str, page: int = 1) -> Download:
    """Return the download of a page of a JSON result, at `url` (without query); the page after it is known
    once it is fetched. The first page is requested without a number.
    """
    query = f"?Page={page}" if page > 1 else ""
    return Download(url=url + query, authenticated=True, more=partial(_next, url, page))


def _next(url: str, page: int, path: Path) -> Download | None:
    numbers = page_numbers(path)
    if numbers.get(PAGE, page) != page:
        text = f"Page {numbers[PAGE]} of the result came where page {page} was asked for."
        raise FileError(text, remedy=REMEDY)
    if NEXT in numbers and PAGES not in numbers:
        raise FileError(f"The result has further pages ({NEXT}) and does not say how many.", remedy=REMEDY)
    return page_download(url, page + 1) if page < numbers.get(PAGES, 1) else None


def page_numbers(path: Path) -> dict[str, int]:
    """Return `@page` and `@numpages` of a JSON file (plain or gzip) where it has them; `@nextpageuri` is 1 if
    there is one.

    They may stand before or after the rows. The file is read as a stream; a file that does not mention them
    is not parsed, and one that is not JSON has none (its parser says what is wrong with it).
    """
    import ijson

    try:
        with _opened(path) as file:
            return _top_level_numbers(file) if _mentions(file, PAGES, NEXT) else {}
    except (ijson.JSONError, EOFError, gzip.BadGzipFile, zlib.error):
        logger.debug("No page numbers could be read in %s.", path.name)
        return {}


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        packed = file.read(len(_GZIP)) == _GZIP
    return cast("IO[bytes]", gzip.open(path)) if packed else path.open("rb")


def _mentions(file: IO[bytes], *names: str) -> bool:
    """Return whether a file holds one of some keys; leaves it at its start, after a byte order mark."""
    keys = [f'"{name}"'.encode() for name in names]
    seen, tail = False, b""
    while not seen and (chunk := file.read(_CHUNK)):
        seen = any(key in tail + chunk for key in keys)
        tail = chunk[-max(map(len, keys)) :]
    file.seek(0)
    if file.read(len(_BOM)) != _BOM:
        file.seek(0)
    return seen


def _top_level_numbers(file: IO[bytes]) -> dict[str, int]:
    import ijson

    numbers: dict[str, int] = {}
    for place, event, value in ijson.parse(file):
        if place in {PAGE, PAGES} and event in {"number", "string"} and str(value).isdecimal():
            numbers[place] = int(value)
            if numbers.keys() >= {PAGE, PAGES}:
                break
        elif place == NEXT and value:
            numbers[NEXT] = 1
    return numbers
