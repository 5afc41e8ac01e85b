"""`--about` as people read it: settings by group, each with its meaning, its default and its variable."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_reports.settings.environment import OBJECTS
from tap_reports.settings.schema import TOP_LEVEL
from tap_reports.vendors import all_vendors

if TYPE_CHECKING:
    from singer_sdk.about import AboutInfo

Schema = Mapping[str, Any]

WIDTH = 100
TYPES = {"string": "text", "array": "list"}
SDK_GROUP = "Of every tap built with the Meltano SDK"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting as it is shown; `name` is its path (`impact.reports[].id`)."""

    name: str
    type: str
    description: str
    default: str = ""
    is_secret: bool = False
    is_required: bool = False
    variable: str = ""

    @property
    def marks(self) -> str:
        """What stands beside its name."""
        marks = [self.type]
        marks += ["required"] if self.is_required else []
        marks += ["secret"] if self.is_secret else []
        marks += [f"default {self.default}"] if self.default else []
        return ", ".join(marks)


@dataclass(frozen=True, slots=True)
class Group:
    """Settings under one heading."""

    title: str
    settings: tuple[Setting, ...]


def groups(info: AboutInfo) -> list[Group]:
    """Return all settings: the top level, each vendor's block, those of the SDK."""
    settings: dict[str, Schema] = info.settings["properties"]
    required = info.settings.get("required", ())
    top = [setting.name for setting in TOP_LEVEL]
    rest = [name for name in settings if name not in top and name not in all_vendors()]

    def group(title: str, names: Sequence[str]) -> Group:
        found = (
            setting
            for name in names
            for setting in _settings(name, settings[name], info.env_var_prefix, is_required=name in required)
        )
        return Group(title, tuple(found))

    return [
        group("Top level", top),
        *(group(f"{vendor.title} (`{name}`)", [name]) for name, vendor in all_vendors().items()),
        group(SDK_GROUP, rest),
    ]


def _settings(name: str, schema: Schema, prefix: str, *, is_required: bool) -> Iterator[Setting]:
    """Yield a setting, then those within it. A vendor's block has nothing to say but what is within."""
    depth = name.count(".")
    if name not in all_vendors():
        yield Setting(
            name=name,
            type=_type(schema),
            description=schema.get("description", ""),
            default=_default(schema),
            is_secret=bool(schema.get("secret") or schema.get("writeOnly")),
            is_required=is_required,
            variable=_variable(name, prefix),
        )
    inner, inner_name = schema, name
    if "properties" in schema.get("items", {}):
        inner, inner_name = schema["items"], f"{name}[]"
    if depth > 1:
        return
    for part, part_schema in inner.get("properties", {}).items():
        is_needed = part in inner.get("required", ())
        yield from _settings(f"{inner_name}.{part}", part_schema, prefix, is_required=is_needed)


def _variable(name: str, prefix: str) -> str:
    """Return the environment variable of a setting, "" if it has none (those within reports)."""
    block, _, inner = name.partition(".")
    if inner and ("[]" in name or "." in inner or block not in {*all_vendors(), *OBJECTS}):
        return ""
    return f"{prefix}{name.replace('.', '_').upper()}"


def _type(schema: Schema) -> str:
    if "enum" in schema:
        return " | ".join(f"`{value}`" for value in schema["enum"] if value is not None)
    kinds = schema.get("type", "any")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return " or ".join(TYPES.get(kind, kind) for kind in kinds if kind != "null")


def _default(schema: Schema) -> str:
    default = schema.get("default")
    if default is None:
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, float):
        return f"{default:g}"
    return ", ".join(map(str, default)) if isinstance(default, list) else str(default)


# --- text ---------------------------------------------------------------------------------------------


def as_text(info: AboutInfo) -> str:
    """Return what `--about` prints."""
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
    for group in groups(info):
        lines += ["", group.title.replace("`", ""), "-" * len(group.title.replace("`", ""))]
        for setting in group.settings:
            lines += _text(setting, width)
    return "\n".join(lines)


def _text(setting: Setting, width: int) -> Iterator[str]:
    yield f"{setting.name}  ({setting.marks.replace('`', '')})"
    yield from _wrapped(setting.description, width, indent="    ")
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


def as_markdown(info: AboutInfo) -> str:
    """Return what `--about --format markdown` prints."""
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
    for group in groups(info):
        lines += ["", f"### {group.title}", ""]
        lines += ["| Setting | Type | Default | Description |", "|:--------|:-----|:--------|:------------|"]
        lines += [_row(setting) for setting in group.settings]
    return "\n".join(lines)


def _row(setting: Setting) -> str:
    marks = [
        name for name, is_on in (("required", setting.is_required), ("secret", setting.is_secret)) if is_on
    ]
    description = f"**{', '.join(marks)}** {setting.description}" if marks else setting.description
    cells = [
        f"`{setting.name}`",
        setting.type,
        f"`{setting.default}`" if setting.default else "",
        description,
    ]
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
