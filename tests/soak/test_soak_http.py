"""The listener under attack, with a bot's whole routes behind it: probes are answered and nothing grows."""

import contextlib
import dataclasses
import gc
import http.client
import json
import logging
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from gpt_trader_telemetry import Settings, Telemetry
from gpt_trader_telemetry.http.limits import Limits

pytestmark = [pytest.mark.soak, pytest.mark.alone]

TESTS = Path(__file__).parent.parent
CONNECTIONS = Limits().connections
BURST = 24
"""Connections that are cut off and not closed yet, at the most."""


@pytest.fixture
def bot():
    """A bot with checks, signals, metrics and its page, served as it would be."""
    settings = Settings(health_server_enabled=True, metrics_endpoint_enabled=True, health_port=0)
    with Telemetry(settings) as telemetry:
        telemetry.health.register("feed", lambda: True, severity="critical", interval=0.5)
        telemetry.health.mark_ready()
        for number in range(300):
            telemetry.record_counter("gpt_trader_soak_events_total", 1, {"kind": str(number)})
        yield telemetry


@pytest.fixture
def attack(bot):
    """Start an attacker in a process of its own; what it saw comes back when it is asked for."""
    with contextlib.ExitStack() as stack:

        def attack(kind, amount, seconds):
            process = subprocess.Popen(
                [
                    sys.executable, "-m", "support.attackers", kind, bot.server.host, str(bot.server.port),
                    str(amount), str(seconds),
                ],
                cwd=TESTS, stdout=subprocess.PIPE,
            )  # fmt: skip
            stack.callback(process.wait)
            stack.callback(process.kill)
            stack.callback(process.stdout.close)
            return process

        yield attack


def seen(process):
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return json.loads(out)


@dataclasses.dataclass
class Watch:
    """Asks for /live again and again, and keeps the worst of what it sees."""

    server: object
    slowest: float = 0.0
    asked: int = 0
    failures: list = dataclasses.field(default_factory=list)
    descriptors: int = 0
    threads: int = 0

    def while_running(self, processes, at_most):
        end = time.monotonic() + at_most
        while any(process.poll() is None for process in processes):
            assert time.monotonic() < end, "the attackers have not ended in time"
            self.look()
            time.sleep(0.1)

    def look(self):
        started = time.monotonic()
        try:
            status = live(self.server)
        except (OSError, http.client.HTTPException) as error:
            status = repr(error)
        self.slowest = max(self.slowest, time.monotonic() - started)
        self.asked += 1
        if status != 200:
            self.failures.append(status)
        self.descriptors = max(self.descriptors, descriptors())
        self.threads = max(self.threads, threading.active_count())


def live(server):
    connection = http.client.HTTPConnection(server.host, server.port, timeout=1.0)
    try:
        connection.request("GET", "/live")
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


def descriptors():
    folder = Path("/proc/self/fd")
    if not folder.exists():
        pytest.skip("there is no /proc/self/fd to count descriptors in")
    return sum(1 for _ in folder.iterdir())


def settled(server, before):
    """Wait until the server has let go of everybody; return how many descriptors are more than before."""
    end = time.monotonic() + 10
    while server.connections or descriptors() > before:
        gc.collect()
        if time.monotonic() > end:
            break
        time.sleep(0.1)
    return descriptors() - before


def test_a_minute_of_slow_connections_header_floods_and_100_requests_a_second(bot, attack, caplog, capfd):
    """All at once: /live answers within a second each time, and descriptors and threads stay bounded."""
    caplog.set_level(logging.DEBUG)
    live(bot.server)
    before = descriptors()
    processes = [attack("slow", 200, 60), attack("flood", 20, 60), attack("steady", 100, 60)]
    streams = len(processes)
    watch = Watch(bot.server)
    watch.while_running(processes, at_most=90)
    steady = seen(processes[2])

    assert watch.failures == []
    assert watch.slowest < 1.0
    assert watch.asked > 200
    assert watch.descriptors - before <= CONNECTIONS + BURST + streams + 2
    assert watch.threads <= threads_of_a_bot()
    assert bot.server.counts.evicted + bot.server.counts.timed_out > 1000
    assert bot.server.counts.malformed > 100
    told, lost = steady["statuses"], sum(count for key, count in steady["statuses"].items() if key.endswith(" 0"))
    assert sum(told.values()) == 6000
    assert steady["seconds"] < 66
    assert lost <= 60  # cut off at the cap before they were read
    for path in ("/live", "/ready"):
        assert told[f"{path} 200"] > 840
        assert f"{path} 503" not in told
        assert steady["late"][path] < 1.0
    assert "/health 500" not in told
    assert settled(bot.server, before) <= streams
    assert (caplog.records, capfd.readouterr()) == ([], ("", ""))


def test_twenty_thousand_malformed_requests_log_nothing_and_leave_nothing(bot, attack, caplog, capfd):
    """Nor does any of them keep /live from answering within a second; they are counted, and that is all."""
    caplog.set_level(logging.DEBUG)
    live(bot.server)
    before = descriptors()
    errors = bot.metrics_text()
    processes = [attack("junk", 20_500, 0)]
    watch = Watch(bot.server)
    watch.while_running(processes, at_most=75)
    assert seen(processes[0])["sent"] >= 20_000

    assert watch.failures == []
    assert watch.slowest < 1.0
    assert watch.descriptors - before <= CONNECTIONS + BURST + 3
    assert watch.threads <= threads_of_a_bot()
    assert bot.server.counts.malformed > 5_000
    assert settled(bot.server, before) <= 1
    assert live(bot.server) == 200
    assert (caplog.records, capfd.readouterr()) == ([], ("", ""))
    assert faults(bot.metrics_text()) == faults(errors)


def threads_of_a_bot():
    """The listener and its workers (two for each slow route), checks, folding, signals, pytest's own."""
    slow_routes = ("/health", "/health/explain", "/status.json", "/metrics")
    return 2 * len(slow_routes) + 16


def faults(metrics):
    return [
        line for line in metrics.splitlines() if line.startswith('gpt_trader_telemetry_errors_total{component="http"')
    ]
