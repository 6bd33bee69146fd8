"""The OTLP road: a thread of its own that exports at intervals, and that nothing ever waits for unbounded.

OpenTelemetry's exporters do the sending. They are built, and so imported, on the caller's thread: a process that
forks while another thread imports leaves a locked module behind in the child. There the exporter is built anew
when something is first exported.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, detach, set_value
from opentelemetry.sdk.metrics.export import ResourceMetrics

from gpt_trader_telemetry.pipeline.answers import Answer, Outcome
from gpt_trader_telemetry.pipeline.delivery import Delivery
from gpt_trader_telemetry.pipeline.delta import Deltas, KeepCumulative
from gpt_trader_telemetry.pipeline.sender import Sender
from gpt_trader_telemetry.pipeline.size import MAX_REQUEST_BYTES, Batch, Portions, points_in, request_of
from gpt_trader_telemetry.recording.recorder import Faults
from gpt_trader_telemetry.settings import Settings

MakeSender = Callable[[Settings], Sender]
Snapshot = Callable[[], Sequence[ResourceMetrics]]
"""Gives everything as cumulative points."""

_LONGEST_WAIT: Final = 1e6
"""Seconds; longer ones are more than some systems can wait."""
_THREAD_NAME: Final = "gpt-trader-telemetry-otlp"


def make_sender(settings: Settings) -> Sender:
    """Make the sender for the settings' protocol; certificates its exporter reads from the environment."""
    address = settings.otlp_endpoint or ""
    if settings.otlp_protocol != "grpc":
        address = f"{address.rstrip('/')}/v1/metrics"
    address = settings.otlp_metrics_endpoint or address
    return _sender_of("points", settings.otlp_protocol, address, settings.otlp_headers, settings.otlp_timeout)


def make_span_sender(settings: Settings) -> Sender:
    """Make the same for spans; what is not set for them alone is as it is for metrics."""
    protocol = settings.otlp_traces_protocol or settings.otlp_protocol
    headers = settings.otlp_headers if settings.otlp_traces_headers is None else settings.otlp_traces_headers
    timeout = settings.otlp_traces_timeout or settings.otlp_timeout
    return _sender_of("spans", protocol, str(settings.otlp_traces_endpoint), headers, timeout)


def _sender_of(items: str, protocol: str, address: str, headers: Mapping[str, str], timeout: float) -> Sender:
    lower = {key.lower(): value for key, value in headers.items()} or None
    if protocol == "grpc":
        from gpt_trader_telemetry.pipeline.sender_grpc import GrpcSender  # noqa: PLC0415 - loads gRPC

        return GrpcSender(items, endpoint=address, headers=lower, timeout=timeout)
    from gpt_trader_telemetry.pipeline.sender_http import HttpSender  # noqa: PLC0415 - loads requests

    return HttpSender(items, endpoint=address, headers=lower, timeout=timeout)


class OtlpRoad:
    """Exports at intervals and on request."""

    def __init__(
        self,
        settings: Settings,
        snapshot: Snapshot,
        faults: Faults,
        count_failure: Callable[[], object],
        make: MakeSender = make_sender,
        *,
        keep_cumulative: KeepCumulative | None = None,
    ) -> None:
        self._settings = settings
        self._snapshot = snapshot
        self._faults = faults
        self._count_failure = count_failure
        self._make = make
        self._keep_cumulative = keep_cumulative
        self._begin(self._built())

    def _begin(self, sender: Sender | None) -> None:
        self._sender = sender
        self._portions = Portions()
        self._deltas = None if self._settings.otlp_temporality == "cumulative" else Deltas(self._keep_cumulative)
        self._changed = threading.Condition()
        self._asked = self._answered = 0
        self._last = Delivery.DELIVERED
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=_THREAD_NAME, daemon=True)
        self._thread.start()

    def flush(self, timeout: float) -> Delivery:
        """Export now; wait ``timeout`` seconds at the most."""
        with self._changed:
            if self._stopping:
                return Delivery.FAILED
            self._asked += 1
            mine = self._asked
            self._changed.notify_all()
            if self._changed.wait_for(lambda: self._answered >= mine, min(timeout, _LONGEST_WAIT)):
                return self._last
        return Delivery.TIMED_OUT

    def shutdown(self, timeout: float) -> Delivery:
        """Export once more and stop; a thread that is stuck in an export is told to give up and left behind."""
        delivery = self.flush(timeout)
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if delivery is Delivery.TIMED_OUT and self._sender is not None:
            # Closing may itself wait for the wire; it ends the retries of the export that hangs.
            with suppress(RuntimeError):  # Python 3.12 starts no thread while the interpreter ends
                threading.Thread(target=self._close, name=_THREAD_NAME, daemon=True).start()
        self._thread.join(0.2)
        if delivery is Delivery.TIMED_OUT:
            # At the end of a process nobody sees what is returned. Where the export has given up meanwhile, it has told
            # the same, and why.
            self._tell(Answer(Outcome.NO_ANSWER, f"nothing came within {timeout:g} s, at the end", 0))
        return delivery

    def restart_after_fork(self) -> None:
        """Go on in a forked child: no thread came along, and the parent's connection is not ours."""
        if not self._stopping:
            self._begin(None)

    def _run(self) -> None:
        next_export = time.monotonic() + self._settings.export_interval
        while True:
            with self._changed:
                due = self._changed.wait_for(
                    lambda: self._stopping or self._asked > self._answered,
                    min(next_export - time.monotonic(), _LONGEST_WAIT),
                )
                if self._stopping and self._asked == self._answered:
                    break
                answering = self._asked
            if not due and time.monotonic() < next_export:
                continue
            if not due:
                next_export = time.monotonic() + self._settings.export_interval
            delivery = self._export()
            with self._changed:
                self._last = delivery
                self._answered = answering
                self._changed.notify_all()
        self._close()

    def _built(self) -> Sender | None:
        try:
            return self._make(self._settings)
        except Exception as fault:
            self._faults.note("pipeline", "the OTLP exporter could not be built", fault)
            return None

    def _close(self) -> None:
        if self._sender is not None:
            with self._faults.shield("pipeline", "the OTLP exporter could not be shut down"):
                self._sender.shutdown()

    def _export(self) -> Delivery:
        # Instrumented HTTP clients must not trace or measure the export itself.
        token = attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))  # noqa: FBT003
        try:
            delivered = self._send_all()
        except Exception as fault:
            delivered = False
            self._faults.note("pipeline", "an export over OTLP failed", fault)
        finally:
            detach(token)
        if not delivered:
            self._count_failure()
        return Delivery.DELIVERED if delivered else Delivery.FAILED

    def _send_all(self) -> bool:
        self._sender = self._sender or self._built()
        if self._sender is None:
            return False
        failed: Answer | None = None
        sent: list[tuple[int, int]] = []
        cut_up = False
        waiting = deque(self._portions.of(self._snapshot()))
        while waiting and not (self._stopping and failed):
            batch = waiting.popleft()
            points = points_in(batch)
            # A point that is too large by itself is the receiver's to refuse.
            answer = self._send(self._sender, batch, MAX_REQUEST_BYTES if points > 1 else None)
            if answer.outcome is Outcome.TOO_LARGE:
                cut_up = True
                waiting.extendleft(reversed(self._portions.smaller(batch, answer.size)))
                continue
            sent.append((points, answer.size))
            if answer.outcome is not Outcome.DELIVERED:
                failed = failed or answer  # the next batches are not to blame
        self._portions.learn(sent, refused=cut_up)
        if failed:
            self._tell(failed)
        return failed is None

    def _tell(self, failed: Answer) -> None:
        said = f": {failed.said}" if failed.said else ""
        what = f"an export over OTLP {failed.outcome.value}{said}; totals go with the next one"
        self._faults.note("pipeline", what, kind=("otlp", failed.outcome))

    def _send(self, sender: Sender, batch: Batch, limit: int | None) -> Answer:
        deltas = self._deltas
        if deltas is None:
            return sender.send(request_of(batch), limit)
        answer = sender.send(request_of([(r, s, deltas.of(s.scope, metric)) for r, s, metric in batch]), limit)
        if answer.taken:
            for _resource, scope, metric in batch:
                deltas.acknowledge(scope.scope, metric)
        return answer
