"""Coroutines as checks: on the loop they were registered on, or on a loop of the check's own."""

import asyncio
import gc
import threading
import time
from collections.abc import Coroutine
from contextlib import suppress
from contextvars import Context
from functools import partial
from typing import Any

import pytest
from health_bench import call_on, loop_in_a_thread

from gpt_trader_telemetry.errors import UsageError
from gpt_trader_telemetry.health import Health, Status
from gpt_trader_telemetry.health.loops import Visit
from support.timing import eventually


def status_of(health: Health, name: str = "check") -> Status:
    return health.reports()[name].status


class Loops:
    """A check that notes which loop it runs on."""

    def __init__(self) -> None:
        self.seen: list[asyncio.AbstractEventLoop] = []

    async def __call__(self) -> None:
        self.seen.append(asyncio.get_running_loop())


def test_a_coroutine_runs_on_the_loop_it_was_registered_on(health: Health) -> None:
    """There its sessions and locks belong."""
    check = Loops()
    with loop_in_a_thread() as loop:
        call_on(loop, lambda: health.register("check", check, interval=0.01))
        eventually(lambda: len(check.seen) >= 3)
        assert set(check.seen) == {loop}
        assert status_of(health) is Status.PASS
        health.unregister("check")


def test_without_a_loop_it_runs_on_one_of_its_own(health: Health) -> None:
    """The same one each time, so that what a check keeps between its runs belongs to it; no other check's."""
    checks = [Loops(), Loops(), Loops()]
    health.register("check", checks[0], interval=0.01)
    health.register("lambda", lambda: checks[1](), interval=0.01)  # noqa: PLW0108 - an awaitable from a plain function
    health.register("partial", partial(checks[2]), interval=0.01)
    eventually(lambda: all(len(check.seen) >= 3 for check in checks))
    assert len({frozenset(check.seen) for check in checks}) == 3
    assert [len(set(check.seen)) for check in checks] == [1] * 3
    assert {report.status for report in health.reports().values()} == {Status.PASS}


def test_when_its_loop_has_ended_it_runs_on_one_of_its_own(health: Health) -> None:
    """A bot restarts its loop; its checks go on."""
    check = Loops()
    with loop_in_a_thread() as loop:
        call_on(loop, lambda: health.register("check", check, interval=0.02, timeout=5))
        eventually(lambda: loop in check.seen)
    eventually(lambda: check.seen[-1] is not loop)
    eventually(lambda: status_of(health) is Status.PASS)


def test_a_loop_that_stops_half_way_through_a_check_fails_it(health: Health) -> None:
    """It will not end any more, and nobody waits for it for ever."""
    entered = threading.Event()
    ran: list[str] = []

    async def check() -> None:
        entered.set()
        ran.append("x")
        if len(ran) == 1:
            await asyncio.Event().wait()

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    call_on(loop, lambda: health.register("check", check, timeout=20, interval=0.2))
    entered.wait(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    eventually(lambda: status_of(health) is Status.FAIL)
    assert health.reports()["check"].details["error_type"] == "LoopEndedError"
    eventually(lambda: status_of(health) is Status.PASS)
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


@pytest.mark.filterwarnings("error")
def test_a_loop_that_stops_before_the_first_step_leaves_no_coroutine_that_nobody_awaited() -> None:
    """Not ours, not the check's: wherever between posting and awaiting it was stopped."""
    for moment in range(4):
        loop = asyncio.new_event_loop()
        check = Loops()
        awaitable = check()
        visit = Visit(awaitable, Context())
        visit.post(loop)
        for _ in range(moment):
            loop.call_soon(loop.stop)
            loop.run_forever()
        visit.cancel()
        visit.close()
        loop.call_soon(loop.stop)
        loop.run_forever()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        del visit, awaitable
        gc.collect()


@pytest.mark.parametrize(
    ("returned", "status"), [(None, "pass"), (True, "pass"), (False, "fail"), ((False, {"a": 1}), "fail"), (3, "fail")]
)
def test_what_a_coroutine_returns_is_understood_as_from_a_function(returned: object, status: str) -> None:
    """The same table."""
    health = Health(autostart=False)

    async def check() -> object:
        return returned

    health.register("check", check)
    assert health.run_once()["check"].status.value == status
    health.stop()


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1), KeyboardInterrupt(), asyncio.CancelledError()])
def test_what_a_coroutine_raises_fails_it_and_leaves_the_bots_loop_running(error: BaseException) -> None:
    """A SystemExit that reached the loop would end it, and the bot with it."""
    health = Health(autostart=False)

    async def check() -> None:
        raise error

    with loop_in_a_thread() as loop:
        call_on(loop, lambda: health.register("check", check))
        report = health.run_once()["check"]
        assert (report.status, report.details["error_type"]) == (Status.FAIL, type(error).__name__)
        assert loop.is_running()
    health.stop()


def test_a_hung_coroutine_is_cancelled_at_its_time_out(health: Health) -> None:
    """It gets to clean up, and its next run is not held up."""
    cancelled: list[float] = []

    async def check() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(time.monotonic())
            raise

    health.register("check", check, timeout=0.05, interval=0.1)
    eventually(lambda: len(cancelled) >= 3)
    assert health.reports()["check"].details["timed_out"] is True


def test_a_coroutine_that_swallows_its_cancellation_is_never_run_twice_at_once(health: Health) -> None:
    """It counts as hung until it really ends, and then runs anew."""
    inside = most = runs = 0
    hold = True

    async def check() -> None:
        nonlocal inside, most, runs
        runs += 1
        inside += 1
        most = max(most, inside)
        while hold:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0.01)
        inside -= 1

    health.register("check", check, timeout=0.02, interval=0.02)
    eventually(lambda: health.reports()["check"].details.get("running_for_seconds", 0) > 0.2)
    assert (runs, most) == (1, 1)
    hold = False
    eventually(lambda: status_of(health) is Status.PASS)
    assert most == 1


def test_a_coroutine_is_cancelled_when_its_check_is_unregistered(health: Health) -> None:
    """Or replaced: nobody waits for it any more."""
    entered, cancelled = threading.Event(), threading.Event()

    async def check() -> None:
        entered.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    health.register("check", check, timeout=50)
    assert entered.wait(10)
    health.unregister("check")
    assert cancelled.wait(10)


def test_after_a_fork_no_check_is_sent_to_a_loop_of_the_parents() -> None:
    """Whose copy says that it runs, and never will."""
    health = Health(autostart=False)
    check = Loops()
    with loop_in_a_thread() as loop:
        call_on(loop, lambda: health.register("check", check))
        health.reset_after_fork()
        assert health.run_once()["check"].ok
        assert check.seen[0] is not loop
    health.stop()


def test_a_check_on_a_blocked_bot_loop_times_out_and_does_not_start_late(health: Health) -> None:
    """By the time that the loop is free, nobody waits for it any more."""
    release = threading.Event()
    check = Loops()
    with loop_in_a_thread() as loop:
        loop.call_soon_threadsafe(release.wait, 30)
        made = threading.Event()

        def register() -> None:
            health.register("check", check, timeout=0.05, interval=60)
            made.set()

        loop.call_soon_threadsafe(register)
        loop.call_soon_threadsafe(release.wait, 30)
        release.set()
        made.wait(10)
        release.clear()
        blocking = threading.Event()
        loop.call_soon_threadsafe(lambda: (blocking.set(), release.wait(30)))
        blocking.wait(10)
        health.register("other", Loops(), interval=0.05)
        health.scheduler.run_all()
        eventually(lambda: health.reports()["check"].details.get("timed_out"))
        runs = len(check.seen)
        eventually(lambda: status_of(health, "other") is Status.PASS)
        release.set()
        call_on(loop, lambda: None)
        call_on(loop, lambda: None)
        assert len(check.seen) == runs


def test_run_once_on_the_loop_that_a_check_is_to_run_on_is_an_error() -> None:
    """It would wait for itself; the message says what to do instead, and that works."""
    health = Health(autostart=False)

    async def bot() -> None:
        health.register("check", Loops())
        with pytest.raises(UsageError, match=r"asyncio\.to_thread"):
            health.run_once()
        assert (await asyncio.to_thread(health.run_once))["check"].ok

    asyncio.run(bot())
    health.stop()


def test_a_hung_coroutine_and_its_loop_end_with_stop() -> None:
    """No thread, no task and no warning is left."""
    health = Health()

    started: list[bool] = []

    async def check() -> None:
        started.append(True)
        await asyncio.sleep(60)

    health.register("check", check)
    eventually(lambda: started)
    health.stop()


def test_eager_tasks_do_not_run_foreign_code_under_our_lock(health: Health) -> None:
    """A bot may have its loop start tasks at once (Python 3.12)."""
    factory = getattr(asyncio, "eager_task_factory", None)
    if factory is None:
        pytest.skip("no eager tasks here")
    check = Loops()
    with loop_in_a_thread() as loop:
        loop.call_soon_threadsafe(loop.set_task_factory, factory)
        call_on(loop, lambda: health.register("check", check))
        eventually(lambda: status_of(health) is Status.PASS)
        assert check.seen == [loop]


def test_an_old_task_factory_will_do(health: Health) -> None:
    """One that knows of no context."""

    def factory(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        return asyncio.Task(coroutine, loop=loop)

    with loop_in_a_thread() as loop:
        loop.call_soon_threadsafe(loop.set_task_factory, factory)
        call_on(loop, lambda: health.register("check", Loops()))
        eventually(lambda: status_of(health) is Status.PASS)
