"""SQLite files of a bot, read while it writes them: never written to, and never in its way.

A connection is ``mode=ro`` with a busy timeout, and never ``immutable``, which would miss what is in the WAL. One case
it cannot serve: the bot is gone, a database in WAL mode is left, and we may not write the folder, in which SQLite would
have to make an index of the WAL (``-shm``). Then database and WAL are copied to a temporary folder and read there: as
nobody has them open they stand still.
"""

import errno
import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import quote

__all__ = ["DamageError", "Trouble", "UnreadableError", "open_file", "opened", "telling_damage", "where_to_look"]

BUSY_TIMEOUT: Final = 5.0
"""Seconds to wait for a lock."""
LARGEST_COPY: Final = 8 << 30
"""Bytes that are copied at the most."""


NO_FILE: Final = "it is no regular file"


class Trouble(StrEnum):
    """Why a file as a whole cannot be read: a closed set."""

    ABSENT = "absent"
    LOCKED = "locked"
    CORRUPT = "corrupt"
    """It is no database, it is damaged, or it has not the tables and columns of a bot's."""
    DENIED = "denied"
    """It may not be read by this user, or not without writing its folder."""
    UNREADABLE = "unreadable"
    """The system says something else."""


class UnreadableError(Exception):
    """A file as a whole cannot be read.

    >>> str(UnreadableError(Path("events.db"), Trouble.LOCKED, "database is locked"))
    'events.db: locked (database is locked)'
    """

    def __init__(self, path: Path, trouble: Trouble, detail: str = "") -> None:
        super().__init__(f"{path}: {trouble}" + (f" ({detail})" if detail else ""))
        self.path = path
        self.trouble = trouble


class DamageError(sqlite3.DatabaseError):
    """A place in a database is damaged; other places may be sound."""


def where_to_look(error: UnreadableError) -> str:
    """Return what to look at where a bot's log is not there, to be added to the error's own text."""
    return (
        "; has the bot written there? --profile and --runtime-root say where" if error.trouble is Trouble.ABSENT else ""
    )


@contextmanager
def telling_damage() -> Iterator[None]:
    """Raise what SQLite says of a damaged place as a DamageError, and nothing else as one."""
    try:
        yield
    except (sqlite3.OperationalError, DamageError):
        raise
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # what SQLite quotes of a damaged place may be no text
        raise DamageError(str(error)) from error


@contextmanager
def opened(path: Path, *, busy_timeout: float = BUSY_TIMEOUT, salvage: bool = False) -> Iterator[sqlite3.Connection]:
    """Open a database for reading; texts come as bytes, so that one which is not UTF-8 spoils no other.

    Args:
        path: the file.
        busy_timeout: seconds to wait for a lock.
        salvage: read what is left of a file that has lost its end, which else is corrupt as a whole: it may be a copy
            that is still being made.

    Raises:
        UnreadableError: also for what goes wrong inside the block, whose statements should be over quickly.
    """
    if not path.is_file():
        raise UnreadableError(path, *_why_no_file(path))
    try:
        with _connected(path, busy_timeout) as connection:
            if salvage:  # nothing is ever written, the schema least of all
                connection.execute("PRAGMA writable_schema = ON")
            yield connection
    except sqlite3.Error as error:
        raise UnreadableError(path, _trouble_of(error), str(error)) from error
    except UnicodeDecodeError as error:  # what SQLite quotes of a damaged schema is not always text
        raise UnreadableError(path, Trouble.CORRUPT, "the schema is damaged") from error
    except OSError as error:
        raise UnreadableError(path, trouble_of_os(error), error.strerror or str(error)) from error


@contextmanager
def _connected(path: Path, busy_timeout: float) -> Iterator[sqlite3.Connection]:
    with closing(_connection(path, busy_timeout)) as connection:
        if _opens(connection):
            yield connection
            return
    with tempfile.TemporaryDirectory(prefix="gpt-trader-telemetry-") as folder:
        copy = _copied(path, Path(folder))
        with closing(_connection(copy, busy_timeout)) as connection:
            yield connection


def _connection(path: Path, busy_timeout: float) -> sqlite3.Connection:
    location = f"file:{quote(str(path.absolute()))}?mode=ro"
    connection = sqlite3.connect(
        location, uri=True, timeout=busy_timeout, isolation_level=None, check_same_thread=False
    )
    connection.text_factory = bytes
    return connection


def _opens(connection: sqlite3.Connection) -> bool:
    """Tell whether the file can be read where it is; whatever else is wrong shows when it is read."""
    try:
        connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.OperationalError as error:
        return getattr(error, "sqlite_errorcode", 0) & 0xFF not in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}
    except sqlite3.Error:
        pass
    return True


def _copied(path: Path, folder: Path) -> Path:
    wal = path.with_name(path.name + "-wal")
    files = [file for file in (path, wal) if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    if size > min(LARGEST_COPY, shutil.disk_usage(folder).free // 2):
        raise UnreadableError(
            path, Trouble.DENIED, "its folder cannot be written, and it is too large for a temporary copy"
        )
    for file in files:
        shutil.copyfile(file, folder / file.name)
    return folder / path.name


def _why_no_file(path: Path) -> tuple[Trouble, str]:
    try:
        os.stat(path)  # noqa: PTH116 - Path.is_file() answers no where it may not look
    except PermissionError:
        return Trouble.DENIED, ""
    except OSError:
        return Trouble.ABSENT, ""
    return Trouble.UNREADABLE, NO_FILE


def _trouble_of(error: sqlite3.Error) -> Trouble:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    return {
        sqlite3.SQLITE_BUSY: Trouble.LOCKED,
        sqlite3.SQLITE_LOCKED: Trouble.LOCKED,
        sqlite3.SQLITE_CANTOPEN: Trouble.DENIED,
        sqlite3.SQLITE_PERM: Trouble.DENIED,
        sqlite3.SQLITE_READONLY: Trouble.DENIED,
        sqlite3.SQLITE_AUTH: Trouble.DENIED,
        sqlite3.SQLITE_CORRUPT: Trouble.CORRUPT,
        sqlite3.SQLITE_NOTADB: Trouble.CORRUPT,
        sqlite3.SQLITE_ERROR: Trouble.CORRUPT,  # no such table, no such column
    }.get(code, Trouble.UNREADABLE)


def trouble_of_os(error: OSError) -> Trouble:
    """Return what an error of the system means for reading a file."""
    if isinstance(error, FileNotFoundError):
        return Trouble.ABSENT
    return Trouble.DENIED if isinstance(error, PermissionError) else Trouble.UNREADABLE


def open_file(path: Path) -> BinaryIO:
    """Open a regular file for reading; what is none, such as a pipe that nobody writes, holds nobody up.

    Raises:
        OSError: it cannot be opened, or is no regular file.
    """

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))

    file = open(path, "rb", opener=opener)  # noqa: SIM115 - Path.open() takes no opener
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, NO_FILE)
    return file
