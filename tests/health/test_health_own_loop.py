"""Coroutines that misbehave: what they block, whom they delay, what is left of them, and where they are said to be."""

import asyncio
import gc
import os
import socketserver
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from health_bench import Bench, Blocking, Hanging, call_on, loop_in_a_thread, our_threads, released

from gpt_trader_telemetry.health import CheckReport, Health, Status
from support.timing import eventually

DESCRIPTORS = Path("/proc/self/fd")


def descriptors() -> int:
    """Count what this process has open."""
    gc.collect()
    return len(list(DESCRIPTORS.iterdir()))


class Told:
    """Each result, in the order in which they came."""

    def __init__(self) -> None:
        self.results: list[tuple[str, Status]] = []

    def __call__(self, report: CheckReport, _seconds: float | None) -> None:
        self.results.append((report.name, report.status))

    def of(self, prefix: str) -> Counter[Status]:
        return Counter(status for name, status in self.results if name.startswith(prefix))


@contextmanager
def a_health(**options: Any) -> Iterator[tuple[Health, Told]]:
    """A Health in real time, and what it tells."""
    told = Told()
    health = Health(on_result=told, **options)
    try:
        yield health, told
    finally:
        health.stop(5)


def blocked_at(health: Health, name: str = "check") -> str:
    return str(health.reports()[name].details.get("blocked_at"))


# Whom it delays


def test_checks_in_flight_when_others_block_end_as_if_nothing_had_happened() -> None:
    """Ten coroutines wait in the middle of a run when eighty others begin to block, more than may run at once."""
    entered, go_on = threading.Semaphore(0), threading.Event()

    async def in_flight() -> None:
        entered.release()
        while not go_on.is_set():
            await asyncio.sleep(0.001)

    blocking = [Blocking() for _ in range(80)]
    with a_health() as (health, told), released(blocking):
        for number in range(10):
            health.register(f"in flight {number}", in_flight, interval=60, timeout=30)
        for _ in range(10):
            assert entered.acquire(timeout=10)
        for number, check in enumerate(blocking):
            health.register(f"blocks {number}", check, interval=0.1, timeout=0.2)
        eventually(lambda: all(check.inside for check in blocking))
        assert told.of("in flight").total() == 0
        go_on.set()
        eventually(lambda: told.of("in flight").total() == 10)
        assert told.of("in flight") == {Status.PASS: 10}
        health.register("late", go_on.is_set, timeout=5)
        eventually(lambda: told.of("late") == {Status.PASS: 1})
        assert [check.entered for check in blocking] == [1] * 80
        assert health.scheduler.pool.threads <= 64 + 80


def test_coroutines_that_block_for_a_moment_fail_nobody() -> None:
    """Longer than the others' timeouts, again and again, while those are in flight; nor do they fail themselves."""
    blocked, seen = Counter[str](), Counter[str]()

    def blocks(name: str) -> Callable[[], Any]:
        async def check() -> None:
            await asyncio.sleep(0.01)
            time.sleep(0.6)
            blocked[name] += 1

        return check

    def works(name: str) -> Callable[[], Any]:
        async def check() -> None:
            await asyncio.sleep(0.05)
            seen[name] += 1

        return check

    with a_health() as (health, told):
        for number in range(6):
            health.register(f"blocks {number}", blocks(f"blocks {number}"), interval=0.7, timeout=30)
            health.register(f"works {number}", works(f"works {number}"), interval=0.2, timeout=0.55)
        eventually(lambda: len(blocked) == 6 and min(blocked.values()) >= 3)
        assert told.of("works")[Status.FAIL] == 0
        assert told.of("blocks") == {Status.PASS: told.of("blocks").total()}
        assert min(seen.values()) >= 8


def test_twenty_coroutines_of_which_five_block_and_five_raise_miss_no_beat_in_an_hour(bench: Bench) -> None:
    """Nor does any start late: all starts are on the beat, of simulated seconds."""
    blocking = [Blocking() for _ in range(5)]
    starts: dict[str, list[float]] = {}

    def works(name: str) -> Callable[[], Any]:
        async def check() -> None:
            starts.setdefault(name, []).append(bench.clock.now - 1000)
            await asyncio.sleep(0)
            if name.startswith("raises"):
                raise ConnectionError(name)

        return check

    with released(blocking):
        for number in range(5):
            bench.health.register(f"blocks {number}", blocking[number], interval=30, timeout=5)
        for number in range(5):
            bench.health.register(f"raises {number}", works(f"raises {number}"), interval=30)
        for number in range(10):
            bench.health.register(f"works {number}", works(f"works {number}"), interval=30)
        bench.hung = {f"blocks {number}" for number in range(5)}
        bench.pass_time(3600)
        assert len(starts) == 15
        assert {tuple(times) for times in starts.values()} == {tuple(30.0 * beat for beat in range(121))}
        assert [check.entered for check in blocking] == [1] * 5
        statuses = Counter(report.status for report in bench.health.reports().values())
        assert statuses == {Status.PASS: 10, Status.FAIL: 10}
        assert bench.scheduler.pool.threads <= 40


def test_a_blocked_loop_of_the_bots_fails_its_own_checks_alone_and_says_what_blocks_it() -> None:
    """The line in the loop's thread, of a run that had begun and of one that had not."""
    release, begun = threading.Event(), threading.Event()

    async def waits() -> None:
        begun.set()
        await asyncio.sleep(30)

    async def quick() -> None:
        await asyncio.sleep(0)

    def block_the_bot() -> None:
        release.wait(30)

    with loop_in_a_thread() as loop, a_health() as (health, told):
        call_on(loop, lambda: health.register("begun", waits, timeout=1, interval=60))
        assert begun.wait(10)
        loop.call_soon_threadsafe(block_the_bot)
        health.register("off", quick, interval=0.02)
        health.register("sync", lambda: True, interval=0.02)
        eventually(lambda: health.reports()["begun"].details.get("timed_out"))
        assert "block_the_bot" in blocked_at(health, "begun")
        release.set()
        call_on(loop, lambda: health.register("not begun", quick, timeout=0.2, interval=0.3))
        eventually(lambda: health.reports()["not begun"].ok)
        release.clear()
        loop.call_soon_threadsafe(block_the_bot)
        eventually(lambda: health.reports()["not begun"].details.get("timed_out"))
        assert "block_the_bot" in blocked_at(health, "not begun")
        release.set()
        eventually(lambda: health.reports()["not begun"].ok)
        for name in ("off", "sync"):
            assert told.of(name) == {Status.PASS: told.of(name).total()}
            assert told.of(name).total() > 10


# Where it is said to be


async def _the_waiting_one() -> None:
    await asyncio.sleep(60)


def test_a_coroutine_that_hangs_is_said_to_be_at_the_line_where_it_waits(health: Health) -> None:
    """The innermost of the bot's own, on whichever loop; not at what our own threads wait for."""

    async def check() -> None:
        await _the_waiting_one()

    here = f"{__file__}:{_the_waiting_one.__code__.co_firstlineno + 1} in _the_waiting_one"
    with loop_in_a_thread() as loop:
        call_on(loop, lambda: health.register("on the bot's", check, timeout=0.1, interval=60))
        health.register("on its own", check, timeout=0.1, interval=60)
        health.register("awaitable", Awaitable, timeout=0.1, interval=60)
        eventually(lambda: all(report.details.get("timed_out") for report in health.reports().values()))
        assert blocked_at(health, "on the bot's") == blocked_at(health, "on its own") == here
        assert "in Awaitable.__await__" in blocked_at(health, "awaitable")


class Awaitable:
    """What a plain function may return."""

    def __await__(self) -> Any:
        yield from _the_waiting_one().__await__()


def test_a_coroutine_that_blocks_its_own_loop_is_said_to_be_where_it_blocks(health: Health) -> None:
    """At the first report and at each later one; also if it is a task of its own that blocks."""
    release = threading.Event()

    async def the_blocking_one() -> None:
        release.wait(30)

    async def makes_a_task() -> None:
        await asyncio.create_task(the_blocking_one())

    health.register("blocks", the_blocking_one, timeout=0.1, interval=0.15)
    health.register("task", makes_a_task, timeout=0.1, interval=0.15)
    for seconds in (0.0, 0.25):
        eventually(
            lambda least=seconds: all(
                report.details.get("running_for_seconds", 0) > least for report in health.reports().values()
            )
        )
        assert all("the_blocking_one" in blocked_at(health, name) for name in health.reports())
    release.set()
    eventually(lambda: all(report.ok for report in health.reports().values()))


# What it calls in threads


def test_a_call_in_a_thread_that_hangs_is_part_of_the_run_and_is_never_made_twice_at_once(health: Health) -> None:
    """The coroutine can be cancelled, the call cannot: the next run waits for it, and it is shown."""
    hanging = Hanging()

    async def check() -> None:
        await asyncio.to_thread(hanging)

    with released([hanging]):
        health.register("check", check, timeout=0.05, interval=0.05)
        eventually(lambda: health.reports()["check"].details.get("running_for_seconds", 0) > 0.3)
        assert "Hanging.__call__" in blocked_at(health)
        health.register("check", lambda: check(), timeout=0.05, interval=0.05)  # noqa: PLW0108 - another one
        eventually(lambda: health.reports()["check"].details.get("running_for_seconds", 0) > 0.4)
        assert hanging.entered == 1
    eventually(lambda: health.reports()["check"].ok)
    assert hanging.most_inside == 1


def test_calls_in_threads_return_and_raise_and_leave_no_thread(health: Health) -> None:
    """More of them than run at once, in the order of their making."""

    def call(number: int) -> int:
        if number == 99:
            raise ConnectionError("99")
        return number

    async def check() -> tuple[bool, dict[str, Any]]:
        calls = [asyncio.to_thread(call, number) for number in range(100)]
        *numbers, error = await asyncio.gather(*calls, return_exceptions=True)
        return numbers == list(range(99)) and isinstance(error, ConnectionError), {}

    health.register("check", check, interval=0.01)
    eventually(lambda: health.reports()["check"].ok)
    health.unregister("check")
    eventually(lambda: not [thread for thread in our_threads() if thread.name.endswith("-call")])


def test_neither_a_blocked_loop_nor_a_hung_call_holds_up_the_end_of_the_process() -> None:
    """The interpreter exits at once, and says nothing."""
    program = """
import asyncio, time
from gpt_trader_telemetry.health import Health

health = Health()

async def calls():
    await asyncio.to_thread(time.sleep, 60)

async def blocks():
    time.sleep(60)

health.register("calls", calls, timeout=0.1)
health.register("blocks", blocks, timeout=0.1)
time.sleep(0.5)
"""
    start = time.monotonic()
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert time.monotonic() - start < 30
    assert (answer.returncode, answer.stderr) == (0, "")


# What is left of it


class Echo(socketserver.StreamRequestHandler):
    """Answers each line with itself."""

    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(line)


def test_a_connection_that_a_check_keeps_is_usable_in_its_next_runs(health: Health) -> None:
    """Although another thread may run each, and nothing ran on its loop in between."""
    kept: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    opened = pings = 0
    last = closed = False

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()

        async def check() -> bool:
            nonlocal opened, pings, closed
            if closed:
                return True
            if not kept:
                opened += 1
                kept.append(await asyncio.open_connection("localhost", server.server_address[1]))
            reader, writer = kept[0]
            writer.write(b"ping\n")
            pings += 1
            answer = await reader.readline()
            if last:
                writer.close()
                await writer.wait_closed()
                closed = True
            return answer == b"ping\n"

        health.register("check", check, interval=0.01)
        eventually(lambda: pings > 20)
        assert (health.reports()["check"].ok, opened) == (True, 1)
        last = True
        eventually(lambda: closed)
        server.shutdown()
        serving.join()


def test_what_a_check_left_on_its_loop_is_cancelled_and_closed_when_it_is_unregistered(health: Health) -> None:
    """Tasks and asynchronous generators that it began and did not end; wherever it is unregistered."""
    ended: list[str] = []

    async def generator() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            ended.append("generator")

    async def task() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("task")

    kept: list[Any] = []

    async def check() -> None:
        kept.append(asyncio.create_task(task()))
        kept.append(generator())
        await anext(kept[-1])
        await asyncio.sleep(0)

    with loop_in_a_thread() as loop:
        health.register("check", check, interval=60)
        eventually(lambda: health.reports()["check"].ok)
        call_on(loop, lambda: health.unregister("check"))
        eventually(lambda: sorted(ended) == ["generator", "task"])


def test_a_check_that_ends_its_own_loop_fails_and_never_goes_on_in_its_next_run() -> None:
    """What was left half done is cancelled; the next run has a new loop."""
    inside = most = runs = 0

    async def check() -> None:
        nonlocal inside, most, runs
        runs += 1
        inside += 1
        most = max(most, inside)
        try:
            if runs <= 2:
                asyncio.get_running_loop().call_soon(asyncio.get_running_loop().stop if runs == 1 else sys.exit)
                await asyncio.sleep(60)
        finally:
            inside -= 1

    health = Health(autostart=False)
    health.register("check", check)
    reports = []
    for _ in range(3):
        reports.append(health.run_once(10)["check"])
        assert inside == 0
    assert [report.details.get("error_type") for report in reports] == ["RuntimeError", "SystemExit", None]
    assert (reports[2].ok, runs, most) == (True, 3, 1)
    health.stop()


@pytest.mark.skipif(not DESCRIPTORS.exists(), reason="descriptors cannot be counted here")
def test_no_descriptor_is_left_of_what_was_unregistered_replaced_or_stopped() -> None:
    """Of those that hung as of those that ended; two for each that there is."""

    async def waits() -> None:
        await asyncio.sleep(60)

    async def works() -> None:
        await asyncio.sleep(0)

    before = descriptors()
    with a_health() as (health, _):
        for _ in range(5):
            for number in range(10):
                health.register(f"works {number}", works, interval=60)
                health.register(f"waits {number}", waits, interval=60, timeout=30)
            eventually(lambda: descriptors() == before + 2 * 20)
            eventually(lambda: sum(report.ok for report in health.reports().values()) == 10)
        for number in range(10):
            health.unregister(f"works {number}")
        eventually(lambda: descriptors() == before + 2 * 10)
        health.unregister("waits 0")
        eventually(lambda: descriptors() == before + 2 * 9)
    assert descriptors() == before


def test_two_hundred_coroutines_need_no_more_threads_than_run_at_once(bench: Bench) -> None:
    """And none of their own while they are idle; all keep to their beats."""
    runs: Counter[int] = Counter()

    def works(number: int) -> Callable[[], Any]:
        async def check() -> None:
            await asyncio.sleep(0)
            runs[number] += 1

        return check

    bench.scheduler.pool.max_threads = 16
    before = descriptors() if DESCRIPTORS.exists() else 0
    for number in range(200):
        bench.health.register(f"works {number}", works(number), interval=30)
    eventually(lambda: bench.scheduler.tick() and all(report.ok for report in bench.health.reports().values()))
    assert len(our_threads()) <= 16
    if before:
        assert descriptors() == before + 2 * 200
    bench.health.stop()
    if before:
        assert descriptors() == before


@pytest.mark.skipif(not hasattr(os, "fork") or not DESCRIPTORS.exists(), reason="no fork, or nothing to count")
def test_a_forked_child_gives_its_copies_of_idle_loops_back_and_the_parents_go_on() -> None:
    """A child that closed a loop of the parent's could take it apart for both."""
    program = """
import asyncio, os, time, warnings
warnings.simplefilter("ignore")
from gpt_trader_telemetry.health import Health

def descriptors():
    return len(os.listdir("/proc/self/fd"))

async def check():
    await asyncio.to_thread(time.sleep, 0)   # its answer wakes the loop up through its own socket

health, before = Health(autostart=False), descriptors()
for number in range(5):
    health.register(f"c{number}", check, timeout=10)

def all_pass():
    return all(report.ok for report in health.run_once(20).values()) and descriptors() == before + 10

assert all_pass()
child = os.fork()
if child == 0:
    health.reset_after_fork()
    given_back = descriptors() == before
    os._exit(7 if given_back and all_pass() else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert all_pass()
health.stop()
assert descriptors() == before
print("so it is")
"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (answer.stdout.strip(), answer.stderr) == ("so it is", "")
