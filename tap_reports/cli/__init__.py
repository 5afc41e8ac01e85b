"""The command line: the options, and which of them go together."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from singer_sdk.plugin_base import SingerCommand

from tap_reports.cli.commands import ALL, COMMANDS, Command, Invocation
from tap_reports.exceptions import OUTPUT_CLOSED, TapReportsError
from tap_reports.settings.formats import DAY, FORMATS, day_of
from tap_reports.vendors import all_vendors

if TYPE_CHECKING:
    from tap_reports.tap import TapReports

EPILOG = """\b
Examples:
  tap-reports --config config.json --check-config
  tap-reports --config config.json --test
  tap-reports --config config.json --config=ENV --discover > catalog.json
  tap-reports --config config.json --catalog catalog.json --plan
  tap-reports --config config.json --catalog catalog.json --state state.json
  tap-reports --config config.json --jobs --failed --stream 'impact_*'
  tap-reports --about impact

\b
Settings: tap-reports --about
Documentation: https://github.com/tap-reports/tap-reports#readme
"""


def options() -> list[click.Parameter]:
    """Return the command line's options, as the help lists them."""
    return [
        _path("config", "Settings: a JSON file, or ENV for variables. May be repeated.", multiple=True),
        _path("catalog", "Selects streams and columns; made with --discover."),
        _path("state", "The last STATE message's value; begins after what is in it."),
        *(_command_option(name, command.help) for name, command in COMMANDS.items() if name),
        _path("summary", "With a sync: write a JSON account of the run, also after a failure or a signal."),
        _option("stream", "With --jobs: only these streams, such as 'impact_*'.", metavar="GLOB"),
        _option(
            "since",
            "With --jobs: only jobs submitted, and runs started, from then on (UTC).",
            metavar="DATE",
            callback=_instant,
        ),
        _option(
            "failed",
            "With --jobs: only jobs that failed, or whose stream failed, and runs that failed.",
            is_flag=True,
        ),
        _option(
            "limit",
            "With --jobs: show at most N. Default: 50 as text, 1,000 in a page, all as JSON.",
            metavar="N",
            type=click.IntRange(min=1),
        ),
        click.Option(
            ["--format", "style"],
            type=click.Choice(["text", "json", "markdown", "html"], case_sensitive=False),
            help="Output style: text or json; markdown of --about, html of --jobs (a timeline).",
        ),
        _path(
            "record",
            "With any command: write the vendors' calls to a HAR file without secrets, safe to share.",
        ),
    ]


def _option(name: str, text: str, **more: Any) -> click.Option:
    return click.Option([_shown(name)], help=text, **more)


def _path(name: str, text: str, **more: Any) -> click.Option:
    # Only completed as a path: `inputs` reads the file, and has better messages.
    return _option(name, text, metavar="FILE", type=click.Path(), **more)


def _command_option(name: str, text: str) -> click.Option:
    if name != "about":
        return _option(name, text, is_flag=True)
    vendors = click.Choice([ALL, *all_vendors()], case_sensitive=False)
    return _option(name, text, is_flag=False, flag_value=ALL, type=vendors, metavar="[VENDOR]")


def command(tap: type[TapReports]) -> click.Command:
    """Return the command line of a tap."""

    def run(*, record: str | None, style: str | None, **given: Any) -> None:
        chosen = _chosen(given, style)
        with _reporting_closed_output(), _recorded(record, tap.plugin_version):
            sys.exit(chosen.start(Invocation(tap, given, style or "")))

    return SingerCommand(
        name=tap.name,
        callback=run,
        params=options(),
        help=tap.__doc__,
        epilog=EPILOG,
        context_settings={"help_option_names": ["-h", "--help"]},
        logger=tap.logger,
    )


def _chosen(given: Mapping[str, Any], style: str | None) -> Command:
    """Return the chosen command.

    Raises:
        UsageError: Options that can't be combined.
    """
    names = [name for name in COMMANDS if given.get(name)] or [""]
    if len(names) > 1:
        first, second, *_ = map(_shown, names)
        raise click.UsageError(f"{first} and {second} are two commands; give one of them.")
    chosen = names[0]
    allowed = {
        _shown(option): [name]
        for name, command_ in COMMANDS.items()
        for option in command_.options
        if given[option]
    }
    if style:
        allowed[f"--format {style}"] = [
            name for name, command_ in COMMANDS.items() if style in command_.styles
        ]
    for option, commands in allowed.items():
        if chosen not in commands:
            goes_with = ", ".join(map(_shown, sorted(commands)))
            raise click.UsageError(f"{option} goes with {goes_with}, not with {_shown(chosen)}.")
    return COMMANDS[chosen]


def _shown(option: str) -> str:
    """Return an option as it is written on the command line; "" is a sync."""
    return f"--{option.replace('_', '-')}" if option else "a sync"


def _instant(_context: click.Context, _option: click.Parameter, text: str | None) -> dt.datetime | None:
    """Return the instant of a day or a time; without an offset in UTC."""
    if text is None:
        return None
    if day_of(text) is None:
        raise click.BadParameter(f'{FORMATS[DAY].wanted}, not "{text}".')
    moment = dt.datetime.fromisoformat(text.strip())
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _recorded(path: str | None, version: str) -> AbstractContextManager[None]:
    """Return a context that records all calls to a file, or none without a path."""
    if not path:
        return nullcontext()
    from tap_reports.commands.record import recorded

    return recorded(Path(path), version)


@contextmanager
def _reporting_closed_output() -> Iterator[None]:
    """Report a closed output; click would exit without a message."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise TapReportsError(OUTPUT_CLOSED) from error
