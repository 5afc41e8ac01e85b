"""Report files on disk, and the cloud storage that hands them out by signed links."""

from __future__ import annotations

import csv
import gzip
import io
import secrets
import shutil
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlencode

from tap_reports.sandbox.faults import Action
from tap_reports.sandbox.http import Answer, Request, Route, answer_text
from tap_reports.sandbox.options import Options, Switch, Time

WRONG_CONTENT = '{"Status":"ERROR","Message":"An unexpected error occurred"}'
TYPES = {".csv": "text/csv", ".json": "application/json", ".zip": "application/zip"}


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a report."""

    name: str  # File name; unique among all reports, since it names the file on disk too
    write: Callable[[IO[bytes], bool], None]  # Writes it; the second argument asks for the header alone


@dataclass(frozen=True, slots=True)
class Link:
    """What a signed link leads to; `ready` says whether there is a file yet."""

    vendor: str
    job_id: str
    part: Part
    signature: str
    expires: float
    ready: Callable[[], bool]
    waiting: Answer


class Files:
    """Writes each report file once, when it is first requested, and keeps it until the end."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._made: Path | None = None
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}

    def path(self, part: Part, *, header_only: bool = False) -> Path:
        """Return the path of a file, written if it is not there yet."""
        name = ("header-" if header_only else "") + part.name
        with self._lock:
            path = self._folder() / name
            own = self._locks.setdefault(name, threading.Lock())
        with own:  # a large file must not hold up the others
            if not path.exists():
                draft = path.with_name(f"draft-{name}")
                with draft.open("wb") as out:
                    self._pack(part, out, header_only)
                draft.rename(path)
        return path

    def remove(self) -> None:
        """Remove all files, for good."""
        if self._made is not None:
            shutil.rmtree(self._made, ignore_errors=True)

    def _folder(self) -> Path:
        if self._made is None:
            self._made = Path(tempfile.mkdtemp(prefix="tap-reports-sandbox-"))
        return self._made

    def _pack(self, part: Part, out: IO[bytes], header_only: bool) -> None:
        if self._options.has(Switch.GZIP):
            with tempfile.TemporaryFile() as plain, gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as packed:
                part.write(plain, header_only)  # a workbook can't be written to a stream that can't go back
                plain.seek(0)
                shutil.copyfileobj(plain, packed)
        elif self._options.has(Switch.ZIP):
            with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
                entry = zipfile.ZipInfo(part.name)
                entry.compress_type = zipfile.ZIP_DEFLATED
                with package.open(entry, "w", force_zip64=True) as member:
                    part.write(member, header_only)
        else:
            part.write(out, header_only)

    def answer(self, part: Part, request: Request) -> Answer:
        """Return the file as an answer, or what a fault makes of it."""
        action = request.fault.action if request.fault else None
        kind = TYPES.get(Path(part.name).suffix, "application/octet-stream")
        if action is Action.EMPTY_FILE:
            return Answer(body=b"", content_type=kind)
        if action is Action.WRONG_CONTENT:
            body = request.fault.body if request.fault else None
            return Answer(body=(body or WRONG_CONTENT).encode(), content_type=kind)
        path = self.path(part, header_only=action is Action.HEADER_ONLY)
        return Answer(body=path, content_type=kind, headers={"ETag": f'"{part.name}"'})


class Storage:
    """A second origin, as cloud storage is: files with signed links, which need no credentials."""

    def __init__(self, files: Files, options: Options, time: Time) -> None:
        self._files, self._options, self._time = files, options, time
        self._links: dict[str, Link] = {}
        self.url = ""

    def sign(
        self,
        vendor: str,
        job_id: str,
        part: Part,
        *,
        seconds: float,
        request: Request,
        ready: Callable[[], bool] = lambda: True,
        waiting: Answer | None = None,
    ) -> str:
        """Return a link that is valid for `seconds` seconds (none if a fault says that it has expired)."""
        life = self._options.link_seconds if self._options.link_seconds is not None else seconds
        expires = self._time.monotonic() + (-1.0 if request.hit_by(Action.EXPIRED_LINK) else life)
        signature, key = secrets.token_hex(32), secrets.token_hex(8)
        self._links[key] = Link(vendor, job_id, part, signature, expires, ready, waiting or Answer())
        query = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Date": f"{self._time.now():%Y%m%dT%H%M%SZ}",
            "X-Amz-Expires": str(int(life)),
            "X-Amz-SignedHeaders": "host",
            "X-Amz-Signature": signature,
        }
        return f"{self.url}/{vendor}-reports/{key}/{part.name}?{urlencode(query)}"

    def routes(self, vendors: Iterable[str]) -> list[Route]:
        """Return the routes of the storage origin."""
        kinds = ("download", self._download, self._kind_of)
        return [Route("GET", f"/{name}-reports/{{key}}/{{name}}", name, *kinds) for name in vendors]

    def _kind_of(self, request: Request) -> str:
        """Return `poll` for a look at a link that has no file yet."""
        link = self._links.get(request.params["key"])
        return "poll" if link is not None and not link.ready() else "download"

    def _download(self, request: Request) -> Answer:
        link = self._links.get(request.params["key"])
        if link is not None:
            request.job_id = link.job_id
        if request.headers.get("Authorization"):
            return _denied("InvalidArgument", "Only one auth mechanism allowed", 400)
        if link is None or request.value("X-Amz-Signature") != link.signature:
            return _denied("SignatureDoesNotMatch", "The request signature does not match", 403)
        if self._time.monotonic() > link.expires or request.hit_by(Action.EXPIRED_LINK):
            return _denied("AccessDenied", "Request has expired", 403)
        return self._files.answer(link.part, request) if link.ready() else link.waiting


def _denied(code: str, message: str, status: int) -> Answer:
    text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return answer_text(text, status, "application/xml")


def csv_part(name: str, header: Iterable[str], rows: Callable[[], Iterable[Mapping[str, Any]]]) -> Part:
    """Return a CSV file whose rows are made while it is written."""
    columns = list(header)

    def write(out: IO[bytes], header_only: bool) -> None:
        text = io.TextIOWrapper(out, "utf-8", newline="", write_through=False)
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        if not header_only:
            writer.writerows([row[column] for column in columns] for row in rows())
        text.flush()
        text.detach()

    return Part(name, write)


def text_part(name: str, pieces: Callable[[bool], Iterable[str]]) -> Part:
    """Return a text file; the argument of `pieces` says whether only its frame is wanted."""

    def write(out: IO[bytes], header_only: bool) -> None:
        for piece in pieces(header_only):
            out.write(piece.encode())

    return Part(name, write)
