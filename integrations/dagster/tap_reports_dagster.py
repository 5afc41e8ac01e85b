"""tap-reports on Dagster: assets are streams, partitions are windows of days, a sensor waits for the jobs.

Copy this file into a code location. It runs the `tap-reports` command, which can be in another environment,
and does not import it. Dagster remembers which partitions are loaded, so the tap needs no state. With a job
ledger that all machines share, a partition that is run again is not paid for again.
"""

import contextlib
import datetime as dt
import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

NOT_READY, WRONG_CONFIGURATION = 75, 78


@dataclass(frozen=True)
class TapReports:
    """How tap and target are called.

    Args:
        config: Path of the tap's configuration.
        catalog: Path of the catalog (`tap-reports --config … --discover`); each stream becomes an asset.
        target: The target's command line.
        command: The tap's program.
        pool: Dagster's concurrency pool for the assets, one for each vendor's account.
    """

    config: str
    catalog: str
    target: Sequence[str]
    command: Sequence[str] = ("tap-reports",)
    pool: str | None = None

    def assets(self, partitions: dg.TimeWindowPartitionsDefinition) -> list[dg.AssetsDefinition]:
        """Return an asset for each stream of the catalog."""
        streams = json.loads(Path(self.catalog).read_text(encoding="utf-8"))["streams"]
        return [self._asset(stream, partitions) for stream in streams]

    def sensor(
        self, assets: Sequence[dg.AssetsDefinition], partitions: dg.TimeWindowPartitionsDefinition
    ) -> dg.SensorDefinition:
        """Return a sensor that submits the last partition's jobs and asks for its run when all are ready."""

        @dg.sensor(name="tap_reports_ready", target=list(assets), minimum_interval_seconds=60)
        def ready(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
            key = partitions.get_last_partition_key()
            if key is None or context.cursor == key:
                return dg.SkipReason("the last partition has been asked for")
            window = _days(partitions.time_window_for_partition_key(key))
            options = ("--catalog", self.catalog, "--submit", "--format", "json")
            with self._arguments(window, *options) as arguments:
                done = subprocess.run(arguments, capture_output=True, text=True, check=False)
            if done.returncode == NOT_READY:
                answer = json.loads(done.stdout)
                return dg.SkipReason(f"{answer['running']} jobs run, {answer['waiting']} wait")
            if done.returncode:
                raise dg.Failure(f"tap-reports --submit: status {done.returncode}\n{done.stderr[-2000:]}")
            return dg.SensorResult(run_requests=[dg.RunRequest(partition_key=key, run_key=key)], cursor=key)

        return ready

    def _asset(
        self, stream: Mapping[str, Any], partitions: dg.TimeWindowPartitionsDefinition
    ) -> dg.AssetsDefinition:
        name = stream["tap_stream_id"]

        @dg.asset(
            name=name,
            partitions_def=partitions,
            group_name="tap_reports",
            kinds={"singer"},
            pool=self.pool,
            metadata={"dagster/column_schema": _columns(stream["schema"])},
        )
        def load(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
            found = self._load(stream, _days(context.partition_time_window))
            (of_stream,) = [one for one in found["streams"] if one["stream"] == name]
            jobs = [one["job_id"] for one in of_stream["jobs"]]
            facts = {"dagster/partition_row_count": of_stream["rows"], "jobs": jobs}
            return dg.MaterializeResult(metadata=facts | {"seconds": found["seconds"]})

        return load

    def _load(self, stream: Mapping[str, Any], window: Mapping[str, str]) -> dict[str, Any]:
        """Sync one stream's window into the target. Returns the run's summary.

        Raises:
            dagster.Failure: Tap or target failed; a wrong configuration is not tried again.
        """
        with tempfile.TemporaryDirectory(prefix="dagster-tap-reports-") as folder:
            catalog, summary, log = (Path(folder) / name for name in ("catalog.json", "summary.json", "log"))
            catalog.write_text(json.dumps({"streams": [stream]}), encoding="utf-8")
            options = ("--catalog", str(catalog), "--summary", str(summary))
            with self._arguments(window, *options) as arguments, log.open("w", encoding="utf-8") as errors:
                tap = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=errors)
                target = subprocess.run(
                    list(self.target), stdin=tap.stdout, capture_output=True, text=True, check=False
                )
                if tap.stdout:
                    tap.stdout.close()
                status = tap.wait()
            if status or target.returncode:
                text = log.read_text(encoding="utf-8")[-2000:] + target.stderr[-2000:]
                raise dg.Failure(text, allow_retries=status != WRONG_CONFIGURATION)
            found: dict[str, Any] = json.loads(summary.read_text(encoding="utf-8"))
            return found

    @contextlib.contextmanager
    def _arguments(self, window: Mapping[str, str], *options: str) -> Iterator[list[str]]:
        """Yield the command line; the window's days are in a file that lasts as long as the block."""
        with tempfile.TemporaryDirectory(prefix="dagster-tap-reports-") as folder:
            days = Path(folder) / "days.json"
            days.write_text(json.dumps(dict(window)), encoding="utf-8")
            yield [*self.command, "--config", self.config, "--config", str(days), *options]


def _days(window: dg.TimeWindow) -> dict[str, str]:
    """Return a partition as the tap's settings; `end_date` is inclusive."""
    last = window.end.date() - dt.timedelta(days=1)
    return {"start_date": window.start.date().isoformat(), "end_date": last.isoformat()}


def _columns(schema: Mapping[str, Any]) -> dg.TableSchema:
    return dg.TableSchema(columns=list(_named(schema)))


def _named(schema: Mapping[str, Any]) -> Iterator[dg.TableColumn]:
    for name, one in schema["properties"].items():
        types = [kind for kind in one.get("type", []) if kind != "null"]
        yield dg.TableColumn(
            name, one.get("format") or next(iter(types), "any"), description=one.get("title")
        )
