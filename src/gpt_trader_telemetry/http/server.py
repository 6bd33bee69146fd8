"""Starts a listener in a daemon thread of its own and stops it again."""

import errno
import os
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gpt_trader_telemetry.errors import ConfigurationError
from gpt_trader_telemetry.http.app import App
from gpt_trader_telemetry.http.limits import Counts, Limits

if TYPE_CHECKING:
    from gpt_trader_telemetry.http.listener import Listener

__all__ = ["Server", "start"]

_ADVICE: Final = {
    errno.EADDRINUSE: "port {port} on {host} is taken; set {setting} to another, 0 takes a free one",
    errno.EACCES: "port {port} on {host} is not open to this user; set {setting} to one above 1023",
    errno.EADDRNOTAVAIL: (
        "{host} is no address of this machine; set {host_setting} to one that is, 127.0.0.1 serves this machine alone"
    ),
}
_PORTS: Final = range(65536)
_ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - shown, not bound


class Server:
    """A listener that runs; made by ``start``."""

    def __init__(self, listener: "Listener", thread: threading.Thread, address: tuple[str, int], scheme: str) -> None:
        self._listener = listener
        self._thread = thread
        self._pid = os.getpid()
        self._scheme = scheme
        self.host, self.port = address

    def __repr__(self) -> str:
        return f"<Server {self.url} {'running' if self.running else 'stopped'}>"

    @property
    def url(self) -> str:
        """Where to reach it from this machine."""
        return f"{self._scheme}://{_joined(_ANYWHERE.get(self.host, self.host), self.port)}"

    @property
    def running(self) -> bool:
        """Whether it serves, in this process."""
        return os.getpid() == self._pid and self._thread.is_alive()

    @property
    def counts(self) -> Counts:
        """A copy of what happened to its connections so far."""
        return replace(self._listener.guard.counts)

    @property
    def connections(self) -> int:
        """How many are open now."""
        return len(self._listener.guard.seats)

    def stop(self, timeout: float = 1.0) -> bool:
        """Stop serving; true if the thread has ended and the port is free.

        Answers under way get half of the time. May be called from any thread and again; from the listener's
        own thread (a fast route) it only asks for the end and returns false. In a forked child it lets go of
        what was inherited.
        """
        if os.getpid() != self._pid:
            self.close_inherited()
            return True
        self._listener.request_stop(grace=timeout / 2)
        if threading.current_thread() is self._thread:
            return False
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def close_inherited(self) -> None:
        """Close a forked child's copies of the descriptors; the parent's server goes on. Never raises."""
        if os.getpid() != self._pid:
            with suppress(Exception):
                self._listener.close_inherited()


def start(
    app: App,
    *,
    host: str,
    port: int,
    ssl_context: ssl.SSLContext | None = None,
    on_error: Callable[[BaseException], None] | None = None,
    limits: Limits | None = None,
    name: str = "gpt-trader-telemetry-http",
    host_setting: str = "GPT_TRADER_HEALTH_HOST",
    port_setting: str = "GPT_TRADER_HEALTH_PORT",
) -> Server:
    """Listen on host and port (0 takes a free one), and return once requests are answered.

    ``host_setting`` and ``port_setting`` are what an error advises to set where one of them is at fault.
    ``on_error`` is told, on the listener's thread, of what went wrong outside of the app's handlers.

    Raises:
        ConfigurationError: it cannot listen there; the message says why and what to do.
    """
    # uvicorn is imported only where something is served.
    from gpt_trader_telemetry.http.listener import Listener  # noqa: PLC0415

    if ssl_context is not None and ssl_context.protocol is ssl.PROTOCOL_TLS_CLIENT:
        raise ConfigurationError("ssl_context is a client's; make one with ssl.PROTOCOL_TLS_SERVER")
    limits = limits or Limits()
    sock = _bind(host, port, limits.backlog, (host_setting, port_setting))
    address = sock.getsockname()[:2]
    try:
        listener = Listener(sock, app, ssl_context=ssl_context, limits=limits, on_error=_shielded(on_error), name=name)
    except BaseException as error:
        sock.close()
        if isinstance(error, OSError):  # no descriptor left
            raise ConfigurationError(f"cannot serve on {_joined(host, port)}: {error}") from error
        raise
    thread = _run_in_thread(listener, name, _joined(host, port))
    return Server(listener, thread, address, "http" if ssl_context is None else "https")


def _run_in_thread(listener: "Listener", name: str, where: str) -> threading.Thread:
    ready = threading.Event()

    def run() -> None:
        try:
            listener.run(ready.set)
        finally:
            ready.set()

    thread = threading.Thread(target=run, name=name, daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        listener.close()
        raise ConfigurationError(f"cannot serve on {where}: {error}") from error
    try:
        ready.wait()
    except BaseException:  # Ctrl-C
        listener.request_stop(grace=0.0)
        raise
    if not listener.serving:
        raise ConfigurationError(f"cannot serve on {where}: the listener's thread has ended")
    return thread


def _shielded(on_error: Callable[[BaseException], None] | None) -> Callable[[BaseException], None]:
    def report(error: BaseException) -> None:
        if on_error is not None:
            with suppress(BaseException):
                on_error(error)

    return report


def _bind(host: str, port: int, backlog: int, settings: tuple[str, str]) -> socket.socket:
    host_setting, setting = settings
    where = _joined(host, port)
    try:
        family, kind, protocol, _, address = _resolved(host, port)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"cannot listen on {where}: it cannot be resolved ({error}); set {host_setting} to an "
            f"address of this machine, such as 127.0.0.1, and {setting} to 0 .. 65535"
        ) from None
    sock = None
    try:
        sock = socket.socket(family, kind, protocol)
        _set_options(sock, address[0])
        sock.bind(address)
        sock.listen(backlog)
        sock.settimeout(0)
    except OSError as error:
        if sock is not None:
            sock.close()
        advice = _ADVICE.get(error.errno or 0, str(error)).format(
            host=host, port=port, setting=setting, host_setting=host_setting
        )
        raise ConfigurationError(f"cannot listen on {where}: {advice}") from error
    return sock


def _resolved(host: str, port: int) -> tuple[int, int, int, str, tuple[str, int]]:
    if not host:  # getaddrinfo would take it for every address there is
        raise ValueError("no host is given")
    if port not in _PORTS:  # and the port for what is left of it after a division by 65,536
        raise ValueError(f"{port} is no port")
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    # One socket, one port: a name with addresses of both kinds, such as localhost, means the older one, which
    # is the one that scrape configurations spell out.
    return min(found, key=lambda entry: entry[0] != socket.AF_INET)  # type: ignore[return-value]


def _set_options(sock: socket.socket, address: str) -> None:
    if sys.platform == "win32":
        # There SO_REUSEADDR would let two processes share a port.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if address == "::":  # every address means IPv4's too
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
