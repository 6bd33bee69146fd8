"""What importing costs: in fresh interpreters that take turns, in processor time, without the interpreter's start."""

import subprocess
import sys

from benchmarks.harness import BenchmarkError, Row, compared, rounds_of

_TIMED = "from time import process_time as clock; begun = clock(); import {}; print(clock() - begun)"


def seconds_of(module: str) -> float:
    """Return the processor time of importing a module in a fresh interpreter."""
    command = [sys.executable, "-c", _TIMED.format(module)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise BenchmarkError(f"{module} could not be imported: {answer.stderr[-500:]}")
    return float(answer.stdout)


def run(*, quick: bool) -> list[Row]:
    """Measure both imports in turns."""
    ours, peer = "gpt_trader_telemetry", "opentelemetry.sdk.metrics"
    taken = rounds_of({name: lambda name=name: seconds_of(name) for name in (ours, peer)}, 1 if quick else 21)
    return [compared("import", f"import {ours}", f"import {peer}", taken[ours], taken[peer], goal=1.2)]
