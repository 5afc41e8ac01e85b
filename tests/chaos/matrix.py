"""Which scenarios are run, all of them at once, and the table of what came of them."""

from __future__ import annotations

import dataclasses
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from fork_server import ForkServer
from kill_points import POINTS, RESTARTS, Outcome, Point
from scenario_runner import ScenarioRunner
from scenarios import SCENARIOS

from tap_reports.sandbox import Sandbox
from tap_reports.sync.mode import Mode
from tap_reports.tap import TapReports

Told = tuple[str, Point, int, str]


def scenarios(*, everything: bool = False) -> list[Told]:
    """Return the scenarios: every kill point with every restart, the vendors taking turns; or all of all."""
    if everything:
        return [
            (vendor, point, ending, restart)
            for vendor in SCENARIOS
            for point in POINTS
            for ending in (signal.SIGKILL, signal.SIGTERM)
            for restart in RESTARTS
        ]
    vendors = list(SCENARIOS)
    killed = [
        (vendors[(row + column) % len(vendors)], point, signal.SIGKILL, restart)
        for row, point in enumerate(POINTS)
        for column, restart in enumerate(RESTARTS)
    ]
    ended = [
        (vendors[row % len(vendors)], point, signal.SIGTERM, RESTARTS[row % 2])
        for row, point in enumerate(POINTS)
    ]
    return killed + ended


def run_all(folder: Path, chosen: list[Told], *, workers: int = 3) -> tuple[list[Outcome], str]:
    """Return the outcomes, and a table of them."""
    catalogs = {vendor: catalog_of(vendor) for vendor in {vendor for vendor, *_ in chosen}}

    def one(number: int) -> Outcome:
        scenario_runner = ScenarioRunner(
            fork_server, folder / str(number), chosen[number], catalogs[chosen[number][0]]
        )
        try:
            return scenario_runner.run()
        except Exception as error:
            scenario_runner.outcome.faults.append(f"{type(error).__name__}: {error}")
            return scenario_runner.outcome

    with ForkServer() as fork_server, ThreadPoolExecutor(workers) as pool:
        outcomes = list(pool.map(one, range(len(chosen))))
    return outcomes, table(outcomes)


def catalog_of(vendor: str) -> dict[str, Any]:
    """Return the catalog of a vendor's report: with it, a run asks for nothing for discovery's sake."""
    with Sandbox(rows=1, speed=1e6, delay=0) as sandbox:
        config = SCENARIOS[vendor].config(sandbox, job_ledger="off")
        return TapReports(config=config, mode=Mode.DISCOVER).catalog_dict


def table(outcomes: list[Outcome]) -> str:
    """Return kill point x restart: rows lost, submissions beyond the law (and more than one a slice)."""
    lines = []
    for ending in dict.fromkeys(one.ending for one in outcomes):
        lines.append(
            f"{ending}: lost rows / submissions beyond the law (submissions above one a slice), all vendors"
        )
        lines.append(f"{'':32}" + "".join(f"{restart:>16}" for restart in RESTARTS))
        for point in POINTS:
            cells = []
            for restart in RESTARTS:
                found = [
                    one
                    for one in outcomes
                    if (one.ending, one.point, one.restart) == (ending, point.name, restart)
                ]
                lost, beyond, extra = (
                    sum(getattr(one, name) for one in found) for name in ("lost", "beyond", "extra")
                )
                cells.append(f"{lost} / {beyond} ({extra})" if found else "-")
            lines.append(f"{point.name:32}" + "".join(f"{cell:>16}" for cell in cells))
    lost, invented, ahead = (
        sum(getattr(one, name) for one in outcomes) for name in ("lost", "invented", "ahead")
    )
    lines.append(f"{len(outcomes)} scenarios: {lost} rows lost, {invented} invented, {ahead} bookmarks ahead")
    bad = [dataclasses.asdict(one) for one in outcomes if not one.is_good]
    lines += [f"WRONG {one}" for one in bad]
    return "\n".join(lines)
