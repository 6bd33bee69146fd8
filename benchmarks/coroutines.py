"""What recording adds to one ``await`` of a coroutine function that does nothing, inside one running loop."""
# ruff: noqa: ARG001 - the function takes what a broker's takes

import asyncio
import functools
from collections.abc import Callable
from time import perf_counter, thread_time
from typing import Any

from benchmarks.harness import Loop, Row, compared, less, must_equal, rounds_of, sample
from benchmarks.peers import CALLS, CHECKS, ORDER_TIMES
from benchmarks.series import pipeline_of, stop_folding
from gpt_trader_telemetry import Settings, Telemetry


async def bare(symbol: str, side: str, quantity: int) -> str:
    """Do nothing, and never suspend."""
    return "accepted"


def floor(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a coroutine function with two clock reads that nothing is made of."""

    @functools.wraps(function)
    async def timed(*args: Any, **kwargs: Any) -> Any:
        start = perf_counter()
        value = await function(*args, **kwargs)
        perf_counter() - start
        return value

    return timed


async def _time_awaits(function: Callable[..., Any], number: int) -> float:
    start = thread_time()
    for _ in range(number):
        await function("BTC-USD", "buy", 1)
    return thread_time() - start


def run(*, quick: bool) -> list[Row]:
    """Measure the decorators on coroutine functions beside wrappers that record nothing."""
    rounds, most = (4, 500) if quick else (41, 20_000)
    with Telemetry(Settings()) as telemetry, asyncio.Runner() as runner:
        stop_folding(telemetry)
        fold = pipeline_of(telemetry).recorder.fold
        call = telemetry.broker_call("cancel")
        functions = {
            "bare": bare,
            "floor": floor(bare),
            "two floors": floor(floor(bare)),
            "call": call(bare),
            "both": telemetry.guard("daily_loss")(telemetry.broker_call("preview")(bare)),
            "order": telemetry.order_submission(side="side")(bare),
        }

        def loop_over(function: Callable[..., Any]) -> Loop:
            return Loop(lambda number: runner.run(_time_awaits(function, number)), settle=fold, calls=most)

        loops = {name: loop_over(function) for name, function in functions.items()}
        taken = rounds_of(loops, rounds)
        text = telemetry.metrics_text()
    for form, operation in (("call", "cancel"), ("both", "preview")):
        labels = {"operation": operation, "outcome": "success", "reason": "none"}
        must_equal(form, sample(text, f"{CALLS}_count", labels), loops[form].calls)
    guards = sample(text, CHECKS, {"guard": "daily_loss", "result": "success"})
    must_equal("guard", guards, loops["both"].calls)
    orders = sample(text, f"{ORDER_TIMES}_count", {"result": "success", "side": "buy"})
    must_equal("order", orders, loops["order"].calls)
    added = {name: less(values, taken["bare"]) for name, values in taken.items()}
    one = "Decorators on an async def, added to an await"
    return [
        compared(
            "async-call-floor",
            one,
            "@broker_call: an async def with two clock reads",
            added["call"],
            added["floor"],
            goal=1.7,
        ),
        compared(
            "async-both-floors",
            one,
            "@guard and @broker_call: two such, one in the other",
            added["both"],
            added["two floors"],
            goal=1.7,
        ),
        compared(
            "async-order-floor",
            one,
            "@order_submission: an async def with two clock reads",
            added["order"],
            added["floor"],
        ),
    ]
