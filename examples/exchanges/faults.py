"""What an exchange does wrong: by a script, at rates from a seed, or for as long as it is told to."""

import random
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from paper_exchange import Faults

REJECTIONS: Final = ("insufficient_funds", "invalid_size", "invalid_price", "post_only", "market_closed")
"""Why an order may be refused at a rate; each exchange has its own words for these."""
LONGEST: Final = 30.0


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens to one request."""

    kind: str
    """late, reject, status, drop, cut or hang: see the makers below."""
    reason: str = ""
    status: int = 0
    retry_after: int | None = None
    seconds: float = LONGEST


def late(seconds: float) -> Fault:
    """Return: answered properly, but so late."""
    return Fault(kind="late", seconds=seconds)


def reject(reason: str) -> Fault:
    """Return: refused in the exchange's own words for ``reason``, with nothing done."""
    return Fault(kind="reject", reason=reason)


def status(code: int, *, retry_after: int | None = None) -> Fault:
    """Return: answered with this HTTP status, with nothing done."""
    return Fault(kind="status", status=code, retry_after=retry_after)


DROP: Final = Fault(kind="drop")
"""The connection is closed without an answer, with nothing done."""
CUT: Final = Fault(kind="cut")
"""The request is carried out, and the connection closed in the middle of the answer."""
HANG: Final = Fault(kind="hang")
"""Nothing is done, and the connection stays open without an answer."""
WELL: Final = Fault(kind="well")
"""No fault: for a script in which only a later request meets one."""


class FaultScript:
    """Decides what happens to each request: what was scripted for it, else what is always to be, else a seeded draw.

    ``on`` chooses requests by a text that ``"METHOD /path"`` holds.
    """

    def __init__(self, rates: Faults | None = None, *, seed: int = 0) -> None:
        self.rates = rates
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._scripted: list[tuple[str, deque[Fault]]] = []
        self._standing: list[tuple[str, Fault]] = []

    def script(self, *faults: Fault, on: str = "") -> None:
        """Have the next requests meet these, each one of them, in this order."""
        with self._lock:
            self._scripted.append((on, deque(faults)))

    @contextmanager
    def always(self, fault: Fault, *, on: str = "") -> Iterator[None]:
        """Have every request meet this fault until the block ends."""
        entry = (on, fault)
        with self._lock:
            self._standing.append(entry)
        try:
            yield
        finally:
            with self._lock:
                self._standing.remove(entry)

    def clear(self) -> None:
        """Forget the rest of the script."""
        with self._lock:
            self._scripted.clear()

    def next(self, method: str, path: str) -> Fault | None:
        """Return what happens to a request; None where all goes well."""
        asked = f"{method} {path}"
        with self._lock:
            for on, faults in self._scripted:
                if on in asked and faults:
                    return faults.popleft()
            for on, fault in self._standing:
                if on in asked:
                    return fault
            return self._drawn() if self.rates is not None else None

    def _drawn(self) -> Fault | None:
        # Always the same draws, so that the fate of a request depends only on how many came before it.
        name, reason = self.rates.draw(self._random), self._random.choice(REJECTIONS)
        made = {
            "late": late(self.rates.late_seconds),
            "reject": reject(reason),
            "rate_limit": status(429, retry_after=1),
            "unavailable": status(503),
            "drop": DROP,
            "hang": HANG,
        }
        return None if name is None else made[name]
