"""A Meltano project with this repository's definitions in a temporary folder."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from installs import installed
from quickstart import MELTANO, environment_without_plugins, variables

from tap_reports.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ("tap-reports", "target-duckdb", "target-jsonl", "target-postgres")
TODAY = dt.date(2026, 3, 20)
START = "2026-03-01"


class Project:
    """Runs Meltano in a project; its database, ledger and output lie in a folder that a test may change."""

    def __init__(self, folder: Path, meltano: Path) -> None:
        self.folder = folder
        self.meltano = meltano
        self.variables: dict[str, str] = {}

    def use(self, folder: Path, config: dict[str, Any] | None = None, prefix: str = "TAP_REPORTS") -> None:
        """Begin again: no state, no jobs, no output; the settings come from variables."""
        shutil.rmtree(self.folder / ".meltano" / "run", ignore_errors=True)
        shutil.copy(ROOT / "meltano.yml", self.folder / "meltano.yml")
        _absolute(self.folder / "meltano.yml")
        self.variables = {
            "MELTANO_DATABASE_URI": f"sqlite:///{folder}/meltano.sqlite",
            "TAP_REPORTS_JOB_LEDGER": str(folder / "jobs.sqlite"),
            "TARGET_DUCKDB_PATH": str(folder / "warehouse.duckdb"),
            "TARGET_JSONL_DESTINATION_PATH": str(folder),
            "XDG_STATE_HOME": str(folder),
            "NO_COLOR": "1",
            **dict(variables(prefix, config or {})),
        }

    def run(self, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        """Run `meltano` and expect a status."""
        done = subprocess.run(
            [self.meltano, *arguments],
            cwd=self.folder,
            env={**environment_without_plugins(), **self.variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=480,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done

    def python(self, loader: str) -> Path:
        """The Python of a loader's environment."""
        return self.folder / ".meltano" / "loaders" / loader / "venv" / "bin" / "python"

    def counts(self) -> dict[str, int]:
        """Return the rows of each table in the DuckDB file."""
        done = subprocess.run(
            [
                self.python("target-duckdb"),
                ROOT / "scripts" / "warehouse.py",
                self.variables["TARGET_DUCKDB_PATH"],
                "--tables",
                "{}",
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        return {table["table"]: table["rows"] for table in json.loads(done.stdout)}


def _absolute(path: Path) -> None:
    text = path.read_text().replace("pip_url: -e .", f"pip_url: -e {ROOT}")
    path.write_text(text.replace("pip_url: ./scripts", f"pip_url: {ROOT}/scripts"))


@pytest.fixture(scope="session")
def meltano() -> Path:
    """The command."""
    return installed(ROOT / ".tests" / "meltano", MELTANO) / "meltano"


@pytest.fixture
def empty_project(meltano, tmp_path) -> Project:
    """A project without plugins."""
    (tmp_path / "meltano.yml").write_text(
        "version: 1\nproject_id: empty\nsend_anonymous_usage_stats: false\n"
    )
    return Project(tmp_path, meltano)


@pytest.fixture(scope="session")
def with_plugins(meltano, tmp_path_factory) -> Project:
    """The project with its plugins installed."""
    project = Project(tmp_path_factory.mktemp("meltano"), meltano)
    project.use(tmp_path_factory.mktemp("installation"))
    project.run("install", *PLUGINS)
    return project


@pytest.fixture
def project(with_plugins, tmp_path) -> Project:
    with_plugins.use(tmp_path)
    return with_plugins


@pytest.fixture
def sandbox():
    with Sandbox(rows=10, speed=500, today=TODAY) as running:
        yield running


@pytest.fixture
def config(sandbox) -> dict[str, Any]:
    """The sandbox's settings, for a few days."""
    return {**sandbox.config(), "start_date": START}
