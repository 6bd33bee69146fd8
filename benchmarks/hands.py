"""What is called: functions that do nothing, bare, at the floor, and measured by hand with the peers.

By hand, the measurements stand in the function's own body between two clock reads, which spares the peers the call
of a wrapper.
"""
# ruff: noqa: ARG001 - the functions take what a broker's take

import functools
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram

from benchmarks.peers import CALLS, CHECKS, ORDER_TIMES, ORDERS, Sdk
from gpt_trader_telemetry.catalog import LATENCY_BUCKETS

OPERATION = "cancel"
SUCCESS = {"operation": OPERATION, "outcome": "success", "reason": "none"}
TIMEOUT = {"operation": OPERATION, "outcome": "failure", "reason": "timeout"}
PASSED = {"guard": "daily_loss", "result": "success"}


def bare(symbol: str, side: str, quantity: int) -> str:
    """Do nothing."""
    return "accepted"


def raising(symbol: str, side: str, quantity: int) -> str:
    """Raise what brokers raise."""
    raise TimeoutError


def items() -> Iterator[int]:
    """Yield ten items."""
    yield from range(10)


def floor(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function with two clock reads that nothing is made of: what no decorator can be cheaper than."""

    @functools.wraps(function)
    def timed(*args: Any, **kwargs: Any) -> Any:
        start = perf_counter()
        value = function(*args, **kwargs)
        perf_counter() - start
        return value

    return timed


class SdkHands:
    """Measurements written by hand on the OpenTelemetry SDK."""

    def __init__(self) -> None:
        self.sdk = Sdk()
        checks, calls = self.sdk.counter(CHECKS), self.sdk.histogram(CALLS)
        orders, order_times = self.sdk.counter(ORDERS), self.sdk.histogram(ORDER_TIMES)

        def both(symbol: str, side: str, quantity: int) -> str:
            start = perf_counter()
            answer = "accepted"
            calls.record(perf_counter() - start, {"operation": OPERATION, "outcome": "success", "reason": "none"})
            checks.add(1, {"guard": "daily_loss", "result": "success"})
            return answer

        def order(symbol: str, side: str, quantity: int) -> str:
            start = perf_counter()
            result, reason = "success", "none"
            try:
                answer = "accepted"
            except TimeoutError:
                result, reason = "failed", "timeout"
                raise
            finally:
                seconds = perf_counter() - start
                orders.add(1, {"result": result, "reason": reason, "side": side})
                order_times.record(seconds, {"result": result, "side": side})
            return answer

        def failing(symbol: str, side: str, quantity: int) -> str:
            start = perf_counter()
            try:
                raise TimeoutError
            except TimeoutError:
                calls.record(
                    perf_counter() - start, {"operation": OPERATION, "outcome": "failure", "reason": "timeout"}
                )
                raise

        def exhausting() -> Iterator[int]:
            start = perf_counter()
            yield from range(10)
            calls.record(perf_counter() - start, {"operation": "exhausted", "outcome": "success", "reason": "none"})

        self.both, self.order, self.failing, self.exhausting = both, order, failing, exhausting


class ClientHands:
    """Measurements written by hand with prometheus_client."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        checks = Counter(CHECKS, "Guards.", list(PASSED), registry=self.registry)
        calls = Histogram(CALLS, "Calls.", list(SUCCESS), buckets=LATENCY_BUCKETS, registry=self.registry)
        orders = Counter(ORDERS, "Orders.", ["result", "reason", "side"], registry=self.registry)
        order_times = Histogram(
            ORDER_TIMES, "Orders.", ["result", "side"], buckets=LATENCY_BUCKETS, registry=self.registry
        )
        check, call_time = checks.labels(*PASSED.values()), calls.labels("bound", "success", "none")

        def both(symbol: str, side: str, quantity: int) -> str:
            start = perf_counter()
            answer = "accepted"
            calls.labels(OPERATION, "success", "none").observe(perf_counter() - start)
            checks.labels("daily_loss", "success").inc()
            return answer

        def both_bound(symbol: str, side: str, quantity: int) -> str:
            start = perf_counter()
            answer = "accepted"
            call_time.observe(perf_counter() - start)
            check.inc()
            return answer

        def order(symbol: str, side: str, quantity: int) -> str:
            start = perf_counter()
            result, reason = "success", "none"
            try:
                answer = "accepted"
            except TimeoutError:
                result, reason = "failed", "timeout"
                raise
            finally:
                seconds = perf_counter() - start
                orders.labels(result, reason, side).inc()
                order_times.labels(result, side).observe(seconds)
            return answer

        self.both, self.both_bound, self.order = both, both_bound, order
        self.entered = lambda: calls.labels("entered", "success", "none").time()
