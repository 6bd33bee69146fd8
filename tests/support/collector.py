"""A real Collector of the test's own, run on the files that operators use."""

import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from support.receivers import free_port
from support.scraping import TEXT, Scrape, parse

FILES = Path(__file__).parents[2] / "collector"
VARIABLE = "GPT_TRADER_TELEMETRY_COLLECTOR"
NAMED = os.environ.get(VARIABLE)
"""Read before the tests hide the environment."""
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gpt-trader-telemetry"
PATIENCE = 30.0
"""Seconds after which a test gives up; never how long one takes."""


def find_collector() -> str:
    """Return the Collector's program, or skip: named by the variable, built by collector/build.sh, or on PATH."""
    if NAMED:
        assert shutil.which(NAMED), f"{VARIABLE} names {NAMED}, which is no program"
        return NAMED
    built = CACHE / f"otelcol-{sha256((FILES / 'builder.yaml').read_bytes()).hexdigest()[:16]}"
    candidates = (str(built), "otelcol-contrib", "gpt-trader-otelcol")
    found = next((path for name in candidates if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no OpenTelemetry Collector: run collector/build.sh, or name one in {VARIABLE}")
    return found


def validate(*names: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Let the Collector itself judge files of the collector folder."""
    configs = [f"--config={FILES / name}" for name in names]
    return subprocess.run(
        [find_collector(), "validate", *configs],
        env=clean(environment), capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip


def clean(environment: dict[str, str]) -> dict[str, str]:
    """Return the environment that a program of the test sees."""
    return {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **environment}


OVERLAY = """
extensions: {{health_check: {{endpoint: "127.0.0.1:{health}"}}}}
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:{grpc}"}}, http: {{endpoint: "127.0.0.1:{http}"}}}}}}}}
service: {{telemetry: {{metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {own}}}}}}}}}]}}}}}}
"""
SHOWN = 'exporters: {{prometheus: {{endpoint: "127.0.0.1:{shown}"}}}}\n'


class Collector:
    """A running Collector; ``start`` and ``kill`` may take turns, ports and data stay."""

    def __init__(self, folder: Path, *names: str, extra: str = "", **environment: str) -> None:
        self._overlay = folder / "ports.yaml"
        self._ports_of = OVERLAY + SHOWN * names[0].startswith("agent")
        self._choose_ports()
        (folder / "extra.yaml").write_text(extra or "{}")
        configs = [*(FILES / name for name in names), self._overlay, folder / "extra.yaml"]
        self._command = [find_collector(), *(f"--config={path}" for path in configs)]
        self._environment = clean({"GPT_TRADER_COLLECTOR_DATA": str(folder / "data"), **environment})
        self._log = folder / "collector.log"
        self.process: subprocess.Popen[bytes] | None = None

    def _choose_ports(self) -> None:
        self.ports = {name: free_port() for name in ("grpc", "http", "health", "shown", "own")}
        self._overlay.write_text(self._ports_of.format(**self.ports))

    @property
    def http(self) -> str:
        """The address that a bot sends OTLP over HTTP to."""
        return f"http://127.0.0.1:{self.ports['http']}"

    @property
    def grpc(self) -> str:
        """The address that a bot sends OTLP over gRPC to."""
        return f"http://127.0.0.1:{self.ports['grpc']}"

    @property
    def log(self) -> str:
        """Everything it said."""
        return self._log.read_text(errors="replace")

    def start(self) -> None:
        """Start it, and wait until it is healthy; the first time on other ports where one was taken meanwhile."""
        first = self.process is None
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self._command, env=self._environment, stdout=log, stderr=log)
        deadline = time.monotonic() + PATIENCE
        while not self._healthy():
            if self.process.poll() is not None and first and "address already in use" in self.log:
                self._choose_ports()
                self._log.write_text("")
                self.process = None
                self.start()
                return
            assert self.process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['health']}", timeout=PATIENCE) as answer:
                return answer.status == 200
        except OSError:
            return False

    def kill(self) -> None:
        """End it as a power cut would: at once."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def end(self) -> None:
        """End it as an operator would."""
        self.process.terminate()
        self.process.wait(PATIENCE)

    def text(self, which: str = "shown") -> str:
        """Return what Prometheus would scrape: of the bots (``shown``) or the Collector's ``own``."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.ports[which]}/metrics", headers={"Accept": TEXT})
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.read().decode()

    def scrape(self) -> Scrape:
        """Scrape and parse what it shows of the bots."""
        return parse(self.text())


@contextmanager
def collecting(folder: Path, *names: str, extra: str = "", **environment: str) -> Iterator[Collector]:
    """Run a Collector on files of the collector folder, on ports of its own; it is ended in any case."""
    folder.mkdir(exist_ok=True)
    collector = Collector(folder, *names, extra=extra, **environment)
    collector.start()
    try:
        yield collector
    finally:
        if collector.process.poll() is None:
            collector.kill()
