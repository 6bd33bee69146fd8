"""Every route of one bot, behind a listener of its own and mounted in other services."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from gpt_trader_telemetry.http.app import App, Handler
from gpt_trader_telemetry.settings import Settings

if TYPE_CHECKING:
    from gpt_trader_telemetry.http.asgi import AsgiApp
    from gpt_trader_telemetry.http.health_server import HealthServer
    from gpt_trader_telemetry.http.wsgi import WsgiApp

__all__ = ["Endpoints"]


class Endpoints:
    """What serves these routes as the settings have it. The HTTP library is loaded where something is served.

    ``server`` is the listener; None where the settings start none, and in a forked child.
    """

    def __init__(
        self, routes: Mapping[str, Handler], settings: Settings, on_error: Callable[[BaseException], None]
    ) -> None:
        self._routes = routes
        self._settings = settings
        self._on_error = on_error
        self._mounted: list[AsgiApp] = []
        self.server: HealthServer | None = self._serve() if settings.health_server_enabled else None

    def _serve(self) -> "HealthServer":
        from gpt_trader_telemetry.http.health_server import Access, start_health_server  # noqa: PLC0415

        settings = self._settings
        return start_health_server(
            self._routes,
            host=settings.health_host,
            port=settings.health_port,
            access=Access(
                token_file=settings.health_token_file,
                tls_certificate=settings.health_tls_certificate,
                tls_key=settings.health_tls_key,
                probe_port=settings.health_probe_port,
                hosts=settings.health_hosts,
            ),
            on_error=self._on_error,
        )

    def asgi(self) -> "AsgiApp":
        """Return the routes as an ASGI app; it ends with ``stop``."""
        from gpt_trader_telemetry.http.asgi import AsgiApp  # noqa: PLC0415

        app = AsgiApp(self._app())
        self._mounted.append(app)
        return app

    def wsgi(self) -> "WsgiApp":
        """Return the routes as a WSGI app, which has no thread of its own."""
        from gpt_trader_telemetry.http.wsgi import WsgiApp  # noqa: PLC0415

        return WsgiApp(self._app())

    def _app(self) -> App:
        from gpt_trader_telemetry.http.access import BearerToken  # noqa: PLC0415
        from gpt_trader_telemetry.http.health_server import make_app  # noqa: PLC0415

        file = self._settings.health_token_file
        token = None if file is None else BearerToken.from_file(file)
        return make_app(self._routes, token=token, on_error=self._on_error)

    def reset_after_fork(self) -> None:
        """Close a forked child's copy of the listener, and give mounted apps threads of the child's."""
        if self.server is not None:
            self.server.close_inherited()
            self.server = None
        for app in self._mounted:
            app.reset_after_fork()

    def stop(self, timeout: float) -> None:
        """Stop serving, within about ``timeout`` seconds."""
        if self.server is not None:
            self.server.stop(timeout)
        for app in self._mounted:
            app.close()
