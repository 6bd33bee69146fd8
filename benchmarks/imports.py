"""What importing costs: in fresh interpreters that take turns, in processor time, without the interpreter's start.

What an import puts off, the first use pays for; so the same is measured until there is something to record with.
"""

import functools
import subprocess
import sys

from benchmarks.harness import BenchmarkError, Row, compared, rounds_of

OURS = "import gpt_trader_telemetry"
NAMES = f"{OURS} as ours; [getattr(ours, name) for name in ours.__all__]"
"""Names are loaded when they are first asked for: all of them are, so that none is left out of the comparison."""
USED = "from gpt_trader_telemetry import broker_call, configure"
PEER = "import opentelemetry.sdk.metrics"
OURS_READY = f"{OURS} as ours; ours.Telemetry(ours.Settings())"
PEER_READY = (
    "from opentelemetry.sdk.metrics import MeterProvider; "
    "from opentelemetry.exporter.prometheus import PrometheusMetricReader; "
    "MeterProvider(metric_readers=[PrometheusMetricReader()])"
)

_TIMED = "from time import process_time as clock; begun = clock(); {}; print(clock() - begun)"


def seconds_of(statement: str) -> float:
    """Return the processor time of a statement in a fresh interpreter."""
    command = [sys.executable, "-c", _TIMED.format(statement)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise BenchmarkError(f"{statement} could not be run: {answer.stderr[-500:]}")
    return float(answer.stdout)


def run(*, quick: bool) -> list[Row]:
    """Measure all in turns."""
    statements = (OURS, NAMES, USED, PEER, OURS_READY, PEER_READY)
    variants = {statement: functools.partial(seconds_of, statement) for statement in statements}
    taken = rounds_of(variants, 1 if quick else 21)
    ready = "the SDK, and a MeterProvider with its Prometheus reader"
    return [
        compared("import", OURS, PEER, taken[OURS], taken[PEER], goal=1.2),
        compared("import-names", f"{OURS}, and every name of it", PEER, taken[NAMES], taken[PEER], goal=1.2),
        compared("import-used", USED, PEER, taken[USED], taken[PEER], goal=1.2),
        compared("import-ready", f"{OURS}, and a Telemetry", ready, taken[OURS_READY], taken[PEER_READY]),
    ]
