"""The cursor file: what the next start needs, so that it neither reads the log again nor lets a counter fall."""

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from gpt_trader_telemetry.exporter.profile import Profile
from gpt_trader_telemetry.runtime_data.database import open_file

__all__ = ["load_cursor", "save_cursor"]

VERSION: Final = 3
_LARGEST: Final = 256 << 20


def load_cursor(path: Path, profiles: Sequence[Profile]) -> tuple[list[str], float | None]:
    """Have profiles go on from the file, as far as it is about them.

    Return what an operator should know, and when the counters began (seconds since 1970). A file that is absent,
    damaged, of another version or about other logs is told and not used: those logs are read from their beginning.
    """
    try:
        saved, began = _read(path)
    except FileNotFoundError:
        return [f"{path} is not there yet; it will be written"], None
    except OSError as error:
        return [_unused(path, error.strerror or str(error))], None
    except _UnusableError as error:
        return [_unused(path, str(error))], None
    lines, is_used = [], False
    for profile in profiles:
        name = profile.paths.profile
        if name not in saved:
            lines.append(f"{path} knows nothing of {name}")
        elif not profile.restore(saved[name]):
            lines.append(_unused(path, f"for {name} it is about other files: {', '.join(saved[name]['files'])}"))
        else:
            is_used = True
    return lines, began if is_used else None


class _UnusableError(Exception):
    pass


def _read(path: Path) -> tuple[dict[str, Any], float]:
    with open_file(path) as file:
        raw = file.read(_LARGEST + 1)
    if len(raw) > _LARGEST:
        raise _UnusableError("it is too large")
    try:
        document = json.loads(raw)
        version, saved, digest, began = (document[key] for key in ("version", "profiles", "digest", "began"))
        began = float(began)
    except (ValueError, TypeError, KeyError, RecursionError):
        raise _UnusableError("it is no cursor file, or a damaged one") from None
    if version != VERSION:
        raise _UnusableError(f"it is of version {version!r}, this is {VERSION}")
    # What has the right digest was written by ``save_cursor`` of this version: its shape needs no further checks.
    if digest != _digest(saved):
        raise _UnusableError("it is damaged")
    return saved, began


def save_cursor(path: Path, profiles: Sequence[Profile], *, began: float) -> None:
    """Write the file, whole or not at all; only its owner may read it, since it holds figures of the account.

    Raises:
        OSError: it cannot be written.
    """
    saved = {profile.paths.profile: profile.as_json() for profile in profiles}
    text = json.dumps({"version": VERSION, "began": began, "digest": _digest(saved), "profiles": saved})
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _digest(saved: Any) -> str:
    return hashlib.sha256(json.dumps(saved, sort_keys=True).encode()).hexdigest()


def _unused(path: Path, why: str) -> str:
    return f"the cursor file {path} is not used: {why}; the log is read from its beginning"
