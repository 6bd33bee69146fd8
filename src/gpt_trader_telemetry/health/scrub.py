"""Anything a check reports, made fit to be served: plain JSON, bounded in depth and size, without secrets."""

import math
from collections import deque
from collections.abc import Mapping
from datetime import date, time, timedelta
from enum import Enum
from itertools import islice
from numbers import Integral, Real
from typing import Any, Final

from gpt_trader_telemetry.health.redaction import REDACTED, is_symbol, names_a_secret, without_secrets

MAX_TEXT: Final = 500
"""Characters of one text."""
MAX_NAME: Final = 100
"""Characters of one key."""
MAX_DEPTH: Final = 5
"""Containers within containers."""
MAX_ITEMS: Final = 50
"""Items of one container."""
MAX_TOTAL: Final = 8000
"""Characters of everything, roughly."""

CUT: Final = "…"
"""Ends what was longer."""

_WINDOW: Final = 8192
_SAFE_INTEGER: Final = 2**63
_PAIR: Final = 2
_LIST_LIKE: Final = (list, tuple, set, frozenset, deque)


def scrub_text(value: object, limit: int = MAX_TEXT) -> str:
    """Return ``value`` as text without secrets, of at most ``limit`` characters. Never raises an Exception.

    >>> scrub_text("no route to https://bob:hunter2@broker.example/v1")
    'no route to https://[redacted]@broker.example/v1'
    """
    text = _text_of(value)
    longer = len(text) > _WINDOW
    if longer:
        # A secret that the edge of the window cuts in two has lost what it is known by.
        head = text[:_WINDOW].rsplit(maxsplit=1)
        text = head[0] if len(head) > 1 else ""
    text = without_secrets(text)
    if longer or len(text) > limit:
        return text[: max(0, limit - len(CUT))] + CUT
    return text


def scrub_symbol(name: str) -> str:
    """Return what stands in a symbol's place: a symbol as it is, whatever it looks like; anything else without secrets.

    >>> scrub_symbol("TOKEN:USD"), scrub_symbol("api_key=hunter2")
    ('TOKEN:USD', 'api_key=[redacted]')
    """
    return name if is_symbol(name) else scrub_text(name)


def scrub(value: object) -> Any:
    """Return ``value`` as JSON types, bounded and without secrets. Never raises an Exception.

    What is kept under a name that tells of a secret goes, unless it is a boolean or None. Numbers that JSON
    does not have become text.

    >>> scrub({"api_key": "k", "limits": (1, float("nan")), "when": date(2026, 2, 6)})
    {'api_key': '[redacted]', 'limits': [1, 'nan'], 'when': '2026-02-06'}
    """
    return _Scrubber().value(value, 0)


def scrub_details(details: object) -> dict[str, Any]:
    """Return a mapping as ``scrub`` does; anything else as ``{"details": ...}``."""
    scrubbed = scrub(details)
    if isinstance(scrubbed, dict):
        return scrubbed
    return {} if scrubbed is None else {"details": scrubbed}


class _Scrubber:
    """One pass over one value; ``left`` is what remains of MAX_TOTAL."""

    def __init__(self) -> None:
        self.left = MAX_TOTAL

    def value(self, value: object, depth: int) -> Any:
        try:
            return self._value(value, depth)
        except Exception:  # a hostile __iter__, items(), isoformat()
            return self._spend(f"an unreadable {type(value).__name__}")

    def _value(self, value: object, depth: int) -> Any:  # noqa: PLR0911 - one return a kind
        if isinstance(value, Enum):
            value = value.value
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str | bytes | bytearray | memoryview):
            return self._text(value)
        if isinstance(value, Integral | Real):
            return self._number(value)
        if isinstance(value, date | time):
            return self._spend(value.isoformat())
        if isinstance(value, timedelta):
            return value.total_seconds()
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        if isinstance(value, _LIST_LIKE):
            return self._list(value, depth)
        return self._text(value)

    def _text(self, value: object) -> str:
        if isinstance(value, bytes | bytearray | memoryview):
            return self._spend(f"{len(value)} bytes")
        return self._spend(scrub_text(value))

    def _number(self, value: Any) -> Any:
        if isinstance(value, Integral):
            number = int(value)
            return number if abs(number) < _SAFE_INTEGER else self._spend(f"an integer of {number.bit_length()} bits")
        real = float(value)
        return real if math.isfinite(real) else str(real)

    def _mapping(self, mapping: Mapping[Any, Any], depth: int) -> Any:
        if depth >= MAX_DEPTH:
            return self._spend(f"{len(mapping)} entries")
        result: dict[str, Any] = {}
        # A name and a value in two entries, as some interfaces spell headers and settings.
        named = any(_is_hidden(_text_of(mapping.get(key)), "") for key in ("name", "key") if key in mapping)
        for name, value in islice(mapping.items(), MAX_ITEMS):
            if self.left <= 0:
                break
            raw = _text_of(name)
            shown = self._spend(scrub_text(raw, MAX_NAME))
            hidden = (named and raw == "value") or _is_hidden(raw, value)
            result[shown] = REDACTED if hidden else self.value(value, depth + 1)
        if len(mapping) > len(result):
            result[CUT] = f"{len(mapping) - len(result)} more"
        return result

    def _list(self, items: Any, depth: int) -> Any:
        if depth >= MAX_DEPTH:
            return self._spend(f"{len(items)} items")
        result: list[Any] = []
        if isinstance(items, list | tuple) and len(items) == _PAIR and isinstance(items[0], str):
            first, second = items
            if _is_hidden(first, second):  # a header, as a pair
                return [self.value(first, depth + 1), REDACTED]
        for item in islice(items, MAX_ITEMS):
            if self.left <= 0:
                break
            result.append(self.value(item, depth + 1))
            self.left -= 8  # numbers and brackets, which _spend does not see
        if len(items) > len(result):
            result.append(f"{CUT} {len(items) - len(result)} more")
        return result

    def _spend(self, text: str) -> str:
        self.left -= len(text)
        return text


def _is_hidden(name: str, value: object) -> bool:
    return names_a_secret(name[:_WINDOW]) and not isinstance(value, bool | None)


def _text_of(value: object) -> str:
    try:
        # A subclass's own __str__ is foreign code, and a text needs none.
        text = str.__str__(value) if isinstance(value, str) else str(value)
    except Exception:
        return f"an unreadable {type(value).__name__}"
    # Lone surrogates cannot be encoded; NUL and escape codes end up on an operator's terminal.
    text = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(map(_visible, text[: 2 * _WINDOW])) if not text.isprintable() else text


def _visible(character: str) -> str:
    return character if character.isprintable() or character in "\n\r\t" else " "
