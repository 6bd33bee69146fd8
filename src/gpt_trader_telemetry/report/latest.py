"""The newest of what was said of one thing."""

import math
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Latest:
    """The newest of what was given; of one moment, the last."""

    at: float = -math.inf
    value: Any = None

    def take(self, at: float, value: Any) -> None:
        """Keep it if nothing newer is there."""
        if at >= self.at:
            self.at, self.value = at, value
