"""The WebSocket connections of ccxt.pro: one object for each, whose methods tell what happens to it."""

import functools
from collections.abc import Hashable
from typing import Any, Final

from gpt_trader_telemetry.integrations.feeds import Feeds
from gpt_trader_telemetry.integrations.patching import Patches

_CLOSED_BY_THE_BOT: Final = 1000
_MESSAGES: Final = {"TEXT": False, "BINARY": False, "PING": True, "PONG": True}
"""Kinds of messages, and whether they are heartbeats."""


def patch_connections(kind: type, feeds: Feeds, patches: Patches) -> None:
    """Have the class of connections tell of itself."""

    def opening(open_: Any) -> Any:
        @functools.wraps(open_)
        async def opened(connection: Any, *args: Any, **kwargs: Any) -> Any:
            result = await open_(connection, *args, **kwargs)
            if connection.isConnected and connection.error is None:
                feeds.connected(connection, _group(connection))
            return result

        return opened

    def receiving(handle: Any) -> Any:
        @functools.wraps(handle)
        def received(connection: Any, message: Any) -> Any:
            heartbeat = _MESSAGES.get(getattr(getattr(message, "type", None), "name", ""))
            if heartbeat is not None:
                feeds.message(heartbeat=heartbeat)
            return handle(connection, message)

        return received

    def failing(on_error: Any) -> Any:
        @functools.wraps(on_error)
        def failed(connection: Any, error: Any) -> Any:
            known = error if isinstance(error, BaseException) else None
            if getattr(connection, "dial_failed", False):
                feeds.refused(_group(connection), known)
            else:
                feeds.lost(connection, known)
            return on_error(connection, error)

        return failed

    def dropping(on_close: Any) -> Any:
        @functools.wraps(on_close)
        def dropped(connection: Any, code: Any) -> Any:
            feeds.lost(connection)
            return on_close(connection, code)

        return dropped

    def closing(close: Any) -> Any:
        @functools.wraps(close)
        async def closed(connection: Any, code: Any = _CLOSED_BY_THE_BOT) -> Any:
            feeds.closed(connection)
            return await close(connection, code)

        return closed

    for name, make in (
        ("open", opening),
        ("handle_message", receiving),
        ("on_error", failing),
        ("on_close", dropping),
        ("close", closing),
    ):
        patches.replace(kind, name, make)


def patch_exchanges(kind: type, feeds: Feeds, patches: Patches) -> None:
    """Have the class of exchanges tell when one is closed: what it lost before is not wanted back."""

    def closing(close: Any) -> Any:
        @functools.wraps(close)
        async def closed(exchange: Any, *args: Any, **kwargs: Any) -> Any:
            owner = id(exchange)
            feeds.forget(lambda group: isinstance(group, tuple) and group[0] == owner)
            return await close(exchange, *args, **kwargs)

        return closed

    patches.replace(kind, "close", closing)


def _group(connection: Any) -> Hashable:
    """Return the exchange and the host; what follows in an address may be a token that changes each time."""
    exchange = getattr(connection.on_connected_callback, "__self__", None)
    return id(exchange), str(connection.url).partition("://")[2].partition("/")[0]
