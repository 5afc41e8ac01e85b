"""The Airflow operators under a real Airflow: phases, with a triggerer that is killed and started again."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import signal
import subprocess
import sys
import time
import uuid
from functools import partial
from pathlib import Path

import psycopg
import pytest
import requests
import sqlalchemy as sa
from command import free_ports
from installs import installed

from tap_reports.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[2]
COMPONENTS = {"scheduler": "scheduler", "dag-processor": "dag_processor", "triggerer": "triggerer"}
"""Beside the API server: the command -> its name in what that says of their health."""
MAX_WAIT_SECONDS = 240
JOB_SECONDS = 25
pytestmark = [pytest.mark.installs, pytest.mark.xdist_group("airflow"), pytest.mark.timeout(900)]

DAG = """
import datetime as dt
from airflow.sdk import dag
from tap_reports_airflow import TapReportsOperator, TapReportsSubmitOperator

TAP = {{"config": "{config}", "catalog": "{catalog}", "command": {command!r}}}

@dag(schedule=None, catchup=False, start_date=dt.datetime(2026, 1, 1))
def reports():
    submit = TapReportsSubmitOperator(task_id="submit", **TAP)
    load = TapReportsOperator(
        task_id="load", target={target!r}, last_day="{{{{ ti.xcom_pull('submit')['end_date'] }}}}", **TAP
    )
    submit >> load

reports()
"""
TARGET = """
import json, sys
rows = [line for line in sys.stdin if json.loads(line)["type"] == "RECORD"]
open(sys.argv[1], "w").write(str(len(rows)))
print("{}")
"""


@pytest.fixture(scope="module")
def commands(tmp_path_factory) -> Path:
    """An environment with Airflow and the package, without the tap."""
    folder = tmp_path_factory.mktemp("airflow") / "venv"
    return installed(folder, str(ROOT / "integrations/airflow"), "psycopg2-binary", "asyncpg")


@pytest.fixture
def database(postgres_url):
    """A database of this test's own: Airflow on SQLite is too slow for more than one process."""
    url = sa.make_url(postgres_url).set(drivername="postgresql", query={})
    name = f"airflow_{uuid.uuid4().hex[:12]}"
    connect = partial(psycopg.connect, url.render_as_string(hide_password=False), autocommit=True)
    with connect() as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield url.set(database=name).render_as_string(hide_password=False)
    with connect() as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


class Airflow:
    """The components of Airflow, each a process that can be killed."""

    def __init__(self, commands: Path, folder: Path, database: str) -> None:
        self.commands, self.folder, self.database = commands, folder, database
        api, *logs = free_ports(3)
        self.url = f"http://127.0.0.1:{api}"
        self.environment = {
            "PATH": f"{commands}:{os.environ['PATH']}",
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "AIRFLOW_HOME": str(folder),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database.replace(
                "postgresql://", "postgresql+psycopg2://"
            ),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "2",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__API__PORT": str(api),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API_AUTH__JWT_SECRET": uuid.uuid4().hex * 2,
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(logs[0]),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(logs[1]),
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            # On a busy machine a worker waits long for its answers.
            "AIRFLOW__API__WORKER_TIMEOUT": str(MAX_WAIT_SECONDS),
            "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": str(MAX_WAIT_SECONDS),
            "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": str(MAX_WAIT_SECONDS),
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(MAX_WAIT_SECONDS),
            "AIRFLOW__WORKERS__EXECUTION_API_RETRIES": "20",
            "AIRFLOW__WORKERS__EXECUTION_API_RETRY_WAIT_MAX": "5",
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
            "AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS": "20",
        }
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def command(self, *arguments: str) -> str:
        done = subprocess.run(
            [self.commands / "airflow", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=MAX_WAIT_SECONDS,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout

    def start(self, component: str) -> None:
        log = (self.folder / f"{component}.log").open("ab")
        with log:
            self.running[component] = subprocess.Popen(
                [self.commands / "airflow", component],
                env=self.environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def kill(self, component: str) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.running[component].pid, signal.SIGKILL)
        self.running.pop(component).wait()

    def health(self) -> dict[str, dict[str, str]]:
        """Return what the API server says of each component; nothing before it answers."""
        try:
            return requests.get(f"{self.url}/api/v2/monitor/health", timeout=30).json()
        except (OSError, ValueError):
            return {}

    def start_all(self) -> None:
        """Start the API server, and when it answers what calls it."""
        self.start("api-server")
        self.until(self.health)
        for component in COMPONENTS:
            self.start(component)
        self.until(
            lambda: {self.health().get(name, {}).get("status") for name in COMPONENTS.values()} == {"healthy"}
        )

    def states(self) -> dict[str, str]:
        with psycopg.connect(self.database) as connection:
            return dict(connection.execute("SELECT task_id, state FROM task_instance").fetchall())

    def until(self, condition) -> None:
        end = time.monotonic() + MAX_WAIT_SECONDS
        while not condition():
            logs = "".join(path.read_text()[-1500:] for path in self.folder.rglob("*.log"))
            assert time.monotonic() < end, f"{self.states()}\n{logs}"
            assert "failed" not in self.states().values(), logs
            time.sleep(0.5)


@pytest.fixture
def airflow(commands, tmp_path, database):
    found = Airflow(commands, tmp_path, database)
    yield found
    for component in list(found.running):
        found.kill(component)


def test_phases_wait_in_the_triggerer_and_survive_its_restart(airflow, tap, tmp_path):
    (tmp_path / "dags").mkdir()
    (tmp_path / "target.py").write_text(TARGET)
    target = [sys.executable, str(tmp_path / "target.py"), str(tmp_path / "rows")]
    today = dt.date(2026, 3, 20)
    with Sandbox(rows=3, delay=JOB_SECONDS, today=today, dt_reports_per_minute=1000) as sandbox:
        dag = DAG.format(target=target, **tap(sandbox, slice_days=7))
        (tmp_path / "dags/reports.py").write_text(dag)
        airflow.command("db", "migrate")
        airflow.command("dags", "reserialize")
        airflow.command("dags", "unpause", "reports")
        airflow.start_all()
        airflow.command("dags", "trigger", "reports")
        airflow.until(lambda: airflow.states().get("submit") == "deferred")
        airflow.kill("triggerer")
        airflow.start("triggerer")
        airflow.until(lambda: airflow.states().get("load") == "success")
        submitted = sandbox.submissions("digital_turbine").jobs
    assert (tmp_path / "rows").read_text() == str(3 * 19)
    assert submitted == 3


def test_the_package_does_not_import_the_tap(commands):
    code = "import sys, tap_reports_airflow; print('tap_reports' in sys.modules)"
    done = subprocess.run([commands / "python", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("False")
