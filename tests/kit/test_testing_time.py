"""The test's clock drives durations, windows, ages and health checks, and nothing else does."""

import asyncio
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpt_trader_telemetry import UsageError, broker_call, cycle, guard, order_submission, phase
from gpt_trader_telemetry.health import check_ws_freshness
from gpt_trader_telemetry.testing import Clock, Recording, recorded, recording

ORDERS = "gpt_trader_order_submission_total"


@given(passed=st.lists(st.integers(0, 10**9), min_size=1, max_size=20))
def test_durations_are_exactly_what_the_clock_was_told(passed) -> None:
    """To the nanosecond, however many steps it took: a value on a bucket's bound stays in that bucket."""
    clock = Clock()
    start = clock()
    for nanoseconds in passed:
        clock.advance(nanoseconds / 1e9)
    assert clock() - start == round(sum(passed) / 1e9, 9)


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_time_does_not_go_back(seconds) -> None:
    """Nor does it end."""
    with pytest.raises(UsageError, match="a clock cannot be advanced by"):
        Clock().advance(seconds)


def test_every_kind_of_instrument_is_timed_by_it(telemetry: Recording) -> None:
    """Functions, coroutines, generators and blocks, and real time does not count."""

    @broker_call("plain")
    def plain() -> None:
        telemetry.clock.advance(0.1)
        time.sleep(0.01)

    @broker_call("coroutine")
    async def coroutine() -> None:
        telemetry.clock.advance(0.2)
        await asyncio.sleep(0.01)

    @broker_call("generator")
    def generator():
        telemetry.clock.advance(0.3)
        yield

    @order_submission(side="side")
    def submit(side: str) -> None:
        telemetry.clock.advance(0.4)

    plain()
    asyncio.run(coroutine())
    list(generator())
    submit("buy")
    with cycle(), phase("equity_computation"), guard("daily_loss"):
        telemetry.clock.advance(0.5)
    for operation, seconds in (("plain", 0.1), ("coroutine", 0.2), ("generator", 0.3)):
        assert telemetry.histogram("gpt_trader_broker_call_latency_seconds", operation=operation).sum == seconds
    assert telemetry.histogram("gpt_trader_order_submission_latency_seconds").sum == 0.4
    assert telemetry.histogram("gpt_trader_cycle_duration_seconds", result="ok").sum == 0.5
    assert telemetry.histogram("gpt_trader_equity_computation_seconds").sum == 0.5


def test_no_instrument_keeps_another_clock() -> None:
    """Every module of the instruments that times anything does it by the name that is replaced."""
    from gpt_trader_telemetry import instrument

    with recorded() as telemetry:
        timed = [module for module in vars(instrument).values() if hasattr(module, "perf_counter")]
        assert timed
        assert {module.perf_counter for module in timed} == {telemetry.clock}
    assert {module.perf_counter for module in timed} == {time.perf_counter}


def test_windows_slide_by_it(telemetry: Recording) -> None:
    """Ten failed orders are critical for five minutes, then they are not known any more, and missed."""
    for _ in range(10):
        with pytest.raises(OSError), order_submission(side="buy"):
            raise OSError
    assert telemetry.signals["order_error_rate"].status == "CRIT"
    assert telemetry.value("gpt_trader_signal_status", signal="order_error_rate") == 2
    telemetry.clock.advance(290)
    assert telemetry.signals["order_error_rate"].status == "CRIT"
    telemetry.clock.advance(10)
    gone = telemetry.signals["order_error_rate"]
    assert (gone.status, gone.is_missed) == ("UNKNOWN", True)
    assert telemetry.value(ORDERS, result="failed") == 10


def test_what_was_recorded_before_an_advance_belongs_to_before(telemetry: Recording) -> None:
    """Nothing that waits slips into a later window."""
    with guard("daily_loss") as run:
        run.trip()
    telemetry.clock.advance(300)
    assert telemetry.signals["guard_trip_count"].value == 0


def test_a_signal_is_never_of_before_what_was_just_recorded(telemetry: Recording) -> None:
    """Reading twice at one moment sees what came in between."""
    for trips in range(1, 4):
        with guard("daily_loss") as run:
            run.trip()
        assert telemetry.signals["guard_trip_count"].value == trips
        assert telemetry.value("gpt_trader_signal_value", signal="guard_trip_count") == trips


def test_ages_grow_by_it(telemetry: Recording) -> None:
    """WebSocket and market data, as metrics, signals and checks; the wall clock's checks agree."""
    bot = telemetry.instance
    bot.websocket.connected()
    bot.websocket.message()
    bot.market_data.ticker("BTC-USD")
    telemetry.clock.advance(61.5)
    assert telemetry.value("gpt_trader_ws_last_message_age_seconds") == 61.5
    assert telemetry.value("gpt_trader_ws_message_stale") == 1
    assert telemetry.signals["ws_staleness_seconds"].value == 61.5
    assert telemetry.signals["market_data_staleness_seconds"].value == 61.5
    assert bot.market_data.is_stale("BTC-USD")
    checked = check_ws_freshness(bot.websocket, 60.0).details
    assert (checked["stale_reason"], checked["last_message_age_seconds"]) == ("message", 61.5)


def test_checks_run_at_each_moment_that_they_are_due(telemetry: Recording) -> None:
    """On their own beats, what depends on another after it, and none of them by itself."""
    ran: list[tuple[str, float]] = []
    start = telemetry.clock()
    health = telemetry.instance.health
    health.register("fast", lambda: ran.append(("fast", telemetry.clock() - start)), interval=10)
    health.register("slow", lambda: ran.append(("slow", telemetry.clock() - start)), interval=25, depends_on=["fast"])
    time.sleep(0.05)
    assert ran == []
    telemetry.clock.advance(0)
    assert ran == [("fast", 0), ("slow", 0)]
    telemetry.clock.advance(30)
    assert ran[2:] == [("fast", 10), ("fast", 20), ("slow", 25), ("fast", 30)]
    assert health.reports()["slow"].ok


@settings(max_examples=25)
@given(interval=st.sampled_from([0.1, 0.3, 0.7, 1 / 3, 7.0]), seconds=st.integers(0, 15))
def test_no_beat_is_missed_or_added(interval, seconds) -> None:
    """Also where intervals have no exact binary form."""
    with recorded() as telemetry:
        ran: list[float] = []
        telemetry.instance.health.register("check", lambda: ran.append(telemetry.clock()), interval=interval)
        telemetry.clock.advance(seconds)
    assert abs(len(ran) - (seconds / interval + 1)) <= 1


def test_health_is_what_the_endpoint_answers(telemetry: Recording) -> None:
    """Every check is run once, whatever is due; the answer is the endpoint's JSON."""
    health = telemetry.instance.health
    answers = [(True, {}), (False, {"lag_seconds": 40})]
    health.register("feed", lambda: answers.pop(0), severity="critical")
    assert telemetry.health()["status"] == "starting"
    health.mark_ready()
    answer = telemetry.health()
    assert list(answer) == ["status", "live", "ready", "reason", "checks", "signals"]
    assert (answer["status"], answer["ready"], answer["reason"]) == (
        "unhealthy", False, "critical checks failing: feed",
    )  # fmt: skip
    assert answer["checks"]["feed"]["details"] == {"lag_seconds": 40}
    assert telemetry.value("gpt_trader_health_check_up", check="feed") == 0


def test_a_check_may_take_its_time(telemetry: Recording) -> None:
    """It advances the clock as a fake broker does, and is as slow as it says."""

    def slow() -> None:
        telemetry.clock.advance(3)

    telemetry.instance.health.register("slow", slow)
    assert telemetry.health()["checks"]["slow"]["duration_ms"] == 3000
    telemetry.clock.advance(60)
    assert telemetry.histogram("gpt_trader_health_check_duration_seconds", check="slow").max == 3


def test_a_check_that_hangs_times_out_by_the_tests_clock(telemetry: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is waited for a while, and once."""
    monkeypatch.setattr(recording, "PATIENCE", 0.1)
    let_go = threading.Event()
    health = telemetry.instance.health
    health.register("stuck", let_go.wait, timeout=5)
    try:
        with pytest.raises(TimeoutError, match=r"'stuck' has not returned for 0\.1 s; .*clock\.advance\(5\)"):
            telemetry.health()
        telemetry.clock.advance(5)
        assert health.reports()["stuck"].details["timed_out"]
        assert telemetry.health()["checks"]["stuck"]["status"] == "fail"
    finally:
        let_go.set()


def test_asynchronous_tests_run_checks_from_a_thread(telemetry: Recording) -> None:
    """A check of the running loop is refused where it would wait for itself, and runs from beside."""

    async def check() -> bool:
        await asyncio.sleep(0)
        return True

    async def test() -> str:
        telemetry.instance.health.register("loop", check)
        telemetry.clock.advance(0)  # started; it cannot be waited for here
        with pytest.raises(UsageError, match="to_thread"):
            telemetry.health()
        return (await asyncio.to_thread(telemetry.health))["checks"]["loop"]["status"]

    assert asyncio.run(test()) == "pass"
