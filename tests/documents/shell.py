"""One bash for all console examples of a page, so that what one exports the next one has."""

import os
import secrets
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

PATIENCE = 60.0
"""Seconds that one command may take; installing what the tutorial installs takes longest."""


class Shell:
    """A bash in a process group of its own, which ends with it."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder, env=environment, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def run(self, command: str) -> tuple[int, str]:
        """Run a command to its end; return its exit code and what it printed."""
        mark = secrets.token_hex(8)
        self._bash.stdin.write(f"{command}\nprintf '%s %s\\n' {mark} $?\n".encode())
        self._bash.stdin.flush()
        printed = self._read_until(mark, command)
        printed, _, code = printed.rpartition(mark)
        return int(code), printed

    def start(self, command: str, until: str) -> None:
        """Run a command beside the following ones, which begin when it has printed ``until``."""
        log = self._folder / f".{secrets.token_hex(4)}.log"
        # What is run so must not read the commands that are meant for bash.
        self.run(f"{command} >{log} 2>&1 </dev/null &")
        deadline = time.monotonic() + PATIENCE
        while until not in (log.read_text() if log.exists() else ""):
            assert time.monotonic() < deadline, f"{command}\nnever printed {until!r}, but\n{log.read_text()}"
            time.sleep(0.05)

    def close(self) -> None:
        """End everything that the page has started."""
        os.killpg(self._bash.pid, signal.SIGTERM)
        self._bash.stdin.close()
        self._bash.stdout.close()
        try:
            self._bash.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._bash.pid, signal.SIGKILL)
            self._bash.wait()

    def _read_until(self, mark: str, command: str) -> str:
        deadline = time.monotonic() + PATIENCE
        printed = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._bash.stdout, selectors.EVENT_READ)
            while not printed.endswith(b"\n") or mark.encode() not in printed:
                ready = selector.select(max(0.0, deadline - time.monotonic()))
                assert ready, f"{command}\nhas not ended, and printed\n{printed.decode()}"
                piece = os.read(self._bash.stdout.fileno(), 65536)
                assert piece, f"{command}\nended the shell, and printed\n{printed.decode()}"
                printed += piece
        return printed.decode()
