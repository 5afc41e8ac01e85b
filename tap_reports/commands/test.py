"""`--test`: credentials and access of every configured vendor, with free calls only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_reports.commands import console as tables
from tap_reports.exceptions import CallError, ConfigError, TapReportsError, sentence
from tap_reports.models import Check
from tap_reports.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from tap_reports.sync.run import Run
    from tap_reports.vendor import ReportClient

Found = list[tuple[str, Check]]


def test(run: Run, *, as_json: bool) -> int:
    """Print what the checks found. Returns the exit status: 0 if all is well, else 1."""
    try:
        found = [("postbacks", check) for check in _listening(run)]
        found += [(vendor.name, check) for vendor, _, client in run.vendors() for check in _checked(client)]
    finally:
        run.close()
    if as_json:
        tables.write_json(
            [
                {"vendor": vendor, "check": check.name, "ok": check.ok, "detail": redact(check.detail)}
                for vendor, check in found
            ]
        )
    else:
        tables.show(tables.stdout_console(), _parts(found))
    return 0 if all(check.ok for _, check in found) else 1


def _listening(run: Run) -> Iterator[Check]:
    """Yield whether the vendors' calls can be listened for; it goes on meanwhile, for their test calls."""
    try:
        if address := run.listen():
            yield Check(name="listen", ok=True, detail=f"listens on {address}")
    except ConfigError as error:
        yield Check(name="listen", ok=False, detail=str(error))


def _checked(client: ReportClient) -> Iterator[Check]:
    """Yield a client's checks; a call that does not come through is a check that failed."""
    try:
        yield from client.check()
    except CallError as error:
        yield Check(name="access", ok=False, detail=sentence(str(error), error.remedy))
    except TapReportsError as error:
        yield Check(name="access", ok=False, detail=str(error))


def _parts(found: Found) -> Iterator[RenderableType]:
    rows = [
        [
            vendor,
            check.name,
            tables.cell("ok", "green") if check.ok else tables.cell("failed", "bold red"),
            redact(check.detail),
        ]
        for vendor, check in found
    ]
    yield tables.table(["vendor", "check", "result", "detail"], rows, title="Checks")
    failed = sorted({vendor for vendor, check in found if not check.ok})
    count = sum(not check.ok for _, check in found)
    if failed:
        yield tables.cell(
            f"{count} of {len(found)} checks failed ({', '.join(failed)}): their details say what to do. "
            "Nothing was submitted.",
            "bold red",
        )
    else:
        yield tables.cell(f"All {len(found)} checks are well. Nothing was submitted.", "green")
