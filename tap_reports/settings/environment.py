"""Settings from `TAP_REPORTS_<SETTING>` and `TAP_REPORTS_<BLOCK>_<SETTING>`; a batch service's shard."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Iterator, Mapping
from typing import Any

from tap_reports.models import Json, Shard
from tap_reports.setting import nearest
from tap_reports.settings.schema import ENV_PREFIX, Schema, SettingPath, settings_schema, types_of, walk
from tap_reports.settings.words import KINDS, MIN_SIMILARITY

logger = logging.getLogger("tap-reports")

TRUE = {"true", "1", "yes", "on"}
FALSE = {"false", "0", "no", "off"}
NOT_SETTINGS = {f"{ENV_PREFIX}{name}" for name in ("LOGLEVEL", "LOG_FORMAT", "METRICS")}
"""They configure the log, before settings are read."""
INDEX_VARIABLES = (
    "JOB_COMPLETION_INDEX",  # Kubernetes, an indexed Job
    "AWS_BATCH_JOB_ARRAY_INDEX",
    "CLOUD_RUN_TASK_INDEX",
)
COUNT_VARIABLES = ("CLOUD_RUN_TASK_COUNT",)


def environment_config(
    environment: Mapping[str, str] | None = None,
) -> tuple[dict[str, Any], list[str]]:
    """Return the settings in the environment, and errors: values of the wrong type, misspelt names.

    The default environment is the process's, with the `.env` file in the working folder or above it.
    """
    if environment is None:
        environment = {**{name: text or "" for name, text in _dotenv().items()}, **os.environ}
    known = {setting.variable: setting for setting in walk(settings_schema()) if setting.variable}
    config: dict[str, Any] = {}
    errors: list[str] = []
    for name, text in sorted(environment.items()):  # a block's own variable before those of its settings
        if not name.startswith(ENV_PREFIX) or name in NOT_SETTINGS or name.startswith(f"{ENV_PREFIX}_"):
            continue
        if name not in known:
            errors.extend(_unknown(name, known))
            continue
        setting = known[name]
        try:
            value = _value(text, setting.schema)
        except (ValueError, RecursionError):
            errors.append(_misfit(name, text, setting))
            continue
        for part in reversed(setting.path):
            value = {part: value}
        config = merged(config, value)
    return config, errors


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return two configurations as one: blocks are merged, any other value of `over` replaces `base`'s."""
    result = dict(base)
    for name, value in over.items():
        mine = result.get(name)
        if isinstance(mine, Mapping) and isinstance(value, Mapping):
            result[name] = merged(mine, value)
        else:
            result[name] = value
    return result


def with_values(config: Mapping[str, Any], schema: Schema | None = None) -> dict[str, Any]:
    """Return a configuration with values instead of texts where Meltano can only pass texts.

    Meltano has no kind for a fraction that works with an environment variable (its `decimal` raises a
    TypeError), and none for "true or an object". A text that can't be converted is left to the checks.
    """
    properties = (settings_schema() if schema is None else schema).get("properties", {})
    result = dict(config)
    for name, value in config.items():
        inner = properties.get(name, {})
        if isinstance(value, Mapping):
            result[name] = with_values(value, inner)
        elif isinstance(value, str) and is_text_in_meltano(inner):
            with contextlib.suppress(ValueError):
                result[name] = _value(value, inner)
    return result


def is_text_in_meltano(schema: Schema) -> bool:
    """Return whether a setting that is not text must be declared as text in Meltano."""
    types = types_of(schema)
    return "string" not in types and ("number" in types or {"boolean", "object"} <= set(types))


def no_constant(name: str) -> Any:
    """Refuse NaN and Infinity, which Python reads and JSON does not have.

    Raises:
        ValueError: Always.
    """
    raise ValueError(f"{name} is not a JSON value")


def _unknown(name: str, known: Mapping[str, SettingPath]) -> list[str]:
    short = {variable.removeprefix(ENV_PREFIX): variable for variable in known}
    near = nearest(name.removeprefix(ENV_PREFIX), short, MIN_SIMILARITY).replace('"', f'"{ENV_PREFIX}', 1)
    if near:
        return [f"{name}: unknown variable.{near}"]
    logger.warning("%s: unknown variable, ignored.", name)
    return []


def _misfit(name: str, text: str, setting: SettingPath) -> str:
    wanted = " or ".join(KINDS[kind] for kind in types_of(setting.schema)) or "JSON"
    has_secret = setting.is_secret or any(part.is_secret for part in walk(setting.schema))
    got = "" if has_secret else f", not {json.dumps(text[:60], ensure_ascii=False)}"
    return f"{name}: must be {wanted}{got}; lists and objects are written as JSON."


def _dotenv() -> Mapping[str, str | None]:
    from dotenv import dotenv_values, find_dotenv

    return dotenv_values(find_dotenv(usecwd=True))


def _value(text: str, schema: Schema) -> Any:
    types = types_of(schema)
    if "string" in types:
        return text
    if "boolean" in types and text.strip().lower() in TRUE | FALSE:
        return text.strip().lower() in TRUE
    return json.loads(text, parse_constant=no_constant)


# --- this process's shard of a back-fill ------------------------------------------------------------------


def read_shard(block: Json | None, environment: Mapping[str, str] = os.environ) -> Shard | None:
    """Return the shard, or None if the work is not shared.

    Raises:
        ValueError: Index or count is missing, or they contradict each other.
    """
    if block is None:
        return None
    count = _shard_number("count", block, COUNT_VARIABLES, environment)
    index = _shard_number("index", block, INDEX_VARIABLES, environment)
    if index >= count:
        raise ValueError(
            f"shard.index: {index} is not below the count, {count}; the first share is number 0."
        )
    return Shard(index, count)


def shard_errors(config: Json) -> Iterator[str]:
    """Yield what is wrong with `shard`."""
    block = config.get("shard")
    if block is None:
        return
    try:
        read_shard(block)
    except ValueError as error:
        yield str(error)
    if "end_date" not in config:
        yield "end_date: required setting is missing; all shards must extract the same days."


def _shard_number(name: str, block: Json, variables: tuple[str, ...], environment: Mapping[str, str]) -> int:
    if name in block:
        return int(block[name])
    for variable in variables:
        text = environment.get(variable, "").strip()
        if text.isdecimal():
            return int(text)
        if text:
            raise ValueError(f'shard.{name}: the variable {variable} must hold a whole number, not "{text}".')
    raise ValueError(
        f"shard.{name}: required setting is missing; add it, or set one of the variables "
        f"{', '.join((f'TAP_REPORTS_SHARD_{name.upper()}', *variables))}."
    )
