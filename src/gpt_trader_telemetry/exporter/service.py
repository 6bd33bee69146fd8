"""The exporter as a service: a thread for each profile, a listener, and the OTLP road where one is set."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from opentelemetry.sdk.metrics.export import ResourceMetrics, ScopeMetrics
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from gpt_trader_telemetry._version import __version__
from gpt_trader_telemetry.errors import ConfigurationError
from gpt_trader_telemetry.exporter.cursor import load_cursor, save_cursor
from gpt_trader_telemetry.exporter.profile import Profile, Stopped
from gpt_trader_telemetry.exporter.state import Published
from gpt_trader_telemetry.exporter.view import View
from gpt_trader_telemetry.http.access import BearerToken, server_context
from gpt_trader_telemetry.http.app import App, Handler, Request, Response, compressed, json_response, metrics_route
from gpt_trader_telemetry.http.health_routes import PROBE_PATHS, HealthView, probe_routes
from gpt_trader_telemetry.http.server import Server, start
from gpt_trader_telemetry.pipeline.delivery import Delivery
from gpt_trader_telemetry.pipeline.otlp import OtlpRoad
from gpt_trader_telemetry.pipeline.resource import make_resource
from gpt_trader_telemetry.recording.plain import SCOPE
from gpt_trader_telemetry.recording.recorder import Faults
from gpt_trader_telemetry.runtime_data.paths import ProfilePaths
from gpt_trader_telemetry.settings import Settings

__all__ = ["Exporter", "Options"]

_PROGRESS_EVERY: Final = 2.0
_HTTP_OK: Final = ("healthy", "degraded")


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How an exporter runs; what is common to all of this package is in Settings."""

    host: str = "127.0.0.1"
    port: int = 9000
    """Where to listen; port 0 takes a free one."""
    cursor_file: Path | None = None
    token_file: str | None = None
    tls_certificate: str | None = None
    tls_key: str | None = None
    poll_interval: float = 1.0
    """Seconds between two looks at the files."""
    cursor_interval: float = 10.0
    """Seconds between two writings of the cursor file."""


class Exporter:
    """Follows the files of profiles and serves what they say; ``close`` ends it.

    Args:
        profiles: where each profile's files are; with several, each sample tells its profile.
        settings: the prefix, and where OTLP goes.
        options: where to listen and so on.
        tell: takes what an operator should know, a line at a time.
        clock: seconds since 1970, from which ages are computed.

    Raises:
        ConfigurationError: it cannot listen, a file of the access cannot be read, or two profiles have one name.
    """

    def __init__(
        self,
        profiles: Sequence[ProfilePaths],
        *,
        settings: Settings,
        options: Options | None = None,
        tell: Callable[[str], object] = lambda _line: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        names = [paths.profile for paths in profiles]
        if not names or len(set(names)) < len(names):
            raise ConfigurationError(f"an exporter needs one profile or more, and each once; it was given {names}")
        self._options = options or Options()
        self._tell = tell
        self._stopping = threading.Event()
        self._began = time.time()
        self.profiles = [
            Profile(paths, tell=tell, progress=_Progress(paths, tell), stopping=self._stopping) for paths in profiles
        ]
        self._faults = Faults()
        self._faults.count_with(self._count_fault)
        self.view = View(
            self._published,
            prefix=settings.metric_prefix,
            several=len(names) > 1,
            clock=clock,
            sends=settings.exports_otlp,
        )
        if self._options.cursor_file is not None:
            self._load_cursor(self._options.cursor_file)
        self.server = self._serve()
        """The listener, with its ``url``."""
        self._threads = [
            threading.Thread(target=self._follow, args=(profile,), name=f"follow-{profile.paths.profile}", daemon=True)
            for profile in self.profiles
        ]
        if self._options.cursor_file is not None:
            self._threads.append(threading.Thread(target=self._keep_cursor, name="cursor", daemon=True))
        for thread in self._threads:
            thread.start()
        self._otlp = self._start_otlp(settings) if settings.exports_otlp else None

    def _published(self) -> list[Published]:
        return [profile.published for profile in self.profiles]

    def _count_fault(self, component: str) -> None:
        self.view.faults[component] = self.view.faults.get(component, 0) + 1

    # Following

    def _follow(self, profile: Profile) -> None:
        while not self._stopping.is_set():
            try:
                profile.poll()
            except Stopped:
                return
            except Exception as error:
                self._faults.note("pipeline", f"the files of {profile.paths.profile} could not be followed", error)
            self._stopping.wait(self._options.poll_interval)

    def _load_cursor(self, path: Path) -> None:
        lines, began = load_cursor(path, self.profiles)
        for line in lines:
            self._tell(line)
        self._began = began or self._began

    def _keep_cursor(self) -> None:
        while not self._stopping.wait(self._options.cursor_interval):
            self._save_cursor()

    def _save_cursor(self) -> None:
        path = self._options.cursor_file
        if path is None:
            return
        try:
            save_cursor(path, self.profiles, began=self._began)
        except Exception as error:
            self._faults.note("pipeline", f"the cursor file {path} could not be written", error)

    # Serving

    def _serve(self) -> Server:
        options = self._options
        token = None if options.token_file is None else BearerToken.from_file(options.token_file)
        if options.tls_key is not None and options.tls_certificate is None:
            raise ConfigurationError("a TLS key is given without a certificate; give --tls-certificate too")
        context = None if options.tls_certificate is None else server_context(options.tls_certificate, options.tls_key)
        app = App(
            self.routes(),
            fast=PROBE_PATHS,
            gate=None if token is None else token.gate(open_paths=PROBE_PATHS),
            on_error=self._note_http_error,
        )
        return start(
            app,
            host=options.host,
            port=options.port,
            ssl_context=context,
            on_error=self._note_http_error,
            host_setting="--host",
            port_setting="--port",
        )

    def routes(self) -> dict[str, Handler]:
        """Return every route."""
        view = self.view

        def health(request: Request) -> Response:
            answer = view.health(live=self.is_live())
            return compressed(request, json_response(200 if answer["status"] in _HTTP_OK else 503, answer))

        def document(request: Request) -> Response:
            return compressed(request, json_response(200, view.document()))

        nothing: Mapping[str, Any] = {}
        probes = HealthView(
            live=self.is_live,
            ready=view.ready,
            health=lambda: nothing,
            explain=lambda: nothing,
            status=lambda: nothing,
        )
        return {
            **probe_routes(probes),
            "/health": health,
            "/metrics": metrics_route(view.render),
            "/metrics.json": document,
        }

    def is_live(self) -> bool:
        """Tell whether every profile is still being followed."""
        return not self._stopping.is_set() and all(thread.is_alive() for thread in self._threads)

    def _note_http_error(self, error: BaseException) -> None:
        self._faults.note("http", "a request could not be answered", error)

    # Sending

    def _start_otlp(self, settings: Settings) -> OtlpRoad:
        resource = make_resource(settings)
        scope = InstrumentationScope(SCOPE, __version__)

        def snapshot() -> list[ResourceMetrics]:
            points = self.view.points(int(self._began * 1e9))
            return [ResourceMetrics(resource, [ScopeMetrics(scope, points, "")], resource.schema_url)]

        return OtlpRoad(settings, snapshot, self._faults, self._count_failed_export)

    def _count_failed_export(self) -> None:
        self.view.failed_exports += 1

    def close(self, timeout: float = 5.0) -> Delivery:
        """Send what is known once more, write the cursor file, and stop."""
        end = time.monotonic() + timeout
        delivery = Delivery.DELIVERED if self._otlp is None else self._otlp.shutdown(min(2.0, timeout))
        self._stopping.set()
        for thread in self._threads:
            thread.join(max(0.1, end - time.monotonic()))
        self._save_cursor()
        self.server.stop(max(0.2, min(1.0, end - time.monotonic())))
        for profile in self.profiles:
            profile.close()
        return delivery

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Progress:
    """Tells how a long read goes on, every two seconds."""

    def __init__(self, paths: ProfilePaths, tell: Callable[[str], object]) -> None:
        self._profile = paths.profile
        self._tell = tell
        self._next = 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if done >= total:
            self._next = 0.0
        elif not self._next:
            self._next = now + _PROGRESS_EVERY
        elif now >= self._next:
            self._next = now + _PROGRESS_EVERY
            self._tell(f"{self._profile}: read {done:,} of {total:,} ({100 * done // max(1, total)} %)")
