"""Reports as files: each appears whole, or not at all."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path


def save(folder: Path, contents: Mapping[str, str]) -> list[Path]:
    """Write texts to files of these names in a folder, which is made if need be; return their paths.

    A file that is there already is replaced in one step, so that a reader sees the old one or the new one.

    Raises:
        OSError: the folder cannot be made or written; it names a file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return [_save(folder / name, content) for name, content in contents.items()]


def _save(path: Path, content: str) -> Path:
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), 0o666 & ~_umask())
        Path(temporary).replace(path)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:  # a full disk names no file
            error.filename = str(path)
        raise
    return path


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
