"""A server that answers every request alike, and clients of ccxt for any exchange that ask it."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

SYMBOL = "BTC/USDT"
_OPTIONS = {
    # What these exchanges would otherwise be asked first: which kind of account it is.
    "bybit": {"enableUnifiedMargin": False, "enableUnifiedAccount": True},
    "gate": {"unifiedAccount": False},
    "kucoin": {"hf": True, "uta": False},
    "bitget": {"uta": False},
}
_INFO = {"binance": {"orderTypes": ["LIMIT", "MARKET", "LIMIT_MAKER", "STOP_LOSS_LIMIT"]}}


class Answering:
    """Serves on loopback as long as its ``with`` block lasts; ``answer`` is what it answers."""

    def __init__(self) -> None:
        self.answer: tuple[int, str] = (200, "{}")
        self.requests: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        served = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # one segment an answer: else each waits for the client's acknowledgement

            def handle_request(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                served.requests.append(f"{self.command} {self.path.partition('?')[0]}")
                status, text = served.answer
                kind = "text/html" if text[:1] == "<" else "application/json"
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST = do_PUT = do_DELETE = handle_request

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def client_of(kind: type, url: str) -> Any:
    """Make a client of this class, which knows one market and asks nobody but the server at ``url``."""
    name = kind.__name__
    client = kind(
        {
            "apiKey": "key", "secret": "c2VjcmV0", "password": "phrase", "enableRateLimit": False, "timeout": 3_000,
            "timeout_on_exit": 0, "options": _OPTIONS.get(name, {}),
        }
    )  # fmt: skip
    client.urls["api"] = _moved(client.urls["api"], url)
    market = {
        "id": {"coinbase": "BTC-USDT", "kraken": "XBTUSDT"}.get(name, "BTCUSDT"), "symbol": SYMBOL,
        "base": "BTC", "quote": "USDT", "baseId": "BTC", "quoteId": "USDT", "type": "spot", "spot": True,
        "active": True, "precision": {"amount": 1e-8, "price": 0.01}, "info": _INFO.get(name, {}),
    }  # fmt: skip
    client.set_markets([client.safe_market_structure(market)])
    return client


def _moved(urls: Any, url: str) -> Any:
    if isinstance(urls, dict):
        return {name: _moved(each, url) for name, each in urls.items()}
    return re.sub(r"https?://[^/]+", url, urls) if isinstance(urls, str) else urls


def spelled(body: Any) -> str:
    """Spell a body as exchanges do, without spaces; a text is itself."""
    return body if isinstance(body, str) else json.dumps(body, separators=(",", ":"))


@contextmanager
def refusing() -> Iterator[str]:
    """Give an address at which nobody listens."""
    with Answering() as server:
        url = server.url
    yield url
