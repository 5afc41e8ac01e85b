"""Settings from environment variables: `TAP_REPORTS_<SETTING>` and `TAP_REPORTS_<BLOCK>_<SETTING>`."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Iterator, Mapping
from typing import Any

from tap_reports.exceptions import ConfigError
from tap_reports.settings.schema import settings_schema
from tap_reports.settings.validate import ENV_PREFIX, nearest
from tap_reports.vendors import all_vendors

logger = logging.getLogger("tap-reports")

TRUE = {"true", "1", "yes", "on"}
FALSE = {"false", "0", "no", "off"}
OBJECTS = ("postbacks", "shard")
"""Objects of the top level whose settings have variables of their own, as a vendor's block has."""
NOT_SETTINGS = {f"{ENV_PREFIX}LOGLEVEL"}


def environment_config(environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the settings that the environment holds; unknown variables of the prefix are warned of.

    Args:
        environment: The variables; by default the process's, with those of a `.env` file in the working
            folder or above it.

    Raises:
        ConfigError: A value that can't be read as its setting's type; the value is not shown.
    """
    if environment is None:
        environment = {**{name: text or "" for name, text in _dotenv().items()}, **os.environ}
    known = dict(_variables())
    config: dict[str, Any] = {}
    errors: list[str] = []
    for name, text in environment.items():
        if not name.startswith(ENV_PREFIX) or name in NOT_SETTINGS or name.startswith(f"{ENV_PREFIX}_"):
            continue
        if name not in known:
            logger.warning("%s: unknown variable, ignored.%s", name, nearest(name, known))
            continue
        path, schema = known[name]
        try:
            value = _value(text, schema)
        except ValueError as error:
            errors.append(f"{name}: {error}")
            continue
        block = config
        for part in path[:-1]:
            block = block.setdefault(part, {})
        block[path[-1]] = value
    if errors:
        raise ConfigError(errors)
    return config


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return two configurations as one: blocks are merged, everything else of `over` replaces `base`'s."""
    result = dict(base)
    for name, value in over.items():
        mine = result.get(name)
        both = isinstance(mine, Mapping) and isinstance(value, Mapping)
        result[name] = merged(mine, value) if both else value  # type: ignore[arg-type]
    return result


def with_numbers(config: Mapping[str, Any], schema: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a configuration whose texts are numbers where only a number fits.

    Meltano has no kind for a number with a fraction that survives an environment variable (its `decimal`
    ends in a TypeError), so such settings are texts there. A text that is no number is left for the checks.
    """
    properties = (settings_schema() if schema is None else schema).get("properties", {})
    result = dict(config)
    for name, value in config.items():
        inner = properties.get(name, {})
        if isinstance(value, Mapping):
            result[name] = with_numbers(value, inner)
        elif isinstance(value, str) and "number" in inner.get("type", ()) and "string" not in inner["type"]:
            with contextlib.suppress(ValueError):
                result[name] = _value(value, inner)
    return result


def _dotenv() -> Mapping[str, str | None]:
    from dotenv import dotenv_values, find_dotenv

    return dotenv_values(find_dotenv(usecwd=True))


def _variables() -> Iterator[tuple[str, tuple[tuple[str, ...], Mapping[str, Any]]]]:
    """Yield each variable with the place and the schema of its setting."""
    for name, schema in settings_schema()["properties"].items():
        variable = f"{ENV_PREFIX}{name.upper()}"
        yield variable, ((name,), schema)
        if name in all_vendors() or name in OBJECTS:
            for inner, inner_schema in schema["properties"].items():
                yield f"{variable}_{inner.upper()}", ((name, inner), inner_schema)


def _value(text: str, schema: Mapping[str, Any]) -> Any:
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if "string" in types:
        return text
    if "boolean" in types and text.strip().lower() in TRUE | FALSE:
        return text.strip().lower() in TRUE
    try:
        return json.loads(text)
    except ValueError:
        names = " or ".join(kind for kind in types if kind != "null") or "JSON"
        raise ValueError(f"can't be read as {names}.") from None
