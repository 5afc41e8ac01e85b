"""The command line: the options, which of them go together, and what they start."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click
from singer_sdk.plugin_base import SingerCommand

from tap_reports.exceptions import ConfigError, TapReportsError
from tap_reports.settings.inputs import Inputs, read_inputs
from tap_reports.sync.mode import Mode
from tap_reports.sync.outcome import Outcome
from tap_reports.sync.record import recorded
from tap_reports.vendors import all_vendors

if TYPE_CHECKING:
    from tap_reports.models import RunOutcome
    from tap_reports.tap import TapReports

logger = logging.getLogger("tap-reports")

DOCS = "https://github.com/tap-reports/tap-reports#readme"
EPILOG = f"""\b
Examples:
  tap-reports --config config.json --check-config
  tap-reports --config config.json --test
  tap-reports --config config.json --config=ENV --discover > catalog.json
  tap-reports --config config.json --catalog catalog.json --plan
  tap-reports --config config.json --catalog catalog.json --state state.json
  tap-reports --about impact

Settings: tap-reports --about. Documentation: {DOCS}
"""
ALL = "all"
FORMATS = {
    "text": {"about", "plan", "jobs", "test", "submit"},
    "json": {"about", "plan", "jobs", "test", "submit"},
    "markdown": {"about"},
    "html": {"jobs"},
}
"""Which commands print in which style."""
NOT_A_FLAG = {"about"}


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
    wanted = _one_command(given)
    if style and wanted not in FORMATS[style]:
        raise click.UsageError(_goes_with("--format", style, sorted(FORMATS[style])))
    if summary and wanted:
        raise click.UsageError(f"--summary goes with a sync, not with --{wanted.replace('_', '-')}.")
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
    return _with_inputs(tap, wanted, inputs, style or "text") if wanted else _sync(tap, inputs, summary)


def _with_inputs(tap: type[TapReports], wanted: str, inputs: Inputs, style: str) -> int:
    as_json = style == "json"
    match wanted:
        case "check_config":
            from tap_reports.commands.check_config import show_right

            made = tap.of(Mode.CHECK, inputs)
            if inputs.catalog:
                made.setup_mapper()
                made.selected_streams()
            return show_right(made.settings)
        case "discover":
            tap.of(Mode.DISCOVER, inputs).run_discovery()
            return 0
        case "test":
            from tap_reports.commands.test import test

            made = tap.of(Mode.ASK, inputs)
            retries = replace(made.settings.retry_policy, max_retries=0)  # somebody waits for the answer
            made.settings = replace(made.settings, retry_policy=retries)
            return test(made.run, as_json=as_json)
        case "jobs":
            from tap_reports.commands.jobs import jobs

            return jobs(tap.of(Mode.ASK, inputs).run, style)
        case "plan" | "submit":
            made = tap.of(Mode[wanted.upper()], inputs)
            return _streams_command(wanted)(made.run, made.selected_streams(), as_json=as_json)
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


def _streams_command(wanted: str) -> Callable[..., int]:
    if wanted == "plan":
        from tap_reports.commands.plan import plan

        return plan
    from tap_reports.commands.submit import submit

    return submit


def _one_command(given: Mapping[str, Any]) -> str:
    """Return the command that is asked for; "" for a sync."""
    names = ("check_config", "test", "discover", "plan", "submit", "jobs", "about", "version")
    asked = [name for name in names if given.get(name)]
    if len(asked) > 1:
        first, second = (f"--{name.replace('_', '-')}" for name in asked[:2])
        raise click.UsageError(f"{first} and {second} are two commands; give one of them.")
    return asked[0] if asked else ""


def _goes_with(option: str, value: str, commands: list[str]) -> str:
    return f"{option} {value} goes with {', '.join(f'--{name}' for name in commands)}."


@contextmanager
def _reader() -> Iterator[None]:
    """Tell a reader who left as an error of ours: the command line library would end without a word."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise TapReportsError("the reader of the output went away") from error
