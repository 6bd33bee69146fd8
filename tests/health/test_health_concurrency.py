"""Registering, unregistering and reading from many threads while checks run."""

import random
import threading
import time
from typing import Any

import pytest

from gpt_trader_telemetry.health import CheckReport, Health, Status
from support.timing import eventually


def test_registering_and_unregistering_from_many_threads_keeps_everything_consistent(health: Health) -> None:
    """Whatever the order: no error, no result under a name that is not registered, and what is left runs."""
    errors: list[BaseException] = []
    names = [f"c{number}" for number in range(8)]
    until = time.monotonic() + 1.0

    def churn(seed: int) -> None:
        dice = random.Random(seed)
        try:
            while time.monotonic() < until:
                name = dice.choice(names)
                action = dice.random()
                if action < 0.5:
                    health.register(name, lambda name=name: (True, {"name": name}), interval=0.005, timeout=1)
                elif action < 0.8:
                    health.unregister(name)
                else:
                    for shown, report in health.reports().items():
                        assert shown == report.name
                        assert report.status in {Status.PASS, Status.PENDING}
                        assert report.details.get("name", shown) == shown
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=churn, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    for name in names:
        health.register(name, lambda name=name: (True, {"name": name}), interval=0.01)
    eventually(lambda: all(report.ok for report in health.reports().values()))
    assert set(health.reports()) == set(names)


def test_no_check_runs_twice_at_once_however_often_it_is_registered(health: Health) -> None:
    """The same callable, registered again and again under its name, also by several threads."""
    inside = 0
    most = 0
    lock = threading.Lock()

    def check() -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        time.sleep(0.002)
        with lock:
            inside -= 1

    until = time.monotonic() + 0.5

    def churn() -> None:
        while time.monotonic() < until:
            health.register("check", check, interval=0.001)

    threads = [threading.Thread(target=churn) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    eventually(lambda: health.reports()["check"].ok)
    assert most == 1


def test_a_check_may_register_and_unregister_checks_itself(health: Health) -> None:
    """Nothing is locked while it runs; what it unregisters may be itself."""

    def check() -> None:
        health.register("other", lambda: True)
        health.unregister("check")
        health.reports()
        health.mark_ready()

    health.register("check", check)
    eventually(lambda: set(health.reports()) == {"other"} and health.reports()["other"].ok)


def test_a_listener_may_call_back() -> None:
    """``on_result`` is called with nothing locked."""
    seen: list[Any] = []

    def listen(report: CheckReport, seconds: float | None) -> None:
        seen.append(health.reports()[report.name].status)
        health.unregister(report.name)

    health = Health(on_result=listen)
    health.register("check", lambda: True)
    eventually(lambda: seen == [Status.PASS])
    health.stop()


def test_a_check_that_was_unregistered_while_it_ran_has_no_result_any_more(health: Health) -> None:
    """Nobody is told of it, and nothing is recorded."""
    told: list[str] = []
    entered, release = threading.Event(), threading.Event()
    health._on_result = lambda report, _seconds: told.append(report.name)

    def check() -> None:
        entered.set()
        release.wait(10)

    health.register("check", check)
    assert entered.wait(10)
    health.unregister("check")
    release.set()
    eventually(lambda: not health.scheduler._held)
    health.register("other", lambda: True)
    eventually(lambda: "other" in told)
    assert told == ["other"]


@pytest.mark.parametrize("error", [SystemExit(), RuntimeError()])
def test_whatever_a_listener_raises_ends_no_thread(error: BaseException) -> None:
    """The checks go on, in as many threads as before."""

    def listen(_report: CheckReport, _seconds: float | None) -> None:
        raise error

    health = Health(on_result=listen)
    runs: list[int] = []
    health.register("bad", lambda: False)
    health.register("skipped", lambda: True, depends_on=["bad"], interval=0.005)
    health.register("check", lambda: runs.append(1), interval=0.005)
    eventually(lambda: len(runs) > 10)
    assert health.scheduler.pool.threads <= 4
    assert health.runner.is_alive
    health.stop()


def test_run_once_and_the_background_thread_get_along(health: Health) -> None:
    """Each call has fresh results; nothing runs twice at once."""
    runs = 0

    def check() -> None:
        nonlocal runs
        runs += 1

    health.register("check", check, interval=0.001)
    for _ in range(50):
        before = runs
        assert health.run_once()["check"].ok
        assert runs > before
