"""ASGI 3 around the pure app: fast routes in the event loop, the others in threads with a time limit.

The listener runs it, and so may any other ASGI server or framework: under a prefix too, which ``root_path`` tells.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from email.utils import formatdate
from functools import partial
from typing import Any

from gpt_trader_telemetry.http.app import App, Request, Response
from gpt_trader_telemetry.http.guard import Seat
from gpt_trader_telemetry.http.limits import Limits
from gpt_trader_telemetry.http.workers import Workers

__all__ = ["AsgiApp"]

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]


class AsgiApp:
    """Runs an App as ASGI 3; each slow route has its own threads, so one that hangs holds up no other.

    In our own listener the scope's state carries the connection's seat, which is told while a slow route is at
    work. Elsewhere there is none, and what concerns a connection is left to the server that runs us.
    """

    def __init__(self, app: App, *, limits: Limits | None = None, name: str = "gpt-trader-telemetry-asgi") -> None:
        limits = limits or Limits()
        self._app = app
        self._limit = limits.answer_seconds
        # Half of the connections, however many routes there are: the guard relies on finding one at the cap
        # that does not wait for us.
        self._room = max(1, limits.connections // 2)
        self._waiting = 0
        self._workers = {
            path: Workers(f"{name}{path}", threads=limits.threads_per_route, queued=limits.queued_per_route)
            for path in app.slow_paths
        }

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Answer one request. Its body is never asked for: no route takes one."""
        if scope["type"] != "http":
            await self._decline(scope["type"], receive, send)
            return
        request = _request(scope)
        seat = (scope.get("state") or {}).get("seat")
        if not isinstance(seat, Seat):
            seat = None
        response = self._app.entrance(request, _prefix(scope)) or await self._answer(request, seat)
        headers = [(name.encode(), value.encode("latin-1")) for name, value in response.headers.items()]
        if seat is not None:
            headers.append((b"date", formatdate(usegmt=True).encode()))
            if _announces_body(request):
                # The rest of a body would have to be read and thrown away before the next request.
                headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    def close(self) -> None:
        """Let the worker threads end."""
        for workers in self._workers.values():
            workers.close()

    def reset_after_fork(self) -> None:
        """Let a forked child, which inherits no thread, start worker threads of its own."""
        self._waiting = 0
        for workers in self._workers.values():
            workers.reset_after_fork()

    async def _decline(self, kind: str, receive: _Receive, send: _Send) -> None:
        """Say that there are no WebSockets here, and that nothing has to be started before the first request."""
        if kind == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})
        while kind == "lifespan":
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                self.close()
                return

    async def _answer(self, request: Request, seat: Seat | None) -> Response:
        if self._app.is_fast(request):
            return self._app(request)
        job = _Job(self._app, request)
        if self._waiting >= self._room or not self._workers[request.path].submit(job):
            return self._app.unavailable(request, "Too many requests are waiting; try again later")
        self._waiting += 1
        if seat is not None:
            seat.held = True
        try:
            async with asyncio.timeout(self._limit):
                response = await job.answer
        except TimeoutError:
            self._app.report(TimeoutError(f"{request.path} took longer than {self._limit:g} s"))
            return self._app.unavailable(request, f"No answer within {self._limit:g} s")
        finally:
            self._waiting -= 1
            if seat is not None:
                seat.held = False
        return response or self._app.failed(request)


class _Job:
    """One request on its way through a worker thread, and the future that its answer comes back in."""

    def __init__(self, app: App, request: Request) -> None:
        self._app = app
        self._request = request
        self._loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[Response | None] = self._loop.create_future()

    def __call__(self) -> Callable[[], None]:
        response = None
        if not self.answer.done():  # else nobody waits any more
            try:
                response = self._app(self._request)
            except BaseException as error:
                self._app.report(error)
        return partial(self._deliver, response)

    def _deliver(self, response: Response | None) -> None:
        with suppress(RuntimeError):  # the listener has been stopped in the meantime
            self._loop.call_soon_threadsafe(self._set, response)

    def _set(self, response: Response | None) -> None:
        if not self.answer.done():
            self.answer.set_result(response)


def _request(scope: _Message) -> Request:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    path = _below(_prefix(scope), _path(scope["path"]))
    return Request(scope["method"], path, scope.get("query_string", b"").decode("latin-1"), headers)


def _prefix(scope: _Message) -> str:
    return str(scope.get("root_path") or "").rstrip("/")


def _below(prefix: str, path: str) -> str:
    # The specification has the prefix in the path; some servers and older frameworks have taken it off already.
    if prefix and (path == prefix or path.startswith(f"{prefix}/")):
        return path[len(prefix) :]
    return path


def _path(target: str) -> str:
    # A server must take the absolute form too, although only proxies are sent it.
    if target.startswith(("http://", "https://")):
        return "/" + target.partition("://")[2].partition("/")[2]
    return target


def _announces_body(request: Request) -> bool:
    return "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"
