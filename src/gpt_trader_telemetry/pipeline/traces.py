"""Where spans go: through a TracerProvider of the caller's, or over OTLP through one of ours."""

from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import (
    NoOpTracer,
    NoOpTracerProvider,
    ProxyTracerProvider,
    Tracer,
    TracerProvider,
    get_tracer_provider,
)

from gpt_trader_telemetry._version import __version__
from gpt_trader_telemetry.catalog import TELEMETRY_EXPORT_FAILURES
from gpt_trader_telemetry.pipeline.delivery import Delivery
from gpt_trader_telemetry.pipeline.flushing import Flushing
from gpt_trader_telemetry.pipeline.resource import make_resource
from gpt_trader_telemetry.recording.plain import SCOPE
from gpt_trader_telemetry.recording.recorder import Faults, Recorder
from gpt_trader_telemetry.settings import Settings

if TYPE_CHECKING:
    from gpt_trader_telemetry.pipeline.own_traces import OwnTraces


def provider_around(settings: Settings, given: TracerProvider | None) -> TracerProvider | None:
    """Return the provider that was given, or OpenTelemetry's global one where that makes spans."""
    if settings.telemetry_disabled:
        return None
    provider = get_tracer_provider() if given is None else given
    return None if isinstance(provider, ProxyTracerProvider | NoOpTracerProvider) else provider


class BorrowedTraces:
    """Spans through a provider of the caller's; its owner exports."""

    def __init__(self, provider: TracerProvider, faults: Faults) -> None:
        self.provider = provider
        self._faults = faults
        force_flush: Any = getattr(provider, "force_flush", lambda _milliseconds: True)
        self.flush = Flushing(force_flush, faults, "the TracerProvider")

    def tracer(self) -> Tracer:
        """Return the provider's tracer for our spans; one that makes none where it has none to give."""
        with self._faults.shield("pipeline", "the TracerProvider has no tracer"):
            return self.provider.get_tracer(SCOPE, __version__)
        return NoOpTracer()

    def shutdown(self, timeout: float) -> Delivery:
        """Flush; the provider goes on, it is the caller's."""
        delivery = self.flush(timeout)
        self.flush.close()
        return delivery

    def restart_after_fork(self, _resource: Resource | None) -> None:
        """Forget a thread that did not come along; the provider looks after itself."""
        force_flush: Any = getattr(self.provider, "force_flush", lambda _milliseconds: True)
        self.flush = Flushing(force_flush, self._faults, "the TracerProvider")


def open_traces(
    settings: Settings, given: TracerProvider | None, resource: Resource | None, recorder: Recorder
) -> "BorrowedTraces | OwnTraces | None":
    """Return where spans go, if anywhere; ``resource`` is that of the metrics."""
    if given is not None:
        return BorrowedTraces(given, recorder.faults)
    if not settings.exports_traces:
        return None
    from gpt_trader_telemetry.pipeline.own_traces import OwnTraces  # noqa: PLC0415 - loads the SDK's traces

    failures = (TELEMETRY_EXPORT_FAILURES, (("road", "otlp"),))
    recorder.zero(*failures[:1], [failures[1]])
    count = recorder.events(failures)
    return OwnTraces(settings, resource or make_resource(settings), recorder.faults, lambda: count(1))
