"""Writes the settings into meltano.yml, docs/plugin.yml, integrations/meltano and docs/settings.md.

python scripts/settings_listing.py          # write
python scripts/settings_listing.py --check  # say what has drifted; exit 1 if anything has
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
from typing import Any

from meltano_definitions import BLOCKS, ROOT, meltano_yml, plugin_yml, properties

from tap_reports.settings.schema import types_of


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
