"""The trading cycle and its phases."""

from collections.abc import Hashable, Mapping
from typing import Any, Final

from gpt_trader_telemetry.catalog import (
    CYCLE_DURATION,
    EQUITY_COMPUTATION,
    POSITIONS_FETCH,
    PROFILE_DURATION,
    Metric,
)
from gpt_trader_telemetry.errors import UsageError
from gpt_trader_telemetry.instrument.instrument import Instrument, is_name
from gpt_trader_telemetry.instrument.site import Scope, Site, opened
from gpt_trader_telemetry.recording.current import DEFAULT, Slot
from gpt_trader_telemetry.recording.recorder import Recorder, Series

_OWN_HISTOGRAMS: Final[dict[str, Metric]] = {
    "positions_fetch": POSITIONS_FETCH,
    "equity_computation": EQUITY_COMPUTATION,
}
"""Phases that the contract gives a histogram of their own besides."""


class DurationSite(Site):
    """A place whose duration is recorded by whether it went well."""

    __slots__ = ("_key", "_ok", "_wrong")

    def __init__(self, key: Hashable, ok: tuple[Series, ...], wrong: tuple[Series, ...]) -> None:
        super().__init__()
        self._key = key
        self._ok = ok
        self._wrong = wrong

    def key(self) -> Hashable:
        """Tell places of ``with`` statements apart."""
        return self._key

    def bind(self, recorder: Recorder) -> None:
        """Bind the series of a run that went well."""
        self.succeeded = recorder.events(*self._ok)

    def open(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Scope:
        """Begin a run."""
        return opened(Scope(), self)

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
    return Instrument(lambda _function: DurationSite(cycle, (ok,), (wrong,)), slot)


def phase(name: str, *, slot: Slot = DEFAULT) -> Instrument[Scope]:
    """Time one phase of a cycle in ``gpt_trader_profile_duration_seconds``, failed ones included.

    The phases ``positions_fetch`` and ``equity_computation`` are timed in
    ``gpt_trader_positions_fetch_seconds`` and ``gpt_trader_equity_computation_seconds`` besides.

    Raises:
        UsageError: a name that is no text.

    >>> with phase("strategy_decision"):
    ...     pass
    """
    if not is_name(name):
        raise UsageError(f'phase needs the name of the phase, such as "strategy_decision", not {name!r}')
    spelled = PROFILE_DURATION.labels[0].spell(name)
    profile = (PROFILE_DURATION, (("phase", spelled),))
    own = _OWN_HISTOGRAMS.get(spelled)
    ok, wrong = ((profile,) if own is None else (profile, (own, (("result", result),))) for result in ("ok", "error"))
    return Instrument(lambda _function: DurationSite((phase, spelled), ok, wrong), slot)
