"""The command line: the options, which of them go together, and what they start."""

from __future__ import annotations

import datetime as dt
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click
from singer_sdk.plugin_base import SingerCommand

from tap_reports.exceptions import ConfigError, TapReportsError
from tap_reports.settings.formats import DAY, WANTED, day_of
from tap_reports.settings.inputs import Inputs, read_inputs
from tap_reports.sync.mode import Mode
from tap_reports.sync.outcome import Outcome
from tap_reports.sync.record import recorded
from tap_reports.vendors import all_vendors

if TYPE_CHECKING:
    from tap_reports.models import RunOutcome
    from tap_reports.tap import TapReports

logger = logging.getLogger("tap-reports")

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
ALL = "all"
FORMATS = {
    "text": {"about", "plan", "jobs", "test", "submit"},
    "json": {"about", "plan", "jobs", "test", "submit"},
    "markdown": {"about"},
    "html": {"jobs"},
}
"""Which commands print in which style."""
GOES_WITH = {"summary": "", "stream": "jobs", "since": "jobs", "failed": "jobs", "limit": "jobs"}
"""Options that one command alone takes; "" is a sync."""


def options() -> list[click.Parameter]:
    """Return the command line's options, as the help lists them."""

    def flag(name: str, text: str) -> click.Option:
        return click.Option([f"--{name}"], is_flag=True, help=text)

    def path(name: str, text: str, metavar: str = "FILE", **more: Any) -> click.Option:
        # Completed as paths, but read by us: a wrong file gets a sentence, not a traceback.
        return click.Option([f"--{name}"], help=text, metavar=metavar, type=click.Path(), **more)

    vendors = [ALL, *all_vendors()]
    return [
        path("config", "Settings: a JSON file, or ENV for variables. May be repeated.", multiple=True),
        path("catalog", "Selects streams and columns; made with --discover."),
        path("state", "The last STATE message's value; begins after what is in it."),
        path("summary", "With a sync: write a JSON account of the run, also after a failure or a signal."),
        flag(
            "check-config", "Report everything that is wrong with settings, catalog and state; send nothing."
        ),
        flag("test", "Check credentials and access with free calls; submit nothing."),
        flag("discover", "Print the catalog of all streams."),
        flag("plan", "Show what a sync would do now, and whether quotas allow it; submit nothing."),
        flag("submit", "Submit what may be submitted, look once at what runs; wait for nothing."),
        flag("jobs", "List the jobs that the ledger knows, newest first."),
        click.Option(
            ["--stream"], metavar="GLOB", help="With --jobs: only these streams, such as 'impact_*'."
        ),
        click.Option(
            ["--since"],
            metavar="DATE",
            callback=_instant,
            help="With --jobs: only jobs submitted, and runs started, from then on (UTC).",
        ),
        flag("failed", "With --jobs: only jobs that failed, or whose stream failed, and runs that failed."),
        click.Option(
            ["--limit"],
            metavar="N",
            type=click.IntRange(min=1),
            help="With --jobs: at most so many. Default: 50 as text, 1,000 in a page, all as JSON.",
        ),
        click.Option(
            ["--about"],
            is_flag=False,
            flag_value=ALL,
            type=click.Choice(vendors, case_sensitive=False),
            metavar="[VENDOR]",
            help="Describe all settings, or those of one vendor.",
        ),
        click.Option(
            ["--format", "style"],
            type=click.Choice(list(FORMATS), case_sensitive=False),
            help="Output style: text or json; markdown of --about, html of --jobs (a timeline).",
        ),
        path("record", "With any command: write the vendors' calls to a HAR file that can be shown."),
        flag("version", "Print the version."),
    ]


def command(tap: type[TapReports]) -> click.Command:
    """Return the command line of a tap."""

    def run(*, record: str | None, **given: Any) -> None:
        with _reader(), recorded(record, tap.plugin_version):
            sys.exit(answer(tap, **given))

    return SingerCommand(
        name=tap.name,
        callback=run,
        params=options(),
        help=tap.__doc__,
        epilog=EPILOG,
        context_settings={"help_option_names": ["-h", "--help"]},
        logger=tap.logger,
    )


def answer(tap: type[TapReports], *, style: str | None, summary: str | None, **given: Any) -> int:
    """Do what the options ask for. Returns the exit status.

    Raises:
        UsageError: Options that do not go together.
    """
    given["summary"] = summary
    wanted = _one_command(given)
    allowed = [(f"--{name}", {its_command}) for name, its_command in GOES_WITH.items() if given[name]]
    allowed += [(f"--format {style}", FORMATS[style])] if style else []
    for option, commands in allowed:
        if wanted not in commands:
            names = ", ".join(map(_option, sorted(commands)))
            raise click.UsageError(f"{option} goes with {names}, not with {_option(wanted)}.")
    if wanted == "version":
        tap.print_version(print_fn=click.echo)
        return 0
    if wanted == "about":
        from tap_reports.settings.about import print_about

        vendor = given["about"].lower()
        print_about(tap, None if vendor == ALL else vendor, style or "text")
        return 0
    inputs = read_inputs(given["config"], given["catalog"], given["state"])
    if inputs.config is None:
        raise ConfigError(inputs.errors)
    if not wanted:
        return _sync(tap, inputs, summary)
    if wanted == "jobs":
        from tap_reports.commands.jobs import jobs

        chosen = {name: given[name] for name, its_command in GOES_WITH.items() if its_command == "jobs"}
        return jobs(tap.of(Mode.ASK, inputs).run, style or "text", **chosen)
    return _with_inputs(tap, wanted, inputs, style or "text")


def _with_inputs(tap: type[TapReports], wanted: str, inputs: Inputs, style: str) -> int:
    as_json = style == "json"
    match wanted:
        case "check_config":
            from tap_reports.commands.check_config import show_valid

            made = tap.of(Mode.CHECK, inputs)
            if inputs.catalog:
                made.setup_mapper()
                made.selected_streams()
            return show_valid(made.settings)
        case "discover":
            tap.of(Mode.DISCOVER, inputs).run_discovery()
            return 0
        case "test":
            from tap_reports.commands.test import test

            made = tap.of(Mode.ASK, inputs)
            once = replace(made.settings.retry_policy, max_retries=0)  # somebody waits for the answer
            made.settings = replace(made.settings, retry_policy=once)
            return test(made.run, as_json=as_json)
        case "plan":
            from tap_reports.commands.plan import plan

            made = tap.of(Mode.PLAN, inputs)
            return plan(made.run, made.selected_streams(), as_json=as_json)
        case "submit":
            from tap_reports.commands.submit import submit

            made = tap.of(Mode.SUBMIT, inputs)
            return submit(made.run, made.selected_streams(), as_json=as_json)
    raise click.UsageError(f"--{wanted} is not known.")


def _sync(tap: type[TapReports], inputs: Inputs, summary: str | None) -> int:
    from tap_reports.commands.summary import summarised

    tap.print_version(print_fn=tap.logger.info)
    outcome = Outcome()
    made: list[TapReports] = []

    def facts(status: int) -> tuple[RunOutcome, Mapping[str, Any]]:
        if made:
            return made[0].account, made[0].state
        outcome.status_of_error = status
        return outcome.of_run(None, (), tap.plugin_version), inputs.state or {}

    with summarised(summary, facts) if summary else nullcontext():
        made.append(tap.of(Mode.SYNC, inputs, outcome))
        made[0].sync_all()
    return outcome.status


def _one_command(given: Mapping[str, Any]) -> str:
    """Return the command that is asked for; "" for a sync."""
    names = ("check_config", "test", "discover", "plan", "submit", "jobs", "about", "version")
    asked = [name for name in names if given.get(name)]
    if len(asked) > 1:
        raise click.UsageError(
            f"{_option(asked[0])} and {_option(asked[1])} are two commands; give one of them."
        )
    return asked[0] if asked else ""


def _option(command: str) -> str:
    return f"--{command.replace('_', '-')}" if command else "a sync"


def _instant(_context: click.Context, _option: click.Parameter, text: str | None) -> dt.datetime | None:
    """Return the instant that a day or a time names; without an offset it is in UTC."""
    if text is None:
        return None
    if day_of(text) is None:
        raise click.BadParameter(f'{WANTED[DAY]}, not "{text}".')
    moment = dt.datetime.fromisoformat(text.strip())
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


@contextmanager
def _reader() -> Iterator[None]:
    """Report a closed output as an error of ours: click would exit without a message."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise TapReportsError("the reader of the output went away") from error
