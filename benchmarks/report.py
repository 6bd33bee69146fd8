"""What a daily report costs on a day of a million events, and a replay of them.

The report reads a database that ``examples/runtime_fixtures.py`` made. Its target is a time, 10 s on two processors, so
that stands as the peer; times are the processor's. Memory is what a process that makes the report peaks at, beside one
with a tenth of the events.
"""

import contextlib
import gc
import importlib.util
import io
import json
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import process_time
from types import ModuleType
from typing import Any, Final

from benchmarks.harness import BenchmarkError, Row, compared
from gpt_trader_telemetry.cli.main import main
from gpt_trader_telemetry.replay.replayer import Replayer
from gpt_trader_telemetry.report.tally import Tally
from gpt_trader_telemetry.report.window import window_of
from gpt_trader_telemetry.runtime_data.events import read_events
from gpt_trader_telemetry.runtime_data.paths import ProfilePaths
from gpt_trader_telemetry.runtime_data.skipped import Skipped
from gpt_trader_telemetry.runtime_data.values import unix_time
from gpt_trader_telemetry.thresholds import Thresholds

_ROOT: Final = Path(__file__).parents[1]
_END: Final = unix_time("2026-03-01") or 0.0
_MAY_TAKE: Final = 10.0
"""Seconds for a million events."""
_ASKED: Final = (
    "report",
    "daily",
    "--date",
    "2026-02-28",
    "--now",
    "2026-03-01",
    "--report-format",
    "json",
    "--no-save",
)


def _fixtures() -> ModuleType:
    spec = importlib.util.spec_from_file_location("runtime_fixtures", _ROOT / "examples" / "runtime_fixtures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _made(root: Path, events: int, days: float = 1.0) -> ProfilePaths:
    paths = ProfilePaths.of(root, "paper")
    fixtures = _fixtures()
    fixtures.write_database(paths.events_db, fixtures.events(events, start=_END - days * 86_400, end=_END))
    return paths


def _timed(run: Callable[[], object]) -> float:
    gc.collect()
    begun = process_time()
    run()
    return process_time() - begun


def _report(root: Path) -> dict[str, Any]:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
        code = main([*_ASKED, "--runtime-root", str(root)])
    if code:
        raise BenchmarkError(f"the report ended with {code}")
    found: dict[str, Any] = json.loads(printed.getvalue())
    return found


def _floor(paths: ProfilePaths) -> int:
    """Read the rows of the kinds that a report is made of, and parse what they hold: no figure can cost less."""
    day = Tally(window_of(None, datetime.fromtimestamp(_END, UTC)))
    kinds = sorted((day.kinds - day.latest.keys()) | {"metric"})
    marks = ", ".join("?" * len(kinds))
    with contextlib.closing(sqlite3.connect(f"file:{paths.events_db}?mode=ro", uri=True)) as connection:
        rows = connection.execute(
            f"SELECT timestamp, payload FROM events WHERE event_type IN ({marks}) ORDER BY id", kinds
        )
        return sum(bool(json.loads(payload)) for _, payload in rows)


def _peak(root: Path) -> float:
    """Return the most memory, in bytes, that a process of its own held while it made the report."""
    script = (
        "import resource, sys; from gpt_trader_telemetry.cli.main import main; main(sys.argv[1:]);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )
    command = [sys.executable, "-c", script, *_ASKED, "--runtime-root", str(root)]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(told.stderr.split()[-1]) * (1 if sys.platform == "darwin" else 1024)


def _replay(paths: ProfilePaths, *, thorough: bool) -> int:
    replayer = Replayer(Thresholds())
    if thorough:
        replayer._report = lambda end, ages: replayer._inputs.signals.evaluate()  # type: ignore[method-assign]  # noqa: ARG005
    for event in read_events(paths, kinds=replayer.kinds, skipped=Skipped()):
        replayer.take(event)
    return len(replayer.finish("paper").changes)


def run(*, quick: bool) -> list[Row]:
    """Time the report beside its target and beside the bare reading, weigh it, and time a replay."""
    rounds, many = (1, 5_000) if quick else (3, 1_000_000)
    with tempfile.TemporaryDirectory() as folder:
        large, small = Path(folder, "large"), Path(folder, "small")
        paths = _made(large, many)
        _made(small, many // 10)
        found = _report(large)
        if not found["trades"]["total"] or found["health"]["liveness"]["status"] != "GREEN":
            raise BenchmarkError("the report has no trades")
        report = [_timed(lambda: _report(large)) for _ in range(rounds)]
        floor = [_timed(lambda: _floor(paths)) for _ in range(rounds)]
        replayed = _made(Path(folder, "days"), many // 20, days=many / 20 / 30_000)
        if _replay(replayed, thorough=True) != _replay(replayed, thorough=False):
            raise BenchmarkError("a replay that judges less often found something else")
        what = f"A daily report on {many:,} events"
        allowed = [_MAY_TAKE * many / 1_000_000] * rounds
        return [
            compared("report", what, "the 10 s that a million may take", report, allowed, goal=1.0),
            compared("report-floor", what, "reading and parsing those rows alone", report, floor),
            compared(
                "report-memory", what, "the peak with a tenth of the events", [_peak(large)], [_peak(small)],
                unit="B", goal=1.3,
            ),
            compared(
                "replay", f"A replay of {many // 20:,} events", "judging every step",
                [_timed(lambda: _replay(replayed, thorough=False)) for _ in range(rounds)],
                [_timed(lambda: _replay(replayed, thorough=True)) for _ in range(rounds)],
            ),
        ]  # fmt: skip
