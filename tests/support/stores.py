"""Operators' programs, run for real: Prometheus, VictoriaMetrics, which takes the same remote write, and Alertmanager."""

import json
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.collector import FILES, PATIENCE
from support.receivers import free_port
from support.scraping import Labels

PROMETHEUS_FILE = FILES / "prometheus-behind-gateway.yml"
SCRAPING = """
global: {{scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 500ms}}
rule_files: ["{rules}"]
scrape_configs:
"""
JOB = '  - {{job_name: {job}, static_configs: [{{targets: ["{target}"]}}]}}\n'


class Store:
    """A running server; ask it with ``query``."""

    def __init__(self, command: list[str], url: str, log: Path) -> None:
        self.url, self.remote_write, self._log = url, f"{url}/api/v1/write", log
        with log.open("ab") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output)

    @property
    def log(self) -> str:
        """Everything it said."""
        return self._log.read_text(errors="replace")

    def get(self, path: str, **parameters: object) -> Any:
        """Ask Prometheus' HTTP API."""
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=PATIENCE) as answer:
            body = json.load(answer)
        assert body["status"] == "success", body
        return body["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Evaluate an expression: a list of ``metric`` and ``value``."""
        return self.get("query", query=expression)["result"]

    def number(self, expression: str) -> float:
        """Evaluate an expression of at most one number; nothing is 0."""
        return float((self.query(expression) or [{"value": (0, "0")}])[0]["value"][1])

    def values(
        self, expression: str, *, without: tuple[str, ...] = ("job", "instance")
    ) -> dict[tuple[str, Labels], float]:
        """Evaluate an expression as a scrape would show it."""
        found = {}
        for item in self.query(expression):
            labels = {name: value for name, value in item["metric"].items() if name not in {"__name__", *without}}
            found[item["metric"].get("__name__", ""), tuple(sorted(labels.items()))] = float(item["value"][1])
        return found

    def show_at_once(self) -> None:
        """Ask VictoriaMetrics to show what it took; by itself it takes its time. Prometheus needs no asking."""
        if "victoria" in str(self.process.args[0]):
            urllib.request.urlopen(self.url + "/internal/force_flush", timeout=PATIENCE).close()

    def wait_until_ready(self, path: str) -> None:
        """Wait until the store answers."""

        def ready() -> bool:
            assert self.process.poll() is None, self.log
            try:
                with urllib.request.urlopen(self.url + path, timeout=PATIENCE) as answer:
                    return answer.status == 200
            except OSError:
                return False

        wait_until(ready, "the store")

    def end(self) -> None:
        """End it, gently at first."""
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(PATIENCE)


def wait_until(holds: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """Return what ``holds`` returns as soon as it is true."""
    deadline = time.monotonic() + patience
    while not (found := holds()):
        assert time.monotonic() < deadline, f"no {what} in {patience:g} s"
        time.sleep(0.05)
    return found


def prometheus_on(config: Path, folder: Path, *options: str) -> AbstractContextManager[Store]:
    """Run Prometheus on a configuration, with its data and its log in a folder."""
    port = free_port()
    command = [
        "prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}", *options,
    ]  # fmt: skip
    return running(command, port, ready="/-/ready", log=folder / "prometheus.log")


def prometheus_scraping(
    folder: Path, rules: Path, jobs: Mapping[str, str], more: str = ""
) -> AbstractContextManager[Store]:
    """Run Prometheus with some rules on jobs of one target each, quickly; ``more`` ends its configuration."""
    config = folder / "prometheus.yml"
    scraped = "".join(JOB.format(job=job, target=target) for job, target in jobs.items())
    config.write_text(SCRAPING.format(rules=rules) + scraped + more)
    return prometheus_on(config, folder)


def alertmanager_on(config: Path, folder: Path) -> AbstractContextManager[Store]:
    """Run Alertmanager on a configuration, with its data and its log in a folder."""
    port = free_port()
    command = [
        "prometheus-alertmanager", f"--config.file={config}", f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
    ]  # fmt: skip
    return running(command, port, ready="/-/ready", log=folder / "alertmanager.log")


def prometheus(folder: Path) -> AbstractContextManager[Store]:
    """Run Prometheus on the file that is meant to stand behind gateways."""
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not on this machine (Debian package: prometheus)")
    return prometheus_on(PROMETHEUS_FILE, folder, "--web.enable-remote-write-receiver")


@contextmanager
def victoria_metrics(folder: Path) -> Iterator[Store]:
    """Run VictoriaMetrics, which takes the same remote write."""
    if shutil.which("victoria-metrics") is None:
        pytest.skip("victoria-metrics is not on this machine (Debian package: victoria-metrics)")
    port = free_port()
    command = [
        "victoria-metrics", f"-storageDataPath={folder / 'victoria'}", f"-httpListenAddr=127.0.0.1:{port}",
        "-search.latencyOffset=0s", "-dedup.minScrapeInterval=1ms",
    ]  # fmt: skip
    with running(command, port, ready="/health", log=folder / "victoria.log") as store:
        yield store


@contextmanager
def running(command: list[str], port: int, *, ready: str, log: Path) -> Iterator[Store]:
    """Run a server that listens on ``port``, from when it answers at ``ready``; it is ended in any case."""
    store = Store(command, f"http://127.0.0.1:{port}", log)
    try:
        store.wait_until_ready(ready)
        yield store
    finally:
        store.end()


STORES = {"prometheus": prometheus, "victoria-metrics": victoria_metrics}
