"""The commands: each one's name, help and options, and the function that runs it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click

from tap_reports.settings.inputs import Inputs, read_inputs
from tap_reports.sync.mode import Mode
from tap_reports.sync.outcome import Outcome
from tap_reports.wording import number_of

if TYPE_CHECKING:
    from tap_reports.models import RunOutcome
    from tap_reports.tap import TapReports

ALL = "all"


@dataclass(frozen=True)
class Invocation:
    """A command line: the tap's class, the options' values by name, and the output style ("": not given)."""

    tap: type[TapReports]
    options: Mapping[str, Any]
    style: str

    @property
    def as_json(self) -> bool:
        """Whether the output is JSON."""
        return self.style == "json"

    @cached_property
    def inputs(self) -> Inputs:
        """Settings, catalog and state."""
        return read_inputs(*(self.options[name] for name in ("config", "catalog", "state")))

    def make_tap(self, mode: Mode, outcome: Outcome | None = None) -> TapReports:
        """Return the tap for a command.

        Raises:
            ConfigError: Naming every mistake.
        """
        inputs = self.inputs
        return self.tap(
            mode=mode,
            config=inputs.config,
            catalog=inputs.catalog,
            state=inputs.state,
            errors=inputs.errors,
            outcome=outcome,
            waits_for_columns=mode is not Mode.SYNC,
        )


def _check_config(call: Invocation) -> int:
    from tap_reports.console.output import write

    tap = call.make_tap(Mode.CHECK)
    if call.inputs.catalog:
        tap.setup_mapper()
        tap.selected_streams()
    blocks = []
    for block in tap.settings.vendors:
        reports = "all its reports" if block.reports is None else number_of(len(block.reports), "report")
        blocks.append(f"{block.name} ({reports})")
    write(f"The configuration is valid: {', '.join(blocks)}. Nothing was sent.")
    return 0


def _test(call: Invocation) -> int:
    from tap_reports.commands.test import test

    with closing(call.make_tap(Mode.ASK)) as tap:
        no_retries = replace(tap.settings.retry_policy, max_retries=0)  # a person waits for the answer
        tap.settings = replace(tap.settings, retry_policy=no_retries)
        return test(tap.run, as_json=call.as_json)


def _discover(call: Invocation) -> int:
    call.make_tap(Mode.DISCOVER).run_discovery()
    return 0


def _plan(call: Invocation) -> int:
    from tap_reports.commands.plan import plan

    with closing(call.make_tap(Mode.PLAN)) as tap:
        return plan(tap.run, tap.selected_streams(), as_json=call.as_json)


def _submit(call: Invocation) -> int:
    from tap_reports.commands.submit import submit

    with closing(call.make_tap(Mode.SUBMIT)) as tap:
        return submit(tap.run, tap.selected_streams(), as_json=call.as_json)


def _jobs(call: Invocation) -> int:
    from tap_reports.commands.jobs import jobs

    chosen = {name: call.options[name] for name in COMMANDS["jobs"].options}
    with closing(call.make_tap(Mode.ASK)) as tap:
        return jobs(tap.run, call.style or "text", **chosen)


def _about(call: Invocation) -> int:
    from tap_reports.settings.about import print_about

    vendor = call.options["about"].lower()
    print_about(call.tap, None if vendor == ALL else vendor, call.style or "text")
    return 0


def _version(call: Invocation) -> int:
    call.tap.print_version(print_fn=click.echo)
    return 0


def _sync(call: Invocation) -> int:
    from tap_reports.commands.summary import writing_summary

    tap, inputs, summary = call.tap, call.inputs, call.options["summary"]
    tap.print_version(print_fn=tap.logger.info)
    outcome = Outcome()
    made: list[TapReports] = []

    def facts(status: int) -> tuple[RunOutcome, Mapping[str, Any]]:
        if made:
            return made[0].run_outcome(), made[0].state
        outcome.error_status = status
        return outcome.run_outcome(None, (), tap.plugin_version), inputs.state or {}

    with writing_summary(summary, facts) if summary else nullcontext():
        made.append(call.make_tap(Mode.SYNC, outcome))
        made[0].sync_all()
    return outcome.exit_status


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        start: Runs it. Returns the exit status.
        help: What it does; "" for a sync, which has no option of its own.
        styles: The values of `--format` that it takes.
        options: The options that only it takes.
    """

    start: Callable[[Invocation], int]
    help: str = ""
    styles: Collection[str] = ()
    options: Collection[str] = ()


COMMANDS = {
    "": Command(_sync, options=["summary"]),
    "check_config": Command(
        _check_config, "Report everything that is wrong with settings, catalog and state; send nothing."
    ),
    "test": Command(_test, "Check credentials and access with free calls; submit nothing.", ["text", "json"]),
    "discover": Command(_discover, "Print the catalog of all streams."),
    "plan": Command(
        _plan,
        "Show what a sync would do now, and whether quotas allow it; submit nothing.",
        ["text", "json"],
    ),
    "submit": Command(
        _submit, "Submit what may be submitted, look once at what runs; wait for nothing.", ["text", "json"]
    ),
    "jobs": Command(
        _jobs,
        "List the jobs that the ledger knows, newest first.",
        ["text", "json", "html"],
        ["stream", "since", "failed", "limit"],
    ),
    "about": Command(_about, "Describe all settings, or those of one vendor.", ["text", "json", "markdown"]),
    "version": Command(_version, "Print the version."),
}
