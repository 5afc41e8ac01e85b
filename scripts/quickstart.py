"""The quick start: the four vendors' reports in a DuckDB file, from a local server that behaves as they do.

The first run loads months of data, each later run what is new. All its files are in `.quickstart/` and
Meltano's `.meltano/`. Git ignores both; they may be deleted.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bootstrap import ROOT, SetupError, environment, fingerprint, require_python, say, shown

FOLDER = ROOT / ".quickstart"
WAREHOUSE = FOLDER / "warehouse.duckdb"
LEDGER = FOLDER / "jobs.sqlite"
CONFIG = FOLDER / "sandbox.json"
MELTANO_DATABASE = FOLDER / "meltano.sqlite"
START_DATE = FOLDER / "start_date"
LOG = FOLDER / "run.log"
MELTANO = "meltano>=4.4,<5"  # its tests use the same
PLUGINS = ("tap-reports", "target-duckdb")
EXECUTABLES = {"tap-reports": "tap-reports", "target-duckdb": "target-duckdb-all-rows"}
WEEK = dt.timedelta(days=7)
HISTORY = dt.timedelta(days=100)
LOOKBACK_DAYS = 7
SHOWN_LINES = 25
SANDBOX_OPTIONS = ("--rows", "40", "--speed", "20", "--restated-days", str(LOOKBACK_DAYS))


def main() -> int:
    """Run the quick start. Returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sql", help="query the loaded data; loads nothing")
    parser.add_argument("--again", action="store_true", help="forget what was loaded and start over")
    options = parser.parse_args()
    if options.sql is not None:
        return query(options.sql)
    try:
        if options.again or not WAREHOUSE.is_file():
            forget()
        load()
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


def forget() -> None:
    """Remove what was loaded, Meltano's state and the job ledger; they belong together."""
    for base in (WAREHOUSE, LEDGER, MELTANO_DATABASE, START_DATE):
        for path in FOLDER.glob(f"{base.name}*"):
            path.unlink()


def load() -> None:
    """Install what is needed, load from the sandbox, show what came.

    Raises:
        SetupError: Something could not be installed or loaded.
    """
    started, first = time.monotonic(), not WAREHOUSE.is_file()
    today = dt.datetime.now(dt.UTC).date()
    # The first run takes the part of one a week ago, so that the second finds a week's new days.
    until = today - WEEK if first else today
    meltano = environment(FOLDER / "meltano", [MELTANO]) / "meltano"
    install(meltano)
    since = dt.datetime.now(dt.UTC)
    with sandbox(until) as config:
        as_if = f", as if it were {until}" if first else ""
        say(f"meltano run {' '.join(PLUGINS)}{as_if} (log: {shown(LOG)})")
        own = {"TARGET_DUCKDB_PATH": str(WAREHOUSE), **dict(variables("TAP_REPORTS", config))}
        run_meltano(meltano, ["--environment=sandbox", "run", "--no-install", *PLUGINS], own)
    show(since, first=first)
    print(f"\nDone in {time.monotonic() - started:.0f} s.")
    print(NEXT_FIRST if first else NEXT_AGAIN)


# --- steps --------------------------------------------------------------------------------------------


def install(meltano: Path) -> None:
    """Install the two plugins, each in an environment of its own, unless they are there."""
    stamp = ROOT / ".meltano" / "quickstart-made-for"
    wanted = fingerprint([str(meltano), *PLUGINS, (ROOT / "meltano.yml").read_text(encoding="utf-8")])
    if stamp.is_file() and stamp.read_text() == wanted and all(command(name).exists() for name in PLUGINS):
        return
    say(f"meltano install {' '.join(PLUGINS)} (once)")
    run_meltano(meltano, ["install", *PLUGINS], {}, "Is the Python Package Index reachable?")
    stamp.write_text(wanted)


@contextlib.contextmanager
def sandbox(today: dt.date) -> Iterator[dict[str, Any]]:
    """Start the sandbox on a free port; yield the tap's settings for it."""
    CONFIG.unlink(missing_ok=True)
    executable = command("tap-reports").with_name("tap-reports-sandbox")
    dates = ["--today", today.isoformat()]
    arguments = [str(executable), "--port", "0", "--config-file", str(CONFIG), *dates, *SANDBOX_OPTIONS]
    with subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                raise SetupError("The sandbox did not start.")
            say(f"sandbox {line.strip()}")
            config = settings(json.loads(CONFIG.read_text(encoding="utf-8")), today)
            CONFIG.write_text(json.dumps(config), encoding="utf-8")
            yield config
        finally:
            process.terminate()


def settings(config: dict[str, Any], today: dt.date) -> dict[str, Any]:
    """Return the sandbox's settings for this run."""
    if not START_DATE.is_file():
        START_DATE.write_text((today - HISTORY).replace(day=1).isoformat())
    config["start_date"] = START_DATE.read_text()
    config["impact"]["lookback_days"] = LOOKBACK_DAYS
    config["job_ledger"] = str(LEDGER)
    return config


def environment_without_plugins() -> dict[str, str]:
    """Return the environment without what Meltano or its plugins would read."""
    others = ("TAP_", "TARGET_", "MELTANO_")
    return {name: text for name, text in os.environ.items() if not name.startswith(others)}


def variables(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield settings as the variables that Meltano reads."""
    if isinstance(value, dict):
        for inner, one in value.items():
            yield from variables(f"{name}_{inner}", one)
    else:
        yield name.upper(), value if isinstance(value, str) else json.dumps(value)


def run_meltano(meltano: Path, arguments: list[str], settings: dict[str, str], remedy: str = "") -> None:
    """Run Meltano in the project with these variables; what it says goes into the log.

    Raises:
        SetupError: It failed.
    """
    own = {"MELTANO_DATABASE_URI": f"sqlite:///{MELTANO_DATABASE}", "NO_COLOR": "1"}
    with LOG.open("w", encoding="utf-8") as log:
        done = subprocess.run(
            [str(meltano), *arguments],
            cwd=ROOT,
            env={**environment_without_plugins(), **own, **settings},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        end = "\n".join(LOG.read_text(encoding="utf-8", errors="replace").splitlines()[-SHOWN_LINES:])
        what = f"meltano {' '.join(arguments)} ended with status {done.returncode}"
        raise SetupError(f"{what}. The end of {shown(LOG)}:\n{end}\n{remedy}".rstrip())


def command(plugin: str) -> Path:
    """Return a plugin's executable in the environment that Meltano made for it."""
    kind = "extractors" if plugin.startswith("tap-") else "loaders"
    folder = ROOT / ".meltano" / kind / plugin / "venv" / ("Scripts" if os.name == "nt" else "bin")
    return folder / EXECUTABLES[plugin]


# --- what came ----------------------------------------------------------------------------------------


def show(since: dt.datetime, *, first: bool) -> None:
    """Print a line for each stream: what is in the warehouse, what this run extracted."""
    tables = _json_of(_warehouse("--tables", json.dumps(date_columns())))
    ledger = _json_of([command("tap-reports"), "--config", CONFIG, "--jobs", "--format", "json"])
    jobs = [job for job in ledger if (job["downloaded_at"] or "") >= since.isoformat()]
    lines = [["stream", "rows", "first day", "last day", "extracted now", "rows now"]]
    for table in tables:
        mine = [job for job in jobs if table["table"] in str(job["stream"]).split(", ")]
        days = sorted(str(job[end]) for job in mine for end in ("slice_start", "slice_end") if job[end])
        now = (f"{days[0]}..{days[-1]}" if days else "all of it") if mine else "nothing new"
        rows = str(sum(job["rows"] or 0 for job in mine))
        days_shown = [table["first_day"] or "snapshot", table["last_day"] or ""]
        lines.append([table["table"], str(table["rows"]), *days_shown, now, rows])
    what = "Loaded" if first else "Loaded, and what this run added or renewed"
    print(f"\n{what} ({shown(WAREHOUSE)}):\n\n{as_table(lines)}")


def date_columns() -> dict[str, str]:
    """Return the replication keys by stream, from the catalog that Meltano keeps."""
    path = ROOT / ".meltano" / "run" / "tap-reports" / "tap.properties.json"
    streams = json.loads(path.read_text(encoding="utf-8"))["streams"]
    return {one["tap_stream_id"]: key for one in streams if (key := one.get("replication_key"))}


def _warehouse(*arguments: str) -> list[str | Path]:
    """Return the command for warehouse.py with the Python that has DuckDB: the target's own."""
    python = command("target-duckdb").with_name("python")
    return [python, Path(__file__).with_name("warehouse.py"), WAREHOUSE, *arguments]


def _json_of(command: list[str | Path]) -> Any:
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def query(sql: str) -> int:
    """Print the answer to a query. Returns the exit status."""
    if not WAREHOUSE.is_file():
        print("Nothing is loaded yet: run it without --sql first.", file=sys.stderr)
        return 1
    return subprocess.run(_warehouse(sql), check=False).returncode


def as_table(lines: list[list[str]]) -> str:
    """Return lines of cells as text, numbers to the right, a rule below the head."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines = [lines[0], ["-" * width for width in widths], *lines[1:]]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if cell.isdigit() else cell.ljust(width)
            for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


NEXT_FIRST = """
That was a run as if it were a week ago. Run the same command again: it extracts only what is new since then.
To look at what was loaded:
  python3 scripts/quickstart.py --sql "FROM digital_turbine_campaign_daily LIMIT 5"
  .quickstart/meltano/bin/meltano invoke tap-reports --about"""
NEXT_AGAIN = """
"extracted now" is what this run asked the vendors for: the days since the last one, and those that a vendor
may still restate (lookback: digital_turbine 1 day, impact 7 here). A snapshot is loaded whole each time.
To start over:  python3 scripts/quickstart.py --again"""


if __name__ == "__main__":
    require_python()
    sys.exit(main())
