"""How much of a rate limit is used, as the headers of an answer tell it."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

_REMAINING_AND_LIMIT: Final = (
    ("ratelimit-remaining", "ratelimit-limit"),
    ("x-ratelimit-remaining", "x-ratelimit-limit"),
    ("x-bapi-limit-status", "x-bapi-limit"),
    ("gw-ratelimit-remaining", "gw-ratelimit-limit"),
    ("x-gate-ratelimit-requests-remain", "x-gate-ratelimit-limit"),
)
_NUMBER: Final = re.compile(r"\s*(\d{1,15})\b")


def rate_limit_usage(headers: Mapping[str, str]) -> float | None:
    """Return the share of the rate limit that is used up, from 0 to 1, where the answer's headers tell it.

    >>> rate_limit_usage({"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "25"})
    0.75
    >>> rate_limit_usage({"RateLimit-Limit": "100, 100;w=60", "RateLimit-Remaining": "25"})
    0.75
    >>> rate_limit_usage({"RateLimit-Limit": "plenty", "RateLimit-Remaining": "25"}) is None
    True
    """
    # Those of `requests` go through three functions for each name; what they keep them in does not.
    kept = getattr(headers, "_store", None)
    pair = _pair_among(tuple(headers if kept is None else kept))
    if pair is None:
        return None
    remaining, limit = (_first_number(headers[name] if kept is None else kept[name][1]) for name in pair)
    return min(1.0, max(0.0, 1 - remaining / limit)) if remaining is not None and limit else None


def _first_number(header: object) -> float | None:
    """Return the whole number that a header begins with: lists of windows follow it in some."""
    found = _NUMBER.match(header) if isinstance(header, str) else None
    return None if found is None else float(found[1])


@lru_cache(maxsize=64)  # most answers have the headers of the one before
def _pair_among(names: tuple[str, ...]) -> tuple[str, str] | None:
    folded = {name.lower(): name for name in names}
    pairs = ((folded.get(remaining), folded.get(limit)) for remaining, limit in _REMAINING_AND_LIMIT)
    return next(((remaining, limit) for remaining, limit in pairs if remaining and limit), None)
