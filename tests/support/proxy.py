"""A TCP proxy on loopback: balances connections over targets in turn, and can be cut like a network."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count


class Proxy:
    """Forwards connections; while it is cut, nothing passes and nothing is refused, as when packets are lost."""

    def __init__(self, *targets: int) -> None:
        self._targets = targets
        self._turn = count()
        self._passing = threading.Event()
        self._passing.set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Let nothing pass."""
        self._passing.clear()

    def mend(self) -> None:
        """Let everything pass again, what was held up first."""
        self._passing.set()

    def close(self) -> None:
        """Take no more connections."""
        self.mend()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        self._passing.wait()
        turn = next(self._turn)
        for attempt in range(len(self._targets)):
            port = self._targets[(turn + attempt) % len(self._targets)]
            with suppress(OSError):
                server = socket.create_connection(("127.0.0.1", port))
                break
        else:
            client.close()
            return
        threading.Thread(target=self._pump, args=(client, server), daemon=True).start()
        self._pump(server, client)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                self._passing.wait()
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@contextmanager
def proxying(*targets: int) -> Iterator[Proxy]:
    """Run a proxy before ports."""
    proxy = Proxy(*targets)
    try:
        yield proxy
    finally:
        proxy.close()
