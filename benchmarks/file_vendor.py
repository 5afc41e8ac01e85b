"""A vendor that has one finished report per format, from files on disk: Second Nature's API on loopback.

The sandbox makes its data as it is asked; here the vendor must cost next to nothing beside the tap.
"""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from typing_extensions import override

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


@contextmanager
def serve(files: Mapping[str, Path]) -> Iterator[str]:
    """Serve files by the format that a report asks for; yields the address."""
    handler = type("Handler", (_Handler,), {"files": files})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def config(url: str, report: Mapping[str, Any], **settings: Any) -> dict[str, Any]:
    """Return the tap's configuration for one of the files; `report` has its format and columns."""
    reports = [{"report_name": NAME, **report}]
    vendor = {"api_url": url, "api_key": "of-no-one", "reports": reports, "poll_interval_seconds": 0.01}
    return {"job_ledger": "off", "second_nature": vendor, **settings}
