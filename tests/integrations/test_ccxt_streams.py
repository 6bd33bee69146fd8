"""The WebSockets of ccxt.pro: connected, reconnected, closed, and dead without a word."""

import asyncio
import contextlib

import pytest
from reading import faults, value
from trading import OPTIONS, SYMBOL

from exchanges.kraken import kraken_exchange
from gpt_trader_telemetry import Settings, Telemetry
from gpt_trader_telemetry.integrations.ccxt.instrumentor import CcxtInstrumentor


class Clock:
    """Seconds that pass only when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def telemetry(clock):
    with Telemetry(Settings(ws_message_stale_after=30), clock=clock) as made:
        yield made


@pytest.fixture
def live():
    """An exchange that speaks twenty times a second."""
    with kraken_exchange(every=0.05) as server:
        yield server


def gauges(telemetry) -> dict[str, float]:
    """Return what is shown of the feed."""
    names = ("ws_connected", "ws_reconnect_count", "ws_message_stale", "ws_last_message_age_seconds")
    return {name: value(telemetry, f"gpt_trader_{name}") for name in names}


@contextlib.asynccontextmanager
async def feed(ccxt, server, **options):
    """A client of the exchange, closed in the end."""
    client = ccxt.pro.kraken({**server.client(**OPTIONS), **options})
    try:
        yield client
    finally:
        await client.close()


async def disconnected(telemetry) -> bool:
    """Wait until the client has noticed that its connection is gone."""
    for _ in range(250):
        if not gauges(telemetry)["ws_connected"]:
            return True
        await asyncio.sleep(0.02)
    return False


def test_connected_and_fresh(telemetry, clock, instrumented, live) -> None:
    """From the first connection on; ages grow by the clock."""

    async def main() -> None:
        assert "gpt_trader_ws_connected " not in telemetry.metrics_text()
        async with feed(instrumented, live) as client:
            await client.watch_ticker(SYMBOL)
            assert gauges(telemetry)["ws_connected"] == 1
            assert gauges(telemetry)["ws_last_message_age_seconds"] == 0

    asyncio.run(main())
    assert gauges(telemetry)["ws_connected"] == 0
    assert faults(telemetry) == 0


@pytest.mark.parametrize("how", ["broken", "closed with 1011", "closed with 1000"])
def test_a_drop_and_a_reconnect_count_once(telemetry, instrumented, live, how) -> None:
    """However it ends, and however often ccxt tells of it."""

    async def main() -> None:
        async with feed(instrumented, live) as client:
            for reconnects in range(3):
                await client.watch_ticker(SYMBOL)
                assert gauges(telemetry)["ws_connected"] == 1
                assert gauges(telemetry)["ws_reconnect_count"] == reconnects
                await asyncio.to_thread(live.feed.drop if how == "broken" else lambda: live.feed.close(int(how[-4:])))
                assert await disconnected(telemetry)
            await client.watch_ticker(SYMBOL)
            assert gauges(telemetry)["ws_connected"] == 1

    asyncio.run(main())
    assert value(telemetry, "gpt_trader_websocket_reconnects_total") == 3


def test_a_feed_that_says_nothing_more_is_stale(telemetry, clock, instrumented, live) -> None:
    """Connected as ever, by what ccxt knows: the age of the last message tells it, and the health of the feed."""

    async def main() -> None:
        async with feed(instrumented, live) as client:
            await client.watch_ticker(SYMBOL)
            live.feed.mute()
            await asyncio.sleep(0.15)
            clock.now += 31
            assert gauges(telemetry) == {
                "ws_connected": 1,
                "ws_reconnect_count": 0,
                "ws_message_stale": 1,
                "ws_last_message_age_seconds": 31,
            }

    asyncio.run(main())


def test_pings_and_pongs_are_heartbeats(telemetry, clock, instrumented, live) -> None:
    """Frames of the protocol, which come where no data does."""

    async def main() -> None:
        async with feed(instrumented, live, streaming={"keepAlive": 100, "ping": None}) as client:
            client.ping = None
            await client.watch_ticker(SYMBOL)
            live.feed.mute()
            await asyncio.sleep(0.4)
            clock.now += 5

    asyncio.run(main())
    assert value(telemetry, "gpt_trader_ws_last_heartbeat_age_seconds") == 5


def test_two_connections_are_one_feed_that_is_up_while_both_are(telemetry, instrumented, live) -> None:
    """Market data and orders have one each; the second is no reconnect."""

    async def main() -> None:
        sockets = {"ws": {**live.client()["urls"]["api"]["ws"], "privateV2": f"{live.ws_url}/v2?private"}}
        async with feed(instrumented, live) as client:
            client.urls["api"].update(sockets)
            await client.watch_ticker(SYMBOL)
            await client.create_order_ws(SYMBOL, "limit", "buy", 0.001, 50_000)
            assert len(live.feed.open_sockets) == 2
            assert gauges(telemetry)["ws_reconnect_count"] == 0
            live.run(live.feed.open_sockets[0].ws.close())
            assert await disconnected(telemetry)

    asyncio.run(main())


def test_a_connection_that_is_refused_is_no_connection(telemetry, instrumented, live) -> None:
    """Said as disconnected, with the time of the error; the first that succeeds is no reconnect."""

    async def main() -> None:
        async with feed(instrumented, live) as client:
            await client.load_markets()
            with live.refusing(), pytest.raises(instrumented.NetworkError):
                await client.watch_ticker(SYMBOL)
            assert gauges(telemetry)["ws_connected"] == 0
            assert "gpt_trader_ws_last_error_age_seconds" in telemetry.metrics_text()
            await client.watch_ticker(SYMBOL)
            assert gauges(telemetry)["ws_connected"] == 1
            assert gauges(telemetry)["ws_reconnect_count"] == 0

    asyncio.run(main())


def test_what_is_received_in_the_background_is_no_part_of_an_order(telemetry, instrumented, live) -> None:
    """The first order over WebSocket connects, and what it starts goes on after it."""
    seen: list[object] = []

    async def main() -> None:
        from gpt_trader_telemetry.instrument.innermost import open_scope

        class Watching(instrumented.pro.kraken):
            def handle_ticker(self, client, message):
                seen.append(open_scope())
                return super().handle_ticker(client, message)

        client = Watching(live.client(**OPTIONS))
        try:
            await client.create_order_ws(SYMBOL, "limit", "buy", 0.001, 50_000)
            await client.watch_ticker(SYMBOL)
        finally:
            await client.close()

    asyncio.run(main())
    assert seen
    assert set(seen) == {None}
    assert CcxtInstrumentor().is_instrumented_by_opentelemetry
