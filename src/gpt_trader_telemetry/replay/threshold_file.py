"""Thresholds from a file: TOML, or variables as in the environment."""

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final

from gpt_trader_telemetry.errors import ConfigurationError
from gpt_trader_telemetry.thresholds import SIGNALS, VARIABLES, Thresholds

_LARGEST: Final = 1 << 20
_VARIABLE: Final = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")
_OURS: Final = re.compile(r"GPT_TRADER_(?:.*_(?:WARN|CRIT)|SIGNAL.*)")
_LEVELS: Final = ("warn", "crit")


def thresholds_of(path: Path | None, environ: Mapping[str, str]) -> Thresholds:
    """Return the thresholds of the environment, with those that a file sets instead.

    In TOML a field has its name, ``order_error_rate_crit = 0.2``, or a signal has a table, ``[order_error_rate]`` with
    ``warn`` and ``crit``. A file of ``GPT_TRADER_ORDER_ERROR_RATE_CRIT=0.2`` and the like is read as such.

    Raises:
        ConfigurationError: the file cannot be read, or says what cannot be meant.
    """
    if path is None:
        return Thresholds.from_mapping(environ)
    text = _read(path)
    try:
        variables = _variables(text)
        if variables is not None:
            return Thresholds.from_mapping({**environ, **_checked(variables)})
        return replace(Thresholds.from_mapping(environ), **_fields(tomllib.loads(text)))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path} is neither TOML nor lines of NAME=value: {error}") from None
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from None


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is no text in UTF-8") from None
    if len(raw) > _LARGEST:
        raise ConfigurationError(f"{path} is larger than a file of thresholds can be")
    return text


def _variables(text: str) -> dict[str, str] | None:
    """Return a file's variables; None where it has lines that set none, or names in small letters, as TOML does."""
    lines = [line.strip() for line in text.splitlines()]
    found = [_VARIABLE.fullmatch(line) for line in lines if line and not line.startswith("#")]
    if not found or not all(match is not None and match[1].isupper() for match in found):
        return None
    return {match[1]: _unquoted(match[2]) for match in found if match is not None}


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value.partition(" #")[0].strip()


def _checked(variables: Mapping[str, str]) -> Mapping[str, str]:
    for name in variables:
        if _OURS.fullmatch(name) and name not in VARIABLES:
            raise ConfigurationError(f"{name} is no threshold{_like(name, list(VARIABLES))}")
    return variables


def _fields(table: Mapping[str, Any]) -> dict[str, Any]:
    known = [field.name for field in fields(Thresholds)]
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name in SIGNALS and isinstance(value, dict):
            for level, limit in value.items():
                if level not in _LEVELS:
                    raise ConfigurationError(f"{name} has no {level!r}; it has warn and crit")
                values[f"{name}_{level}"] = limit
        elif name in known:
            values[name] = tuple(value) if isinstance(value, list) else value
        else:
            raise ConfigurationError(f"{name!r} is no threshold{_like(name, [*known, *SIGNALS])}")
    return values


def _like(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; {close[0]} is" if close else ""
