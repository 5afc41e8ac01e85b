"""A sync of one file, as it is run every night: with a catalog and a configuration.

Its vendor has one finished report per format, from files on disk: Second Nature's API on loopback. The
sandbox makes its data as it is asked; here the vendor must cost next to nothing beside the tap.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from shapes import Shape
from timed import HERE, Way
from typing_extensions import override

SMALL = 1000
"""Rows of the file that shows what start-up costs."""
TAP = [sys.executable, "-m", "tap_reports"]
UNCOMPILED = [
    sys.executable,
    "-c",
    "import sys; sys.modules['_tap_reports_speedups'] = None; from tap_reports.__main__ import main; main()",
]
"""As where there was no C compiler."""
NAME = "ads"


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    files: Mapping[str, Path]

    def do_GET(self) -> None:
        """Answer a list, a ticket's status or a file."""
        *_, what, name = urlsplit(self.path).path.rstrip("/").split("/")
        if what == "files":
            self._file(self.files[name])
        elif what == "export":
            host = self.headers["Host"]
            self._json({"status": "complete", "report_url": f"http://{host}/files/{name}"})
        else:
            self._json({"reports": [NAME]})

    def do_POST(self) -> None:
        """Give a ticket: the name of the format."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._json({"ticket_id": body["format"]})

    def _json(self, value: Any) -> None:
        self._head(len(data := json.dumps(value).encode()), "application/json")
        self.wfile.write(data)

    def _file(self, path: Path) -> None:
        self._head(path.stat().st_size, "application/octet-stream")
        with path.open("rb") as file:
            self.connection.sendfile(file)

    def _head(self, length: int, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    @override
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def serve(files: Mapping[str, Path]) -> Iterator[str]:
    """Serve files by the format that a report asks for; yields the address."""
    handler = type("Handler", (_Handler,), {"files": files})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def config_of(url: str, report: Mapping[str, Any], **settings: Any) -> dict[str, Any]:
    """Return the tap's configuration for one of the files; `report` has its format and columns."""
    reports = [{"report_name": NAME, **report}]
    vendor = {"api_url": url, "api_key": "of-no-one", "reports": reports, "poll_interval_seconds": 0.01}
    return {"job_ledger": "off", "second_nature": vendor, **settings}


class Comparison:
    """One shape, read by an ordinary tap and by this one: some rows, and the few that show start-up.

    Args:
        shape: What is read.
        folder: Of the files; what the runs need and leave goes to `runs` in it.
        rows: How many rows each tap reads: the ordinary one, this one.
        vendors: Stops the vendors.
    """

    def __init__(
        self, shape: Shape, folder: Path, rows: tuple[int, int], vendors: contextlib.ExitStack
    ) -> None:
        self.shape = shape
        self._folder = folder
        self._runs = folder / "runs"
        self._runs.mkdir(exist_ok=True)
        self._vendors = vendors
        self._catalog = self._discovered()
        self.ordinary = [self._ordinary(count) for count in (SMALL, rows[0])]
        self.ours = [self._ours(count) for count in (SMALL, rows[1])]

    @property
    def ways(self) -> list[Way]:
        """What is to be measured."""
        return [*self.ordinary, *self.ours]

    def row(self) -> str:
        """Return its row of the table."""
        ordinary, ours = (_steady(*ways) for ways in (self.ordinary, self.ours))
        way = self.ours[1]
        return (
            f"| {self.shape.name} | {ordinary:.1f} | {ours:.2f} | {ordinary / ours:.1f} | "
            f"{max(way.peaks) // 1024:,} | {_path_of(way.said)} |"
        )

    def _ordinary(self, count: int) -> Way:
        path = self.shape.make(self._folder, count)
        config = self._runs / f"ordinary-{path.name}.json"
        settings = {"path": str(path), "columns": self.shape.columns, "is_nested": "nested" in path.name}
        config.write_text(json.dumps(settings), encoding="utf-8")
        command = [sys.executable, "ordinary_tap.py", "--config", str(config)]
        return Way(f"ordinary, {self.shape.name}", count, command)

    def _ours(self, count: int) -> Way:
        tap = TAP if self.shape.compiled else UNCOMPILED
        config = self._config(count, self._batch_config() | self.shape.settings)
        return Way(self.shape.name, count, [*tap, "--config", config, "--catalog", self._catalog])

    def _batch_config(self) -> dict[str, Any]:
        if not self.shape.batch:
            return {}
        encoding = {"format": self.shape.batch}
        if self.shape.batch == "jsonl":
            encoding["compression"] = "gzip"
        return {"batch_config": {"encoding": encoding, "storage": {"root": (self._runs / "out").as_uri()}}}

    def _config(self, count: int, settings: dict[str, Any]) -> str:
        files = {self.shape.format: self.shape.make(self._folder, count)}
        url = self._vendors.enter_context(serve(files))
        report = {
            "format": self.shape.format,
            "columns": dict(self.shape.columns),
            "file": self.shape.options,
        }
        path = self._runs / f"config-{url.rpartition(':')[2]}.json"
        path.write_text(json.dumps(config_of(url, report, **settings)), encoding="utf-8")
        return str(path)

    def _discovered(self) -> str:
        """Return a catalog of the columns, learnt from a small file."""
        command = [*TAP, "--config", self._config(SMALL, {}), "--discover"]
        found = subprocess.run(command, capture_output=True, check=False, cwd=HERE)
        if found.returncode:
            raise SystemExit(f"discovery failed: {found.stderr.decode()[-2000:]}")
        path = self._runs / f"catalog-{self.shape.file}.json"
        path.write_bytes(found.stdout)
        return str(path)


def _steady(small: Way, large: Way) -> float:
    """Return the processor time of a row, in microseconds, without start-up."""
    return max(large.least_cpu - small.least_cpu, 1e-3) / (large.rows - small.rows) * 1e6


def _path_of(said: str) -> str:
    """Return which way the rows took, by the log."""
    for line in said.splitlines():
        before, found, _ = line.partition(" went through Python")
        if found:
            which = before.rpartition(": ")[2]
            return f"C; {which} in Python" if which.endswith("columns") else "Python"
    return "C"
