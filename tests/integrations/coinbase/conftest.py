"""A real exchange on loopback, the real client, and what was recorded of them."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gpt_trader_telemetry import Telemetry
from gpt_trader_telemetry.integrations.coinbase.instrumentor import CoinbaseInstrumentor

for folder in (Path(__file__).parents[3] / "examples", Path(__file__).parents[1]):
    sys.path[:0] = [str(folder)]

collect_ignore = ["conftest.py"]


@pytest.fixture
def exchange() -> Iterator:
    """An exchange of the test's own, whose prices stand still."""
    from exchanges.coinbase import coinbase_exchange

    with coinbase_exchange(every=0.02) as server:
        server.face.moves = False
        yield server


@pytest.fixture
def instrumented(telemetry: Telemetry) -> Iterator[Telemetry]:
    """The client library, instrumented into the test's Telemetry."""
    CoinbaseInstrumentor().instrument(telemetry=telemetry)
    yield telemetry
    CoinbaseInstrumentor().uninstrument()


@pytest.fixture
def client(exchange, instrumented: Telemetry) -> Iterator:
    """A client of the exchange, instrumented."""
    from coinbase_playing import client_of

    with client_of(exchange) as made:
        yield made
