"""Fixtures of the tests with real clients: the client libraries, and paper exchanges to trade on."""

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[2] / "examples")]

collect_ignore = ["conftest.py"]


@pytest.fixture(scope="session")
def ccxt():
    """The library, imported once: that takes the better part of a second."""
    imported = pytest.importorskip("ccxt")
    pytest.importorskip("ccxt.pro")
    return imported


@pytest.fixture(scope="module")
def exchange():
    """Kraken on paper, whose prices stand still."""
    from exchanges.kraken import kraken_exchange

    with kraken_exchange(every=3600) as server:
        server.face.moves = False
        yield server


@pytest.fixture
def instrumented(ccxt, telemetry):
    """The library, recording into the test's own Telemetry until it ends."""
    from gpt_trader_telemetry.integrations.ccxt.instrumentor import CcxtInstrumentor

    CcxtInstrumentor().instrument(telemetry=telemetry)
    yield ccxt
    CcxtInstrumentor().uninstrument()
