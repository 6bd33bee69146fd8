"""The trading cycle and its phases."""

from collections.abc import Mapping
from typing import Any, Final

from gpt_trader_telemetry.catalog import (
    CYCLE_DURATION,
    EQUITY_COMPUTATION,
    POSITIONS_FETCH,
    PROFILE_DURATION,
    Metric,
)
from gpt_trader_telemetry.instrument.instrument import Instrument
from gpt_trader_telemetry.instrument.site import Scope, Site, opened
from gpt_trader_telemetry.instrument.verdicts import misuse_of_name
from gpt_trader_telemetry.recording.current import DEFAULT, Slot
from gpt_trader_telemetry.recording.recorder import Recorder, Series

_OWN_HISTOGRAMS: Final[dict[str, Metric]] = {
    "positions_fetch": POSITIONS_FETCH,
    "equity_computation": EQUITY_COMPUTATION,
}
"""Phases that the contract gives a histogram of their own besides."""


class DurationSite(Site):
    """A place whose duration is recorded by whether it went well."""

    __slots__ = ("_ok", "_phase", "_wrong")

    def __init__(self, ok: tuple[Series, ...], wrong: tuple[Series, ...], phase: str | None = None) -> None:
        super().__init__()
        self._ok = ok
        self._wrong = wrong
        self._phase = phase

    def bind(self, recorder: Recorder) -> None:
        """Bind the series of a run that went well."""
        self.succeeded = recorder.events(*self._ok)

    def open(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Scope:
        """Begin a run."""
        return opened(Scope(), self)

    def describe_span(self) -> tuple[str, str, Mapping[str, str]]:
        """Return the name, the kind and the attributes of the spans of this place."""
        if self._phase is None:
            return "cycle", "internal", {}
        return f"phase {self._phase}", "internal", {"phase": self._phase}

    def record_error(self, error: BaseException, seconds: float) -> None:
        """Record a run that raised."""
        if self.recorder is not None:
            self.recorder.events(*self._wrong)(seconds)


def cycle(*, slot: Slot = DEFAULT) -> Instrument[Scope]:
    """Time one trading cycle in ``gpt_trader_cycle_duration_seconds``, by result ok or error.

    >>> @cycle()
    ... def tick():
    ...     pass
    >>> with cycle():
    ...     tick()
    """
    ok, wrong = ((CYCLE_DURATION, (("result", result),)) for result in ("ok", "error"))
    return Instrument(lambda _function: DurationSite((ok,), (wrong,)), cycle, slot)


def phase(name: str, *, slot: Slot = DEFAULT) -> Instrument[Scope]:
    """Time one phase of a cycle in ``gpt_trader_profile_duration_seconds``, failed ones included.

    The phases ``positions_fetch`` and ``equity_computation`` are timed in
    ``gpt_trader_positions_fetch_seconds`` and ``gpt_trader_equity_computation_seconds`` besides.

    Raises:
        UsageError: when decorating, a name that is no text.

    >>> with phase("strategy_decision"):
    ...     pass
    """
    unnamed = misuse_of_name("phase needs the name of the phase", "strategy_decision", name)
    spelled = "unknown" if unnamed else PROFILE_DURATION.labels[0].spell(name)
    profile = (PROFILE_DURATION, (("phase", spelled),))
    own = _OWN_HISTOGRAMS.get(spelled)
    ok, wrong = ((profile,) if own is None else (profile, (own, (("result", result),))) for result in ("ok", "error"))
    return Instrument(lambda _function: DurationSite(ok, wrong, spelled), (phase, spelled), slot, misuse=unnamed)
