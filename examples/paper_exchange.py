"""A paper exchange: real HTTP on loopback, misbehaving at stated rates from a seed.

    POST   /orders        {"side": "buy", "size": 1000, "limit_price": 1.0821}
    DELETE /orders/<id>
    GET    /time
    GET    /ping         the same, never with a fault

A refusal has an error code, in an answer of 200 or of 400: real brokers do both. The same seed and the same
sequence of requests give the same answers. ``ledger`` says what was done to each request.
"""

import json
import random
import threading
import time
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self

REFUSALS: Final = (
    (200, "INSUFFICIENT_FUND"),
    (200, "INVALID_LIMIT_PRICE_POST_ONLY"),
    (400, "INVALID_BASE_SIZE_TOO_SMALL"),
    (200, "ORDER_ENTRY_DISABLED"),
)
"""Status and error code of the refusals, each as likely as the others."""

_LONGEST_HANG: Final = 30.0

Answer = tuple[int | None, dict[str, Any]]
"""Status and body; a status of None is no answer at all."""

_ANSWERS: Final[dict[str | None, Answer]] = {
    "drop": (None, {}),
    "hang": (None, {}),
    "rate_limit": (429, {"error": "RATE_LIMIT_EXCEEDED"}),
    "unavailable": (503, {"error": "SERVICE_UNAVAILABLE"}),
}


@dataclass(frozen=True, kw_only=True)
class Faults:
    """What share of the requests, from 0 to 1, meets which fault; the rest is answered at once."""

    late: float = 0.08
    """Answered properly, but ``late_seconds`` late."""
    late_seconds: float = 0.2
    reject: float = 0.05
    """Refused: an order for one of ``REFUSALS``, a cancellation since the order was filled meanwhile."""
    rate_limit: float = 0.03
    """Answered with 429."""
    unavailable: float = 0.01
    """Answered with 503."""
    drop: float = 0.01
    """The connection is closed without an answer."""
    hang: float = 0.005
    """The connection stays open without an answer."""

    def __post_init__(self) -> None:
        if not 0 <= self.late_seconds <= _LONGEST_HANG:
            raise ValueError(f"late_seconds cannot be {self.late_seconds}")
        if not all(0 <= rate <= 1 for rate in self.rates.values()) or sum(self.rates.values()) > 1:
            raise ValueError(f"rates are from 0 to 1, and at most 1 in all: {self.rates}")

    @property
    def rates(self) -> dict[str, float]:
        """The share of each fault by its name."""
        return {name: value for name, value in asdict(self).items() if name != "late_seconds"}

    def draw(self, source: random.Random) -> str | None:
        """Return the name of the fault that the next request meets, if any; takes one number from ``source``."""
        drawn = source.random()
        for name, rate in self.rates.items():
            drawn -= rate
            if drawn < 0:
                return name
        return None


@dataclass(frozen=True)
class Handled:
    """One request and what was done to it; ``status`` None: it got no answer."""

    method: str
    path: str
    fault: str | None
    status: int | None
    answer: dict[str, Any]


class PaperExchange:
    """The exchange: ``start()`` it, send orders to ``url``, ``stop()`` it; or use ``with``."""

    def __init__(self, faults: Faults | None = None, *, seed: int = 0, fills: float = 0.75) -> None:
        self.faults = faults or Faults()
        self.fills = fills
        self.ledger: list[Handled] = []
        self.stopping = threading.Event()
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._open: set[str] = set()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def host(self) -> str:
        """Where it listens, as ``address:port``."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """End, at once and with every connection; a second time does nothing."""
        if not self.stopping.is_set():
            self.stopping.set()
            self._server.shutdown()
            self._server.server_close()
            self._thread.join(timeout=1.0)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def handle(self, method: str, path: str, body: bytes) -> Handled:
        """Decide what is done to one request, and write it down."""
        if (method, path) == ("GET", "/ping"):
            # Without faults and without a draw: health checks come when they like, and orders keep their fate.
            return Handled(method, path, None, 200, {"epoch": time.time()})
        with self._lock:
            # Always the same draws, so that the fate of a request depends only on how many came before it.
            fault = self.faults.draw(self._random)
            fills, refusal = self._random.random() < self.fills, self._random.choice(REFUSALS)
            if fault in _ANSWERS:
                status, answer = _ANSWERS[fault]
            elif (method, path) == ("POST", "/orders"):
                status, answer = self._submit(body, refusal if fault == "reject" else None, fills=fills)
            elif method == "DELETE" and path.startswith("/orders/"):
                status, answer = self._cancel(path.removeprefix("/orders/"), gone=fault == "reject")
            else:
                status, answer = (200, {"epoch": time.time()}) if path == "/time" else (404, {})
            handled = Handled(method, path, fault, status, answer)
            self.ledger.append(handled)
            return handled

    def _submit(self, body: bytes, refusal: tuple[int, str] | None, *, fills: bool) -> Answer:
        try:
            order = json.loads(body)
            good = order["side"] in {"buy", "sell"} and order["size"] > 0 and order["limit_price"] > 0
        except (ValueError, TypeError, KeyError):
            good = False
        if refusal or not good:
            status, code = refusal or (400, "INVALID_ORDER_CONFIG")
            return status, {"success": False, "error": code}
        order_id = f"order-{len(self.ledger) + 1}"
        if not fills:
            self._open.add(order_id)
        return 200, {"success": True, "order_id": order_id, "status": "filled" if fills else "open"}

    def _cancel(self, order_id: str, *, gone: bool) -> Answer:
        known = order_id in self._open
        self._open.discard(order_id)
        if gone or not known:
            return 404, {"success": False, "error": "UNKNOWN_CANCEL_ORDER"}
        return 200, {"success": True}


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"
    wbufsize = -1  # head and body leave as one packet

    def do_POST(self) -> None:
        exchange = self.server.exchange
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        handled = exchange.handle(self.command, self.path, body)
        if handled.fault in {"late", "hang"}:
            exchange.stopping.wait(exchange.faults.late_seconds if handled.fault == "late" else _LONGEST_HANG)
        if handled.status is not None:  # else the connection is closed without an answer
            payload = json.dumps(handled.answer).encode()
            self.send_response(handled.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

    do_GET = do_DELETE = do_POST  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing: the ledger has it all."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, exchange: PaperExchange) -> None:
        self.exchange = exchange
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, *_: object) -> None:
        """Say nothing about clients that went away."""
