"""What the settings hold of secrets and names of accounts: found, trimmed, or refused before any request."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from tap_reports.models import Json
from tap_reports.settings.formats import is_printable
from tap_reports.settings.schema import settings_schema
from tap_reports.settings.walk import SettingPath, walk
from tap_reports.vendors import all_vendors

logger = logging.getLogger("tap-reports")

Found = tuple[SettingPath, dict[str, Any], str]
"""A setting, the object in which it stands, its value."""


def without_nulls(value: Any) -> Any:
    """Return a configuration in which what is null is not set. Everything in it is a copy."""
    if isinstance(value, Mapping):
        return {name: without_nulls(item) for name, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, (list, tuple)) else value


def secrets_in(config: Json) -> Iterator[Found]:
    """Yield the secrets that a configuration holds."""
    for setting in walk(settings_schema()):
        if setting.is_secret:
            yield from _found(setting, config)


def trim_credentials(config: Json) -> Iterator[str]:
    """Take white space off what the vendors are told (a pasted key ends in a line break), with a warning.

    Yields:
        A sentence for each one that can't be sent even so.
    """
    for setting in walk(settings_schema()):
        is_of_vendor = setting.path[0] in all_vendors() and len(setting.path) > 1
        if not setting.is_secret and not (is_of_vendor and setting.required and setting.variable):
            continue
        for _, holder, text in _found(setting, config):
            trimmed = text.strip()
            if trimmed and trimmed != text:
                logger.warning("%s: white space around it is left out; correct it.", setting.name)
                holder[setting.path[-1]] = trimmed
            if trimmed and is_of_vendor and not is_printable(trimmed):
                yield f"{setting.name}: must be printable ASCII text on one line; copy it once more."


def _found(setting: SettingPath, config: Json) -> Iterator[Found]:
    holder: Any = config
    for name in setting.path[:-1]:
        holder = holder.get(name) if isinstance(holder, dict) else None
    if isinstance(holder, dict) and isinstance(holder.get(setting.path[-1]), str):
        yield setting, holder, holder[setting.path[-1]]
