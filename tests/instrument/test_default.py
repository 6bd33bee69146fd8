"""The process default and its lifetime: decorated before, used without, shut down, made again, forgotten."""

import asyncio
import gc
import itertools
import logging
import threading
import tracemalloc
import weakref

import pytest
from instrumented import ORDERS, TRIPS, broker_calls, checks, faults, orders

import gpt_trader_telemetry
from gpt_trader_telemetry import (
    Settings,
    Telemetry,
    broker_call,
    configure,
    cycle,
    guard,
    order_submission,
    phase,
    record_counter,
    record_data_quality,
    record_gauge,
    record_histogram,
)
from gpt_trader_telemetry.recording.current import DEFAULT
from support.scraping import OPENMETRICS, TEXT, parse, scrape

TRADES = "gpt_trader_trades_executed_total"


@pytest.fixture
def default():
    """The process default, shut down afterwards."""
    telemetry = configure(settings=Settings())
    yield telemetry
    telemetry.shutdown()


def decorated():
    """Return a bot decorated with module-level names."""

    @order_submission()
    @broker_call("submit")
    def submit(side: str) -> str:
        check()
        return side

    @guard("limit")
    def check() -> None: ...

    return submit


def use_everything() -> None:
    """Use each module-level name, rightly and wrongly."""
    submit = decorated()
    submit("buy")
    with cycle(), phase("decide"), guard("g") as run, broker_call("x") as call, order_submission(side="buy") as order:
        run.trip("limit")
        call.fail("timeout")
        order.reject("post_only")
        order.block()
    record_counter(TRADES, "nonsense")
    record_gauge("nonsense", 1)
    record_histogram(None, None, 5)
    record_data_quality("BTC", "1h", 1, 5)

    async def main() -> None:
        @broker_call("a")
        async def fetch() -> None: ...

        await fetch()

    asyncio.run(main())


def test_without_a_telemetry_everything_is_a_no_op(caplog) -> None:
    """Nothing is recorded, logged or raised."""
    use_everything()
    assert DEFAULT.recorder is None
    assert not caplog.records


def test_what_was_decorated_before_records_from_configure_on() -> None:
    """Calls before it are not counted; the zeros are there from then on."""
    submit = decorated()
    submit("buy")
    telemetry = configure(settings=Settings())
    try:
        scraped = scrape(telemetry)
        assert scraped.value(ORDERS, result="success", reason="none", side="buy") == 0
        assert scraped.value(TRIPS, guard="limit", category="limit", recoverable="true") == 0
        submit("sell")
        assert orders(telemetry) == {("success", "none", "sell"): 1}
        assert broker_calls(telemetry) == {("success", "none"): 1}
        assert checks(telemetry) == {("success",): 1}
    finally:
        telemetry.shutdown()


def test_what_was_decorated_keeps_working_after_shutdown_and_records_again(default) -> None:
    """Into the Telemetry that is the default then, and nothing into the one that was."""
    submit = decorated()
    entered = order_submission(side="sell")
    submit("buy")
    default.shutdown()
    assert [submit("buy") for _ in range(10)] == ["buy"] * 10
    with entered:
        pass
    again = configure(settings=Settings())
    try:
        assert orders(again) == {}
        submit("sell")
        with entered:
            pass
        assert orders(again) == {("success", "none", "sell"): 2}
        assert orders(default) == {("success", "none", "buy"): 1}
    finally:
        again.shutdown()


def test_a_run_that_is_under_way_survives_configure_and_shutdown(default) -> None:
    """Whatever was begun is finished quietly, decorated or entered."""
    turns = []

    @broker_call("x")
    async def slow() -> str:
        await turns[-1].wait()
        return "done"

    @order_submission("buy")
    def stream():
        yield 1
        yield 2

    async def main() -> None:
        turns.append(asyncio.Event())
        task = asyncio.create_task(slow())
        items = stream()
        next(items)
        with broker_call("y"), order_submission(side="sell") as order:
            await asyncio.sleep(0)
            default.shutdown()
            order.reject()
        turns[-1].set()
        assert await task == "done"
        assert list(items) == [2]
        again = configure(settings=Settings())
        try:
            assert orders(again) == {}
            assert faults(again) == 0
        finally:
            again.shutdown()

    asyncio.run(main())
    assert faults(default) == 0


def test_no_memory_grows_after_shutdown() -> None:
    """A bot that goes on trading without telemetry costs nothing."""
    telemetry = Telemetry(Settings())
    submit = telemetry.order_submission()(telemetry.broker_call("submit")(lambda side: side))
    entered = telemetry.broker_call("x")

    def trade(times: int) -> None:
        for _ in range(times):
            submit("buy")
            with entered, telemetry.guard("g"):
                pass
            telemetry.record_counter(TRADES)
            telemetry.websocket.message()
            telemetry.account.update(equity=1)

    trade(100)
    telemetry.shutdown()
    trade(100)
    gc.collect()
    tracemalloc.start()
    try:
        trade(100)
        before = tracemalloc.get_traced_memory()[0]
        trade(3000)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 10_000
    finally:
        tracemalloc.stop()


def test_no_memory_grows_while_values_are_folded(telemetry) -> None:
    """What a call appends is gone when it has been folded."""
    submit = telemetry.order_submission()(telemetry.broker_call("submit")(lambda side: side))
    entered = telemetry.broker_call("x")

    def trade(times: int) -> None:
        for _ in range(times):
            submit("buy")
            with entered:
                pass
        telemetry.metrics_text()
        gc.collect()

    trade(3000)
    tracemalloc.start()
    try:
        trade(1000)
        before = tracemalloc.get_traced_memory()[0]
        trade(5000)
        assert tracemalloc.get_traced_memory()[0] - before < 50_000
    finally:
        tracemalloc.stop()


def test_two_telemetries_do_not_mix(default) -> None:
    """What one decorates, the other does not see; the default neither."""
    with Telemetry(Settings()) as one, Telemetry(Settings()) as other:
        for telemetry, times in ((one, 1), (other, 2), (gpt_trader_telemetry, 3)):
            submit = telemetry.order_submission("buy")(telemetry.broker_call("submit")(lambda: None))
            for _ in range(times):
                submit()
                with telemetry.guard("g"):
                    pass
                telemetry.record_counter(TRADES)
        for telemetry, times in ((one, 1), (other, 2), (default, 3)):
            assert orders(telemetry) == {("success", "none", "buy"): times}
            assert checks(telemetry) == {("success",): times}
            assert broker_calls(telemetry) == {("success", "none"): times}
            assert scrape(telemetry).value(TRADES) == times


def test_one_function_may_record_into_two(telemetry) -> None:
    """Decorated by each, it counts in each."""
    with Telemetry(Settings()) as other:

        @telemetry.guard("g")
        @other.guard("g")
        def check() -> None:
            raise TimeoutError

        with pytest.raises(TimeoutError):
            check()
        assert checks(telemetry) == checks(other) == {("failure",): 1}


def test_a_telemetry_of_its_own_is_not_the_default(telemetry) -> None:
    """Module-level names stay no-ops."""
    use_everything()
    assert orders(telemetry) == broker_calls(telemetry) == {}
    assert faults(telemetry) == 0


def test_a_decorated_function_leaves_nothing_behind_in_the_default(default) -> None:
    """A bot that decorates closures as it goes does not fill the slot."""
    gc.collect()
    places = len(DEFAULT._places)
    functions = []

    class Strategy:
        def decide(self, side: str) -> str:
            return side

    for _ in range(50):
        strategy = Strategy()
        functions += (
            [
                decorated(),
                broker_call("x")(strategy.decide),
                order_submission()(strategy.decide),
                guard("g")(strategy),
            ]
            if callable(strategy)
            else [decorated(), broker_call("x")(strategy.decide), cycle()(strategy.decide)]
        )
    for function in functions:
        function("buy")
    assert len(DEFAULT._places) > places
    gone = weakref.ref(functions[0])
    functions.clear()
    del function
    gc.collect()
    assert gone() is None
    assert len(DEFAULT._places) == places


def test_a_decorated_function_lives_without_its_instrument(default) -> None:
    """The slot holds places weakly; the function itself keeps its own."""
    submit = decorated()
    gc.collect()
    submit("buy")
    assert orders(default) == {("success", "none", "buy"): 1}


def test_a_shut_down_telemetry_is_let_go_of() -> None:
    """Decorated functions that live on keep none of it alive."""
    telemetry = Telemetry(Settings())
    submit = telemetry.order_submission("buy")(telemetry.guard("g")(telemetry.broker_call("submit")(lambda: None)))
    entered = telemetry.broker_call("x")
    submit()
    with entered:
        pass
    recorder = weakref.ref(telemetry._pipeline.recorder)
    telemetry.shutdown()
    submit()
    with entered:
        pass
    del telemetry
    gc.collect()
    assert recorder() is None


def test_counters_without_labels_are_zero_from_the_start(telemetry) -> None:
    """Before anything happened; gauges and histograms are absent."""
    scraped = scrape(telemetry)
    for name in (TRADES, "gpt_trader_trades_blocked_total", "gpt_trader_order_missing_decision_id_total"):
        assert scraped.value(name) == 0
    assert scraped.value("gpt_trader_telemetry_errors_total", component="instrument") == 0
    assert {kind for name, kind in scraped.types.items() if name.startswith("gpt_trader_")} == {"counter", "gauge"}


def test_disabled_telemetry_is_a_no_op() -> None:
    """``OTEL_SDK_DISABLED``: everything works, nothing is kept."""
    with Telemetry(Settings(telemetry_disabled=True)) as telemetry:
        submit = telemetry.order_submission("buy")(telemetry.guard("g")(lambda: 7))
        assert [submit() for _ in range(10)] == [7] * 10
        with telemetry.broker_call("x") as call:
            call.fail("timeout")
        telemetry.record_counter(TRADES)
        telemetry.record_gauge("nonsense", "nonsense")
        telemetry.websocket.connected()
        telemetry.account.update(equity=1)
        assert telemetry.metrics_text() == ""


def test_a_broken_log_handler_stays_outside_the_bot(telemetry) -> None:
    """A fault that cannot even be logged is counted all the same."""

    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError

    logger = logging.getLogger("gpt_trader_telemetry")
    handler = Broken()
    logger.addHandler(handler)
    try:
        telemetry.record_counter(TRADES, "nonsense")
        assert telemetry.broker_call("x", classify=lambda value: 1 / 0)(lambda: 7)() == 7
    finally:
        logger.removeHandler(handler)
    assert faults(telemetry) == 2


def test_decorating_while_configuring_loses_no_place(default) -> None:
    """Threads that decorate while the default comes and goes: each place ends up bound to what is there."""
    functions: list = []
    done = threading.Event()

    def decorate() -> None:
        while not done.wait(0.0002):
            functions.append(broker_call("x")(lambda: None))

    threads = [threading.Thread(target=decorate) for _ in range(2)]
    for thread in threads:
        thread.start()
    telemetry = default
    for _ in range(5):
        telemetry.shutdown()
        telemetry = configure(settings=Settings())
    done.set()
    for thread in threads:
        thread.join()
    for function in functions:
        function()
    try:
        assert broker_calls(telemetry) == {("success", "none"): len(functions)}
    finally:
        telemetry.shutdown()


def test_a_finalizer_may_record_wherever_the_collector_runs(telemetry) -> None:
    """A decorated generator in a circle is closed by the garbage collector in the middle of anything, also of ours."""

    def birth() -> None:
        for number in range(600):
            # The collector runs after so many allocations: sooner or later inside of every line of ours.
            gc.set_threshold(3 + number % 89)

            @telemetry.broker_call(f"stream {number}")
            def stream():
                yield 1

            generator = stream()
            next(generator)
            circle: list = [generator]
            circle.append(circle)
            del generator, circle
            with telemetry.broker_call(f"op {number}"):
                pass
            telemetry.record_counter("gpt_trader_births", 1, {"number": number})

    gc.collect()
    thresholds = gc.get_threshold()
    worker = threading.Thread(target=birth, daemon=True)
    try:
        worker.start()
        worker.join(20)
    finally:
        gc.set_threshold(*thresholds)
    assert not worker.is_alive(), "a finalizer waits for a lock that its own thread holds"
    gc.collect()
    assert broker_calls(telemetry) == {("success", "none"): 600, ("failure", "cancelled"): 600}


def test_a_series_that_the_collector_brings_about_breaks_no_scrape(telemetry) -> None:
    """A finalizer records something new in the middle of a scrape: the scrape is whole all the same."""
    numbers = itertools.count()

    def on_collection(phase: str, _info: dict) -> None:
        if phase == "stop":
            number = next(numbers)
            telemetry.record_counter("gpt_trader_births", 1, {"number": number})
            telemetry.record_gauge(f"gpt_trader_birth_{number % 500}", 1)
            telemetry.broker_call(f"op {number}")(lambda: None)()

    for number in range(100):
        telemetry.record_counter("gpt_trader_births", 1, {"number": f"before {number}"})
    thresholds = gc.get_threshold()
    gc.callbacks.append(on_collection)
    gc.set_threshold(150, 1_000_000, 1_000_000)
    try:
        # Tuples that lie about for reuse would be taken without the collector's knowledge.
        used_up = [(number, number) for number in range(5000)]
        scrapes = [telemetry.metrics_text(accept) for accept in (TEXT, OPENMETRICS) * 2]
        del used_up
    finally:
        gc.set_threshold(*thresholds)
        gc.callbacks.remove(on_collection)
    for text in scrapes:
        assert parse(text).total("gpt_trader_births_total") >= 100
    assert scrape(telemetry).total("gpt_trader_births_total") == 100 + next(numbers)
    assert faults(telemetry) == 0
