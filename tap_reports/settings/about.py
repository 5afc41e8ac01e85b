"""`--about` as text: the settings by group, each with its meaning, its default and its variable."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
from singer_sdk.about import AboutFormatter

from tap_reports.settings.schema import Schema, SettingPath, types_of, walk
from tap_reports.settings.top_level import TOP_LEVEL
from tap_reports.vendors import all_vendors

if TYPE_CHECKING:
    from singer_sdk import Tap
    from singer_sdk.about import AboutInfo

WIDTH = 100
TYPES = {"string": "text", "array": "list"}
SDK_GROUP = "Of every tap built with the Meltano SDK"
MAX_DEPTH = 3
"""All vendors together are listed down to a report's settings; one vendor's are listed whole."""


def print_about(tap: type[Tap], vendor: str | None, style: str) -> None:
    """Print what `--about` asks for: all settings, or one vendor's block. JSON and Markdown are the SDK's."""
    info = tap._get_about_info()  # noqa: SLF001
    if vendor:
        info.settings = {**info.settings, "properties": {vendor: info.settings["properties"][vendor]}}
    if style == "text":
        click.echo(as_text(info, max_depth=None if vendor else MAX_DEPTH))
    else:
        click.echo(AboutFormatter.get_formatter(style).format_about(info))


def as_text(info: AboutInfo, *, max_depth: int | None = MAX_DEPTH) -> str:
    """Return the text."""
    width = min(WIDTH, shutil.get_terminal_size().columns) if sys.stdout.isatty() else WIDTH
    lines = [
        f"{info.name} {info.version} (Meltano SDK {info.sdk_version})",
        (info.description or "").strip(),
        "",
        f"Python: {', '.join(info.supported_python_versions or ())}",
        *_wrapped(f"Capabilities: {', '.join(map(str, info.capabilities))}", width),
        "",
        *_wrapped(
            "Settings are given by --config FILE (JSON, may be repeated), or with --config=ENV by the "
            "variables named in square brackets. Secrets are better off there.",
            width,
        ),
    ]
    for title, settings in groups(info, max_depth).items():
        lines += ["", title, "-" * len(title)]
        for setting in settings:
            lines += _setting_lines(setting, width)
    return "\n".join(lines)


def groups(info: AboutInfo, max_depth: int | None = MAX_DEPTH) -> dict[str, list[SettingPath]]:
    """Return the settings by heading: the top level, each vendor's block, those of the SDK."""
    top = {setting.name for setting in TOP_LEVEL}
    titles = {name: f"{vendor.title} ({name})" for name, vendor in all_vendors().items()}
    headings = ("Top level", *titles.values(), SDK_GROUP)
    by_heading: dict[str, list[SettingPath]] = {heading: [] for heading in headings}
    for setting in walk(info.settings):
        if setting.name in titles or (max_depth and len(setting.path) > max_depth):
            continue  # a vendor's block is described by its settings
        first = setting.path[0]
        by_heading["Top level" if first in top else titles.get(first, SDK_GROUP)].append(setting)
    return {title: settings for title, settings in by_heading.items() if settings}


def _setting_lines(setting: SettingPath, width: int) -> Iterator[str]:
    facts = [_type_words(setting.schema)]
    facts += ["required"] if setting.required else []
    facts += ["secret"] if setting.is_secret else []
    facts += [f"default {default}"] if (default := _default_words(setting.schema)) else []
    yield f"{setting.name}  ({', '.join(facts)})"
    yield from _wrapped(setting.schema.get("description", ""), width, indent="    ")
    if setting.variable:
        yield f"    [{setting.variable}]"


def _type_words(schema: Schema) -> str:
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"] if value is not None)
    return " or ".join(TYPES.get(kind, kind) for kind in types_of(schema)) or "any"


def _default_words(schema: Schema) -> str:
    """Return a setting's default, "" for none."""
    default = schema.get("default")
    if default is None:
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, float):
        return f"{default:g}"
    return ", ".join(map(str, default)) if isinstance(default, list) else str(default)


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """Return lines; names with hyphens and paths stay whole."""
    return textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
