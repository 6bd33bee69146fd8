"""The bot's own server: all routes behind one listener, and a second one for probes where that is asked for."""

import os
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from gpt_trader_telemetry.errors import ConfigurationError
from gpt_trader_telemetry.http.access import BearerToken, is_loopback, loopback_gate, server_context
from gpt_trader_telemetry.http.app import App, Handler
from gpt_trader_telemetry.http.health_routes import PROBE_PATHS
from gpt_trader_telemetry.http.limits import Counts, Limits
from gpt_trader_telemetry.http.page_routes import PAGE_PATHS
from gpt_trader_telemetry.http.server import Server, start

__all__ = ["Access", "HealthServer", "make_app", "start_health_server"]

_OPEN_PATHS: Final = (*PROBE_PATHS, *PAGE_PATHS)
"""What needs no token: the probes, and the page's files, which say nothing about the bot and ask for the token."""
_FAST_PATHS: Final = (*PROBE_PATHS, *PAGE_PATHS)
_LEAST_STOP: Final = 0.1

OnError = Callable[[BaseException], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """Who may ask and over what; as it stands: everybody who reaches the port, over plain HTTP."""

    token_file: str | os.PathLike[str] | None = None
    """Holds the token that all but the probes need."""
    tls_certificate: str | os.PathLike[str] | None = None
    """PEM; with it the listener speaks TLS only."""
    tls_key: str | os.PathLike[str] | None = None
    """PEM, unencrypted; None where the certificate's file holds the key too."""
    probe_port: int | None = None
    """A second port, plain HTTP, which answers ``/live`` and ``/ready`` alone; 0 takes a free one."""

    hosts: Collection[str] = ()
    """Names, beside localhost and addresses, by which a listener on loopback may be asked without a token."""

    def __post_init__(self) -> None:
        if self.tls_key is not None and self.tls_certificate is None:
            raise ConfigurationError(
                "a TLS key is given without a certificate; set GPT_TRADER_HEALTH_TLS_CERTIFICATE too"
            )


class HealthServer:
    """The listener of everything and, where there is one, that of the probes; made by ``start_health_server``."""

    def __init__(self, main: Server, probes: Server | None) -> None:
        self._main = main
        self._probes = probes

    def __repr__(self) -> str:
        probes = "" if self._probes is None else f", probes on {self.probe_url}"
        return f"<HealthServer {self.url} {'running' if self.running else 'stopped'}{probes}>"

    @property
    def url(self) -> str:
        """Where to reach it from this machine."""
        return self._main.url

    @property
    def probe_url(self) -> str:
        """Where probes reach it: the second port's address if there is one."""
        return self._main.url if self._probes is None else self._probes.url

    @property
    def host(self) -> str:
        """The address that it is bound to."""
        return self._main.host

    @property
    def port(self) -> int:
        """The port that it is bound to."""
        return self._main.port

    @property
    def running(self) -> bool:
        """Whether it serves, in this process."""
        return all(server.running for server in self._servers)

    @property
    def counts(self) -> Counts:
        """What happened to the connections of both so far."""
        each = [server.counts for server in self._servers]
        return Counts(*(sum(getattr(one, name) for one in each) for name in Counts.__slots__))

    @property
    def connections(self) -> int:
        """How many are open now."""
        return sum(server.connections for server in self._servers)

    def stop(self, timeout: float = 1.0) -> bool:
        """Stop serving; true if both threads have ended and the ports are free. See ``Server.stop``.

        The probes' listener ends last.
        """
        end = time.monotonic() + timeout
        stopped = [server.stop(max(_LEAST_STOP, end - time.monotonic())) for server in self._servers]
        return all(stopped)

    def close_inherited(self) -> None:
        """Close a forked child's copies of the descriptors; the parent's server goes on. Never raises."""
        for server in self._servers:
            server.close_inherited()

    @property
    def _servers(self) -> list[Server]:
        return [self._main] if self._probes is None else [self._main, self._probes]


def make_app(
    routes: Mapping[str, Handler],
    *,
    token: BearerToken | None = None,
    hosts: Collection[str] | None = None,
    on_error: OnError | None = None,
) -> App:
    """Make the app of these routes: the probes and the page's files are fast, and alone need no token.

    It can be mounted in another service: ``AsgiApp(make_app(...))`` or ``WsgiApp(make_app(...))``. With ``hosts``,
    and without a token, it answers only what was sent to an address, to localhost or to one of these names.
    """
    gate = None
    if token is not None:
        gate = token.gate(open_paths=_OPEN_PATHS)
    elif hosts is not None:
        gate = loopback_gate(allowed=hosts, open_paths=PROBE_PATHS)
    return App(
        routes,
        fast=[path for path in _FAST_PATHS if path in routes],
        gate=gate,
        on_error=on_error,
    )


def start_health_server(
    routes: Mapping[str, Handler],
    *,
    host: str,
    port: int,
    access: Access | None = None,
    on_error: OnError | None = None,
    limits: Limits | None = None,
) -> HealthServer:
    """Serve these routes, and those of them that are probes on a port of their own where ``access`` has one.

    Raises:
        ConfigurationError: a file or a port cannot be used; nothing is left open then.
    """
    access = access or Access()
    token = None if access.token_file is None else BearerToken.from_file(access.token_file)
    context = None if access.tls_certificate is None else server_context(access.tls_certificate, access.tls_key)
    app = make_app(routes, token=token, hosts=access.hosts if is_loopback(host) else None, on_error=on_error)
    main = start(app, host=host, port=port, ssl_context=context, on_error=on_error, limits=limits)
    if access.probe_port is None:
        return HealthServer(main, None)
    try:
        probes = start(
            make_app({path: routes[path] for path in PROBE_PATHS}, on_error=on_error),
            host=host, port=access.probe_port, on_error=on_error, limits=limits,
            name="gpt-trader-telemetry-probes", port_setting="GPT_TRADER_HEALTH_PROBE_PORT",
        )  # fmt: skip
    except BaseException:
        main.stop()
        raise
    return HealthServer(main, probes)
