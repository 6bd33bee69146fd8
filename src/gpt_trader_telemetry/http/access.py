"""Who may ask and over what: a bearer token, and TLS; both from files that are read once, at the start."""

import hashlib
import hmac
import logging
import os
import re
import ssl
import stat
from collections.abc import Collection
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Self

from gpt_trader_telemetry.errors import ConfigurationError
from gpt_trader_telemetry.http.app import Gate, Request, Response, json_response

__all__ = ["BearerToken", "is_loopback", "loopback_gate", "server_context"]

_logger = logging.getLogger("gpt_trader_telemetry")

_TOKEN: Final = re.compile(rb"[A-Za-z0-9._~+/-]+=*")
"""What RFC 6750 lets a client send as a token."""
_SHORT: Final = 16
_LONG: Final = 4096


class BearerToken:
    """The token that requests carry as ``Authorization: Bearer``. It is compared and never shown.

    Raises:
        ConfigurationError: it is empty, or no client could send it. The message does not repeat it.

    >>> BearerToken(b"correct-horse-battery-staple")
    <BearerToken>
    """

    __slots__ = ("_digest",)

    def __init__(self, token: bytes) -> None:
        if not token:
            raise ConfigurationError("the token is empty")
        if len(token) > _LONG or not _TOKEN.fullmatch(token):
            raise ConfigurationError(f"it holds no token: up to {_LONG} letters, digits and any of - . _ ~ + / =")
        # Digests have one length, whatever is sent: a comparison of them tells nothing about the token's.
        self._digest = hashlib.sha256(token).digest()

    def __repr__(self) -> str:
        return "<BearerToken>"

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Self:
        """Read the token from a file; white space around it does not belong to it.

        A file that every user of the machine can read, or a short token, is a warning in the log.

        Raises:
            ConfigurationError: the file cannot be read, or holds no token.
        """
        try:
            with Path(path).open("rb") as file:
                content = file.read(2 * _LONG).strip()
                mode = os.fstat(file.fileno()).st_mode
            token = cls(content)
        except OSError as error:
            raise ConfigurationError(f"the token file {os.fspath(path)!r} cannot be read: {error.strerror}") from None
        except ConfigurationError as error:
            raise ConfigurationError(f"the token file {os.fspath(path)!r}: {error}") from None
        if os.name == "posix" and mode & (stat.S_IROTH | stat.S_IWOTH):
            _logger.warning("the token file %r is open to every user of this machine; chmod 600 it", os.fspath(path))
        if len(content) < _SHORT:
            _logger.warning("the token in %r is short; use at least %d characters", os.fspath(path), _SHORT)
        return token

    def is_carried_by(self, request: Request) -> bool:
        """Tell whether the request carries this token; takes the same time for any other."""
        scheme, _, sent = request.headers.get("authorization", "").partition(" ")
        digest = hashlib.sha256(sent.strip().encode("utf-8", "surrogatepass")).digest()
        return hmac.compare_digest(digest, self._digest) and scheme.casefold() == "bearer"

    def gate(self, *, open_paths: Collection[str]) -> Gate:
        """Make what refuses requests without the token, except for these paths."""
        free = frozenset(open_paths)

        def gate(request: Request) -> Response | None:
            return None if request.path in free or self.is_carried_by(request) else _unauthorized()

        return gate


def _unauthorized() -> Response:
    refusal = json_response(401, {"error": "Unauthorized", "hint": "Send the header Authorization: Bearer <token>"})
    return Response(401, {**refusal.headers, "www-authenticate": "Bearer"}, refusal.body)


def loopback_gate(*, allowed: Collection[str], open_paths: Collection[str]) -> Gate:
    """Make what refuses requests that were sent to another host's name.

    A page in a browser on this machine can have its own name resolve to 127.0.0.1 and then read what is served there;
    the Host header still tells. A request without one comes from no browser.
    """
    names = frozenset(name.casefold() for name in (*allowed, "localhost"))
    free = frozenset(open_paths)

    def gate(request: Request) -> Response | None:
        host = _host_name(request.headers.get("host", ""))
        if not host or host in names or host.endswith(".localhost") or _is_address(host) or request.path in free:
            return None
        hint = "Ask by address or localhost, or name the host in GPT_TRADER_HEALTH_HOSTS"
        return json_response(421, {"error": "Misdirected request", "hint": hint})

    return gate


def is_loopback(host: str) -> bool:
    """Tell whether a listener on this host is reached from this machine alone."""
    return host.casefold() == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def _host_name(header: str) -> str:
    name = header.strip().casefold()
    if name.startswith("["):
        return name.partition("]")[0].removeprefix("[")
    return name.partition(":")[0].rstrip(".")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def server_context(certificate: str | os.PathLike[str], key: str | os.PathLike[str] | None = None) -> ssl.SSLContext:
    """Make the TLS of a listener from PEM files; without ``key``, the certificate's file holds both.

    Raises:
        ConfigurationError: a file cannot be read, or the two do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for path in (certificate, key):
        if path is not None:
            _readable(path)
    try:
        # An empty password keeps OpenSSL from asking for one on the terminal that the bot was started from.
        context.load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, ValueError) as error:
        files = " and ".join(repr(os.fspath(path)) for path in (certificate, key) if path is not None)
        reason = getattr(error, "reason", None) or "no certificate chain with its key, unencrypted, in PEM"
        raise ConfigurationError(f"TLS cannot be served with {files}: {reason}") from None
    return context


def _readable(path: str | os.PathLike[str]) -> None:
    try:
        with Path(path).open("rb"):
            pass
    except OSError as error:
        raise ConfigurationError(f"the TLS file {os.fspath(path)!r} cannot be read: {error.strerror}") from None
