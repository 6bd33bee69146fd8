"""A real Prometheus server of the test's own, and the arithmetic of its query language."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from support.stores import Store, prometheus_scraping

Labels = frozenset[tuple[str, str]]
Samples = list[tuple[float, float]]


class Prometheus:
    """A server; ask it with ``query``."""

    def __init__(self, store: Store) -> None:
        self.url, self.get = store.url, store.get

    def query(self, expression: str, at: float | None = None) -> dict[Labels, float]:
        """Evaluate an expression; every label but job and instance tells the results apart."""
        when = {} if at is None else {"time": f"{at:.3f}"}
        result = self.get("query", query=expression, **when)["result"]
        return {_labels(item["metric"]): float(item["value"][1]) for item in result}

    def samples(self, selector: str, at: float) -> dict[Labels, Samples]:
        """Return what was scraped in the five minutes before a time."""
        result = self.get("query", query=f"{selector}[5m]", time=f"{at:.3f}")["result"]
        return {_labels(item["metric"]): [(time, float(value)) for time, value in item["values"]] for item in result}


def _labels(metric: dict[str, str]) -> Labels:
    return frozenset((name, value) for name, value in metric.items() if name not in {"job", "instance", "__name__"})


@contextmanager
def scraping(folder: Path, rules: Path, jobs: Mapping[str, str], more: str = "") -> Iterator[Prometheus]:
    """Run a server with some rules on jobs of one target each; ``more`` ends its configuration."""
    with prometheus_scraping(folder, rules, jobs, more) as store:
        yield Prometheus(store)


def increase(samples: Samples, at: float, window: float = 300.0) -> float:
    """Do what ``increase(...[5m])`` is defined to do, for a counter that was never reset.

    The growth between the first and the last sample is stretched to the ends of the window, but by half a sampling
    interval at most, and at its beginning not beyond the time at which the counter was zero.
    """
    (begun, first), (ended, last) = samples[0], samples[-1]
    if len(samples) < 2:
        return 0.0
    growth, seen = last - first, ended - begun
    usual = seen / (len(samples) - 1)
    before, after = begun - (at - window), at - ended
    if growth > 0 and first >= 0:
        before = min(before, seen * first / growth)
    stretched = seen + sum(end if end < 1.1 * usual else usual / 2 for end in (before, after))
    return growth * stretched / seen


def quantile(share: float, buckets: dict[float, float]) -> float:
    """Do what ``histogram_quantile`` does: find the bucket of the rank, and interpolate within it."""
    bounds = sorted(buckets)
    counts = [buckets[bound] for bound in bounds]
    rank = share * counts[-1]
    place = bisect_left(counts, rank)
    if bounds[place] == float("inf"):
        return bounds[-2]
    below, low = (counts[place - 1], bounds[place - 1]) if place else (0.0, 0.0)
    return low + (bounds[place] - low) * (rank - below) / (counts[place] - below)


def bucketed(seconds: Iterable[float], bounds: Iterable[float]) -> dict[float, float]:
    """Count how many values are at most each bound."""
    values = list(seconds)
    return {bound: float(sum(value <= bound for value in values)) for bound in bounds}
