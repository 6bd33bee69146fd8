"""The watchdog of the bot's event loop: busy, wedged, where, and recovered."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from gpt_trader_telemetry.errors import UsageError
from gpt_trader_telemetry.health import Health, LoopWatchdog, Severity, Status
from gpt_trader_telemetry.health.frames import blocked_at, stack_of
from support.timing import eventually


class Blocker:
    """Blocks the loop that it is put on, in a line that can be found."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.release = threading.Event()
        self.entered = threading.Event()

    def strategy_step(self) -> None:
        self.entered.set()
        self.release.wait(30)  # THE BLOCKING LINE

    def block(self) -> None:
        self.loop.call_soon_threadsafe(self.strategy_step)
        assert self.entered.wait(10)


def blocking_line() -> int:
    with open(__file__, encoding="utf-8") as source:
        return 1 + next(number for number, line in enumerate(source) if "THE BLOCKING LINE" in line)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A bot's loop, running in a thread."""
    made = asyncio.new_event_loop()
    thread = threading.Thread(target=made.run_forever)
    thread.start()
    eventually(made.is_running)
    yield made
    if not made.is_closed():
        made.call_soon_threadsafe(made.stop)
        thread.join(10)
        made.close()


def test_a_loop_that_keeps_up_passes(loop: asyncio.AbstractEventLoop) -> None:
    """With how late it was."""
    result = LoopWatchdog(loop)()
    assert result.ok
    assert result.details["state"] == "ok"
    assert 0 <= result.details["lag_seconds"] < 0.5


def test_a_loop_that_answers_late_is_busy_and_the_line_is_named(loop: asyncio.AbstractEventLoop) -> None:
    """A warning; the line is looked for while it lasts."""
    watchdog = LoopWatchdog(loop, busy_after=0.05, wedged_after=20.0)
    watchdog()
    blocker = Blocker(loop)
    blocker.block()
    threading.Timer(0.3, blocker.release.set).start()
    result = watchdog()
    assert (result.ok, result.severity, result.details["state"]) == (False, "warning", "busy")
    assert 0.05 < result.details["lag_seconds"] < 20
    assert f"{__file__}:{blocking_line()} in Blocker.strategy_step" == result.details["blocked_at"]
    assert watchdog().ok


def test_a_loop_that_does_not_answer_is_wedged_the_line_is_named_and_it_recovers(
    loop: asyncio.AbstractEventLoop,
) -> None:
    """Critical; asked again meanwhile, it answers at once and knows for how long."""
    watchdog = LoopWatchdog(loop, busy_after=0.02, wedged_after=0.1)
    watchdog()
    blocker = Blocker(loop)
    blocker.block()
    first = watchdog()
    assert (first.ok, first.severity, first.details["state"]) == (False, "critical", "wedged")
    start = time.monotonic()
    second = watchdog()
    assert time.monotonic() - start < 1.0
    assert second.details["lag_seconds"] > first.details["lag_seconds"] >= 0.1
    assert f"{__file__}:{blocking_line()} in Blocker.strategy_step" == second.details["blocked_at"]
    assert "wait" in second.details["stack"][0]
    assert any("Blocker.strategy_step" in place for place in second.details["stack"])
    ping = watchdog._pending
    assert ping is not None
    blocker.release.set()
    assert ping.answered.wait(10)
    assert watchdog().details["state"] == "ok"


def test_a_wedged_loop_is_sent_no_pile_of_callbacks(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is on its way at the most, however long it lasts and however often it is asked."""
    watchdog = LoopWatchdog(loop, busy_after=0.01, wedged_after=0.02)
    blocker = Blocker(loop)
    blocker.block()
    sent: list[object] = []
    send = loop.call_soon_threadsafe
    monkeypatch.setattr(loop, "call_soon_threadsafe", lambda *args: (sent.append(args), send(*args))[1])
    for _ in range(20):
        assert watchdog().details["state"] == "wedged"
    assert len(sent) == 1
    blocker.release.set()


def test_made_on_the_loop_it_knows_the_thread_from_the_start() -> None:
    """Even a loop that is wedged before it first answered."""

    async def bot() -> tuple[object, ...]:
        watchdog = LoopWatchdog(busy_after=0.01, wedged_after=0.05)
        answer: list[object] = []
        thread = threading.Thread(target=lambda: answer.append(watchdog().details["blocked_at"]))
        thread.start()
        time.sleep(0.3)
        thread.join()
        return tuple(answer)

    (where,) = asyncio.run(bot())
    assert f"{__file__}:" in str(where)
    assert ".bot" in str(where)


def test_without_knowing_the_thread_it_says_what_it_can(loop: asyncio.AbstractEventLoop) -> None:
    """Wedged, and nowhere."""
    blocker = Blocker(loop)
    blocker.block()
    details = LoopWatchdog(loop, busy_after=0.01, wedged_after=0.02)().details
    assert (details["state"], details["blocked_at"], details["stack"]) == ("wedged", None, [])
    blocker.release.set()


def test_a_loop_that_does_not_run_is_stopped(loop: asyncio.AbstractEventLoop) -> None:
    """Not yet, no more, or closed: critical either way."""
    other = asyncio.new_event_loop()
    assert LoopWatchdog(other)().details["state"] == "stopped"
    other.close()
    result = LoopWatchdog(other)()
    assert (result.severity, dict(result.details)) == ("critical", {"state": "stopped", "lag_seconds": None})


@pytest.mark.parametrize(
    ("busy_after", "wedged_after"), [(0, 1), (-1, 1), (2, 1), (1, float("inf")), (float("nan"), 1), (1, float("nan"))]
)
def test_durations_that_cannot_be_meant_are_an_error(
    loop: asyncio.AbstractEventLoop, busy_after: float, wedged_after: float
) -> None:
    """Busy comes before wedged."""
    with pytest.raises(UsageError, match="busy_after"):
        LoopWatchdog(loop, busy_after=busy_after, wedged_after=wedged_after)


def test_outside_of_a_loop_it_wants_to_be_given_one() -> None:
    """It says so."""
    with pytest.raises(UsageError, match="no event loop runs here"):
        LoopWatchdog()


def test_as_a_check_it_turns_the_bots_health_and_back(loop: asyncio.AbstractEventLoop) -> None:
    """The line gets through to the report; the runner's threads go on throughout."""
    health = Health()
    health.mark_ready()
    watchdog = LoopWatchdog(loop, busy_after=0.05, wedged_after=0.2)
    health.register("event_loop", watchdog, interval=0.05)
    eventually(lambda: health.reports()["event_loop"].ok)
    blocker = Blocker(loop)
    blocker.block()
    eventually(lambda: health.overall()[0] == "unhealthy")
    report = health.reports()["event_loop"]
    assert (report.status, report.severity) == (Status.FAIL, Severity.CRITICAL)
    assert f":{blocking_line()} in Blocker.strategy_step" in report.details["blocked_at"]
    blocker.release.set()
    eventually(lambda: health.overall()[0] == "healthy")
    health.stop()


def test_frames_of_a_thread_that_is_not_there_are_none() -> None:
    """It may have ended in this moment."""
    assert stack_of(None) == []
    assert stack_of(-1) == []
    assert blocked_at(None) is None


def test_the_bots_own_line_is_named_not_the_librarys() -> None:
    """The innermost frame is often in the standard library; where all are, it is the innermost."""
    release, entered = threading.Event(), threading.Event()

    def deep(call: Callable[[], object]) -> None:
        entered.set()
        call()

    thread = threading.Thread(target=deep, args=(lambda: release.wait(10),))
    thread.start()
    entered.wait(10)
    eventually(lambda: "in Condition.wait" in stack_of(thread.ident)[0])
    assert "<lambda>" in str(blocked_at(thread.ident))
    release.set()
    thread.join()
    release.clear()
    library = threading.Thread(target=release.wait, args=(10,))
    library.start()
    eventually(lambda: "in Condition.wait" in str(blocked_at(library.ident)))
    release.set()
    library.join()
