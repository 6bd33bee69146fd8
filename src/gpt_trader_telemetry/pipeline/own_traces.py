"""A TracerProvider of ours, which exports spans over OTLP."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Tracer

from gpt_trader_telemetry._version import __version__
from gpt_trader_telemetry.errors import ConfigurationError
from gpt_trader_telemetry.pipeline.answers import Answer, Outcome
from gpt_trader_telemetry.pipeline.delivery import Delivery
from gpt_trader_telemetry.pipeline.flushing import Flushing
from gpt_trader_telemetry.pipeline.otlp import make_span_sender
from gpt_trader_telemetry.pipeline.sender import Sender
from gpt_trader_telemetry.recording.plain import SCOPE
from gpt_trader_telemetry.recording.recorder import Faults
from gpt_trader_telemetry.settings import Settings

_THREAD_NAME: Final = "gpt-trader-telemetry-traces"


class OwnTraces:
    """A TracerProvider of ours that exports over OTLP in the background.

    Sampler, limits and batches are set by OpenTelemetry's variables, which its SDK reads. Spans are not cumulative:
    what cannot be exported, or not be kept until it is, is lost.
    """

    def __init__(
        self, settings: Settings, resource: Resource, faults: Faults, count_failure: Callable[[], object]
    ) -> None:
        self._settings = settings
        self._faults = faults
        self._count_failure = count_failure
        # Now, on the caller's thread: a process that forks while another one imports leaves a locked module behind.
        self._begin(resource, self._built())

    def _begin(self, resource: Resource, sender: Sender | None) -> None:
        self._exporter = _Exporter(sender, self._built, self._note_failure)
        self.provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        try:
            self._processor = BatchSpanProcessor(self._exporter)
        except ValueError as error:
            raise ConfigurationError(f"OTEL_BSP_...: {error}") from None
        self.provider.add_span_processor(self._processor)
        self._flushing = Flushing(self._force_flush, self._faults, "the TracerProvider", ready=True)

    def _built(self) -> Sender | None:
        try:
            return make_span_sender(self._settings)
        except Exception as fault:
            self._faults.note("pipeline", "the OTLP exporter of spans could not be built", fault)
            return None

    def _note_failure(self, answer: Answer) -> None:
        self._count_failure()
        what = f"an export of spans over OTLP {answer.outcome.value}" + (f": {answer.said}" if answer.said else "")
        self._faults.note("pipeline", what, kind=("otlp spans", answer.outcome))

    def _force_flush(self, milliseconds: int) -> bool:
        flushed = self.provider.force_flush(milliseconds)
        return self._exporter.lost_nothing() and flushed

    def tracer(self) -> Tracer:
        """Return the tracer for our spans."""
        return self.provider.get_tracer(SCOPE, __version__)

    def flush(self, timeout: float) -> Delivery:
        """Export what has ended; FAILED too where spans were lost since the flush before."""
        return self._flushing(timeout)

    def shutdown(self, timeout: float) -> Delivery:
        """Export what has ended and stop; what is stuck is told to give up and left behind."""
        delivery = self.flush(timeout)
        self._flushing.close()
        if delivery is Delivery.TIMED_OUT:
            self._note_failure(Answer(Outcome.NO_ANSWER, f"nothing came within {timeout:g} s, at the end", 0))
        closing = threading.Thread(target=self._close, args=(delivery,), name=_THREAD_NAME, daemon=True)
        with suppress(RuntimeError):  # Python 3.12 starts no thread while the interpreter ends
            closing.start()
            closing.join(0.2)
        return delivery

    def _close(self, delivery: Delivery) -> None:
        with self._faults.shield("pipeline", "the TracerProvider could not be shut down"):
            if delivery is Delivery.TIMED_OUT:
                self._exporter.shutdown()  # ends the retries of the export that hangs
            self.provider.shutdown()

    def restart_after_fork(self, resource: Resource | None) -> None:
        """Begin anew in a forked child: the parent's connection is not ours, nor are the spans that wait."""
        # OpenTelemetry's processor starts a thread here, which is to end without closing what the parent uses; on a
        # thread of its own, since a lock of it may have been held when the process forked.
        self._exporter.let_go()
        with suppress(RuntimeError):
            threading.Thread(target=self.provider.shutdown, name=_THREAD_NAME, daemon=True).start()
        self._begin(self.provider.resource if resource is None else resource, None)


class _Exporter(SpanExporter):
    """Sends spans and tells what became of them, which OpenTelemetry's processor does not."""

    def __init__(
        self, sender: Sender | None, build: Callable[[], Sender | None], note_failure: Callable[[Answer], object]
    ) -> None:
        self._sender = sender
        self._build = build
        self._note_failure = note_failure
        self._has_lost = False
        self._ended = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if not self._ended:
            self._sender = self._sender or self._build()
        if self._ended or self._sender is None:
            self._has_lost = True
            return SpanExportResult.FAILURE
        answer = self._sender.send(spans, None)
        if answer.outcome is Outcome.DELIVERED:
            return SpanExportResult.SUCCESS
        self._has_lost = True
        self._note_failure(answer)
        return SpanExportResult.FAILURE

    def lost_nothing(self) -> bool:
        """Tell whether nothing was lost since this was asked before."""
        lost, self._has_lost = self._has_lost, False
        return not lost

    def let_go(self) -> None:
        """Export no more, and leave the connection as it is."""
        self._sender, self._ended = None, True

    def shutdown(self) -> None:
        sender, self._sender, self._ended = self._sender, None, True
        if sender is not None:
            sender.shutdown()
