"""Signals through both ways of recording and the real decorators: the same values on either."""

import threading
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from gpt_trader_telemetry.catalog import SIGNAL_STATUS, SIGNAL_VALUE
from gpt_trader_telemetry.health.signals import Signals
from gpt_trader_telemetry.instrument.broker import broker_call
from gpt_trader_telemetry.instrument.guards import guard
from gpt_trader_telemetry.instrument.orders import order_submission
from gpt_trader_telemetry.instrument.record import record_counter, record_histogram
from gpt_trader_telemetry.recording.bound import BoundRecorder
from gpt_trader_telemetry.recording.current import Slot
from gpt_trader_telemetry.recording.plain import PlainRecorder
from gpt_trader_telemetry.recording.recorder import Faults
from support.timing import Clock


class Way:
    """One way of recording, and how its values come to rest."""

    def __init__(
        self, signals: Signals, recorder: BoundRecorder | PlainRecorder, reader: InMemoryMetricReader | None = None
    ) -> None:
        self.signals = signals
        self.reader = reader
        self.recorder = recorder
        self.slot = Slot(recorder)

    def evaluate(self):
        if isinstance(self.recorder, BoundRecorder):
            self.recorder.fold()
        return self.signals.evaluate()


@pytest.fixture(params=["bound", "plain"])
def way(request, clock: Clock) -> Iterator[Way]:
    signals = Signals(clock=clock)
    if request.param == "bound":
        yield Way(signals, BoundRecorder(tap=signals.tap))
        return
    reader = InMemoryMetricReader()
    provider = MeterProvider(metric_readers=[reader], shutdown_on_exit=False)
    yield Way(signals, PlainRecorder(provider, Faults(), tap=signals.tap), reader)
    provider.shutdown()


class Refused(Exception):
    """Insufficient funds."""


def bot(way: Way, clock: Clock):
    """A bot that submits orders as told: how long each call takes and what it ends with."""

    @broker_call("submit", slot=way.slot)
    def call_broker(seconds: float, error: Exception | None) -> None:
        clock.sleep(seconds)
        if error is not None:
            raise error

    @order_submission(side="side", decision_id="decision", slot=way.slot)
    def submit(side: str, attempts, decision: str = "d") -> None:
        for number, (seconds, error) in enumerate(attempts, start=1):
            try:
                call_broker(seconds, error)
            except Exception:
                if number == len(attempts):
                    raise

    return submit


def test_a_decorated_bot_is_measured_alike_on_both_ways(way, clock) -> None:
    """Orders, retries, latencies and missing decision ids, from decorators alone."""
    submit = bot(way, clock)
    for number in range(40):
        submit("buy" if number % 2 else "sell", [(0.02, None)])
    for _ in range(6):
        submit("buy", [(1.5, TimeoutError()), (0.02, None)])
    for _ in range(4):
        with pytest.raises(TimeoutError):
            submit("sell", [(4.0, TimeoutError()), (4.0, TimeoutError())], decision="")
    report = way.evaluate()
    assert report["order_error_rate"].value == 4 / 50
    assert report["order_error_rate"].measure.details == {"orders": 50, "success": 46, "rejected": 0, "failed": 4}
    assert report["order_retry_rate"].value == 10 / 50
    assert report["broker_latency_p95_ms"].value == pytest.approx(4000)
    assert report["broker_latency_p95_ms"].measure.samples == 60
    assert report["missing_decision_ids"].value == 4
    assert [report[name].status for name in ("order_error_rate", "order_retry_rate", "broker_latency_p95_ms")] == [
        "WARN", "WARN", "CRIT",
    ]  # fmt: skip
    clock.sleep(300)
    report = way.evaluate()
    assert report["order_error_rate"].value is None
    assert report["missing_decision_ids"].value == 0


def test_guards_are_known_from_their_decoration_on(way, clock) -> None:
    """Not known where nothing guards; zero from then on; each trip counts, whatever its category."""
    assert way.evaluate()["guard_trip_count"].status == "UNKNOWN"

    @guard("daily_loss", slot=way.slot)
    def check(loss: int) -> None:
        if loss > 500:
            raise ValueError

    assert (way.evaluate()["guard_trip_count"].value, way.evaluate()["guard_trip_count"].status) == (0, "OK")
    for loss in (0, 900, 900, 0, 900, 900):
        if loss:
            with pytest.raises(ValueError):
                check(loss)
        else:
            check(loss)
    trips = way.evaluate()["guard_trip_count"]
    assert (trips.value, trips.status) == (4, "WARN")
    assert trips.measure.details == {"worst_guard": "daily_loss", "guards": {"daily_loss": 4}}
    assert trips.measure.worst == (("guard", "daily_loss"), ("category", "generic"), ("recoverable", "false"))


def test_missing_decision_ids_are_known_from_the_first_decorated_order_on(way, clock) -> None:
    """Counters without labels exist from the start: that alone says nothing."""
    assert way.evaluate()["missing_decision_ids"].status == "UNKNOWN"
    submit = bot(way, clock)
    assert way.evaluate()["missing_decision_ids"].value == 0
    submit("buy", [(0.1, None)], decision="")
    assert way.evaluate()["missing_decision_ids"].status == "WARN"


def test_values_recorded_by_name_count_too(way) -> None:
    """record_counter and record_histogram lead to the same windows as the decorators."""
    labels = {"result": "failed", "reason": "timeout", "side": "buy"}
    record_counter("gpt_trader_order_submission_total", 12, labels, slot=way.slot)
    for _ in range(20):
        record_histogram(
            "gpt_trader_broker_call_latency_seconds", 2.0, {"operation": "submit", "outcome": "success"}, slot=way.slot
        )
    report = way.evaluate()
    assert report["order_error_rate"].value == 1
    assert report["order_error_rate"].measure.samples == 12
    assert report["broker_latency_p95_ms"].value == 2000


def test_with_statements_count_like_decorators(way, clock) -> None:
    """An order that the broker refused in so many words, in a with statement."""
    for number in range(10):
        with order_submission(side="buy", slot=way.slot) as order, broker_call("submit", slot=way.slot):
            clock.sleep(0.1)
            if number == 0:
                order.reject("insufficient_funds")
    errors = way.evaluate()["order_error_rate"]
    assert (errors.value, errors.measure.details["rejected"]) == (0.1, 1)


def test_threads_of_a_bot_lose_nothing(way) -> None:
    """Eight threads that trade while others evaluate and collect: every order and call is in the window."""
    orders_each, done = 200, threading.Event()

    def trade() -> None:
        for number in range(orders_each):
            with order_submission(side="sell", slot=way.slot) as order, broker_call("submit", slot=way.slot):
                if number % 4 == 0:
                    order.fail("network")

    def look() -> None:
        while not done.is_set():
            report = way.evaluate()
            assert report["order_error_rate"].value is None or 0 <= report["order_error_rate"].value <= 1

    failures: list[object] = []
    lookers = [threading.Thread(target=look) for _ in range(2)]
    traders = [threading.Thread(target=trade) for _ in range(8)]
    hook, threading.excepthook = threading.excepthook, failures.append
    try:
        for thread in lookers + traders:
            thread.start()
        for thread in traders:
            thread.join()
        done.set()
        for thread in lookers:
            thread.join()
    finally:
        threading.excepthook = hook
    assert not failures
    report = way.evaluate()
    assert report["order_error_rate"].measure.samples == 8 * orders_each
    assert report["order_error_rate"].value == 0.25
    assert report["broker_latency_p95_ms"].measure.samples == 8 * orders_each


def test_the_same_series_has_one_window_however_often_it_is_tapped(way) -> None:
    """Counted by decorators in one feed and by name in another: both are in the sum, none twice."""
    with order_submission(side="buy", slot=way.slot):
        pass
    record_counter(
        "gpt_trader_order_submission_total", 9, {"result": "success", "side": "buy", "reason": "none"}, slot=way.slot
    )
    assert way.evaluate()["order_error_rate"].measure.samples == 10


def test_signals_are_metrics(way, clock) -> None:
    """A status of each, always; a value while it is known; one evaluation for all of them."""
    evaluations = []
    way.signals.set_source("ws_staleness_seconds", lambda: evaluations.append(1) or 45.0)
    way.signals.watch(way.recorder)
    values = gauges(way)
    assert {name: status for (metric, name), status in values.items() if metric == SIGNAL_STATUS.name} == {
        "order_error_rate": -1,
        "order_retry_rate": -1,
        "broker_latency_p95_ms": -1,
        "ws_staleness_seconds": 1,
        "guard_trip_count": -1,
        "market_data_staleness_seconds": -1,
        "missing_decision_ids": -1,
    }
    assert {name: value for (metric, name), value in values.items() if metric == SIGNAL_VALUE.name} == {
        "ws_staleness_seconds": 45.0
    }
    assert len(evaluations) == 1
    way.signals.set_source("ws_staleness_seconds", lambda: 70.0)
    clock.sleep(0.6)
    values = gauges(way)
    assert values[SIGNAL_STATUS.name, "ws_staleness_seconds"] == 2
    assert values[SIGNAL_VALUE.name, "ws_staleness_seconds"] == 70


def gauges(way: Way) -> dict[tuple[str, str], float]:
    """Collect, and return the signals' gauges by metric and signal."""
    found = {}
    if isinstance(way.recorder, BoundRecorder):
        with way.recorder.collected() as families:
            for family in families:
                if family.metric in {SIGNAL_VALUE, SIGNAL_STATUS}:
                    for labels, cell in family.cells.items():
                        if cell.value is not None:
                            found[family.metric.name, labels[0][1]] = cell.value
        return found
    for resource in way.reader.get_metrics_data().resource_metrics:
        for metric in [metric for scope in resource.scope_metrics for metric in scope.metrics]:
            if metric.name in {SIGNAL_VALUE.name, SIGNAL_STATUS.name}:
                for point in metric.data.data_points:
                    found[metric.name, point.attributes["signal"]] = point.value
    return found


def test_a_forked_child_starts_from_nothing(way, clock) -> None:
    """Its windows, its history and what was known before are empty; what is recorded from then on is counted."""
    submit = bot(way, clock)
    for _ in range(20):
        submit("buy", [(0.1, None)])
    way.evaluate()
    way.signals.sample()
    way.recorder.reset_after_fork()
    way.signals.reset_after_fork()
    report = way.evaluate()
    assert report["order_error_rate"].status == "UNKNOWN"
    assert report.health_status == "OK"  # missing decision ids are known: zero
    assert set(way.signals.history()["signals"]["order_error_rate"]["statuses"]) == {None}
    for _ in range(20):
        submit("buy", [(0.1, None)])
    assert way.evaluate()["order_error_rate"].measure.samples == 20


def test_a_lock_held_while_forking_does_not_hang_the_child(clock) -> None:
    """The child replaces every lock that another thread of its parent may have held."""
    signals = Signals(clock=clock)
    recorder = BoundRecorder(tap=signals.tap)
    slot = Slot(recorder)
    with broker_call("submit", slot=slot):
        pass
    recorder.fold()
    window = next(iter(signals._windows._latencies.values()))
    held = [window._lock, signals._windows._clock._lock, signals._evaluating]
    other = threading.Thread(target=lambda: [lock.acquire() for lock in held])
    other.start()
    other.join()
    signals.reset_after_fork()
    with broker_call("submit", slot=slot):
        pass
    recorder.fold()
    assert signals.current()["broker_latency_p95_ms"].measure.samples == 1
