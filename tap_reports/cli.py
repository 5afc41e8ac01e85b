"""The command line: what every SDK tap has, and `--plan`, `--jobs`, `--test` as this tap means them."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import typing as t
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from singer_sdk.plugin_base import _ConfigInput
from typing_extensions import override

from tap_reports.exceptions import ConfigError, TapReportsError
from tap_reports.settings.environment import environment_config, merged, with_numbers
from tap_reports.vendors import all_vendors

if TYPE_CHECKING:
    from singer_sdk import Tap

    from tap_reports.tap import TapReports

    Base = Tap
else:
    Base = object

logger = logging.getLogger("tap-reports")

ENV = "ENV"


class Commands(Base):
    """The tap's command line options; mixed into the tap."""

    @classmethod
    @override
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> _ConfigInput:
        """Merge the files (and the environment, for ENV), later ones over earlier ones, block by block."""
        config: dict[str, Any] = {}
        for name in value:
            config = merged(config, environment_config() if name == ENV else read_object(name, "config"))
        return _ConfigInput(config=with_numbers(config))

    @classmethod
    @override
    def get_singer_command(cls) -> click.Command:
        command = super().get_singer_command()
        command.help = cls.__doc__
        command.params = [param for param in command.params if param.name not in {"about_format", "test"}]
        command.params.extend(
            [
                click.Option(
                    ["--test"],
                    is_flag=True,
                    help="Check credentials and access with free calls; submit nothing.",
                ),
                click.Option(["--plan"], is_flag=True, help="Show what a sync would do now; submit nothing."),
                click.Option(
                    ["--jobs"], is_flag=True, help="List the jobs that the ledger knows, newest first."
                ),
                click.Option(
                    ["--format", "about_format"],
                    type=click.Choice(["text", "json", "markdown", "html"], case_sensitive=False),
                    help="Output style; text and json of all that print, markdown of --about, "
                    "html of --jobs (a timeline).",
                ),
            ]
        )
        for param in command.params:
            if param.name in {"config", "catalog", "state"}:
                # Completed as paths, but read by us: a wrong file gets a sentence, not a traceback.
                param.type = click.Path()
        return command

    @classmethod
    @override
    def print_about(cls, output_format: str | None = None) -> None:
        from tap_reports.settings import about

        if output_format == "json":
            super().print_about("json")
            return
        show = about.as_markdown if output_format == "markdown" else about.as_text
        click.echo(show(cls._get_about_info()))

    @classmethod
    @override
    def invoke(cls, **options: Any) -> None:
        """Do what the options ask for."""
        with _reader():
            cls._answer(**options)

    @classmethod
    @override
    def cb_discover(cls, ctx: click.Context, param: click.Option, value: bool) -> None:
        with _reader():
            super().cb_discover(ctx, param, value)

    @classmethod
    def _answer(
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _ConfigInput | None = None,
        state: str | None = None,
        catalog: str | None = None,
        test: bool = False,
        plan: bool = False,
        jobs: bool = False,
    ) -> None:
        style = (about_format or "text").lower()
        for only, is_asked in (("markdown", about), ("html", jobs and not about)):
            if style == only and not is_asked:
                raise click.UsageError(
                    f"--format {only} goes with {'--about' if only == 'markdown' else '--jobs'}."
                )
        if about:
            cls.print_about(style)
            return
        as_json = style == "json"
        settings = (config or _ConfigInput()).config
        given: dict[str, Any] = {"config": settings}
        make = t.cast("type[TapReports]", cls)
        if test or jobs:
            tap = make(setup_mapper=False, **given)
            if test:
                from tap_reports.commands.test import test as run_checks

                sys.exit(run_checks(tap, as_json=as_json))
            from tap_reports.commands.jobs import jobs as show_jobs

            sys.exit(show_jobs(tap, style))
        given["state"] = read_object(state, "state") if state else None
        given["catalog"] = read_catalog(catalog) if catalog else None
        if plan:
            from tap_reports.commands.plan import plan as show_plan

            tap = make(learn_columns=False, **given)
            sys.exit(show_plan(tap, as_json=as_json))
        cls.print_version(print_fn=cls.logger.info)
        tap = make(**given)
        tap.sync_all()
        sys.exit(tap.outcome.status)


@contextlib.contextmanager
def _reader() -> Iterator[None]:
    """Tell a reader who left as an error of ours: the command line library would end without a word."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise TapReportsError("the reader of the output went away") from error


def read_object(path: str, what: str) -> dict[str, Any]:
    """Return the JSON object in a file.

    Raises:
        ConfigError: No such file, not readable, not JSON, no object.
    """
    try:
        with Path(path).open(encoding="utf-8-sig") as file:
            content = json.load(file)
    except OSError as error:
        raise ConfigError([f"--{what} {path}: can't be read ({error.strerror}); check the path."]) from error
    except ValueError as error:
        hint = (
            "pass only the last line" if what == "state" and "Extra data" in str(error) else "check the file"
        )
        raise ConfigError([f"--{what} {path}: is not JSON ({error}); {hint}."]) from error
    if not isinstance(content, dict):
        raise ConfigError([f"--{what} {path}: must hold a JSON object, not a {type(content).__name__}."])
    if "type" in content and "value" in content and what == "state":
        raise ConfigError([f'--state {path}: is a whole STATE message; pass only its "value".'])
    if (kind := _kind_of(content)) not in {what, ""}:
        raise ConfigError([f"--{what} {path}: is a {kind}, not a {what}; pass it with --{kind} {path}."])
    return content


def _kind_of(content: Mapping[str, Any]) -> str:
    """Return which of the three files a JSON object is; "" where it could be any."""
    marks = {"catalog": {"streams"}, "state": {"bookmarks"}, "config": {"start_date", *all_vendors()}}
    found = [kind for kind, names in marks.items() if names & content.keys()]
    return found[0] if len(found) == 1 else ""


def read_catalog(path: str) -> dict[str, Any]:
    """Return the catalog in a file.

    Raises:
        ConfigError: As `read_object`; or it is no catalog.
    """
    content = read_object(path, "catalog")
    streams = content.get("streams")
    if not isinstance(streams, list) or not all(isinstance(one, dict) and "schema" in one for one in streams):
        raise ConfigError(
            [f'--catalog {path}: is no Singer catalog (no "streams" with schemas); make one with --discover.']
        )
    return content
