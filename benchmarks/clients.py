"""What recording adds to a call of a real broker client, over loopback to an exchange in a process of its own."""

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


def _exchange(link: Connection) -> None:
    sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
    from exchanges.kraken import kraken_exchange  # noqa: PLC0415 - found only now

    with kraken_exchange(every=3600) as server:
        link.send(server.client())
        with contextlib.suppress(EOFError):
            link.recv()


def bare_twin(client: Any) -> Any:
    """Return a client with the same connection and markets, whose methods are those from before they were wrapped."""
    kind = type(client)
    methods = {
        name: found.__wrapped__
        for owner in reversed(kind.__mro__)
        for name, found in vars(owner).items()
        if _is_ours(found)
    }
    twin = object.__new__(type("Bare", (kind,), methods))  # its ``__init__`` would have it record too
    vars(twin).update(vars(client))
    return twin


def _is_ours(found: Any) -> bool:
    return getattr(found, "__globals__", {}).get("__name__", "").startswith("gpt_trader_telemetry.")


def run(*, quick: bool) -> list[Row]:
    """Measure a ticker fetched by ccxt, in turns with and without instrumentation, over one connection."""
    import ccxt  # noqa: PLC0415 - costs a second, for this subject alone

    rounds, calls = (3, 20) if quick else (25, 150)
    with served(_exchange) as link, Telemetry(Settings()) as telemetry:
        stop_folding(telemetry)
        CcxtInstrumentor().instrument(telemetry=telemetry)
        client = ccxt.kraken(link.recv())
        client.load_markets()
        bare = bare_twin(client)
        ours, peer = [], []
        for number in range(rounds + 1):
            with_us, without = _in_turns(client.fetch_ticker, bare.fetch_ticker, calls)
            pipeline_of(telemetry).recorder.fold()
            if number:
                ours.append(with_us)
                peer.append(without)
        found = telemetry.metrics_text().partition('requests_total{category="market",result="success"} ')[2]
        must_equal("attempts", found.split("\n", 1)[0], str(calls * (rounds + 1)))
        CcxtInstrumentor().uninstrument()
    what = "fetch_ticker of an instrumented ccxt, over loopback"
    return [compared("ccxt", what, "the same call without instrumentation", ours, peer, goal=1.02)]


def _in_turns(ours: Callable[[str], Any], peer: Callable[[str], Any], calls: int) -> tuple[float, float]:
    """Return the medians of both in seconds, each call of one beside a call of the other."""
    taken: dict[Callable[[str], Any], list[float]] = {ours: [], peer: []}
    for number in range(calls):
        for call in (ours, peer) if number % 2 else (peer, ours):
            begun = perf_counter()
            call(SYMBOL)
            taken[call].append(perf_counter() - begun)
    return statistics.median(taken[ours]), statistics.median(taken[peer])
