"""Many histogram series with the same labels, bounds and values: ours, and the peers'."""

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from gpt_trader_telemetry import Telemetry
from gpt_trader_telemetry.catalog import LATENCY_BUCKETS
from gpt_trader_telemetry.pipeline.own import OwnPipeline

NAME: Final = "gpt_trader_benchmark_seconds"
LABELS: Final = ("venue", "symbol")
BOUNDS: Final = LATENCY_BUCKETS
"""Twelve of them."""

FIRST_VALUES: Final = (*(bound * 0.9 for bound in BOUNDS), BOUNDS[-1] * 2)
"""One in each bucket, so that no series has an empty one."""


def pipeline_of(telemetry: Telemetry) -> OwnPipeline:
    """Return what records, renders and exports, to time each by itself."""
    assert isinstance(telemetry._pipeline, OwnPipeline)
    return telemetry._pipeline


def stop_folding(telemetry: Telemetry) -> None:
    """Leave folding to what is timed, where the background thread would do it whenever it comes round."""
    pipeline_of(telemetry)._ticker.stop()


def label_values(count: int) -> list[tuple[str, str]]:
    """Return so many label values of two labels."""
    return [(f"venue-{number % 7}", f"COIN{number}-USD") for number in range(count)]


def our_observers(telemetry: Telemetry, labels: Sequence[tuple[str, str]]) -> list[Callable[[float], object]]:
    """Make the series through the public function, and return what records into each when bound."""
    for venue, symbol in labels:
        telemetry.record_histogram(NAME, FIRST_VALUES[0], {"venue": venue, "symbol": symbol}, buckets=BOUNDS)
    recorder = pipeline_of(telemetry).recorder
    metric = recorder.metrics[NAME]
    return [recorder.events((metric, metric.label_set({"venue": venue, "symbol": symbol}))) for venue, symbol in labels]


def changes(seed: int = 1) -> Iterator[float]:
    """Yield values without end, spread evenly over the buckets."""
    source = random.Random(seed)
    shuffled = itertools.chain.from_iterable(source.sample(FIRST_VALUES, len(FIRST_VALUES)) for _ in itertools.count())
    return (value * source.uniform(0.95, 1.05) for value in shuffled)
