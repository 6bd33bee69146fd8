"""A paper exchange as a server: HTTP and WebSocket on one loopback port, in a thread of its own."""

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Self
from urllib.parse import parse_qsl

from aiohttp import WSMsgType, web

from exchanges.faults import Fault, FaultScript
from paper_exchange import Handled

_PATIENCE: Final = 5.0


@dataclass(frozen=True)
class Asked:
    """One request, as a face sees it."""

    method: str
    path: str
    at: Mapping[str, str]
    """The parts of the path that the route names."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    refusal: str | None
    """Why the exchange is to refuse this, by its script of faults."""

    @property
    def json(self) -> Any:
        """The body, read as JSON; an empty object where it is empty."""
        return json.loads(self.body or b"{}")

    @property
    def form(self) -> dict[str, str]:
        """The body, read as a form."""
        return dict(parse_qsl(self.body.decode()))


Answer = tuple[int, Any]
"""Status, and what is sent as JSON."""

Route = tuple[str, str, Callable[[Asked], Answer]]
"""Method, path with ``{names}``, and what answers."""


@dataclass(eq=False)
class Socket:
    """One WebSocket connection, with what its client subscribed to."""

    ws: web.WebSocketResponse
    path: str
    transport: asyncio.BaseTransport | None
    subscribed: dict[str, set[str]] = field(default_factory=dict)
    sequence: int = 0
    """The number of the next message, for exchanges that count them."""
    muted: bool = False

    async def send(self, message: Any) -> None:
        """Send as JSON, unless the feed is silent or the client is gone."""
        if not self.muted and not self.ws.closed:
            with suppress(ConnectionError, RuntimeError):  # it may go away meanwhile
                await self.ws.send_str(json.dumps(message))


class Face:
    """How an exchange speaks: what answers requests, and what is said on its WebSockets."""

    sockets: tuple[str, ...] = ()
    """Paths at which WebSockets are taken."""
    fault_body: ClassVar[Any] = {"error": "FAULT", "message": "a fault of the paper exchange"}
    """What is answered with the status of a fault."""

    def routes(self) -> Iterable[Route]:
        """Return what answers."""
        return ()

    def headers(self) -> Mapping[str, str]:
        """Return the headers of the next answer, such as what is left of a rate limit."""
        return {}

    async def opened(self, socket: Socket) -> None:
        """Say what is said first."""

    async def received(self, socket: Socket, message: Any) -> None:
        """Answer a message of the client's."""

    async def tick(self, sockets: list[Socket]) -> None:
        """Say what is said regularly."""


class PaperServer:
    """Serves a face: ``start()`` it, point a client at ``host``, ``stop()`` it; or use ``with``.

    Args:
        face: how it speaks.
        faults: what it does wrong; nothing unless given.
        every: seconds between two ticks of the face.
    """

    def __init__(self, face: Face, faults: FaultScript | None = None, *, every: float = 0.25) -> None:
        self.face = face
        self.faults = faults or FaultScript()
        self.every = every
        self.ledger: list[Handled] = []
        """What was done to each request."""
        self.feed = Feed(self)
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="paper-exchange", daemon=True)
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    @property
    def host(self) -> str:
        """Where it listens, as ``address:port``."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Where it listens, as a URL."""
        return f"http://{self.host}"

    @property
    def ws_url(self) -> str:
        """Where it takes WebSockets."""
        return f"ws://{self.host}"

    def start(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        self.run(self._open())
        return self

    def stop(self) -> None:
        """End, at once and with every connection; a second time does nothing."""
        if self._thread.is_alive():
            self.run(self._close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_PATIENCE)
            self._loop.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Refuse connections, those that are open included, until the block ends."""
        self.run(self._stop_listening())
        try:
            yield
        finally:
            self.run(self._listen())

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Have the server's own thread do something, and return what that gives."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE)

    def requests(self, on: str = "") -> list[Handled]:
        """Return what was done to requests whose ``"METHOD /path"`` holds a text."""
        return [handled for handled in list(self.ledger) if on in f"{handled.method} {handled.path}"]

    async def _open(self) -> None:
        app = web.Application()
        for method, path, answer in self.face.routes():
            app.router.add_route(method, path, self._handler(answer))
        for path in self.face.sockets:
            app.router.add_get(path, self.feed.serve)
        app.router.add_route("*", "/{unknown:.*}", self._handler(lambda _asked: (404, {"error": "NOT_FOUND"})))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
        await self._runner.setup()
        await self._listen()
        self._ticking = asyncio.create_task(self._tick())

    async def _listen(self) -> None:
        self._site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await self._site.start()
        self.port = self._site._server.sockets[0].getsockname()[1]  # the port that 0 became

    async def _stop_listening(self) -> None:
        await self._site.stop()
        for connection in self._runner.server.connections:
            _abort(connection.transport)

    async def _close(self) -> None:
        self._stopping.set()
        self._ticking.cancel()
        for connection in self._runner.server.connections:
            _abort(connection.transport)
        await self._runner.cleanup()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self.every)
            await self.face.tick(self.feed.open_sockets)

    def _handler(self, answer: Callable[[Asked], Answer]) -> Callable[[web.Request], Coroutine[Any, Any, Any]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            fault = self.faults.next(request.method, request.path)
            body = await request.read()
            if fault is not None and fault.kind in {"drop", "hang", "status"}:
                code, content = fault.status or None, self.face.fault_body
            else:
                code, content = self._answer(answer, request, body, fault)
            self.ledger.append(Handled(request.method, request.path, fault and fault.kind, code, content))
            return await self._send(request, fault, code, content)

        return handle

    @staticmethod
    def _answer(
        answer: Callable[[Asked], Answer], request: web.Request, body: bytes, fault: Fault | None
    ) -> tuple[int, Any]:
        refusal = fault.reason if fault is not None and fault.kind == "reject" else None
        asked = Asked(
            request.method, request.path, request.match_info, request.query, request.headers, body, refusal
        )  # fmt: skip
        try:
            return answer(asked)
        except (ValueError, KeyError, TypeError, ArithmeticError) as error:
            return 400, {"error": "INVALID_ARGUMENT", "message": f"it makes no sense: {type(error).__name__}"}

    async def _send(self, request: web.Request, fault: Fault | None, code: int | None, content: Any) -> web.Response:
        kind = None if fault is None else fault.kind
        if kind in {"late", "hang"}:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), fault.seconds)
        response = web.json_response(content, status=code or 200, headers=self.face.headers())
        if fault is not None and fault.retry_after is not None:
            response.headers["Retry-After"] = str(fault.retry_after)
        if kind == "cut":
            await _send_half(request, response)
        if kind in {"cut", "drop", "hang"}:
            _abort(request.transport)
        return response


class Feed:
    """The WebSockets that are open, and what goes wrong on them; every method may be called from any thread."""

    def __init__(self, server: PaperServer) -> None:
        self._server = server
        self._sockets: set[Socket] = set()

    @property
    def open_sockets(self) -> list[Socket]:
        """Those that are open now."""
        return list(self._sockets)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close all, with this code."""
        self._server.run(self._each(lambda socket: socket.ws.close(code=code, message=reason.encode())))

    def drop(self) -> None:
        """Break all connections, without a word."""
        for socket in self.open_sockets:
            self._server._loop.call_soon_threadsafe(_abort, socket.transport)

    def mute(self) -> None:
        """Say nothing more on those that are open, and keep them open."""
        for socket in self.open_sockets:
            socket.muted = True

    def unmute(self) -> None:
        """Speak again."""
        for socket in self.open_sockets:
            socket.muted = False

    def skip(self, messages: int = 1) -> None:
        """Lose so many messages: their sequence numbers are never seen."""
        for socket in self.open_sockets:
            socket.sequence += messages

    async def _each(self, act: Callable[[Socket], Coroutine[Any, Any, Any]]) -> None:
        await asyncio.gather(*map(act, self.open_sockets))

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Take a WebSocket and speak until it is closed."""
        ws = web.WebSocketResponse(timeout=0.2)
        await ws.prepare(request)
        socket = Socket(ws, request.path, request.transport)
        self._sockets.add(socket)
        face = self._server.face
        try:
            await face.opened(socket)
            async for message in ws:
                if message.type is WSMsgType.TEXT:
                    await face.received(socket, json.loads(message.data))
        finally:
            self._sockets.discard(socket)
        return ws


async def _send_half(request: web.Request, whole: web.Response) -> None:
    """Send the head of an answer and half of its body, as if the connection broke then."""
    body = whole.body if isinstance(whole.body, bytes) else b""
    half = web.StreamResponse(status=whole.status, headers={"Content-Type": "application/json"})
    half.content_length = len(body)
    await half.prepare(request)
    await half.write(body[: len(body) // 2])
    await asyncio.sleep(0.01)  # else what was written is lost with the connection


def _abort(transport: asyncio.BaseTransport | None) -> None:
    if isinstance(transport, asyncio.Transport):
        transport.abort()
