"""Other tools over the same file, as their documentation says: `others.py dlt|airbyte file.csv`.

They are measured where they are installed; nothing here needs them.
"""

from __future__ import annotations

import csv
import functools
import http.server
import logging
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data import COLUMNS

MODULES = {"dlt": "dlt", "airbyte": "airbyte_cdk"}
STREAM = {"name": "report", "json_schema": {}, "supported_sync_modes": ["full_refresh"]}
CATALOG = {"streams": [{"stream": STREAM, "sync_mode": "full_refresh", "destination_sync_mode": "append"}]}


def installed(python: str, name: str) -> bool:
    """Tell whether a Python has a tool."""
    look = f"import importlib.util as u, sys; sys.exit(u.find_spec({MODULES[name]!r}) is None)"
    return subprocess.run([python, "-c", look], check=False).returncode == 0


def run_dlt(path: Path) -> None:
    """Load dicts into files of JSON lines."""
    import dlt

    casts = {header: {"integer": int, "number": float}.get(kind, str) for header, kind in COLUMNS}

    @dlt.resource(name="report")
    def report() -> Iterator[dict[str, Any]]:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                yield {name: casts[name](cell) if cell else None for name, cell in row.items()}

    with tempfile.TemporaryDirectory() as folder:
        target = dlt.destinations.filesystem(Path(folder, "out").as_uri())
        pipeline = dlt.pipeline("bench", pipelines_dir=folder, destination=target, dataset_name="bench")
        pipeline.run(report(), loader_file_format="jsonl")


def run_airbyte(path: Path) -> None:
    """Read a CSV over HTTP with a declarative source; its texts stay texts."""
    import orjson
    from airbyte_cdk.models import AirbyteMessageSerializer, ConfiguredAirbyteCatalogSerializer
    from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource

    handler = functools.partial(_Quiet, directory=str(path.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        configured = ConfiguredAirbyteCatalogSerializer.load(CATALOG)
        manifest = _manifest(f"http://127.0.0.1:{server.server_port}", path.name)
        source = ConcurrentDeclarativeSource(catalog=configured, config={}, state=[], source_config=manifest)
        for message in source.read(logging.getLogger("airbyte"), {}, configured, []):
            sys.stdout.buffer.write(orjson.dumps(AirbyteMessageSerializer.dump(message)) + b"\n")
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def _manifest(url: str, path: str) -> dict[str, Any]:
    return {
        "version": "6.0.0",
        "type": "DeclarativeSource",
        "check": {"type": "CheckStream", "stream_names": ["report"]},
        "streams": [
            {
                "type": "DeclarativeStream",
                "name": "report",
                "primary_key": [],
                "retriever": {
                    "type": "SimpleRetriever",
                    "requester": {"type": "HttpRequester", "url_base": url, "path": path},
                    "record_selector": {
                        "type": "RecordSelector",
                        "extractor": {"type": "DpathExtractor", "field_path": []},
                    },
                    "decoder": {"type": "CsvDecoder", "delimiter": ",", "encoding": "utf-8"},
                },
                "schema_loader": {
                    "type": "InlineSchemaLoader",
                    "schema": {
                        "type": "object",
                        "properties": {header: {"type": ["string", "null"]} for header, _ in COLUMNS},
                    },
                },
            }
        ],
        "spec": {"type": "Spec", "connection_specification": {"type": "object", "properties": {}}},
    }


if __name__ == "__main__":
    {"dlt": run_dlt, "airbyte": run_airbyte}[sys.argv[1]](Path(sys.argv[2]))
