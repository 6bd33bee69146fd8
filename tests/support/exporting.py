"""The command ``exporter`` as a process of its own."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

from support.scraping import TEXT, parse


class ExporterProcess:
    """Runs the command on a free port, and keeps what it says."""

    def __init__(self, root, *options, profile="paper", env=None, command=None):
        self.said = []
        command = command or [
            sys.executable, "-m", "gpt_trader_telemetry.cli", "exporter", "--runtime-root", str(root), "--port", "0",
            *(["--profile", profile] if profile else []), *options,
        ]  # fmt: skip
        # Nothing of the machine's own settings reaches it.
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "COINBASE_"))}
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**inherited, **(env or {})})
        self.url = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.wait_for(lambda: self.url or self.process.poll() is not None)

    def _read(self):
        for line in self.process.stderr:
            self.said.append(line.rstrip())
            found = re.search(r"listening on (\S+),", line)
            if found:
                self.url = found.group(1)

    def wait_for(self, condition, timeout=30.0):
        end = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < end, self.said
            time.sleep(0.02)

    def get(self, path, headers=None, method="GET"):
        request = urllib.request.Request(self.url + path, headers=headers or {}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode(), dict(answer.headers)
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), dict(error.headers)

    def json(self, path):
        return json.loads(self.get(path)[1])

    def scrape(self, accept=TEXT):
        return parse(self.get("/metrics", {"Accept": accept})[1])

    def until_caught_up(self, timeout=30.0):
        self.wait_for(lambda: self.get("/health")[0] == 200, timeout)
        return self

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        code = self.process.wait(timeout=15)
        self._reader.join(5)
        self.process.stderr.close()
        return code


@contextlib.contextmanager
def exporting(root, *options, **how):
    """Run the exporter for a while; it is killed if it has not been stopped."""
    running = ExporterProcess(root, *options, **how)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait()
            running._reader.join(5)
            running.process.stderr.close()
