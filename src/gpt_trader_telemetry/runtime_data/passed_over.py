"""Lines that need not be parsed where only the newest event of a kind is wanted: most of a log is prices."""

import re
from collections.abc import Collection, Sequence
from typing import Final

from gpt_trader_telemetry.runtime_data.record import BadRecordError, event_of_line

__all__ = ["passed_over"]

_KEPT: Final = 100
"""Events of a kind by which one may be out of the order of time, as in ``latest.py``."""
_TYPE: Final = re.compile(rb'"(?:event_)?type"\s*:\s*"(\w+)"')


def passed_over(lines: Sequence[bytes], kinds: Collection[str], until: float) -> frozenset[int]:
    """Return the places of lines that stand before so many others of their kind that none is the newest of it.

    Args:
        lines: lines of a log, in their order.
        kinds: of which only the newest event before ``until`` is wanted.
        until: seconds since 1970. Where any of the last of a kind is not before it, all of the kind are kept.

    >>> price = b'{"type": "price_tick", "timestamp": 1772323200}'
    >>> len(passed_over([price] * 1000, {"price_tick"}, until=1772323300.0))
    900
    """
    named = {kind.encode() for kind in kinds}
    places: dict[bytes, list[int]] = {kind: [] for kind in named}
    for place, line in enumerate(lines):
        kind = _kind_of(line)
        if kind in named:
            places[kind].append(place)
    return frozenset(
        place
        for found in places.values()
        if len(found) > _KEPT and all(_is_before(lines[kept], until) for kept in found[-_KEPT:])
        for place in found[:-_KEPT]
    )


def _kind_of(line: bytes) -> bytes:
    """Return a line's kind where it is plain to see: one flat object without escapes that names one type; else none."""
    if line.count(b'type"') != 1 or line.count(b"{") != 1 or b"\\" in line:
        return b""
    found = _TYPE.search(line)
    return b"" if found is None else found[1]


def _is_before(line: bytes, until: float) -> bool:
    try:
        at = event_of_line(0, line.strip()).at
    except BadRecordError:
        return False
    return at is not None and at < until
