"""Calls to the broker: how long they took and what became of them."""

from collections.abc import Mapping
from typing import Any, Final

from gpt_trader_telemetry.catalog import BROKER_CALL_LATENCY
from gpt_trader_telemetry.instrument.innermost import finalizing, innermost
from gpt_trader_telemetry.instrument.instrument import Instrument
from gpt_trader_telemetry.instrument.order import note_submit
from gpt_trader_telemetry.instrument.site import Scope, Site, opened
from gpt_trader_telemetry.instrument.verdicts import (
    Classify,
    failing_reason,
    judged,
    misuse_of_classifier,
    misuse_of_name,
    raised,
    told,
)
from gpt_trader_telemetry.reasons import Failed, Rejected
from gpt_trader_telemetry.recording.current import DEFAULT, Slot
from gpt_trader_telemetry.recording.recorder import LabelSet, Recorder

SUBMIT: Final = "submit"


class BrokerCall(Scope):
    """One call to the broker, as ``with broker_call(...) as call`` gives it."""

    _said: Rejected | Failed | None = None

    def fail(self, reason: str = "error") -> None:
        """Say that the call failed though it raises nothing: ``reason`` is of the closed set or a broker's code."""
        self._said = told(failing_reason(reason))

    def record(self, error: BaseException | None, seconds: float) -> None:
        """Record the call; what was said comes before an exception, and that before the value."""
        verdict = self._said
        if verdict is None:
            verdict = raised(error) if error is not None else self.site.verdict_on_value(self)
        if verdict is None:
            self.site.succeeded(seconds)
        else:
            self.site.failed(verdict, seconds)
            self.tell(verdict.reason, reason=verdict.reason)


class BrokerCallSite(Site):
    """A place that calls the broker."""

    __slots__ = ("_classify", "_of_client", "_operation", "judges_runs", "judges_values")

    def __init__(self, operation: str, classify: Classify | None, *, of_client: bool = False) -> None:
        super().__init__()
        self._operation = operation
        self._classify = classify
        self._of_client = of_client
        self.judges_runs = self.judges_values = classify is not None

    def bind(self, recorder: Recorder) -> None:
        """Bind the series of a call that went well; others appear when they are first needed."""
        observe = recorder.events((BROKER_CALL_LATENCY, self._labels("success", "none")))
        if self._operation != SUBMIT:
            self.succeeded = observe
            return

        of_client = self._of_client

        def submitted(seconds: float) -> None:
            observe(seconds)
            # Mostly there is no scope, or one left that is over: then no frame is spent on a look for orders.
            scope = innermost()
            if finalizing or (scope is not None and not (scope.closed and scope.outer is None)):
                note_submit(None, of_client=of_client)

        self.succeeded = submitted

    def open(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> BrokerCall:
        """Begin a call."""
        return opened(BrokerCall(), self)

    def describe_span(self) -> tuple[str, str, Mapping[str, str]]:
        """Return the name, the kind and the attributes of the spans of this place."""
        return f"broker_call {self._operation}", "client", {"operation": self._operation}

    def record_error(self, error: BaseException, seconds: float) -> None:
        """Record a call that raised."""
        self.failed(raised(error), seconds)

    def failed(self, verdict: Rejected | Failed, seconds: float) -> None:
        """Record a call that failed."""
        if self._operation == SUBMIT:
            note_submit(verdict, of_client=self._of_client)
        if self.recorder is not None:
            labels = self._labels("failure", verdict.reason)
            self.recorder.events((BROKER_CALL_LATENCY, labels))(seconds)

    def verdict_on_value(self, call: BrokerCall) -> Rejected | Failed | None:
        """Judge what a call returned."""
        return told(judged(call, self._classify))

    def _labels(self, outcome: str, reason: str) -> LabelSet:
        return (("operation", self._operation), ("outcome", outcome), ("reason", reason))


def broker_call(operation: str, *, classify: Classify | None = None, slot: Slot = DEFAULT) -> Instrument[BrokerCall]:
    """Measure calls to the broker in ``gpt_trader_broker_call_latency_seconds``.

    Args:
        operation: ``submit``, ``cancel``, ``preview`` or a name of your own: a short, fixed text.
        classify: judges the returned value, for brokers that answer "no" without raising.
        slot: where the recorder is found; the process default unless given.

    Raises:
        UsageError: when decorating, an operation that is no text.

    >>> @broker_call("cancel")
    ... def cancel(order_id):
    ...     return "ok"
    >>> cancel("1")
    'ok'
    >>> with broker_call("preview") as call:
    ...     call.fail("invalid_size")
    """
    unnamed = misuse_of_name("broker_call needs the name of the operation", "submit", operation)
    spelled = "unknown" if unnamed else BROKER_CALL_LATENCY.labels[0].spell(operation)
    return Instrument(
        lambda _function: BrokerCallSite(spelled, classify),
        (BrokerCallSite, spelled),
        slot,
        misuse=unnamed or misuse_of_classifier(classify),
    )
