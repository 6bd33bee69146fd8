"""Read by the type checkers alone: what users write keeps its types."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import assert_type

from gpt_trader_telemetry import (
    Delivery,
    Rejected,
    Settings,
    Telemetry,
    Tripped,
    bind,
    broker_call,
    configure,
    cycle,
    guard,
    identify,
    instrument_all,
    order_submission,
    phase,
    record_counter,
    record_data_quality,
    record_gauge,
    record_histogram,
)


@order_submission(side="side", decision_id="decision")
@broker_call("submit", classify=lambda answer: None if answer else Rejected("post_only"))
def submit(symbol: str, side: str, decision: str = "") -> bool:
    return bool(symbol and side and decision)


@guard("limit", classify=lambda value: Tripped("limit") if value else None)
async def check(exposure: float) -> bool:
    return exposure > 1


@cycle()
def ticks(count: int) -> Iterator[int]:
    yield from range(count)


@phase("load")
async def load() -> AsyncIterator[str]:
    yield "x"


class Broker:
    """Methods keep their types too."""

    @broker_call("cancel")
    def cancel(self, order_id: str) -> int:
        return len(order_id)

    @staticmethod
    @broker_call("preview")
    def preview(size: int) -> int:
        return size


def use() -> None:
    """Everything is typed as if it were not decorated."""
    assert_type(submit("BTC-USD", "buy"), bool)
    assert_type(asyncio.run(check(1.0)), bool)
    assert_type(next(ticks(3)), int)
    assert_type(load(), AsyncIterator[str])
    assert_type(Broker().cancel("1"), int)
    assert_type(Broker.preview(1), int)
    with order_submission(side="buy") as order:
        order.reject("insufficient_funds")
        order.identify(order_id="42")
        identify(order_id=42, symbol="BTC-USD")
    with bind(decision_id="d-1") as bound, broker_call("cancel") as call:
        assert_type(bound, bind)
        assert_type(instrument_all(), tuple[str, ...])
        call.fail("not_found")
    with guard("limit") as run:
        run.trip("limit", recoverable=True)
    record_counter("gpt_trader_trades_executed_total", 1, {})
    record_gauge("gpt_trader_open_orders", 1)
    record_histogram("gpt_trader_cycle_duration_seconds", 0.1, {"result": "ok"})
    record_data_quality("BTC-USD", "1h", 0.9, [("gap", "warning")])


def own() -> None:
    """One Telemetry of its own."""
    with Telemetry(Settings(health_port=0)) as telemetry:
        assert_type(telemetry.flush(), Delivery)
        assert_type(telemetry.shutdown(timeout=1.0), Delivery)
        if telemetry.server is not None:
            assert_type(telemetry.server.url, str)
        assert_type(telemetry.broker_call("x")(Broker().cancel)("1"), int)
    assert_type(configure(), Telemetry)
