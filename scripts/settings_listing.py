"""Writes what meltano.yml, docs/plugin.yml, integrations/meltano and docs/settings.md say of the settings.

python scripts/settings_listing.py          # write
python scripts/settings_listing.py --check  # say what has drifted; exit 1 if anything has
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tap_reports.settings.about import print_about
from tap_reports.settings.environment import is_text_in_meltano
from tap_reports.settings.walk import SettingPath, types_of, walk
from tap_reports.tap import TapReports

ROOT = Path(__file__).resolve().parent.parent
BLOCKS = ("similarweb", "impact", "digital_turbine", "second_nature")
NESTED = (*BLOCKS, "postbacks", "shard", "faker_config", "batch_config", "encoding", "storage")
"""Objects whose settings are listed one by one, under dotted names; others are settings of kind object."""
KINDS = {"boolean": "boolean", "integer": "integer", "array": "array", "object": "object"}
"""Numbers with a fraction are texts, which the tap reads: Meltano's `decimal` fails on variables."""
VENDORS_DIFFER = ("poll_interval_seconds", "poll_max_interval_seconds", "reuse_job_hours")
"""A value that Meltano passes on counts as set by the user, for all vendors."""
ENV_NAMES = {"start_date": "date_iso8601", "end_date": "date_iso8601"}
WORDS = {"api": "API", "url": "URL", "id": "ID", "csv": "CSV", "json": "JSON", "jsonl": "JSONL"}

PIP_URL = "git+https://github.com/tap-reports/tap-reports.git"
"""Until the package is on an index, it is installed from its sources."""

GROUPS = (
    ("similarweb.api_key",),
    ("impact.account_sid", "impact.auth_token", "impact.account_type"),
    ("digital_turbine.client_id", "digital_turbine.client_secret"),
    ("second_nature.api_key",),
)
"""A configuration is complete when one vendor's credentials are."""


@dataclass(frozen=True)
class Setting:
    """One setting as Meltano knows it, by its dotted name."""

    name: str
    schema: dict[str, Any]

    @property
    def kind(self) -> str:
        """Meltano's kind."""
        if self.name in ENV_NAMES:
            return ENV_NAMES[self.name]
        if "enum" in self.schema:
            return "options"
        if is_text_in_meltano(self.schema):
            return "string"
        types = types_of(self.schema)
        return KINDS.get(types[-1], "string") if types else "string"

    @property
    def label(self) -> str:
        """The schema's title, or the name in words, behind its vendor's name."""
        block, _, last = self.name.rpartition(".")
        words = [WORDS.get(word, word) for word in last.split("_")]
        label = str(self.schema.get("title") or " ".join([words[0][:1].upper() + words[0][1:], *words[1:]]))
        vendor = properties().get(block, {}).get("title")
        return f"{vendor}: {label}" if vendor else label

    @property
    def description(self) -> str:
        """The schema's description on one line."""
        return " ".join(str(self.schema.get("description", "")).split())

    @property
    def is_secret(self) -> bool:
        """Whether it must not be shown."""
        return bool(self.schema.get("secret"))

    @property
    def default(self) -> Any:
        """The schema's default, None if there is none."""
        return self.schema.get("default")

    def definition(self) -> dict[str, Any]:
        """Return the setting as an entry of a plugin definition.

        Inside a vendor block no default is repeated: Meltano would pass it on, and so begin the blocks
        of vendors that are not used.
        """
        entry: dict[str, Any] = {"name": self.name, "label": self.label, "description": self.description}
        entry["kind"] = self.kind
        if "enum" in self.schema:
            entry["options"] = [{"label": _option(one), "value": one} for one in self.schema["enum"]]
        if self.default is not None and "." not in self.name and self.name not in VENDORS_DIFFER:
            entry["value"] = self.default
        if self.is_secret:
            entry["sensitive"] = True
        return entry


@functools.cache
def about() -> dict[str, Any]:
    """Return what `tap-reports --about --format json` prints: capabilities, settings, the SDK's own too."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        print_about(TapReports, None, "json")
    found: dict[str, Any] = json.loads(printed.getvalue())
    return found


def properties() -> dict[str, Any]:
    """Return the schema of each top-level setting."""
    found: dict[str, Any] = about()["settings"]["properties"]
    return found


def settings() -> list[Setting]:
    """Return all settings of the tap that Meltano knows one by one."""
    found = walk(about()["settings"])
    return [
        Setting(setting.name, dict(setting.schema))
        for setting in found
        if not is_listed_by_parts(setting) and all(part in NESTED for part in setting.path[:-1])
    ]


def is_listed_by_parts(setting: SettingPath) -> bool:
    """Return whether the settings in an object are listed one by one, under dotted names."""
    return setting.path[-1] in NESTED


def _option(value: str) -> str:
    words = [WORDS.get(word, word) for word in value.split("_")]
    return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]])


# --- files --------------------------------------------------------------------------------------------


def meltano_yml() -> str:
    """Return meltano.yml with the tap's settings as they are now."""
    text = (ROOT / "meltano.yml").read_text(encoding="utf-8")
    return _between(
        text,
        "    # settings: written by scripts/settings_listing.py",
        "    # end of settings",
        _definition(4),
    )


def plugin_yml(vendor: str = "") -> str:
    """Return the definition for Meltano Hub, of all vendors or of one alone."""
    title = properties()[vendor]["title"] if vendor else ""
    name = f"tap-reports-{vendor.replace('_', '-')}" if vendor else "tap-reports"
    head = {
        "name": name,
        "namespace": name.replace("-", "_"),
        "variant": "tap-reports",
        "label": title or "Asynchronous Reports",
        "description": f"Report API of {title}"
        if vendor
        else "Report APIs of Similarweb, impact.com, Digital Turbine and Second Nature",
        "executable": "tap-reports",
        "pip_url": PIP_URL,
        "repo": "https://github.com/tap-reports/tap-reports",
        "maintenance_status": "active",
        "quality": "unknown",
        "keywords": ["meltano_sdk", "api", "reports"],
    }
    return "".join(_yaml(head, 0)) + _definition(0, [one for one in BLOCKS if vendor and one != vendor])


def _definition(indent: int, without: Sequence[str] = ()) -> str:
    """Return capabilities and settings, without those of some vendors."""

    def is_kept(name: str) -> bool:
        return name.partition(".")[0] not in without

    body = {
        "capabilities": sorted(about()["capabilities"]),
        "settings_group_validation": [list(group) for group in GROUPS if is_kept(group[0])],
        "settings": [setting.definition() for setting in settings() if is_kept(setting.name)],
    }
    return "".join(_yaml(body, indent))


def settings_md() -> str:
    """Return docs/settings.md."""
    known = properties()
    built_in = [name for name in known if name in SDK_SETTINGS]
    parts = [
        SETTINGS_HEAD,
        "\n## Top level\n\n",
        _table(known, [name for name in known if name not in (*BLOCKS, *built_in, "postbacks", "shard")]),
    ]
    for name in ("postbacks", "shard"):
        parts += [f"\n### `{name}`\n\n", _paragraph(known[name]), _table(known[name]["properties"])]
    for block in BLOCKS:
        inner = known[block]["properties"]
        parts += [
            f"\n## `{block}`: {known[block]['title']}\n\n",
            _table(inner, required=known[block].get("required", [])),
        ]
        report = inner["reports"]["items"]
        parts += [
            f"\n### A report of `{block}`\n\n",
            _table(report["properties"], required=report.get("required", [])),
        ]
    parts += ["\n## Of every SDK tap\n\n", SDK_TEXT, _table(known, built_in)]
    return "".join(parts)


SDK_SETTINGS = (
    "stream_maps",
    "stream_map_config",
    "faker_config",
    "flattening_enabled",
    "flattening_max_depth",
    "flattening_max_key_length",
    "flattening_separator",
    "batch_config",
)
SDK_TEXT = (
    "Stream maps, flattening and BATCH work as in every tap of the Meltano SDK: "
    "<https://sdk.meltano.com/en/latest/stream_maps.html>, <https://sdk.meltano.com/en/latest/batch.html>.\n\n"
)
SETTINGS_HEAD = """# Settings

<!-- Written by scripts/settings_listing.py from the tap's own schema. -->

In a config file the settings are one JSON object, a vendor's settings a block in it. From the environment
(`--config=ENV`) a setting is `TAP_REPORTS_` and its name in capitals, `TAP_REPORTS_IMPACT_AUTH_TOKEN` for
`auth_token` of `impact`; lists and objects are JSON there. Under Meltano it is `impact.auth_token`.
**Secret** settings are hidden in all output. Where no default is given, none is needed or the text says it.
"""


def _paragraph(schema: dict[str, Any]) -> str:
    return f"{_cell(schema.get('description', ''))}\n\n"


def _table(
    properties: dict[str, Any], names: list[str] | None = None, required: list[str] | None = None
) -> str:
    lines = ["| setting | type | default | meaning |\n", "|---|---|---|---|\n"]
    for name in names if names is not None else properties:
        schema = properties[name]
        default = schema.get("default")
        shown = (
            "**required**"
            if name in (required or ())
            else ""
            if default is None
            else f"`{json.dumps(default)}`"
        )
        secret = "**Secret.** " if schema.get("secret") else ""
        lines.append(
            f"| `{name}` | {_type(schema)} | {shown} | {secret}{_cell(schema.get('description', ''))} |\n"
        )
    return "".join(lines)


def _type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " \\| ".join(f"`{one}`" for one in schema["enum"])
    return " or ".join(types_of(schema)) or "any"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


# --- YAML ---------------------------------------------------------------------------------------------


def _yaml(value: dict[str, Any], indent: int) -> Iterator[str]:
    """Yield lines of YAML for an object of texts, numbers, lists and objects."""
    pad = " " * indent
    for name, item in value.items():
        if isinstance(item, list) and item and isinstance(item[0], dict):
            yield f"{pad}{name}:\n"
            for one in item:
                first, *rest = _yaml(one, indent + 2)
                yield f"{pad}- {first.lstrip()}"
                yield from rest
        elif isinstance(item, list) and item and isinstance(item[0], list):
            yield f"{pad}{name}:\n"
            for one in item:
                yield f"{pad}- [{', '.join(map(_scalar, one))}]\n"
        elif isinstance(item, list):
            yield f"{pad}{name}: [{', '.join(map(_scalar, item))}]\n"
        else:
            yield f"{pad}{name}: {_scalar(item)}\n"


PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./ -]*[A-Za-z0-9/]")
NOT_TEXT = {"null", "true", "false", "yes", "no", "on", "off", "none"}


def _scalar(value: Any) -> str:
    if isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in NOT_TEXT:
        return value
    return json.dumps(value, ensure_ascii=False)


def _between(text: str, start: str, end: str, content: str) -> str:
    """Return the text with what stands between two marked lines replaced."""
    before, found, rest = text.partition(start + "\n")
    _, also_found, after = rest.partition(end + "\n")
    if not found or not also_found:
        raise SystemExit(f"the line {start.strip()!r} or {end.strip()!r} is missing")
    return f"{before}{start}\n{content}{end}\n{after}"


FILES = {
    "meltano.yml": meltano_yml,
    "docs/plugin.yml": plugin_yml,
    "docs/settings.md": settings_md,
    **{
        f"integrations/meltano/tap-reports-{name.replace('_', '-')}.yml": functools.partial(plugin_yml, name)
        for name in BLOCKS
    },
}


def main() -> int:
    """Write the files, or compare them. Returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="compare only")
    check = parser.parse_args().check
    drifted = []
    for name, content in FILES.items():
        path, wanted = ROOT / name, content()
        if path.is_file() and path.read_text(encoding="utf-8") == wanted:
            continue
        drifted.append(name)
        if not check:
            path.write_text(wanted, encoding="utf-8")
    for name in drifted:
        print(
            f"{name}: "
            + ("differs from the tap's settings; run scripts/settings_listing.py" if check else "written")
        )
    return 1 if check and drifted else 0


if __name__ == "__main__":
    sys.exit(main())
