"""A real Prometheus server of the test's own, and the arithmetic of its query language."""

import json
import re
import subprocess
import threading
import urllib.parse
import urllib.request
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from paper_process import PATIENCE, wait_for

Labels = frozenset[tuple[str, str]]
Samples = list[tuple[float, float]]

CONFIG = """
global:
  scrape_interval: 200ms
  scrape_timeout: 200ms
  evaluation_interval: 500ms
rule_files:
  - {rules}
scrape_configs:
  - job_name: gpt-trader
    static_configs:
      - targets: ["{target}"]
"""


class Prometheus:
    """A server that scrapes one target; ask it with ``query``."""

    def __init__(self, folder: Path, rules: Path, target: str) -> None:
        config = folder / "prometheus.yml"
        config.write_text(CONFIG.format(rules=rules, target=target))
        self.process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                "--web.listen-address=127.0.0.1:0",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        found = wait_for(self._listening, "address that Prometheus listens on")
        self.url = f"http://{found}"
        wait_for(lambda: any("ready to receive" in line for line in self.log) or None, "readiness of Prometheus")

    def _read(self) -> None:
        for line in self.process.stderr:
            self.log.append(line.rstrip("\n"))

    def _listening(self) -> str | None:
        assert self.process.poll() is None, "\n".join(self.log)
        found = (re.search(r'msg="Listening on" address=(127\.0\.0\.1:\d+)', line) for line in list(self.log))
        return next((match[1] for match in found if match), None)

    def get(self, path: str, **parameters: object) -> Any:
        """Ask the HTTP API."""
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=PATIENCE) as answer:
            body = json.load(answer)
        assert body["status"] == "success", body
        return body["data"]

    def query(self, expression: str, at: float | None = None) -> dict[Labels, float]:
        """Evaluate an expression; every label but job and instance tells the results apart."""
        when = {} if at is None else {"time": f"{at:.3f}"}
        result = self.get("query", query=expression, **when)["result"]
        return {_labels(item["metric"]): float(item["value"][1]) for item in result}

    def samples(self, selector: str, at: float) -> dict[Labels, Samples]:
        """Return what was scraped in the five minutes before a time."""
        result = self.get("query", query=f"{selector}[5m]", time=f"{at:.3f}")["result"]
        return {_labels(item["metric"]): [(time, float(value)) for time, value in item["values"]] for item in result}

    def end(self) -> None:
        """End this server, and no other."""
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        self.process.stderr.close()


def _labels(metric: dict[str, str]) -> Labels:
    return frozenset((name, value) for name, value in metric.items() if name not in {"job", "instance", "__name__"})


@contextmanager
def scraping(folder: Path, rules: Path, target: str) -> Iterator[Prometheus]:
    """Run a server; it is ended in any case."""
    server = Prometheus(folder, rules, target)
    try:
        yield server
    finally:
        server.end()


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
