"""HTTP servers of a test's own, each on a thread, ended in any case."""

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Quiet(BaseHTTPRequestHandler):
    """A handler that prints nothing."""

    def log_message(self, *_: object) -> None:
        pass

    def body(self) -> bytes:
        """Return what came with the request."""
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Answer it, whether or not anybody still listens."""
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        with suppress(OSError):
            self.end_headers()
            self.wfile.write(body)


@contextmanager
def listening(
    handler: type[Quiet], port: int = 0, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> Iterator[str]:
    """Have a handler listen; yield the host and the port."""
    server = ThreadingHTTPServer((host, port), handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"{host}:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def served(answer: Callable[[str, bytes], bytes], port: int = 0, *, host: str = "127.0.0.1") -> Iterator[str]:
    """Serve whatever is asked for from a function of the path and the body; 503 where that raises LookupError."""

    class Handler(Quiet):
        def do_GET(self) -> None:
            try:
                status, text = 200, answer(self.path, self.body())
            except LookupError:
                status, text = 503, b""
            self.answer(status, {"Content-Type": "text/plain; version=0.0.4"}, text)

        do_POST = do_GET

    with listening(Handler, port, host=host) as address:
        yield address
