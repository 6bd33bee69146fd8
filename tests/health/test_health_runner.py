"""Checks in the background: on schedule, in time, in a bounded number of threads, whatever they do."""

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from health_bench import Bench, Hanging, our_threads, released

from gpt_trader_telemetry.health import Health, Severity, Status
from support.timing import eventually

HOUR = 3600.0


def fine() -> None:
    """Pass."""


def test_twenty_checks_of_which_five_hang_and_five_raise_stay_on_schedule_for_an_hour(bench: Bench) -> None:
    """The ten that work run on every beat, the hung ones hold a thread each, and the results are had at once."""
    hanging = [Hanging() for _ in range(5)]
    runs: Counter[str] = Counter()
    slowest = 0.0

    def works(name: str) -> Callable[[], None]:
        return lambda: runs.update([name])

    def raises(name: str) -> Callable[[], None]:
        def check() -> None:
            runs.update([name])
            raise ConnectionError(f"{name} is down")

        return check

    with released(hanging):
        for number in range(10):
            bench.health.register(f"works {number}", works(f"works {number}"), interval=30)
        for number in range(5):
            bench.health.register(f"raises {number}", raises(f"raises {number}"), interval=30, severity="critical")
            bench.health.register(f"hangs {number}", hanging[number], interval=30, timeout=5)
        bench.hung = {f"hangs {number}" for number in range(5)}
        for _ in range(120):
            bench.pass_time(HOUR / 120)
            start = time.perf_counter()
            reports = bench.health.reports()
            slowest = max(slowest, time.perf_counter() - start)
            assert Counter(report.status for report in reports.values()) == {Status.PASS: 10, Status.FAIL: 10}
            assert bench.scheduler.pool.threads <= 40
        assert set(runs.values()) == {121}
        assert [check.entered for check in hanging] == [1] * 5
        for number in range(5):
            details = bench.details(f"hangs {number}")
            assert details["timed_out"] is True
            assert details["running_for_seconds"] >= HOUR - 30
            assert "health_bench.py:" in details["blocked_at"]
            assert "Hanging.__call__" in details["blocked_at"]
        assert slowest < 0.25


def test_a_hung_check_recovers_when_it_returns(bench: Bench) -> None:
    """Its late answer counts for nothing; the next beat runs it anew."""
    hanging = Hanging()
    bench.health.register("broker", hanging, interval=30, timeout=5)
    bench.hung = {"broker"}
    bench.pass_time(4.999)
    assert bench.status("broker") == "pending"
    bench.pass_time(0.001)
    assert bench.status("broker") == "fail"
    assert bench.details("broker")["timeout_seconds"] == 5
    bench.pass_time(60)
    hanging.release.set()
    eventually(lambda: not bench.scheduler._held)
    bench.hung = set()
    bench.settle()
    assert bench.status("broker") == "fail"
    bench.pass_time(30)
    assert bench.status("broker") == "pass"
    assert hanging.most_inside == 1


def test_a_time_out_is_told_with_how_long_it_was_given(bench: Bench) -> None:
    """At the severity that was registered, with the duration until it was given up."""
    hanging = Hanging()
    with released([hanging]):
        bench.health.register("broker", hanging, timeout=2, severity="critical")
        bench.hung = {"broker"}
        bench.pass_time(2)
        report = bench.health.reports()["broker"]
        assert (report.status, report.severity, report.duration_ms) == (Status.FAIL, Severity.CRITICAL, 2000.0)
        assert report.details["running_for_seconds"] == 2


def test_checks_run_in_parallel(health: Health) -> None:
    """Each waits for all of the others to have begun."""
    together = threading.Barrier(10)
    for number in range(10):
        health.register(f"c{number}", lambda: together.wait(5) >= 0)
    eventually(lambda: all(report.ok for report in health.reports().values()))


def test_each_check_keeps_to_its_own_beat(bench: Bench) -> None:
    """From the moment of its registration, and beats that were slept through are left out, not made up for."""
    times: dict[str, list[float]] = {"a": [], "b": []}
    bench.health.register("a", lambda: times["a"].append(bench.clock.now), interval=10)
    bench.pass_time(3)
    bench.health.register("b", lambda: times["b"].append(bench.clock.now), interval=7)
    bench.pass_time(28)
    assert times == {"a": [1000, 1010, 1020, 1030], "b": [1003, 1010, 1017, 1024, 1031]}
    bench.clock.now += 1000
    bench.settle()
    assert times["a"][4:] == [2031]
    bench.pass_time(9)
    assert times["a"][4:] == [2031, 2040]


def test_a_check_longer_than_its_interval_leaves_beats_out(bench: Bench) -> None:
    """It never runs twice at once."""
    hanging = Hanging()
    bench.health.register("slow", hanging, interval=1, timeout=100)
    bench.hung = {"slow"}
    bench.pass_time(10)
    assert hanging.entered == 1
    hanging.release.set()
    bench.hung = set()
    bench.settle()
    assert bench.status("slow") == "pass"
    bench.pass_time(1)
    assert hanging.entered == 2
    assert hanging.most_inside == 1


class Stop(BaseException):
    """Something that nobody catches by accident."""


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), Stop("no"), MemoryError()])
def test_whatever_a_check_raises_is_its_failure_and_no_more(bench: Bench, error: BaseException) -> None:
    """It ends neither the runner nor a thread."""

    def check() -> None:
        raise error

    bench.health.register("bad", check, severity="critical")
    bench.health.register("good", fine)
    bench.pass_time(300)
    report = bench.health.reports()["bad"]
    assert (report.status, report.severity) == (Status.FAIL, Severity.CRITICAL)
    assert report.details["error_type"] == type(error).__name__
    assert report.details["error"]
    assert bench.status("good") == "pass"


def test_an_error_whose_text_cannot_be_had_is_a_failure_too(bench: Bench) -> None:
    """Even where asking for it raises what nobody catches."""

    class Bad(Exception):
        def __str__(self) -> str:
            raise Stop

    class Worse:
        def __str__(self) -> str:
            raise Stop

    def check() -> None:
        raise Bad

    bench.health.register("text", check)
    bench.health.register("details", lambda: (True, {"a": Worse()}))
    bench.settle()
    assert (bench.status("text"), bench.details("text")) == ("fail", {"error_type": "Stop"})
    assert (bench.status("details"), bench.details("details")["error_type"]) == ("fail", "Stop")


def test_a_check_is_told_nothing_of_the_ones_before_it(bench: Bench) -> None:
    """Context variables that a check sets are gone when the next one has its thread."""
    from contextvars import ContextVar

    seen: list[str | None] = []
    variable: ContextVar[str | None] = ContextVar("variable", default=None)

    def check() -> None:
        seen.append(variable.get())
        variable.set("set")

    bench.health.register("check", check, interval=1)
    bench.pass_time(3)
    assert seen == [None] * 4


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_result_of_a_dead_runner_goes_stale(health: Health, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever killed its thread: the last green result does not stand."""
    health.register("broker", fine, interval=0.01, timeout=0.01)
    eventually(lambda: health.reports()["broker"].ok)
    monkeypatch.setattr(health.scheduler, "tick", lambda now=None: sys.exit())
    eventually(lambda: not health.runner.is_alive)
    eventually(lambda: health.reports()["broker"].details.get("stale"))
    report = health.reports()["broker"]
    assert (report.status, report.details["runner_alive"]) == (Status.FAIL, False)
    monkeypatch.undo()
    health.start()
    eventually(lambda: health.reports()["broker"].ok)


def test_an_inner_error_is_noted_and_the_runner_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is counted as a fault of health, and the next tick is tried."""
    health = Health()
    noted: list[Any] = []
    monkeypatch.setattr(health, "_note", lambda what, error: noted.append((what, error)))
    health.runner._on_fault = health._note
    monkeypatch.setattr("gpt_trader_telemetry.health.runner._AFTER_A_FAULT", 0.01)
    tick, broken = health.scheduler.tick, RuntimeError("broken")
    failures = iter([broken, broken])

    def tick_badly(now: float | None = None) -> float:
        for error in failures:
            raise error
        return tick(now)

    monkeypatch.setattr(health.scheduler, "tick", tick_badly)
    health.register("broker", fine)
    eventually(lambda: health.reports()["broker"].ok)
    assert [error for _, error in noted] == [broken] * 2
    health.stop()


def test_threads_are_used_again(bench: Bench) -> None:
    """Checks that end need no more threads than run at once, and than are just ending."""
    for number in range(5):
        bench.health.register(f"c{number}", fine, interval=1)
    bench.pass_time(100)
    assert bench.scheduler.pool.threads <= 10


def test_a_check_that_finds_no_thread_waits_and_then_says_so() -> None:
    """All are held by others: it is pending as long as it would have had to run, then it fails."""
    bench = Bench(max_threads=2)
    hanging = [Hanging(), Hanging()]
    with released(hanging):
        bench.health.register("h0", hanging[0], timeout=60)
        bench.health.register("h1", hanging[1], timeout=60)
        bench.hung = {"h0", "h1"}
        bench.settle()
        bench.health.register("late", fine, interval=30, timeout=5)
        bench.pass_time(4.9)
        assert bench.status("late") == "pending"
        bench.pass_time(0.1)
        assert bench.details("late") == {"no_thread": True, "waited_seconds": 5.0, "error": "2 threads are busy"}
        hanging[0].release.set()
        eventually(lambda: bench.scheduler.pool._idle == 1)
        bench.pass_time(30)
        assert bench.status("late") == "pass"
    bench.health.stop()


def test_more_hung_checks_than_may_run_at_once_delay_nobody() -> None:
    """What is out of time does not count, so that there is a thread for each; when they return there are fewer."""
    bench = Bench(max_threads=4)
    hanging = [Hanging() for _ in range(40)]
    starts: list[float] = []
    with released(hanging):
        for number, check in enumerate(hanging):
            bench.hung.add(f"hangs {number}")
            bench.health.register(f"hangs {number}", check, interval=7, timeout=1)
            bench.pass_time(1)
        bench.health.register("works", lambda: starts.append(bench.clock.now - 1040), interval=30)
        bench.pass_time(300)
        assert starts == [30.0 * beat for beat in range(11)]
        assert [check.entered for check in hanging] == [1] * 40
        assert bench.scheduler.pool.threads <= 4 + 40
    bench.hung = set()
    eventually(lambda: bench.scheduler.pool.threads <= 4)
    bench.pass_time(60)
    assert {report.status for report in bench.health.reports().values()} == {Status.PASS}
    bench.health.stop()


def test_checks_that_hang_under_ever_new_names_are_held_to_the_limit() -> None:
    """Those that are no longer registered do count: nobody would bound them else."""
    bench = Bench(max_threads=4)
    hanging = [Hanging() for _ in range(20)]
    with released(hanging):
        for number, check in enumerate(hanging):
            bench.hung = {f"hangs {number}"}
            bench.health.register(f"hangs {number}", check, timeout=1)
            bench.scheduler.tick()
            eventually(lambda expected=number < 4, check=check: bool(check.inside) is expected)
            bench.clock.now += 2
            bench.scheduler.tick()
            bench.health.unregister(f"hangs {number}")
        assert bench.scheduler.pool.threads == 4
    bench.health.stop()


def test_a_check_that_found_no_thread_starts_as_soon_as_there_is_one(bench: Bench) -> None:
    """More checks than threads: all run, within one moment of the clock."""
    bench.scheduler.pool.max_threads = 2
    for number in range(40):
        bench.health.register(f"c{number}", fine)
    bench.settle()
    eventually(lambda: bench.scheduler.tick() and all(report.ok for report in bench.health.reports().values()))
    assert bench.scheduler.pool.threads == 2


def test_a_system_without_a_thread_left_is_no_error_of_the_bots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registering never raises for that; the check is pending, then stale."""

    def start(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    bench = Bench()
    monkeypatch.setattr(threading.Thread, "start", start)
    health = Health()
    health.register("broker", fine)
    assert health.reports()["broker"].status is Status.PENDING
    bench.health.register("broker", fine)
    bench.scheduler.tick()
    bench.clock.now += 5
    bench.scheduler.tick()
    assert bench.details("broker")["no_thread"] is True


def test_registering_a_hung_check_again_and_again_holds_one_thread(bench: Bench) -> None:
    """The very same callable is never run twice at once, whatever registration it is from."""
    hanging = Hanging()
    with released([hanging]):
        for _ in range(50):
            bench.health.register("broker", hanging, timeout=1)
            bench.hung = {"broker"}
            bench.pass_time(2)
        assert hanging.entered == 1
        assert bench.scheduler.pool.threads == 1
        assert bench.details("broker")["timed_out"] is True
        assert "an earlier registration" in bench.details("broker")["error"]
    bench.hung = set()
    eventually(lambda: not bench.scheduler._held)
    bench.pass_time(31)
    assert bench.status("broker") == "pass"


def test_a_method_registered_again_is_the_same_check(bench: Bench) -> None:
    """Although Python makes a new object of it each time."""

    class Broker:
        hanging = Hanging()

        def check(self) -> None:
            self.hanging()

    broker = Broker()
    with released([broker.hanging]):
        for _ in range(5):
            bench.health.register("broker", broker.check, timeout=1)
            bench.hung = {"broker"}
            bench.settle()
            eventually(lambda: broker.hanging.entered)
            bench.pass_time(2)
        assert broker.hanging.entered == 1


def test_ever_new_checks_of_one_name_never_run_beside_the_one_that_hangs(bench: Bench) -> None:
    """Also when the name is unregistered in between; other names have nothing to do with it."""
    hanging = [Hanging() for _ in range(20)]
    with released(hanging):
        for check in hanging:
            bench.hung = {"broker"}
            bench.health.register("broker", check, timeout=1)
            bench.pass_time(2)
            bench.health.unregister("broker")
        assert [check.entered for check in hanging] == [1] + [0] * 19
        assert bench.scheduler.pool.threads == 1
        bench.health.register("broker", fine, timeout=3)
        assert bench.details("broker") == {
            "timed_out": True,
            "timeout_seconds": 3,
            "running_for_seconds": 40,
            "blocked_at": bench.details("broker")["blocked_at"],
            "error": "a run of an earlier registration of this name has not ended",
        }
        assert "Hanging.__call__" in bench.details("broker")["blocked_at"]
        bench.health.register("other", fine)
        bench.settle()
        assert bench.status("other") == "pass"
    eventually(lambda: not bench.scheduler._held)
    bench.hung = set()
    bench.pass_time(31)
    assert bench.status("broker") == "pass"


@pytest.mark.parametrize("name_is_unregistered", [False, True])
def test_a_hung_check_registered_anew_faster_than_its_time_out_is_pending_no_longer_than_that(
    bench: Bench, name_is_unregistered: bool
) -> None:
    """The time that its run has had counts, whichever registration it is of; from then on it fails at every moment."""
    hanging = Hanging()
    statuses: list[str] = []
    with released([hanging]):
        for _ in range(100):
            bench.hung = {"broker"}
            if name_is_unregistered:
                bench.health.unregister("broker")
            bench.health.register("broker", lambda: hanging(), timeout=5)  # noqa: PLW0108 - a new one each time
            statuses.append(bench.status("broker"))
            bench.settle()
            eventually(lambda: hanging.entered)
            bench.pass_time(0.1)
        assert statuses == ["pending"] * 50 + ["fail"] * 50
        assert hanging.entered == 1
    bench.hung = set()
    eventually(lambda: not bench.scheduler._held)
    bench.pass_time(31)
    assert bench.status("broker") == "pass"
    assert hanging.most_inside == 1


def test_a_check_that_replaces_one_that_runs_starts_as_soon_as_that_has_ended(bench: Bench) -> None:
    """Two of one name never run at once; the late answer of the old one does not count as the new one's."""
    hanging, replacement = Hanging(), Hanging()
    bench.health.register("broker", hanging, timeout=5)
    bench.hung = {"broker"}
    bench.settle()
    bench.health.register("broker", replacement, timeout=10)
    bench.pass_time(4)
    assert (bench.status("broker"), replacement.entered) == ("pending", 0)
    hanging.release.set()
    eventually(lambda: not bench.scheduler._held)
    bench.settle()
    eventually(lambda: replacement.entered)
    assert bench.status("broker") == "pending"
    bench.hung = set()
    replacement.release.set()
    bench.settle()
    assert bench.status("broker") == "pass"


def test_stop_leaves_a_hung_check_behind_in_time(health: Health) -> None:
    """It waits no longer than it is told, and the interpreter's end is not held up either: daemons all."""
    hanging = Hanging()
    with released([hanging]):
        health.register("broker", hanging)
        eventually(lambda: hanging.inside)
        assert all(thread.daemon for thread in our_threads())
        start = time.monotonic()
        health.stop(0.5)
        assert time.monotonic() - start < 2
        assert not health.runner.is_alive


def test_a_health_that_was_stopped_leaves_no_thread() -> None:
    """Idle ones end at once."""
    health = Health()
    for number in range(5):
        health.register(f"c{number}", fine)
    eventually(lambda: all(report.ok for report in health.reports().values()))
    health.stop()
    eventually(lambda: not our_threads(), patience=1.0)


def test_reports_wait_for_no_check(health: Health) -> None:
    """With everything hanging, they are had as fast as ever."""
    hanging = [Hanging() for _ in range(20)]
    with released(hanging):
        for number, check in enumerate(hanging):
            health.register(f"c{number}", check, interval=0.01, timeout=0.01)
        eventually(lambda: all(report.details.get("timed_out") for report in health.reports().values()))
        times = []
        for _ in range(200):
            start = time.perf_counter()
            health.reports()
            times.append(time.perf_counter() - start)
        assert sorted(times)[100] < 0.05


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_runs_its_own_checks() -> None:
    """Though the parent's is hung, and one of the threads that are not there held the lock: all begins anew."""
    program = """
import os, threading, time, warnings
warnings.simplefilter("ignore")
from gpt_trader_telemetry.health import Health, Status

health, parent = Health(), os.getpid()
entered, hold, locked = threading.Event(), threading.Event(), threading.Event()

def check():
    if os.getpid() == parent:
        entered.set()
        hold.wait(60)
    return True

def keep_the_lock():
    with health.scheduler._lock:
        locked.set()
        time.sleep(60)

health.mark_ready()
health.register("a", check, interval=0.05)
health.register("b", lambda: True, depends_on=["a"])
entered.wait()
threading.Thread(target=keep_the_lock, daemon=True).start()
locked.wait()
child = os.fork()
if child == 0:
    health.reset_after_fork()
    assert health.ready and not health.runner.is_alive
    assert {report.status for report in health.reports().values()} == {Status.PENDING}
    health.start()
    for _ in range(500):
        if all(report.ok for report in health.reports().values()):
            os._exit(7)
        time.sleep(0.01)
    os._exit(1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
os._exit(0)
"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert answer.stdout.split() == ["7"], answer.stderr


def test_a_hung_check_does_not_hold_up_the_end_of_the_process() -> None:
    """The interpreter exits at once, and says nothing."""
    program = (
        "import time\n"
        "from gpt_trader_telemetry.health import Health\n"
        "health = Health()\n"
        "async def sleep():\n"
        "    import asyncio\n"
        "    await asyncio.sleep(60)\n"
        "health.register('sync', lambda: time.sleep(60))\n"
        "health.register('async', sleep)\n"
        "time.sleep(0.3)\n"
    )
    start = time.monotonic()
    answer = subprocess.run(
        [sys.executable, "-X", "dev", "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert time.monotonic() - start < 30
    assert (answer.returncode, answer.stderr) == (0, "")
