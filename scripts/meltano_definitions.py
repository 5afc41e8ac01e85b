"""The tap's settings as Meltano knows them: what meltano.yml and the plugin definitions say of them."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tap_reports.settings.about import print_about
from tap_reports.settings.environment import is_text_in_meltano
from tap_reports.settings.schema import SettingPath, types_of, walk
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


def definition(setting: SettingPath) -> dict[str, Any]:
    """Return a setting as an entry of a plugin definition.

    Inside a vendor block no default is repeated: Meltano would pass it on, and so begin the blocks of vendors
    that are not used.
    """
    schema, name = setting.schema, setting.name
    description = " ".join(str(schema.get("description", "")).split())
    entry: dict[str, Any] = {"name": name, "label": label(setting), "description": description}
    entry["kind"] = kind(setting)
    if "enum" in schema:
        entry["options"] = [{"label": in_words(one), "value": one} for one in schema["enum"]]
    default = schema.get("default")
    if default is not None and "." not in name and name not in VENDORS_DIFFER:
        entry["value"] = default
    if setting.is_secret:
        entry["sensitive"] = True
    return entry


def kind(setting: SettingPath) -> str:
    """Return Meltano's kind of a setting."""
    if setting.name in ENV_NAMES:
        return ENV_NAMES[setting.name]
    if "enum" in setting.schema:
        return "options"
    types = types_of(setting.schema)
    if is_text_in_meltano(setting.schema) or not types:
        return "string"
    return KINDS.get(types[-1], "string")


def label(setting: SettingPath) -> str:
    """Return a setting's title, or its name in words, behind its vendor's name."""
    block, _, last = setting.name.rpartition(".")
    named = str(setting.schema.get("title") or in_words(last))
    vendor = properties().get(block, {}).get("title")
    return f"{vendor}: {named}" if vendor else named


def in_words(name: str) -> str:
    """Return a name as a label."""
    first, *rest = (WORDS.get(word, word) for word in name.split("_"))
    return " ".join([first[:1].upper() + first[1:], *rest])


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


def settings() -> list[SettingPath]:
    """Return all settings of the tap that Meltano knows one by one."""
    return [
        setting
        for setting in walk(about()["settings"])
        if setting.path[-1] not in NESTED and all(part in NESTED for part in setting.path[:-1])
    ]


def meltano_yml() -> str:
    """Return meltano.yml with the tap's settings as they are now."""
    text = (ROOT / "meltano.yml").read_text(encoding="utf-8")
    return _between(
        text,
        "    # settings: written by scripts/settings_listing.py",
        "    # end of settings",
        textwrap.indent(_definition(), "    "),
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
    return _yaml(head) + _definition([one for one in BLOCKS if vendor and one != vendor])


def _definition(without: Sequence[str] = ()) -> str:
    """Return capabilities and settings, without those of some vendors."""

    def is_kept(name: str) -> bool:
        return name.partition(".")[0] not in without

    body = {
        "capabilities": sorted(about()["capabilities"]),
        "settings_group_validation": [list(group) for group in GROUPS if is_kept(group[0])],
        "settings": [definition(setting) for setting in settings() if is_kept(setting.name)],
    }
    return _yaml(body)


def _yaml(value: dict[str, Any]) -> str:
    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=math.inf))


def _between(text: str, start: str, end: str, content: str) -> str:
    """Return the text with what stands between two marked lines replaced."""
    before, found, rest = text.partition(start + "\n")
    _, also_found, after = rest.partition(end + "\n")
    if not found or not also_found:
        raise SystemExit(f"the line {start.strip()!r} or {end.strip()!r} is missing")
    return f"{before}{start}\n{content}{end}\n{after}"
