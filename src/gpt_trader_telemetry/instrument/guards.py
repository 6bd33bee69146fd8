"""Risk guards: a guard that raises has tripped."""

from collections.abc import Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Any, Final

from gpt_trader_telemetry.catalog import GUARD_CHECKS, GUARD_TRIPS, Label
from gpt_trader_telemetry.instrument.instrument import Instrument
from gpt_trader_telemetry.instrument.order import orders_around
from gpt_trader_telemetry.instrument.site import Scope, Site, opened
from gpt_trader_telemetry.instrument.verdicts import Classify, judged, misuse_of_classifier, misuse_of_name
from gpt_trader_telemetry.interrupts import interrupts
from gpt_trader_telemetry.recording.current import DEFAULT, Slot
from gpt_trader_telemetry.recording.recorder import Faults, LabelSet, Recorder

_CATEGORY: Final = GUARD_TRIPS.labels[1]
_RECOVERABLE: Final = GUARD_TRIPS.labels[2]


@dataclass(frozen=True, slots=True)
class Tripped:
    """What a classifier returns for a value that means that the guard tripped."""

    category: str = "generic"
    recoverable: bool = False


class GuardRun(Scope):
    """One run of a guard, as ``with guard(...) as run`` gives it."""

    _said: Tripped | None = None

    def trip(self, category: str = "generic", *, recoverable: bool = False) -> None:
        """Say that the guard tripped though it raises nothing."""
        self._said = Tripped(category, recoverable)

    def record(self, error: BaseException | None, seconds: float) -> None:
        """Record the run; what was said comes before an exception, and that before the value."""
        tripped = self._said
        if tripped is None and error is not None:
            tripped = self.site.record_error(error, seconds)
            self._tell(tripped)
            return
        tripped = tripped or self.site.trip_of_value(self)
        if tripped is None:
            self.site.succeeded(seconds)
        else:
            self.site.count_trip(tripped)
            self._tell(tripped)

    def _tell(self, tripped: Tripped | None) -> None:
        if tripped is not None and self.span is not None:
            category = _spelled(_CATEGORY, tripped.category)
            self.tell(category, category=category, recoverable=_spelled(_RECOVERABLE, tripped.recoverable) == "true")


class GuardSite(Site):
    """A place that guards against a risk."""

    __slots__ = ("_classify", "_name", "judges_runs", "judges_values")

    def __init__(self, name: str, classify: Classify | None) -> None:
        super().__init__()
        self._name = name
        self._classify = classify
        self.judges_runs = self.judges_values = classify is not None

    def bind(self, recorder: Recorder) -> None:
        """Show every check and trip that may come at zero."""
        self.succeeded = recorder.events((GUARD_CHECKS, self._checked("success")))
        recorder.zero(GUARD_CHECKS, [self._checked("success"), self._checked("failure")])
        recorder.zero(
            GUARD_TRIPS,
            [self._tripped(category, able) for category in _CATEGORY.values for able in _RECOVERABLE.values],
        )

    def open(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> GuardRun:
        """Begin a run."""
        return opened(GuardRun(), self)

    def describe_span(self) -> tuple[str, str, Mapping[str, str]]:
        """Return the name, the kind and the attributes of the spans of this place."""
        return f"guard {self._name}", "internal", {"guard": self._name}

    def record_error(self, error: BaseException, seconds: float) -> Tripped | None:
        """Count a guard that raised: a trip, unless it was cancelled."""
        if _is_cancellation(error):
            self._count_failure()
            return None
        faults = None if self.recorder is None else self.recorder.faults
        tripped = Tripped(_attribute(error, "category", faults), _attribute(error, "recoverable", faults))
        self.count_trip(tripped)
        for order in orders_around():
            order.trip(error)
        return tripped

    def count_trip(self, tripped: Tripped) -> None:
        """Count a trip and the run that it ended."""
        self._count_failure()
        if self.recorder is not None:
            faults = self.recorder.faults
            category = _spelled(_CATEGORY, tripped.category, faults)
            labels = self._tripped(category, _spelled(_RECOVERABLE, tripped.recoverable, faults))
            self.recorder.events((GUARD_TRIPS, labels))(1)

    def trip_of_value(self, run: GuardRun) -> Tripped | None:
        """Judge what a run returned: None, a category or ``Tripped(category, recoverable)``."""
        verdict = judged(run, self._classify)
        return verdict if verdict is None or isinstance(verdict, Tripped) else Tripped(verdict)

    def _count_failure(self) -> None:
        if self.recorder is not None:
            self.recorder.events((GUARD_CHECKS, self._checked("failure")))(1)

    def _checked(self, result: str) -> LabelSet:
        return (("guard", self._name), ("result", result))

    def _tripped(self, category: str, recoverable: str) -> LabelSet:
        return (("guard", self._name), ("category", category), ("recoverable", recoverable))


def _is_cancellation(error: BaseException) -> bool:
    # asyncio's is no Exception.
    return not isinstance(error, Exception) or isinstance(error, CancelledError)


def _attribute(error: BaseException, name: str, faults: Faults | None = None) -> Any:
    """Read an attribute of the bot's own exception, whatever reading it does; one that raises says nothing."""
    try:
        return getattr(error, name, None)
    except Exception as fault:
        if interrupts(fault):
            raise
        if faults is not None:
            faults.note("instrument", f"the {name} of a guard's exception could not be read", fault)
        return None


def _spelled(label: Label, value: object, faults: Faults | None = None) -> str:
    """Spell the bot's own value; one whose text cannot be had is none of the closed set."""
    try:
        return label.spell(value)
    except Exception as fault:
        if interrupts(fault):
            raise
        if faults is not None:
            faults.note("instrument", f"the {label.name} of a guard's trip has no text", fault)
        return str(label.fallback)


def guard(name: str, *, classify: Classify | None = None, slot: Slot = DEFAULT) -> Instrument[GuardRun]:
    """Count the runs and trips of a risk guard.

    Any exception is a trip; its ``category`` (limit, action, computation, data, telemetry, generic) and
    ``recoverable`` become labels where they are of these.

    Args:
        name: the guard's name: a short, fixed text.
        classify: judges the returned value, for guards that do not raise: None if the guard passed, else a
            category or ``Tripped(category, recoverable)``.
        slot: where the recorder is found; the process default unless given.

    Raises:
        UsageError: when decorating, a name that is no text.

    >>> @guard("daily_loss")
    ... def check_daily_loss(loss):
    ...     if loss > 500:
    ...         raise ValueError("daily loss limit")
    >>> check_daily_loss(100)
    """
    unnamed = misuse_of_name("guard needs the name of the guard", "daily_loss", name)
    spelled = "unknown" if unnamed else GUARD_TRIPS.labels[0].spell(name)
    return Instrument(
        lambda _function: GuardSite(spelled, classify),
        (GuardSite, spelled),
        slot,
        misuse=unnamed or misuse_of_classifier(classify),
    )
