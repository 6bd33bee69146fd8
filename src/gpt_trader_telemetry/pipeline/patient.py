"""Asking something of the bot's own that may hang, and going on without it."""

import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from gpt_trader_telemetry.recording.recorder import Faults

T = TypeVar("T")

PATIENCE: Final = 1.0
"""Seconds that a scrape or an export waits for callbacks of users' instruments."""


class Patient(Generic[T]):
    """Calls ``ask`` on a daemon thread; where it takes longer than ``patience``, gives what it said last.

    It is never asked again before it has answered, so a callback that hangs holds one thread. To be called by one
    thread at a time.
    """

    def __init__(
        self, what: str, ask: Callable[[], T], nothing: T, faults: Faults, *, patience: float = PATIENCE
    ) -> None:
        self._what = what
        self._ask = ask
        self._last = nothing
        self._faults = faults
        self._patience = patience
        self._asking: threading.Thread | None = None

    def __call__(self) -> T:
        """Return the newest answer there is."""
        if self._asking is not None and self._asking.is_alive():
            return self._last  # it was waited for before
        self._asking = threading.Thread(target=self._run, name="gpt-trader-telemetry-collect", daemon=True)
        try:
            self._asking.start()
        except RuntimeError:  # Python 3.12 starts no thread while the interpreter ends
            self._run()
            return self._last
        self._asking.join(self._patience)
        if self._asking.is_alive():
            self._faults.note("pipeline", f"{self._what} take too long; their last values are used")
        return self._last

    def _run(self) -> None:
        with self._faults.shield("pipeline", f"{self._what} could not be collected"):
            self._last = self._ask()
