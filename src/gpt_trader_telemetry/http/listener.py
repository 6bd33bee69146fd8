"""The event loop of one server: accepts connections, speaks TLS and HTTP on them, and ends when told to.

Accepting is ours rather than ``uvicorn.Server``'s: its cap and deadlines would begin only after a TLS
handshake, it logs its life to the process-wide logger of the user's own uvicorn, wakes the bot ten times a
second, and waits for connections at shutdown.
"""

import asyncio
import errno
import selectors
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from uvicorn import Config
from uvicorn.server import ServerState

from gpt_trader_telemetry.http.app import App
from gpt_trader_telemetry.http.asgi import AsgiApp
from gpt_trader_telemetry.http.guard import ConnectionGuard, Seat
from gpt_trader_telemetry.http.limits import Limits
from gpt_trader_telemetry.http.protocol import GuardedProtocol

__all__ = ["Listener"]

_ACCEPT_BURST = 2
_RETRY_SECONDS = 0.5
_GONE = {errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR, errno.ECONNABORTED, errno.EPROTO, errno.EPERM}


class Listener:
    """Serves one listening socket. ``run`` is the body of its thread; any may call ``request_stop``."""

    def __init__(
        self,
        sock: socket.socket,
        app: App,
        *,
        ssl_context: ssl.SSLContext | None,
        limits: Limits,
        on_error: Callable[[BaseException], None],
        name: str,
    ) -> None:
        self._sock = sock
        self._asgi = AsgiApp(app, limits=limits, name=name)
        self._ssl = ssl_context
        self._limits = limits
        self._on_error = on_error
        self._config = _uvicorn_config(self._asgi, limits)
        self._state = ServerState()
        # On every platform: Windows' default kind of loop cannot watch a listening socket.
        self._selector = selectors.DefaultSelector()
        self._loop = asyncio.SelectorEventLoop(self._selector)
        self._loop.set_exception_handler(self._unexpected)
        self.serving = False
        self._stopping = False
        self._starved = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.guard = ConnectionGuard(limits, self._loop)

    def run(self, ready: Callable[[], None]) -> None:
        """Serve until stopped; calls ``ready`` from inside the running loop."""
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.add_reader(self._sock, self._accept)
            self.serving = True
            self._loop.call_soon(ready)
            self._loop.run_forever()
        finally:
            self.serving = False
            self.close()
            asyncio.set_event_loop(None)

    def request_stop(self, grace: float) -> None:
        """Ask the loop to end: no newcomers, and ``grace`` seconds for the answers under way."""
        with suppress(RuntimeError):  # it has ended already
            self._loop.call_soon_threadsafe(self._begin_stop, grace)

    def close(self) -> None:
        """Close everything; the loop does not run any more (or never did)."""
        self._close_listening()
        self._asgi.close()
        self.guard.abort_all()
        with suppress(Exception):
            self._loop.run_until_complete(self._drain())
        for seat in self.guard.seats:  # a task cancelled before its first step has closed nothing
            seat.sock.close()
        self._loop.close()

    def close_inherited(self) -> None:
        """Close what a forked child has got of the parent's descriptors.

        Only close() is called, never shutdown(), which would reach through to the parent's connections.
        Nothing is unregistered: on Linux the selector is shared with the parent, and a change here would be
        one there. The loop and its tasks stay referenced, since a coroutine that is collected runs its
        clean-up in the child.
        """
        for sock in (self._sock, *(seat.sock for seat in self.guard.seats)):
            with suppress(Exception):
                sock.close()
        # Other kinds of selector are not inherited: their number may be somebody else's descriptor here.
        if isinstance(self._selector, getattr(selectors, "EpollSelector", ())):
            with suppress(Exception):
                self._selector.close()

    def _accept(self) -> None:
        # Few in each round of the loop: those cut off for them are closed in the next, and a newcomer's head is
        # read before many more have come who could send it away.
        for accepted in range(_ACCEPT_BURST):
            try:
                sock, address = self._sock.accept()
            except OSError as error:
                # Linux looks for a free descriptor first, so that after others this may mean an empty queue.
                if error.errno in _GONE:
                    self._starved = False
                elif not accepted:
                    self._pause(error)
                return
            self._seat(sock, address[0])

    def _seat(self, sock: socket.socket, peer: str) -> None:
        seat = self.guard.admit(sock, peer)
        if seat is None:
            sock.close()
            return
        task = self._loop.create_task(self._serve(seat))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, seat: Seat) -> None:
        """Put HTTP, and TLS under it, on a connection; the guard's deadline runs already."""
        tls: dict[str, Any] = {}
        if self._ssl is not None:
            # The handshake's own limit never comes to bear: the guard's deadline is earlier.
            tls = {"ssl": self._ssl, "ssl_handshake_timeout": 2 * self._limits.head_seconds}
            tls["ssl_shutdown_timeout"] = self._limits.head_seconds
        try:
            await self._loop.connect_accepted_socket(lambda: self._protocol(seat), seat.sock, **tls)
        except (OSError, TimeoutError):
            if self.guard.is_seated(seat):  # else it failed because we cut it off
                self.guard.counts.malformed += 1
        except Exception as error:
            self._on_error(error)
        finally:
            if seat.protocol is None:
                seat.sock.close()
                self.guard.release(seat)

    def _protocol(self, seat: Seat) -> GuardedProtocol:
        return GuardedProtocol(self._config, self._state, self._loop, self.guard, seat)

    def _pause(self, error: OSError) -> None:
        """Leave newcomers in the kernel's queue for a moment: no descriptor is left for them."""
        self.guard.counts.starved += 1
        if not self._starved:
            self._starved = True
            self._on_error(error)
        self._loop.remove_reader(self._sock)
        self._loop.call_later(_RETRY_SECONDS, self._resume)

    def _resume(self) -> None:
        if not self._stopping:
            self._loop.add_reader(self._sock, self._accept)

    def _begin_stop(self, grace: float) -> None:
        if self._stopping:
            return
        self._stopping = True
        self._close_listening()
        self.guard.on_empty = self._loop.stop
        for seat in self.guard.seats:
            seat.finish(self._on_error)
        if self.guard.seats:
            self._loop.call_later(grace, self._loop.stop)
        else:
            self._loop.stop()

    def _close_listening(self) -> None:
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock)
            self._sock.close()

    async def _drain(self) -> None:
        """Let the aborted connections close and the unfinished requests end."""
        self.guard.on_empty = None
        tasks = self._tasks | self._state.tasks
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=0.1)
        for _ in range(10):
            if not self.guard.seats:
                break
            await asyncio.sleep(0)

    def _unexpected(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        # asyncio would log it; on_error counts it and logs it once.
        self._on_error(context.get("exception") or RuntimeError(context["message"]))


def _uvicorn_config(app: AsgiApp, limits: Limits) -> Config:
    # access_log=False, log_level and log_config would change the process-wide loggers of the user's own
    # uvicorn; workers=1 keeps WEB_CONCURRENCY from being read.
    config = Config(
        app, http=GuardedProtocol, ws="none", lifespan="off", interface="asgi3", log_config=None, workers=1,
        proxy_headers=False, server_header=False, date_header=False,
        h11_max_incomplete_event_size=limits.head_bytes,
    )  # fmt: skip
    config.load()
    # Once more: load() wraps it in a logger of messages where the root logger lets everything through.
    config.loaded_app = app
    config.timeout_keep_alive = limits.idle_seconds  # type: ignore[assignment]  # goes to call_later
    return config
