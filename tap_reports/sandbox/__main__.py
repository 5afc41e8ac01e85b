"""`tap-reports-sandbox`: starts the sandbox, or prints a config for it."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import json
import signal
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from tap_reports.exceptions import CONFIGURATION_IS_WRONG
from tap_reports.sandbox.app import Sandbox
from tap_reports.sandbox.config import tap_config
from tap_reports.sandbox.options import Accounts, Options, Postback, Switch
from tap_reports.sandbox.replay import NoRecordingError, Recording
from tap_reports.sandbox.server import Origin
from tap_reports.sandbox.shared import Shared

LEDGER = {"job_ledger": "sandbox-jobs.sqlite"}
"""A ledger of its own: the sandbox's jobs do not belong among the real ones."""

LISTED = {"rows", "seed", "speed", "delay", "today", "restated_days", "account_type", "postback", "switches"}
MORE = sorted(field.name for field in dataclasses.fields(Options) if field.name not in LISTED)
"""Fields of `Options` that have no option of their own: all are numbers."""
PORT, FILE = click.IntRange(0, 65535), click.Path(dir_okay=False, path_type=Path)
STORAGE = "Port of the cloud storage, another origin; 0: a free one."
REPLAY = "Serve the calls of a recording (tap-reports --record FILE) instead."
SET = f"NAME=VALUE of: {', '.join(MORE)}."


def _settings(_context: click.Context, _parameter: click.Parameter, values: Iterable[str]) -> dict[str, Any]:
    """Return `--set NAME=VALUE` as fields of `Options`."""
    options: dict[str, Any] = {}
    for value in values:
        name, _, text = value.partition("=")
        if name not in MORE:
            raise click.BadParameter(f"{name} is none of {', '.join(MORE)}")
        try:
            options[name] = int(text) if text.isdecimal() else float(text)
        except ValueError as error:
            raise click.BadParameter(f"{name} must be a number, not {text!r}") from error
    return options


def _faults(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Any:
    """Return faults given as JSON or as the name of a file with JSON."""
    if not value:
        return []
    try:
        is_json = value.lstrip()[:1] in {"[", "{"}
        return json.loads(value if is_json else Path(value).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise click.BadParameter(str(error)) from error


@click.command(context_settings={"show_default": True})
@click.version_option(package_name="tap-reports")
@click.option("--port", type=PORT, default=8765, help="Port of the APIs; 0: a free one.")
@click.option("--downloads-origin", "downloads_port", type=PORT, default=0, help=STORAGE)
@click.option("--print-config", is_flag=True, help="Print a tap config for the port and exit.")
@click.option("--config-file", type=FILE, help="Write the config at start.")
@click.option("--rows", type=click.IntRange(0), default=10, help="Rows a day (dated) or a sheet (snapshot).")
@click.option("--seed", default=1, help="Another seed makes other values.")
@click.option("--speed", type=click.FloatRange(0, min_open=True), default=1.0, help="Divides all delays.")
@click.option("--delay", type=click.FloatRange(0), default=5.0, help="Seconds that a job takes.")
@click.option("--today", type=click.DateTime(["%Y-%m-%d"]), help="Current date; default: the real one.")
@click.option("--restated-days", type=click.IntRange(0), default=0, help="Last days that each run changes.")
@click.option("--account-type", type=click.Choice(["brand", "partner", "agency"]), default="partner")
@click.option("--switch", "switches", multiple=True, type=click.Choice([item.value for item in Switch]))
@click.option("--postback-url", help="Where impact.com's job-completion calls go (loopback).")
@click.option("--postback-method", type=click.Choice(["GET", "POST"]), default="GET")
@click.option("--postback-parameter", default="JobId", help="Name under which they send the job id.")
@click.option("--faults", callback=_faults, help="Faults at the start: JSON, or a file of it.")
@click.option("--replay", type=FILE, help=REPLAY)
@click.option("--set", "more", multiple=True, callback=_settings, help=SET)
def main(**given: Any) -> None:
    """Serve the four vendors' APIs on this machine, with generated data."""
    options = _options(given)
    port = given["port"]
    if given["replay"]:
        _replay(given["replay"], port)
        return
    if given["print_config"]:
        if not port:
            raise click.UsageError("--print-config needs a --port other than 0; or use --config-file")
        today = options.today or dt.datetime.now(dt.UTC).date()
        config = tap_config(f"http://127.0.0.1:{port}", options, today, Accounts())
        click.echo(json.dumps(LEDGER | config, indent=2))
        return
    with _listening(port, given["downloads_port"]):
        sandbox = Sandbox(options, port=port, downloads_port=given["downloads_port"])
    with sandbox:
        try:
            sandbox.faults.add_json(given["faults"])
        except ValueError as error:
            raise click.ClickException(str(error)) from error
        if given["config_file"]:
            text = json.dumps(LEDGER | sandbox.config(), indent=2)
            given["config_file"].write_text(text + "\n", encoding="utf-8")
        _serve(f"listening on {sandbox.url}", f"downloads on {sandbox.downloads_url}")


class _Wrong(click.ClickException):
    exit_code = CONFIGURATION_IS_WRONG


def _replay(path: Path, port: int) -> None:
    """Serve a recording until SIGINT or SIGTERM."""
    try:
        recording = Recording.read(path)
    except NoRecordingError as error:
        raise _Wrong(str(error)) from error
    with _listening(port):
        origin = Origin(port, recording.routes(), Shared(Options()), [])
    recording.origin = origin.url
    origin.start()
    try:
        _serve(f"listening on {origin.url}", f"replaying {len(recording.takes)} calls of {path}")
    finally:
        origin.stop()


@contextlib.contextmanager
def _listening(*ports: int) -> Iterator[None]:
    """Say which ports the block could not listen on."""
    try:
        yield
    except OSError as error:
        named = " or ".join(str(port) for port in ports if port)
        raise click.ClickException(
            f"Port {named} can't be listened on ({error.strerror}): another program has it, maybe another "
            "sandbox. Choose another one with --port (0: a free one), or end that program."
        ) from error


def _options(given: dict[str, Any]) -> Options:
    today, url = given["today"], given["postback_url"]
    return Options(
        **{name: given[name] for name in ("rows", "seed", "speed", "delay", "restated_days", "account_type")},
        today=today.date() if today else None,
        switches=frozenset(Switch(name) for name in given["switches"]),
        postback=Postback(url, given["postback_method"], given["postback_parameter"]) if url else None,
        **given["more"],
    )


def _serve(*lines: str) -> None:
    """Say what is served, and wait for SIGINT or SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    for line in lines:
        click.echo(line)
    stop.wait()


if __name__ == "__main__":
    main()
