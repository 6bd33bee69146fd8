"""Health under load and over time: an hour of checks that hang, and a loop that is blocked for half a minute."""

import asyncio
import json
import random
import statistics
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from gpt_trader_telemetry import Settings, Telemetry
from gpt_trader_telemetry.health import CheckReport, LoopWatchdog
from health.health_bench import Bench, Blocking, Hanging, released
from support.timing import eventually

pytestmark = [pytest.mark.soak, pytest.mark.alone]


def get(url: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_an_hour_of_many_beats_with_hung_and_raising_and_re_registered_checks_stays_bounded() -> None:
    """Beats of 1 to 10 s; hung names are registered anew all the time; those that work miss no beat."""
    bench = Bench()
    dice = random.Random(3)
    hanging: list[Hanging] = []
    runs: Counter[str] = Counter()

    def works(name: str) -> Callable[[], None]:
        return lambda: runs.update([name])

    def raises() -> None:
        raise ConnectionError("down")

    with released(hanging):
        for number in range(1, 11):
            bench.health.register(f"works {number}", works(f"works {number}"), interval=number)
        for number in range(5):
            bench.health.register(f"raises {number}", raises, interval=number + 1)
        for _ in range(360):
            name = f"hangs {dice.randrange(5)}"
            hanging.append(Hanging())
            bench.hung.add(name)
            bench.health.register(name, hanging[-1], interval=dice.randint(1, 30), timeout=dice.randint(1, 5))
            bench.pass_time(10)
        assert {name: count for name, count in runs.items() if count != 3600 // int(name.split()[1]) + 1} == {}
        assert sum(check.entered for check in hanging) <= 5
        assert bench.scheduler.pool.threads <= 40
        statuses = Counter(report.status.value for report in bench.health.reports().values())
        assert statuses == {"pass": 10, "fail": 10}
    bench.health.stop()


@pytest.mark.parametrize("kind", ["functions", "coroutines"])
def test_twenty_real_checks_of_which_five_hang_and_five_raise_are_reported_at_once(kind: str) -> None:
    """For ten seconds of real time, with beats of 100 ms, of which the others miss none but for the machine's hiccups.

    The coroutines that hang block their event loop.
    """
    hanging = [Hanging() if kind == "functions" else Blocking() for _ in range(5)]
    runs: Counter[str] = Counter()
    failures: list[CheckReport] = []

    def raises() -> None:
        raise ConnectionError("down")

    def works(name: str) -> Callable[[], object]:
        async def coroutine() -> None:
            await asyncio.sleep(0.02)
            runs.update([name])

        return coroutine if kind == "coroutines" else lambda: runs.update([name])

    with released(hanging), Telemetry(Settings(health_server_enabled=True, health_port=0)) as telemetry:
        health = telemetry.health
        for number in range(10):
            health.register(f"works {number}", works(f"works {number}"), interval=0.1)
        for number in range(5):
            health.register(f"raises {number}", raises, interval=0.1, severity="critical")
            health.register(f"hangs {number}", hanging[number], interval=0.1, timeout=0.05)
        times = []
        until = time.monotonic() + 10
        while time.monotonic() < until:
            start = time.perf_counter()
            told = get(f"{telemetry.server.url}/health")[1]["checks"]
            times.append(time.perf_counter() - start)
            assert len(told) == 21  # and the process's own performance
            failures += [r for name, r in health.reports().items() if name.startswith("works") and r.status == "fail"]
            time.sleep(0.005)
        assert statistics.median(times) < 0.05
        assert failures == []
        assert min(runs.values()) >= 95
        assert max(runs.values()) <= 102
        assert [check.entered for check in hanging] == [1] * 5
        assert health.scheduler.pool.threads <= 40


def test_a_loop_that_is_blocked_for_half_a_minute_is_named_and_recovers() -> None:
    """The blocking line is there throughout, other checks go on, and when it is over it is over."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    with Telemetry(Settings(health_server_enabled=True, health_port=0)) as telemetry:
        health = telemetry.health
        health.mark_ready()
        eventually(loop.is_running)
        health.register("event_loop", LoopWatchdog(loop, busy_after=0.5, wedged_after=2.0), interval=1.0)
        health.register("other", lambda: True, interval=1.0)
        eventually(lambda: all(report.ok for report in health.reports().values()))

        def block_the_loop() -> None:
            time.sleep(30)  # THE BLOCKING LINE

        start = time.monotonic()
        loop.call_soon_threadsafe(block_the_loop)
        while time.monotonic() < start + 29:
            reports = health.reports()
            asked = time.monotonic()
            assert get(f"{telemetry.server.url}/live")[0] == 200
            assert time.monotonic() - asked < 1.0
            assert reports["other"].ok
            if time.monotonic() > start + 6:
                assert "block_the_loop" in reports["event_loop"].details["blocked_at"]
                assert get(f"{telemetry.server.url}/health")[0] == 503
            time.sleep(0.1)
        eventually(lambda: health.overall()[0] == "healthy")
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
