"""`--test`: credentials and access of every configured vendor, with free calls only."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies, select_proxy

from tap_reports.console import output
from tap_reports.exceptions import CallError, ConfigError, TapReportsError
from tap_reports.models import Check
from tap_reports.redaction import redact
from tap_reports.wording import number_of, with_remedy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from tap_reports.client import ReportClient
    from tap_reports.sync.run import Run

CONNECT_SECONDS = 5.0
"""Longest time for the first connection to a vendor."""

Results = list[tuple[str, Check]]
"""Each vendor's checks."""


def test(run: Run, *, as_json: bool) -> int:
    """Print what the checks found. Returns the exit status: 0 if all is well, else 1."""
    results = [("postbacks", check) for check in _check_listener(run)]
    with ThreadPoolExecutor(len(run.vendors)) as pool:  # a vendor that does not answer delays no other
        checks_of_clients = pool.map(_check_client, [client for _, client in run.vendors])
        for (vendor, _), checks in zip(run.vendors, checks_of_clients, strict=True):
            results += [(vendor.name, check) for check in checks]
    if as_json:
        output.write_json(
            [
                {"vendor": vendor, "check": check.name, "ok": check.ok, "detail": redact(check.detail)}
                for vendor, check in results
            ]
        )
    else:
        output.show(_lines(results))
    return 0 if all(check.ok for _, check in results) else 1


def _check_listener(run: Run) -> Iterator[Check]:
    """Yield whether the postback address can be used; it stays open during the checks, for test calls."""
    try:
        if address := run.listen():
            yield Check(name="listen", ok=True, detail=f"listens on {address}")
    except ConfigError as error:
        yield Check(name="listen", ok=False, detail=str(error))


def _check_client(client: ReportClient) -> list[Check]:
    """Return a client's checks; a call that fails is a failed check."""
    return list(_checks(client))


def _checks(client: ReportClient) -> Iterator[Check]:
    if why := _unreachable(client.config.api_url):
        yield Check(name="network", ok=False, detail=why)
        return
    try:
        yield from client.check()
    except CallError as error:
        yield Check(name="access", ok=False, detail=with_remedy(str(error), error.remedy))
    except TapReportsError as error:
        yield Check(name="access", ok=False, detail=str(error))


def _unreachable(api_url: str) -> str:
    """Return why no connection to an address, or to its proxy, is possible; "" if it is."""
    proxy = select_proxy(api_url, get_environ_proxies(api_url))
    try:
        parts = urlsplit(proxy or api_url)
        host, port = parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443)
    except ValueError:
        return "the proxy's address is not a URL. Correct HTTPS_PROXY or HTTP_PROXY."
    try:
        socket.create_connection((host, port), CONNECT_SECONDS).close()
    except OSError as error:
        through = "the proxy " if proxy else ""
        return (
            f"{through}{host}:{port} can't be reached: {error.strerror or error}. "
            "Check the network, the proxy and api_url."
        )
    return ""


def _lines(results: Results) -> Iterator[RenderableType]:
    rows = [
        [
            vendor,
            check.name,
            output.cell("ok", "green") if check.ok else output.cell("failed", "bold red"),
            redact(check.detail),
        ]
        for vendor, check in results
    ]
    yield output.table(["vendor", "check", "result", "detail"], rows, title="Checks")
    failed = sorted({vendor for vendor, check in results if not check.ok})
    count, bad = len(results), sum(not check.ok for _, check in results)
    if failed:
        yield output.cell(
            f"{bad} of {number_of(count, 'check')} failed ({', '.join(failed)}): their details say what to "
            "do. Nothing was submitted.",
            "bold red",
        )
    else:
        checks = "The check" if count == 1 else f"All {count} checks"
        yield output.cell(f"{checks} passed. Nothing was submitted.", "green")
