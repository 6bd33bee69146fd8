"""What the tests of the listener share: a server on a free port, raw sockets, and requests over them."""

import contextlib
import dataclasses
import http.client
import socket
import ssl
import threading
import time
from pathlib import Path

import pytest
import uvicorn

from gpt_trader_telemetry.http.app import App, Response, json_response, metrics_route
from gpt_trader_telemetry.http.limits import Limits
from gpt_trader_telemetry.http.server import start
from support.certificates import make_certificate


@dataclasses.dataclass
class Site:
    """An app with routes of every temper; ``release`` lets the hung ones go on, ``errors`` is what was reported."""

    release: threading.Event = dataclasses.field(default_factory=threading.Event)
    errors: list[BaseException] = dataclasses.field(default_factory=list)
    hangs: int = 0

    def app(self) -> App:
        routes = {
            "/live": lambda _: json_response(200, {"live": True}),
            "/metrics": metrics_route(lambda _: ("text/plain; version=0.0.4", b"orders_total 1\n" * 400)),
            "/echo": lambda request: json_response(200, {"query": request.query, **request.headers}),
            "/slow": lambda _: time.sleep(0.2) or json_response(200, {"slow": True}),
            "/hang": self._hang,
            "/big": lambda _: Response(200, {"content-type": "text/plain"}, bytes(16 << 20)),
            "/exit": self._exit,
            "/broken": lambda _: 1 / 0,
        }
        return App(routes, fast=["/live"], on_error=self.errors.append)

    def _hang(self, _request: object) -> Response:
        self.hangs += 1
        self.release.wait(30)
        return json_response(200, {})

    def _exit(self, _request: object) -> Response:
        raise SystemExit(3)


@pytest.fixture
def site():
    """Everything hung is let go at the end."""
    made = Site()
    yield made
    made.release.set()


@pytest.fixture
def serve(site):
    """Start servers; they are stopped at the end."""
    with contextlib.ExitStack() as stack:

        def serve(app=None, *, host="127.0.0.1", port=0, ssl_context=None, **limits):
            server = start(
                app or site.app(), host=host, port=port, ssl_context=ssl_context,
                on_error=site.errors.append, limits=Limits(**limits),
            )  # fmt: skip
            stack.callback(server.stop)
            return server

        yield serve
        site.release.set()


@pytest.fixture
def ask():
    """Send one request and return (status, headers, body)."""

    def ask(server, path="/live", method="GET", timeout=5.0, tls=None, **headers):
        kind = http.client.HTTPConnection if tls is None else http.client.HTTPSConnection
        extra = {} if tls is None else {"context": tls}
        connection = kind(server.host, server.port, timeout=timeout, **extra)
        try:
            connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    return ask


@pytest.fixture
def connect():
    """Open raw connections; they are closed at the end."""
    with contextlib.ExitStack() as stack:

        def connect(server, first=b""):
            sock = stack.enter_context(socket.create_connection((server.host, server.port), timeout=5))
            sock.sendall(first)
            return sock

        yield connect


@pytest.fixture
def until():
    """Wait for something to become true."""

    def until(condition, timeout=5.0):
        end = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < end, "it did not become true in time"
            time.sleep(0.01)

    return until


@pytest.fixture
def ended():
    """Whether the server has ended a connection: what it sent is read, then comes the end or a reset."""

    def ended(sock, timeout=5.0):
        sock.settimeout(timeout)
        try:
            while sock.recv(1 << 16):
                pass
        except ConnectionError:
            return True
        except TimeoutError:
            return False
        return True

    return ended


@pytest.fixture
def descriptors():
    """Count this process's descriptors."""
    if not Path("/proc/self/fd").exists():
        pytest.skip("there is no /proc/self/fd to count descriptors in")
    return lambda: sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A self-signed certificate for 127.0.0.1: the paths of (certificate, key)."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def tls(certificate):
    """The contexts of (server, client)."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*certificate)
    return server, ssl.create_default_context(cafile=str(certificate[0]))


@pytest.fixture
def uvicorn_runs():
    """Serve ASGI apps with the server that FastAPI's users run; they are stopped at the end."""
    with contextlib.ExitStack() as stack:

        def run(asgi, root_path=""):
            config = uvicorn.Config(asgi, port=0, root_path=root_path, log_config=None, log_level="critical")
            server = uvicorn.Server(config)
            thread = threading.Thread(target=server.run, daemon=True)
            thread.start()
            stack.callback(thread.join, 10)
            stack.callback(setattr, server, "should_exit", True)
            end = time.monotonic() + 10
            while not server.started:
                assert time.monotonic() < end
                time.sleep(0.01)
            host, port = server.servers[0].sockets[0].getsockname()[:2]
            return f"http://{host}:{port}"

        yield run
