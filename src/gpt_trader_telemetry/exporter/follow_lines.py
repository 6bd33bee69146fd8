"""Follows ``events.jsonl``: each poll reads the lines that are new, across rotation and truncation."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from gpt_trader_telemetry.exporter.position import DENSE, Position, Reading
from gpt_trader_telemetry.runtime_data.database import UnreadableError, open_file, trouble_of_os
from gpt_trader_telemetry.runtime_data.event import Event
from gpt_trader_telemetry.runtime_data.lines import Block, LineReader, blocks
from gpt_trader_telemetry.runtime_data.record import LARGEST

__all__ = ["LinesFollower"]

_TAIL: Final = 64 * 1024
"""Bytes at the end of a block whose lines are marked one by one."""
_MARKED: Final = 256
"""Bytes before a place that tell whether the file is still the same."""


class LinesFollower:
    """Keeps the file open between polls, so that what was appended just before a rotation is read too."""

    def __init__(self, path: Path, position: Position, reading: Reading) -> None:
        self._path = path
        self._position = position
        self._reading = reading
        self._reader = LineReader(reading.skipped)
        self._file: BinaryIO | None = None
        self.newest: float | None = None
        """The time of the newest line taken that has one."""

    def poll(self) -> None:
        """Take the new lines and move the position on.

        Raises:
            UnreadableError: the file cannot be read.
        """
        try:
            self._poll()
        except OSError as error:
            raise UnreadableError(self._path, trouble_of_os(error), error.strerror or str(error)) from error

    def _poll(self) -> None:
        self._leave_behind()
        if self._file is None:
            self._file = open_file(self._path)
        file, position = self._file, self._position
        if position.place and not _stands(file, position.place, position.mark):
            self._resume(file)
        size = os.fstat(file.fileno()).st_size
        began = position.place
        for block in blocks(file, position.place):
            for event in self._reader.events(block):
                self._take_one(event)
            position.move([(place, _mark(file, place)) for place in _line_ends(block)])
            self._reading.progress(position.place - began, size - began)

    def _leave_behind(self) -> None:
        """Where another file has the name now, read the old one to its end and let go of it."""
        if self._file is None:
            return
        there = None
        with suppress(FileNotFoundError):
            there = self._path.stat()
        mine = os.fstat(self._file.fileno())
        if there is not None and (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino):
            return
        self._drain(self._file)
        self.close()
        self._begin_again()

    def _drain(self, file: BinaryIO) -> None:
        if self._position.place and not _stands(file, self._position.place, self._position.mark):
            return
        end = self._position.place
        for block in blocks(file, end):
            for event in self._reader.events(block):
                self._take_one(event)
            end = block.start + len(block.content)
        file.seek(end)
        last = self._reader.last(end, file.read(LARGEST + 1))
        if last is not None:
            self._take_one(last)

    def _take_one(self, event: Event) -> None:
        self._reading.take(event)
        self.newest = event.at if event.at is not None else self.newest

    def _resume(self, file: BinaryIO) -> None:
        if self._position.go_back(lambda place, mark: _stands(file, place, mark)):
            self._reading.shortened()
        else:
            self._begin_again()

    def _begin_again(self) -> None:
        self._position.restart()
        self._reader = LineReader(self._reading.skipped)
        self._reading.restarted()

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _line_ends(block: Block) -> list[int]:
    """Return the offsets after the last lines of a block."""
    end = block.start + len(block.content)
    ends = [end]
    for line in reversed(block.content[-_TAIL:].splitlines(keepends=True)[1:]):
        end -= len(line)
        ends.append(end)
    return sorted(ends[:DENSE])


def _stands(file: BinaryIO, place: int, mark: str) -> bool:
    return os.fstat(file.fileno()).st_size >= place and _mark(file, place) == mark


def _mark(file: BinaryIO, place: int) -> str:
    # pread would be simpler; Windows has none.
    before = file.tell()
    start = max(0, place - _MARKED)
    file.seek(start)
    content = file.read(place - start)
    file.seek(before)
    return hashlib.sha256(content).hexdigest()[:16]
