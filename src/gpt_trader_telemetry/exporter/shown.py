"""What ``/metrics.json`` shows of what a bot wrote: all of it but secrets."""

from collections.abc import Mapping
from typing import Any, Final

from gpt_trader_telemetry.health.redaction import REDACTED, names_a_secret
from gpt_trader_telemetry.health.scrub import CUT, scrub_symbol, scrub_text

__all__ = ["without_secrets"]

_DEEPEST: Final = 50
"""Containers within containers; a bot's metrics have three."""
_LONGEST: Final = 8192
"""Characters of one text."""
_BY_SYMBOL: Final = frozenset({"positions", "by_symbol"})
"""Fields whose keys are symbols: KEY-USD and COOKIE-USD are traded, and name no secret."""

_SYMBOL: Final = "symbol"


def without_secrets(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return JSON types without secrets; unlike in a health report, numbers and the number of items stay as they are.

    >>> without_secrets({"equity": "5", "api_key": "k", "positions": {"KEY-USD": {"exposure_usd": 1.5}}})
    {'equity': '5', 'api_key': '[redacted]', 'positions': {'KEY-USD': {'exposure_usd': 1.5}}}
    """
    return _mapping(document, 0, keys_are_symbols=False)


def _mapping(mapping: Mapping[str, Any], depth: int, *, keys_are_symbols: bool) -> dict[str, Any]:
    return {
        (scrub_symbol if keys_are_symbols else scrub_text)(name): REDACTED
        if _is_hidden(name, value, keys_are_symbols=keys_are_symbols)
        else scrub_symbol(value)
        if name == _SYMBOL and isinstance(value, str)
        else _value(value, depth + 1, keys_are_symbols=name in _BY_SYMBOL)
        for name, value in mapping.items()
    }


def _is_hidden(name: str, value: object, *, keys_are_symbols: bool) -> bool:
    if value is None or isinstance(value, bool) or (keys_are_symbols and not isinstance(value, str)):
        return False
    return names_a_secret(name[:_LONGEST])


def _value(value: object, depth: int, *, keys_are_symbols: bool) -> Any:
    if isinstance(value, str):
        return scrub_text(value, _LONGEST)
    if isinstance(value, Mapping | list) and depth > _DEEPEST:
        return CUT
    if isinstance(value, Mapping):
        return _mapping(value, depth, keys_are_symbols=keys_are_symbols)
    if isinstance(value, list):
        if len(value) == 2 and isinstance(value[0], str) and _is_hidden(*value, keys_are_symbols=False):  # noqa: PLR2004
            return [value[0], REDACTED]  # a header, as a pair
        return [_value(item, depth + 1, keys_are_symbols=False) for item in value]
    return value
