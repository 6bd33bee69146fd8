"""What runs when garbage is collected: finalizers that trade, and what an order that is over leaves behind."""

import asyncio
import gc
import weakref

import pytest
from instrumented import orders

from support.finalizers import orders_of

_COLLECTED_WHILE_TRADING = """
from gpt_trader_telemetry import Settings, Telemetry
from support.finalizers import trade

with Telemetry(Settings()) as telemetry:
    trade(telemetry, 3000)
"""


def test_orders_of_finalizers_leave_the_process_alive() -> None:
    """The collector may run inside any order's ``ContextVar.set``, on Python 3.11; every order counts, once."""
    # A generator that is closed before its end is an order that was cancelled.
    assert orders_of(_COLLECTED_WHILE_TRADING) == [3000, 9001]


def test_a_finalizer_finds_its_own_order_and_no_other(telemetry) -> None:
    """Collected within another order: its submit calls are its own, the other's are the other's."""
    send = telemetry.broker_call("submit")(lambda: None)
    submits = []

    @telemetry.order_submission("buy")
    def quotes():
        try:
            yield
        finally:
            with telemetry.order_submission("buy") as leg:
                send()
                send()
            submits.append(leg.submits)

    with telemetry.order_submission("sell") as order:
        held = [quotes()]
        held.append(held)
        next(held[0])
        del held
        gc.collect()
        send()
    submits.append(order.submits)
    assert submits == [2, 1]
    send()
    assert order.submits == 1
    assert orders(telemetry) == {
        ("success", "none", "sell"): 1, ("success", "none", "buy"): 1, ("failed", "cancelled", "buy"): 1,
    }  # fmt: skip


class Note:
    """Something of the bot's that must not be held."""


@pytest.mark.parametrize("shape", ["function", "coroutine", "awaitable"])
def test_an_order_that_is_over_holds_nothing_of_the_bots(telemetry, shape) -> None:
    """Neither what it took and returned nor its function, though the context may remember that it was."""
    note = Note()
    held = weakref.ref(note)

    def submit(side, note=note) -> Note:
        return note

    async def async_submit(side, note=note) -> Note:
        return note

    def returning(side, note=note):
        return async_submit(side, note)

    async def main() -> None:
        nonlocal submit, async_submit, returning, note
        order = telemetry.order_submission()({"coroutine": async_submit, "awaitable": returning}.get(shape, submit))
        site = weakref.ref(order.__gpt_trader_site__)
        answer = order("buy", note) if shape == "function" else await order("buy", note)
        assert answer is note
        del submit, async_submit, returning, order, answer, note
        assert held() is None
        assert site() is None

    gc.collect()
    gc.disable()
    try:
        asyncio.run(main())
    finally:
        gc.enable()
    assert orders(telemetry) == {("success", "none", "buy"): 1}
