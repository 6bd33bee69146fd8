"""The MeterProvider for users' own instruments: OpenTelemetry's, with callbacks that are not waited for unbounded.

The SDK asks every callback while it holds the lock that all collections need, so one that hangs would hide all
instruments. Here each is asked on a thread of its own: where it hangs, its instrument alone has no values.
"""

import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, Final

from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.util.types import Attributes

from gpt_trader_telemetry.recording.recorder import Faults

Ask = Callable[[CallbackOptions], Iterable[Observation]]

PATIENCE: Final = 0.5
"""Seconds that a callback is waited for; less than a collection of all of them is, which comes to its end so."""
_OBSERVABLE: Final = ("create_observable_counter", "create_observable_gauge", "create_observable_up_down_counter")


class UsersMeterProvider(MeterProvider):
    """Makes meters whose callbacks are bounded, and knows which counters are observable."""

    def __init__(self, faults: Faults, **options: Any) -> None:
        super().__init__(shutdown_on_exit=False, **options)
        self._faults = faults
        self._observable_counters: set[tuple[InstrumentationScope, str]] = set()

    def is_observable_counter(self, scope: InstrumentationScope, name: str) -> bool:
        """Tell whether the metric is read from the user's callbacks, which points do not tell."""
        return (scope, name) in self._observable_counters

    def get_meter(
        self, name: str, version: str | None = None, schema_url: str | None = None, attributes: Attributes = None
    ) -> Meter:
        """Return OpenTelemetry's meter, which makes its observable instruments through us."""
        meter = super().get_meter(name, version, schema_url, attributes)
        if _OBSERVABLE[0] not in vars(meter):  # the provider keeps its meters
            scope = InstrumentationScope(name, version, schema_url, attributes)
            for method in _OBSERVABLE:
                setattr(meter, method, self._bounded(getattr(meter, method), scope, method))
        return meter

    def _bounded(self, create: Callable[..., Any], scope: InstrumentationScope, method: str) -> Callable[..., Any]:
        def create_bounded(
            name: str, callbacks: Sequence[Any] | None = None, unit: str = "", description: str = ""
        ) -> Any:
            bounded = [Bounded(name, _ask_of(callback), self._faults) for callback in callbacks or ()]
            instrument = create(name, bounded, unit, description)
            if method == _OBSERVABLE[0]:
                self._observable_counters.add((scope, name.lower()))  # as the SDK spells it
            return instrument

        return create_bounded


def _ask_of(callback: Any) -> Ask:
    if not isinstance(callback, Generator):
        ask: Ask = callback
        return ask
    next(callback)  # up to where it takes its first options

    def send(options: CallbackOptions) -> Iterable[Observation]:
        try:
            observations: Iterable[Observation] = callback.send(options)
        except StopIteration:
            return []
        return observations

    return send


class Bounded:
    """A callback that is waited for so long, and not asked again before it has answered."""

    def __init__(self, name: str, ask: Ask, faults: Faults, *, patience: float = PATIENCE) -> None:
        self._name = name
        self._ask = ask
        self._faults = faults
        self._patience = patience
        self._asking: threading.Thread | None = None

    def __call__(self, options: CallbackOptions) -> Iterable[Observation]:
        """Return what the callback observes; nothing while it hangs."""
        if self._asking is not None and self._asking.is_alive():
            return []
        answer: list[Observation] = []
        raised: list[BaseException] = []

        def ask() -> None:
            try:
                answer.extend(self._ask(options))
            except BaseException as error:
                raised.append(error)

        self._asking = threading.Thread(target=ask, name="gpt-trader-telemetry-callback", daemon=True)
        try:
            self._asking.start()
        except RuntimeError:  # Python 3.12 starts no thread while the interpreter ends
            ask()
        else:
            self._asking.join(self._patience)
            if self._asking.is_alive():
                self._faults.note("pipeline", f"a callback of {self._name} hangs; it has no values until it answers")
                return []
        if raised:
            raise raised[0]
        return answer
