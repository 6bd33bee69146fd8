"""The WebSocket clients: connections, messages and how they end.

The client says nothing when its handler ends: when the server closes with 1000, or with any code while the bot's
callback runs, when that callback raises, when reconnecting fails for good. So what is followed is the task that the
handler runs in, and what it receives.
"""

import asyncio
import functools
import re
import sys
import time
from collections.abc import Callable
from datetime import datetime
from types import ModuleType
from typing import Any, Final
from weakref import WeakSet

from gpt_trader_telemetry.integrations.client import COMPONENT, Client
from gpt_trader_telemetry.integrations.feeds import Feeds
from gpt_trader_telemetry.integrations.patching import Patches

Method = Callable[..., Any]

_IN_GOOD_ORDER: Final = (1000, 1001)
"""Codes that a connection is closed with when nothing is wrong."""
_HEAD: Final = 512
"""Characters of a message that are looked at: its envelope comes before its events, which may be megabytes."""
_SEQUENCE: Final = re.compile(r'"sequence_num"\s*:\s*(\d{1,18})')
_HEARTBEATS: Final = re.compile(r'"channel"\s*:\s*"heartbeats"')
_TIMESTAMP: Final = re.compile(r'"timestamp"\s*:\s*"([^"]{19,40})"')


def patch_websocket(client: Client, patches: Patches, websocket: ModuleType) -> None:
    """Record what ``WSClient`` and ``WSUserClient`` do."""
    base = sys.modules[f"{websocket.__name__}.websocket_base"].WSBase
    follower = Follower(client)
    patches.replace(base, "open_async", follower.opening)
    patches.replace(base, "close_async", follower.closing)
    patches.at_undo(follower.leave)


class Follower:
    """Follows every connection that is opened."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._feeds = Feeds(client)
        self._tasks: WeakSet[asyncio.Task[Any]] = WeakSet()
        self._connections: WeakSet[Any] = WeakSet()

    def opening(self, open_async: Method) -> Method:
        """Return the method that opens a connection, telling of it."""

        @functools.wraps(open_async)
        async def opened(self_: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                value = await open_async(self_, *args, **kwargs)
            except BaseException as error:
                self._guarded(self._failed, self_, error)
                raise
            self._guarded(self._follow, self_)
            return value

        return opened

    def closing(self, close_async: Method) -> Method:
        """Return the method that closes a connection, telling of it."""

        @functools.wraps(close_async)
        async def closed(self_: Any, *args: Any, **kwargs: Any) -> Any:
            # Before, since the handler ends while it is closed.
            self._guarded(self._give_up, self_)
            return await close_async(self_, *args, **kwargs)

        return closed

    def leave(self) -> None:
        """Give the connections that stand their own methods back."""
        for connection in list(self._connections):
            vars(connection).pop("recv", None)

    def _guarded(self, tell: Callable[..., None], *told: Any) -> None:
        recorder = self._client.recorder
        if recorder is not None:
            with recorder.faults.shield(COMPONENT, "a WebSocket connection could not be followed"):
                tell(*told)

    def _follow(self, client: Any) -> None:
        connection, task = client.websocket, client._task
        self._feeds.connected(connection, str(client.base_url))
        self._connections.add(connection)
        connection.recv = self._receiving(connection)
        if task is not None and task not in self._tasks:
            self._tasks.add(task)
            task.add_done_callback(lambda ended: self._guarded(self._ended, client, ended))

    def _failed(self, client: Any, error: BaseException) -> None:
        if client.websocket is None:  # else it was open already, and still is
            self._feeds.refused(str(client.base_url), error)

    def _give_up(self, client: Any) -> None:
        if client.websocket is not None:
            self._feeds.closed(client.websocket)

    def _ended(self, client: Any, task: "asyncio.Task[Any]") -> None:
        if client.websocket is not None:
            # Asking `exception()` would mark it as retrieved and so silence asyncio's own report of a lost one.
            error = None if task.cancelled() else getattr(task, "_exception", None)
            self._feeds.lost(client.websocket, error or _abnormal(client.websocket))

    def _receiving(self, connection: Any) -> Method:
        receive = connection.recv
        expected: int | None = None

        @functools.wraps(receive)
        async def received(*args: Any, **kwargs: Any) -> Any:
            nonlocal expected
            try:
                message = await receive(*args, **kwargs)
            except Exception as error:
                ordinary = type(error).__name__ == "ConnectionClosedOK"
                self._guarded(self._feeds.lost, connection, None if ordinary else error)
                raise
            expected = self._took(message, expected)
            return message

        return received

    def _took(self, message: object, expected: int | None) -> int | None:
        """Tell of a message, and return the number of the next."""
        self._feeds.message()
        if not isinstance(message, str):
            return expected
        envelope = message[:_HEAD].partition('"events"')[0]
        if _HEARTBEATS.search(envelope):
            self._feeds.message(heartbeat=True, lag=_lag(envelope))
        number = _SEQUENCE.search(envelope)
        if number is None:
            return expected
        if expected is not None and int(number[1]) > expected:
            self._feeds.gap()
        return max(expected or 0, int(number[1]) + 1)


def _abnormal(connection: Any) -> BaseException | None:
    """Return an error where a connection was closed, and not in good order."""
    code = getattr(connection, "close_code", None)
    return None if code in {None, *_IN_GOOD_ORDER} else ConnectionError(f"closed with {code}")


def _lag(envelope: str) -> float | None:
    """Return how long ago a message was sent, by its own word."""
    sent = _TIMESTAMP.search(envelope)
    try:
        return None if sent is None else time.time() - datetime.fromisoformat(sent[1]).timestamp()
    except ValueError:
        return None
