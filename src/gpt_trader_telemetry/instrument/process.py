"""Memory and processor time of the bot's process."""

import os
import time
from pathlib import Path
from typing import Final

from gpt_trader_telemetry.catalog import PROCESS_CPU, PROCESS_MEMORY
from gpt_trader_telemetry.recording.recorder import Recorder

_MEGABYTE: Final = 1e6
_STATM: Final = Path("/proc/self/statm")


class ProcessUsage:
    """Reads the process's own usage when it is collected; absent where the system does not tell."""

    SHORTEST_PERIOD: Final = 1.0
    """Seconds that processor time is averaged over at the least; collections between see the last average."""

    def __init__(self, recorder: Recorder) -> None:
        self.reset()
        recorder.watch(PROCESS_MEMORY, (), self.memory_mb)
        recorder.watch(PROCESS_CPU, (), self.cpu_percent)

    def reset(self) -> None:
        """Start measuring from now."""
        self._since = (time.monotonic(), time.process_time())
        self._percent: float | None = None

    def memory_mb(self) -> float | None:
        """Return the resident memory in units of 10^6 bytes; None where there is no ``/proc``."""
        try:
            resident_pages = int(_STATM.read_text().split()[1])
        except (OSError, IndexError, ValueError):
            return None
        return resident_pages * os.sysconf("SC_PAGE_SIZE") / _MEGABYTE

    def cpu_percent(self) -> float | None:
        """Return the processor time used since the last collection, in percent of one core."""
        wall, busy = time.monotonic(), time.process_time()
        last_wall, last_busy = self._since
        if wall - last_wall >= self.SHORTEST_PERIOD:
            self._percent = 100.0 * (busy - last_busy) / (wall - last_wall)
            self._since = (wall, busy)
        return self._percent
