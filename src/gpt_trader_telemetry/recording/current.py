"""Slots: where decorated places find the recorder they record into.

A Telemetry has a slot of its own; ``DEFAULT`` is the process's, which module-level decorators use. Places
subscribe weakly and are bound again whenever the slot's recorder changes; calling one then costs no look-up.
"""

import threading
import weakref
from typing import Final, Protocol

from gpt_trader_telemetry.recording.recorder import Recorder


class Attachable(Protocol):
    """A decorated place that can be bound to a recorder, or to none."""

    def attach(self, recorder: Recorder | None) -> None:
        """Record into ``recorder`` from now on."""


class Slot:
    """Holds one recorder, or none, for the places that subscribed to it."""

    def __init__(self, recorder: Recorder | None = None) -> None:
        self.recorder = recorder
        self._places: weakref.WeakSet[Attachable] = weakref.WeakSet()
        self._lock = threading.RLock()

    def set(self, recorder: Recorder | None) -> None:
        """Have every place record into ``recorder`` from now on."""
        with self._lock:
            self.recorder = recorder
            for place in list(self._places):
                place.attach(recorder)

    def subscribe(self, place: Attachable) -> None:
        """Bind ``place`` to the recorder, now and whenever it changes."""
        with self._lock:
            self._places.add(place)
            place.attach(self.recorder)

    def reset_after_fork(self) -> None:
        """Replace a lock that another thread may have held when the process forked."""
        self._lock = threading.RLock()


DEFAULT: Final = Slot()
"""The process's slot: empty before ``configure()`` and after its shutdown."""
