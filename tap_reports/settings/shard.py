"""The share of a back-fill that this process extracts, from settings and the variables of batch services."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from tap_reports.models import Json, Shard

INDEX_VARIABLES = (
    "JOB_COMPLETION_INDEX",  # Kubernetes, an indexed Job
    "AWS_BATCH_JOB_ARRAY_INDEX",
    "CLOUD_RUN_TASK_INDEX",
)
COUNT_VARIABLES = ("CLOUD_RUN_TASK_COUNT",)


def read_shard(block: Json | None, environment: Mapping[str, str] = os.environ) -> Shard | None:
    """Return the share, or None where the work is not shared.

    Raises:
        ValueError: Its number or the count is not known, or they do not fit together.
    """
    if block is None:
        return None
    count = _number("count", block, COUNT_VARIABLES, environment)
    index = _number("index", block, INDEX_VARIABLES, environment)
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


def _number(name: str, block: Json, variables: tuple[str, ...], environment: Mapping[str, str]) -> int:
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
