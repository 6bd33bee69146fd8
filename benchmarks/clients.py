"""What recording adds to a call of a real broker client, over loopback to an exchange in a process of its own."""

import asyncio
import contextlib
import statistics
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.beside import served
from benchmarks.harness import Row, compared, must_equal
from benchmarks.series import pipeline_of, stop_folding
from gpt_trader_telemetry import Settings, Telemetry
from gpt_trader_telemetry.integrations.ccxt.instrumentor import CcxtInstrumentor

SYMBOL = "BTC/USD"
_IN_A_ROW = 10


def _exchange(link: Connection) -> None:
    sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
    from exchanges.kraken import kraken_exchange  # noqa: PLC0415 - found only now

    with kraken_exchange(every=3600) as server:
        link.send(server.client())
        with contextlib.suppress(EOFError):
            link.recv()


def twins(client: Any) -> tuple[Any, Any, Any]:
    """Return an instrumented client and two with the methods from before they were wrapped.

    All with the same connection and markets, and each of a class that was just made: where the interpreter keeps what
    it knows of a class is a matter of luck, which is the same for a class as long as it lives.
    """
    kind = type(client)
    methods = {
        name: found.__wrapped__
        for owner in reversed(kind.__mro__)
        for name, found in vars(owner).items()
        if _is_ours(found)
    }
    made = [object.__new__(type("Twin", (kind,), own)) for own in ({}, methods, methods)]
    for twin in made:
        vars(twin).update(vars(client))  # its ``__init__`` would have it record, and connect
    ours, bare, control = made
    return ours, bare, control


def _is_ours(found: Any) -> bool:
    return getattr(found, "__globals__", {}).get("__name__", "").startswith("gpt_trader_telemetry.")


def run(*, quick: bool) -> list[Row]:
    """Measure calls of ccxt, in turns with and without instrumentation, over one connection."""
    with served(_exchange) as link, Telemetry(Settings()) as telemetry:
        stop_folding(telemetry)
        CcxtInstrumentor().instrument(telemetry=telemetry)
        try:
            return asyncio.run(_rows(link.recv(), telemetry, *((3, 20) if quick else (40, 100))))
        finally:
            CcxtInstrumentor().uninstrument()


async def _rows(options: dict[str, Any], telemetry: Telemetry, rounds: int, calls: int) -> list[Row]:
    import ccxt.async_support  # noqa: PLC0415 - costs a second, for this subject alone

    client = ccxt.kraken(options)
    client.load_markets()
    waiting = ccxt.async_support.kraken(options)
    try:
        await waiting.load_markets()
        sent = max(20, calls // 5)
        tickers = await _rounds(client, _ticker, rounds, calls, telemetry)
        awaited = await _rounds(waiting, _ticker, rounds, calls, telemetry)
        orders = await _rounds(client, _order, rounds, sent, telemetry)
    finally:
        await waiting.close()
    text = telemetry.metrics_text()
    must_equal("attempts", _count(text, 'requests_total{category="market",result="success"}'), 2 * rounds * calls)
    must_equal("orders", _count(text, 'submission_total{result="success",reason="none",side="buy"}'), rounds * sent)
    without = "the same call without instrumentation"
    return [
        compared("ccxt", "fetch_ticker of an instrumented ccxt, over loopback", without, *tickers[:2], goal=1.02),
        compared("ccxt control", "fetch_ticker without instrumentation: what is luck", without, tickers[2], tickers[1]),
        compared("ccxt async", "fetch_ticker of ccxt's asynchronous client", without, *awaited[:2]),
        compared("ccxt order", "create_order of an instrumented ccxt, over loopback", without, *orders[:2]),
    ]


def _ticker(client: Any) -> Any:
    return client.fetch_ticker(SYMBOL)


def _order(client: Any) -> Any:
    return client.create_order(SYMBOL, "limit", "buy", 0.001, 100.0)


async def _rounds(
    client: Any, call: Callable[[Any], Any], rounds: int, calls: int, telemetry: Telemetry
) -> list[list[float]]:
    """Return what a call of each twin took in each round: medians in seconds.

    Each makes some calls in a row, as a bot does, before the next takes its turn: what runs every other time only is
    colder than what runs always.
    """
    medians: list[list[float]] = [[], [], []]
    for _ in range(rounds):
        taken: dict[Any, list[float]] = {twin: [] for twin in twins(client)}
        for turn in range(calls // _IN_A_ROW):
            for twin in list(taken) if turn % 2 else reversed(taken):
                for _ in range(_IN_A_ROW):
                    begun = perf_counter()
                    answer = call(twin)
                    if asyncio.iscoroutine(answer):
                        await answer
                    taken[twin].append(perf_counter() - begun)
        pipeline_of(telemetry).recorder.fold()
        for median, times in zip(medians, taken.values(), strict=True):
            median.append(statistics.median(times))
    return medians


def _count(text: str, series: str) -> int:
    return int(float(text.partition(series)[2].split("\n", 1)[0]))
