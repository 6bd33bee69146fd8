"""A real exchange on loopback, the real client, and what was recorded of them."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

for folder in (Path(__file__).parents[3] / "examples", Path(__file__).parents[1], Path(__file__).parent):
    sys.path[:0] = [str(folder)]

from coinbase_playing import client_of
from exchanges.coinbase import CoinbaseServer, coinbase_exchange

from gpt_trader_telemetry import Telemetry
from gpt_trader_telemetry.integrations.coinbase.instrumentor import CoinbaseInstrumentor

collect_ignore = ["conftest.py"]


@pytest.fixture
def exchange() -> Iterator[CoinbaseServer]:
    """An exchange of the test's own, whose prices stand still."""
    with coinbase_exchange(every=0.05) as server:
        server.face.moves = False
        yield server


@pytest.fixture
def instrumented(telemetry: Telemetry) -> Iterator[Telemetry]:
    """The client library, instrumented into the test's Telemetry."""
    CoinbaseInstrumentor().instrument(telemetry=telemetry)
    yield telemetry
    CoinbaseInstrumentor().uninstrument()


@pytest.fixture
def client(exchange: CoinbaseServer, instrumented: Telemetry):
    """A client of the exchange, instrumented."""
    with client_of(exchange) as made:
        yield made
