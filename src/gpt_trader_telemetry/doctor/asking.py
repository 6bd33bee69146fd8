"""One question over the network: answered within its time, or a ``Trouble`` that says why it was not."""

import contextlib
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import SplitResult, urlsplit

from gpt_trader_telemetry._version import __version__
from gpt_trader_telemetry.doctor.finding import printable

__all__ = ["Answer", "Trouble", "ask", "connect", "parse_address", "read_token", "shown", "trust", "within"]

T = TypeVar("T")

_MOST: Final = 32 << 20
"""Bytes of an answer that are read; a scrape of 2,000 label sets for each metric is smaller."""


class Trouble(Exception):  # noqa: N818 - not an error of ours
    """Why there is no answer, and what to do about it."""

    def __init__(self, said: str, do: str, *, nobody_listens: bool = False) -> None:
        super().__init__(said)
        self.said, self.do, self.nobody_listens = said, do, nobody_listens


@dataclass(frozen=True, slots=True)
class Answer:
    """What an HTTP server answered."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        """Return the body's JSON, or None where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def field(self, name: str) -> Any:
        """Return a field of a JSON object, or None."""
        said = self.json()
        return said.get(name) if isinstance(said, dict) else None


def parse_address(text: str) -> SplitResult:
    """Return an address of the form http://host:port, or raise ValueError saying what is wrong with it."""
    url = urlsplit(text)
    if url.scheme not in {"http", "https"} or not url.hostname or url.port == 0:
        raise ValueError("it is not of the form http://host:port")
    return url


def shown(url: SplitResult) -> str:
    """Return an address without what may stand before an @, which is a password, and without a query.

    >>> shown(urlsplit("http://me:secret@bot:8080/ops?key=secret"))
    'http://bot:8080/ops'
    """
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}".rstrip("/")


def read_token(path: Path) -> str:
    """Return the token that a file holds; raise ValueError, with a reason that does not repeat the file's text."""
    try:
        token = path.read_text("ascii").strip()
    except OSError as error:
        raise ValueError(f"{str(path)!r} cannot be read: {error.strerror}") from None
    except ValueError:
        token = ""
    if not token or not token.isprintable():
        raise ValueError(f"{str(path)!r} holds no token")
    return token


def trust(ca_file: str | Path | None, certificate: str | None = None, key: str | None = None) -> ssl.SSLContext:
    """Return what to trust, and who we are where the server wants to know; raise ValueError naming the file."""
    try:
        context = ssl.create_default_context(cafile=ca_file)
        if certificate:
            context.load_cert_chain(certificate, key)
    except OSError as error:
        files = ", ".join(repr(str(name)) for name in (ca_file, certificate, key) if name)
        raise ValueError(f"{files}: {error.strerror or error}") from None
    return context


def within(seconds: float, what: Callable[[], T]) -> T:
    """Return what ``what`` returns if it does so in time.

    In a thread, since a time-out of a socket begins anew with each byte, and looking up a name has none.

    Raises:
        Trouble: it took too long, or it failed as things on a network do.
    """
    done: list[T] = []
    failed: list[Exception] = []

    def run() -> None:
        try:
            done.append(what())
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if done:
        return done[0]
    error = failed[0] if failed else TimeoutError()
    raise error if isinstance(error, Trouble) else _trouble(error, seconds) from error


def connect(url: SplitResult, tls: ssl.SSLContext | None, seconds: float, port: int) -> None:
    """Open a connection, over TLS where there is a context, and close it."""

    def open_and_close() -> None:
        with contextlib.closing(socket.create_connection((str(url.hostname), url.port or port), seconds)) as plain:
            if tls is not None:
                tls.wrap_socket(plain, server_hostname=url.hostname).close()

    within(seconds, open_and_close)


def ask(
    url: SplitResult,
    path: str,
    *,
    seconds: float,
    tls: ssl.SSLContext | None = None,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> Answer:
    """GET a path below an address, or POST a body there.

    Raises:
        Trouble: no answer in time, nobody there, TLS that fails, or something that is no HTTP.
    """
    connection: http.client.HTTPConnection
    if url.scheme == "https":
        connection = http.client.HTTPSConnection(
            str(url.hostname), url.port, timeout=seconds, context=tls or ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=seconds)
    sent = {"User-Agent": f"gpt-trader-telemetry-doctor/{__version__}", "Connection": "close", **(headers or {})}

    def exchange() -> Answer:
        try:
            connection.request("GET" if body is None else "POST", url.path.rstrip("/") + path, body, sent)
            response = connection.getresponse()
            return Answer(response.status, response.read(_MOST), dict(response.getheaders()))
        finally:
            connection.close()

    try:
        return within(seconds, exchange)
    except Trouble as trouble:
        if url.scheme == "http" and isinstance(trouble.__cause__, http.client.HTTPException | ConnectionResetError):
            raise Trouble(
                f"{trouble.said}: perhaps it speaks TLS, or no HTTP",
                "use https:// if it serves TLS; else look who listens there (ss -ltnp)",
            ) from trouble
        raise


_TROUBLES: Final[tuple[tuple[type[Exception] | tuple[type[Exception], ...], str, str], ...]] = (
    (ConnectionRefusedError, "nobody listens there", "start it, or correct host and port"),
    (socket.gaierror, "the host's name is not known", "correct the host, or the DNS of this machine"),
    (
        (http.client.HTTPException, ConnectionResetError),
        "the connection was closed without an answer",
        "look into that server's log",
    ),
)
_PLAIN: Final = ("WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")
"""What OpenSSL calls an answer that is no TLS."""


def _trouble(error: Exception, seconds: float) -> Trouble:
    if isinstance(error, TimeoutError):
        return Trouble(
            f"no answer within {seconds:g} s", "something drops the packets (firewall, address), or the server hangs"
        )
    if isinstance(error, ssl.SSLError):
        return _tls_trouble(error)
    for kinds, said, remedy in _TROUBLES:
        if isinstance(error, kinds):
            return Trouble(said, remedy, nobody_listens=isinstance(error, ConnectionRefusedError))
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return Trouble(printable(said), "correct the address")


def _tls_trouble(error: ssl.SSLError) -> Trouble:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Trouble(
            f"its certificate is not trusted: {printable(error.verify_message)}",
            "name the certificate of its authority (--ca-file; for OTLP OTEL_EXPORTER_OTLP_CERTIFICATE), "
            "and use a host name that the certificate holds",
        )
    if error.reason in _PLAIN:
        return Trouble("it does not speak TLS", "use http:// there, or give that server a certificate")
    reason = (error.reason or "TLS").replace("_", " ").lower()
    return Trouble(f"the TLS handshake failed: {reason}", "compare both sides' certificates and TLS versions")
