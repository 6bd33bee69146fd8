"""Which rules of the circuit breaker are open, by events in whatever order."""

from typing import Final

from gpt_trader_telemetry.runtime_data.event import Event
from gpt_trader_telemetry.runtime_data.values import text

TRIGGERED: Final = "circuit_breaker_triggered"

BREAKER_KINDS: Final = (TRIGGERED, "circuit_breaker_cleared")
MAX_RULES: Final = 500
"""Rules that are told apart; those that come after are one."""
OTHERS: Final = "(others)"

Word = tuple[float, int, Event]
"""When it was, its number among those of one moment, and what was said."""


class Breaker:
    """The newest word on each rule: a clear without a rule clears all, and any clear a trigger without one."""

    def __init__(self) -> None:
        self._words = 0
        self._triggered: dict[str, Word] = {}
        self._cleared: dict[str, Word] = {}

    def take(self, at: float, event: Event) -> None:
        """Take an event of either kind in."""
        self._words += 1
        word = (at, self._words, event)
        rule = text(event.payload.get("rule")) or ""
        known = self._triggered.keys() | self._cleared.keys()
        if rule not in known and len(known) >= MAX_RULES:
            rule = OTHERS
        words = self._triggered if event.kind == TRIGGERED else self._cleared
        if rule not in words or words[rule][:2] < word[:2]:
            words[rule] = word

    def state(self) -> tuple[bool, float, Event] | None:
        """Return whether it is open, and the word that says so: of an open one the newest trigger; None without any."""
        still = [word for rule, word in self._triggered.items() if word[:2] > self._last_clear(rule)]
        words = still or [*self._triggered.values(), *self._cleared.values()]
        if not words:
            return None
        at, _, event = max(words, key=lambda word: word[:2])
        return bool(still), at, event

    def _last_clear(self, rule: str) -> tuple[float, int]:
        clears = [word[:2] for name, word in self._cleared.items() if not rule or name in {rule, ""}]
        return max(clears, default=(float("-inf"), 0))
