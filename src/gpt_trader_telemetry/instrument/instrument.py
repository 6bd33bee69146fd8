"""A decorator and a context manager in one, for the process default or for one Telemetry."""

from collections.abc import Callable, Hashable, Mapping
from types import TracebackType
from typing import Any, Final, Generic, TypeVar, cast

from gpt_trader_telemetry.errors import UsageError
from gpt_trader_telemetry.instrument.innermost import open_scope
from gpt_trader_telemetry.instrument.site import Scope, Site
from gpt_trader_telemetry.instrument.wrap import wrap
from gpt_trader_telemetry.recording.current import DEFAULT, Slot

F = TypeVar("F", bound=Callable[..., Any])
ScopeT = TypeVar("ScopeT", bound=Scope)

_MAX_KEPT_SITES: Final = 2000

MakeSite = Callable[[Callable[..., Any] | None], Site]
"""Makes the site of a bare function, or of a ``with`` statement where there is none."""


class Instrument(Generic[ScopeT]):
    """What ``broker_call("submit")`` and its like return: decorate with it, or enter it.

    One object may be entered many times, also at once from several threads and tasks.
    """

    __slots__ = ("_key", "_make_site", "_misuse", "_open", "_slot", "_told")

    def __init__(
        self,
        make_site: MakeSite,
        key: Hashable,
        slot: Slot = DEFAULT,
        *,
        misuse: UsageError | None = None,
        told: Mapping[str, object] | None = None,
    ) -> None:
        self._make_site = make_site
        self._key = key
        """Tells places of ``with`` statements apart: equal keys record the same series."""
        self._slot = slot
        self._misuse = misuse
        """Raised when decorating. A ``with`` statement may have its name from anywhere while the bot trades, so there
        misuse is counted, and what ran is recorded all the same, under the name ``unknown``."""
        self._told = told
        """What the span of a ``with`` statement is told, see ``Scope.identify``."""
        self._open: dict[int, Scope] = {}
        """Scopes entered and not left, by id."""

    def __call__(self, function: F) -> F:
        """Return ``function``, recording."""
        if self._misuse is not None:
            raise self._misuse
        return wrap(function, self._decorating_site)

    def __enter__(self) -> ScopeT:
        scope = self._entering_site().open((), {})
        scope.owner = self
        self._open[id(scope)] = scope
        try:
            scope.__enter__()
            if self._told is not None:
                scope.identify(**self._told)
            return cast("ScopeT", scope)
        except BaseException as interrupt:  # a signal: `__exit__` is not called then
            self._open.pop(id(scope), None)
            scope.forget(interrupt)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        scope = None
        try:
            scope = self._last_entered()
            if scope is not None:
                self._open.pop(id(scope), None)
                scope.finish(error)
        except BaseException as interrupt:  # a signal
            scope = scope or self._last_entered()
            if scope is not None:
                self._open.pop(id(scope), None)
                scope.finish(interrupt)
            raise

    def _last_entered(self) -> Scope | None:
        scope = open_scope()
        while scope is not None and scope.owner is not self:
            scope = scope.outer
        if scope is None and self._open:
            # Entered in another context (an exit stack closed by another task): the last one of those it is.
            scope = next(iter([*self._open.values()][::-1]), None)
        return scope

    def _decorating_site(self, function: Callable[..., Any]) -> Site:
        site = self._make_site(function)
        self._slot.subscribe(site)
        return site

    def _entering_site(self) -> Site:
        """Return the site for a ``with`` statement, kept by the recorder from the last time if it can be."""
        recorder = self._slot.recorder
        if recorder is None:
            return self._make_site(None)
        if self._misuse is not None:
            # One kind of misuse, whatever the value that its message ends with.
            told = str(self._misuse)
            recorder.faults.note("instrument", told, kind=told.partition(", not ")[0])
        kept = recorder.sites.get(self._key)
        if kept is not None:
            return cast("Site", kept)
        site = self._make_site(None)
        site.attach(recorder)
        if len(recorder.sites) < _MAX_KEPT_SITES:
            recorder.sites[self._key] = site
        return site
