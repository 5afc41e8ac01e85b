"""`--about` as people read it: settings by group, each with its meaning, its default and its variable."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
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
LISTED_DEPTH = 3
"""How deep settings are listed where all are: down to a report's."""


@dataclass(frozen=True, slots=True)
class Group:
    """Settings under one heading."""

    title: str
    settings: tuple[SettingPath, ...]


def groups(info: AboutInfo, vendor: str | None = None) -> list[Group]:
    """Return all settings: the top level, each vendor's block, those of the SDK; or one vendor's alone."""
    top = {setting.name for setting in TOP_LEVEL}
    titles = {name: f"{one.title} (`{name}`)" for name, one in all_vendors().items()}
    found: dict[str, list[SettingPath]] = {
        "Top level": [],
        **{title: [] for title in titles.values()},
        SDK_GROUP: [],
    }
    for setting in walk(info.settings):
        first = setting.path[0]
        if vendor is None and len(setting.path) > LISTED_DEPTH:
            continue
        if (vendor and first != vendor) or setting.name in titles:
            continue  # a vendor's block has nothing to say but what is in it
        found["Top level" if first in top else titles.get(first, SDK_GROUP)].append(setting)
    return [Group(title, tuple(settings)) for title, settings in found.items() if settings]


def marks(setting: SettingPath) -> str:
    """Return what stands beside a setting's name: type, required, secret, default."""
    shown = [type_words(setting.schema)]
    shown += ["required"] if setting.required else []
    shown += ["secret"] if setting.is_secret else []
    shown += [f"default {default}"] if (default := default_words(setting.schema)) else []
    return ", ".join(shown)


def type_words(schema: Schema) -> str:
    """Return what a setting takes: `text`, `number`, its words."""
    if "enum" in schema:
        return " | ".join(f"`{value}`" for value in schema["enum"] if value is not None)
    return " or ".join(TYPES.get(kind, kind) for kind in types_of(schema)) or "any"


def default_words(schema: Schema) -> str:
    """Return a setting's default as it is read, "" for none."""
    default = schema.get("default")
    if default is None:
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, float):
        return f"{default:g}"
    return ", ".join(map(str, default)) if isinstance(default, list) else str(default)


def print_about(tap: type[Tap], vendor: str | None, style: str) -> None:
    """Print what `--about` asks for: of all, or of one vendor's block alone."""
    info = tap._get_about_info()  # noqa: SLF001
    if style == "json":
        if vendor:
            info.settings = {**info.settings, "properties": {vendor: info.settings["properties"][vendor]}}
        click.echo(AboutFormatter.get_formatter("json").format_about(info))
        return
    click.echo((as_markdown if style == "markdown" else as_text)(info, vendor))


# --- text ---------------------------------------------------------------------------------------------


def as_text(info: AboutInfo, vendor: str | None = None) -> str:
    """Return what `--about` prints, of one vendor or of all."""
    width = min(WIDTH, shutil.get_terminal_size().columns) if sys.stdout.isatty() else WIDTH
    lines = [
        f"{info.name} {info.version} (Meltano SDK {info.sdk_version})",
        (info.description or "").strip(),
        "",
        f"Python: {', '.join(info.supported_python_versions or ())}",
        *_wrapped(f"Capabilities: {', '.join(str(one) for one in info.capabilities)}", width),
        "",
        *_wrapped(
            "Settings are given by --config FILE (JSON, may be repeated), or with --config=ENV by the "
            "variables named in square brackets. Secrets are better off there.",
            width,
        ),
    ]
    for group in groups(info, vendor):
        lines += ["", group.title.replace("`", ""), "-" * len(group.title.replace("`", ""))]
        for setting in group.settings:
            lines += _text(setting, width)
    return "\n".join(lines)


def _text(setting: SettingPath, width: int) -> Iterator[str]:
    yield f"{setting.name}  ({marks(setting).replace('`', '')})"
    yield from _wrapped(setting.schema.get("description", ""), width, indent="    ")
    if setting.variable:
        yield f"    [{setting.variable}]"


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


# --- Markdown -----------------------------------------------------------------------------------------


def as_markdown(info: AboutInfo, vendor: str | None = None) -> str:
    """Return what `--about --format markdown` prints, of one vendor or of all."""
    lines = [
        f"# `{info.name}`",
        "",
        (info.description or "").strip(),
        "",
        "Built with the [Meltano Singer SDK](https://sdk.meltano.com).",
        "",
        "## Capabilities",
        "",
        *(f"- `{one}`" for one in info.capabilities),
        "",
        "## Supported Python versions",
        "",
        *(f"- {one}" for one in info.supported_python_versions or ()),
        "",
        "## Settings",
    ]
    for group in groups(info, vendor):
        lines += ["", f"### {group.title}", ""]
        lines += ["| Setting | Type | Default | Description |", "|:--------|:-----|:--------|:------------|"]
        lines += [_row(setting) for setting in group.settings]
    return "\n".join(lines)


def _row(setting: SettingPath) -> str:
    notes = [name for name, is_on in (("required", setting.required), ("secret", setting.is_secret)) if is_on]
    description = setting.schema.get("description", "")
    default = default_words(setting.schema)
    cells = [
        f"`{setting.name}`",
        type_words(setting.schema),
        f"`{default}`" if default else "",
        f"**{', '.join(notes)}** {description}" if notes else description,
    ]
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
