"""What one scrape of histogram series costs, in both formats, and how that grows with their number.

Before every timed scrape each series takes a value, so that no side can answer from memory; folding ours is part
of what is timed. At the end all sides must have answered with the same samples.
"""

import functools
import gc
from collections.abc import Callable, Iterable, Iterator
from time import thread_time
from typing import Any

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.exposition import generate_latest as generate_text
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from benchmarks.harness import BenchmarkError, Row, compared, rounds_of
from benchmarks.peers import Sdk, without_created_samples
from benchmarks.series import (
    BOUNDS,
    FIRST_VALUES,
    LABELS,
    NAME,
    changes,
    label_values,
    our_observers,
    pipeline_of,
    stop_folding,
)
from gpt_trader_telemetry import Settings, Telemetry

Render = Callable[[], bytes]

TEXT, OPENMETRICS = "text", "OpenMetrics"
_GENERATE: dict[str, Callable[[CollectorRegistry], bytes]] = {TEXT: generate_text, OPENMETRICS: generate_openmetrics}
_PARSE: dict[str, Callable[[str], Iterable[Any]]] = {TEXT: parse_text, OPENMETRICS: parse_openmetrics}
_ACCEPT = {TEXT: "text/plain;version=0.0.4", OPENMETRICS: "application/openmetrics-text;version=1.0.0"}


class Side:
    """Series that take values, and what renders them in each format."""

    def __init__(self, observers: list[Callable[[float], object]], renders: dict[str, Render]) -> None:
        self._observers = observers
        self._values: Iterator[float] = changes()
        self.renders = renders
        for value in FIRST_VALUES[1:]:
            for observe in observers:
                observe(value)

    def timed(self, style: str) -> Callable[[], float]:
        """Return what changes every series and then times a scrape."""
        return lambda: self._scrape(self.renders[style])

    def _scrape(self, render: Render) -> float:
        for observe, value in zip(self._observers, self._values, strict=False):
            observe(value)
        gc.collect()
        begun = thread_time()
        render()
        return thread_time() - begun

    def samples(self, style: str) -> dict[tuple[str, ...], float]:
        """Return the samples of the last state, as a parser reads them."""
        return {
            (sample.name, *(sample.labels.get(name, "") for name in (*LABELS, "le"))): round(sample.value, 6)
            for family in _PARSE[style](self.renders[style]().decode())
            if family.name == NAME
            for sample in family.samples
        }


def ours(telemetry: Telemetry, series: int) -> Side:
    """Return our side of it."""
    stop_folding(telemetry)
    render = pipeline_of(telemetry).prometheus.render

    def answering(accept: str) -> Render:
        return lambda: render(accept)[1]

    renders = {style: answering(accept) for style, accept in _ACCEPT.items()}
    return Side(our_observers(telemetry, label_values(series)), renders)


def stock(series: int) -> Side:
    """Return an SDK histogram read by the stock reader."""
    sdk = Sdk()
    histogram = sdk.histogram(NAME)

    def observer(attributes: dict[str, str]) -> Callable[[float], object]:
        return lambda value: histogram.record(value, attributes)

    observers = [observer(dict(zip(LABELS, values, strict=True))) for values in label_values(series)]
    return _with_first_value(observers, sdk.registry)


def client(series: int) -> Side:
    """Return a histogram of prometheus_client's own."""
    registry = CollectorRegistry()
    histogram = Histogram(NAME, "Seconds.", LABELS, buckets=BOUNDS, registry=registry)
    return _with_first_value([histogram.labels(*values).observe for values in label_values(series)], registry)


def _with_first_value(observers: list[Callable[[float], object]], registry: CollectorRegistry) -> Side:
    for observe in observers:
        observe(FIRST_VALUES[0])
    renders: dict[str, Render] = {style: functools.partial(generate, registry) for style, generate in _GENERATE.items()}
    return Side(observers, renders)


def run(*, quick: bool) -> list[Row]:
    """Measure scrapes beside the peers', then ours as the series grow in number."""
    without_created_samples()
    rounds, few, many = (2, 50, 1000) if quick else (21, 1000, 20_000)
    return [*_beside_peers(rounds, few), *_growth(rounds, few, many)]


def _beside_peers(rounds: int, series: int) -> list[Row]:
    with Telemetry(Settings()) as telemetry:
        sides = {"ours": ours(telemetry, series), "stock": stock(series), "client": client(series)}
        taken = rounds_of(
            {f"{name}, {style}": side.timed(style) for style in _GENERATE for name, side in sides.items()}, rounds
        )
        for style in _GENERATE:
            found = {name: side.samples(style) for name, side in sides.items()}
            if (
                not len(found["ours"]) == series * (len(BOUNDS) + 3)
                or not found["ours"] == found["stock"] == found["client"]
            ):
                raise BenchmarkError(f"the scrapes in {style} differ")
    rows = []
    for key, against, goal in (
        ("stock", "the stock reader with generate_latest", 1 / 12),
        ("client", "prometheus_client's own histograms", 1 / 8),
    ):
        rows += [
            compared(
                f"scrape-{key}-{style.lower()}", f"One scrape of {series:,} histogram series, 12 buckets each",
                f"{against}, {style}", taken[f"ours, {style}"], taken[f"{key}, {style}"], goal=goal,
            )
            for style in _GENERATE
        ]  # fmt: skip
    return rows


def _growth(rounds: int, few: int, many: int) -> list[Row]:
    with (
        Telemetry(Settings(cardinality_limit=100_000)) as small,
        Telemetry(Settings(cardinality_limit=100_000)) as large,
    ):
        taken = rounds_of(
            {"few": ours(small, few).timed(OPENMETRICS), "many": ours(large, many).timed(OPENMETRICS)}, rounds
        )
    a_series = [seconds / many for seconds in taken["many"]]
    what = f"Our scrape of {many:,} series, for each of them"
    against = f"our scrape of {few:,}, for each of them"
    return [compared("scrape-growth", what, against, a_series, [seconds / few for seconds in taken["few"]], goal=1.0)]
