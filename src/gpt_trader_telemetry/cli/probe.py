"""``probe``: for containers, which needs neither curl nor a shell."""

import argparse
import http.client
import json
import re
import ssl
import threading
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from gpt_trader_telemetry._version import __version__
from gpt_trader_telemetry.cli.moments import seconds

__all__ = ["Exit", "add_arguments", "run"]

_MOST: Final = 1 << 20
_WIDEST: Final = 200
_PASSING: Final = ("pass", "healthy", "degraded")
_WORDS: Final = {200: _PASSING, 503: ("fail", "starting", "unhealthy")}
_REFUSALS: Final = {
    401: "it needs the bearer token: --token-file",
    403: "it is forbidden",
    404: "nothing is served under that path: is the URL right?",
}


class Exit(IntEnum):
    """How the command ends."""

    PASS = 0
    FAIL = 1
    """The bot answers that it is not ready, not live, starting or unhealthy, or that it cannot tell."""
    USAGE = 2
    """Asked wrongly: arguments, a file, the token, or a URL that nothing of ours answers at."""
    UNREACHABLE = 3
    """No answer: nobody listens, it took too long, TLS failed, or it was no HTTP."""


class _UsageError(Exception):
    pass


@dataclass(frozen=True, slots=True)
class _Question:
    """One GET."""

    url: SplitResult
    path: str
    headers: dict[str, str]
    tls: ssl.SSLContext | None
    timeout: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the probe takes."""
    parser.description = "Ask a bot whether it is ready, live or healthy. Prints one line and ends with a code."
    parser.epilog = _EPILOG
    parser.add_argument("what", choices=("ready", "live", "health"), help="which endpoint to ask")
    parser.add_argument(
        "--url", default="http://127.0.0.1:8080", help="where the bot serves, a prefix included (default: %(default)s)"
    )
    parser.add_argument(
        "--timeout", type=seconds, default=2.0, metavar="SECONDS", help="for all of it (default: %(default)g)"
    )
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="holds the bearer token; health alone needs it")
    parser.add_argument("--ca-file", type=Path, metavar="FILE", help="holds the certificates to trust, in PEM")


def run(arguments: argparse.Namespace) -> int:
    """Ask, print the line, and return the code."""
    try:
        code, line = _probe(arguments)
    except _UsageError as error:
        code, line = Exit.USAGE, f"cannot ask: {error}"
    print(f"{arguments.what}: {_printable(line)}")  # noqa: T201 - what the command is for
    return code


_EPILOG: Final = """\
exit codes:
  0  pass (health: healthy or degraded)
  1  failing: not ready, not live, starting, unhealthy
  2  asked wrongly: arguments, files, the token, the path
  3  unreachable: nobody listens, no answer in time, TLS, not HTTP

examples:
  gpt-trader-telemetry probe ready
  gpt-trader-telemetry probe live --url http://127.0.0.1:9100 --timeout 1
  gpt-trader-telemetry probe health --url https://bot:8443 \\
    --ca-file ca.pem --token-file /run/secrets/health

in a Dockerfile:
  HEALTHCHECK --interval=15s --timeout=5s \\
    CMD ["gpt-trader-telemetry", "probe", "ready"]
"""


def _probe(arguments: argparse.Namespace) -> tuple[Exit, str]:
    question = _question(arguments)
    answered: list[tuple[int, bytes] | Exception] = []

    def ask() -> None:
        try:
            answered.append(_get(question))
        except Exception as error:
            answered.append(error)

    # A thread, since a timeout of the socket's begins anew with each byte, and looking up a name has none.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(question.timeout)
    answer = answered[0] if answered else TimeoutError(f"no answer within {question.timeout:g} s")
    if isinstance(answer, Exception):
        # Without what may stand before an @: a password.
        where = question.url.netloc.rpartition("@")[2]
        return Exit.UNREACHABLE, f"unreachable: {question.url.scheme}://{where}: {_reason(answer)}"
    return _judge(*answer)


def _question(arguments: argparse.Namespace) -> _Question:
    try:
        url = urlsplit(arguments.url)
        served = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:  # brackets, a port that is no number
        served = False
    if not served or not re.fullmatch(r"[!-~]+", url.path + "/"):
        raise _UsageError("--url is of the form http://host:port, with a prefix after it where there is one")
    headers = {"Connection": "close", "User-Agent": f"gpt-trader-telemetry-probe/{__version__}"}
    if arguments.token_file is not None:
        headers["Authorization"] = f"Bearer {_token(arguments.token_file)}"
    tls = None
    if url.scheme == "https":
        try:
            tls = ssl.create_default_context(cafile=arguments.ca_file)
        except OSError as error:
            raise _UsageError(f"--ca-file {str(arguments.ca_file)!r}: {error.strerror or error}") from None
    return _Question(url, f"{url.path.rstrip('/')}/{arguments.what}", headers, tls, arguments.timeout)


def _token(path: Path) -> str:
    try:
        token = path.read_text("ascii").strip()
    except OSError as error:
        raise _UsageError(f"--token-file {str(path)!r}: {error.strerror}") from None
    except ValueError:
        token = ""
    if not token.isprintable() or not token:
        raise _UsageError(f"--token-file {str(path)!r} holds no token")
    return token


def _get(question: _Question) -> tuple[int, bytes]:
    host, port = str(question.url.hostname), question.url.port
    connection: http.client.HTTPConnection
    if question.tls is None:
        connection = http.client.HTTPConnection(host, port, timeout=question.timeout)
    else:
        connection = http.client.HTTPSConnection(host, port, timeout=question.timeout, context=question.tls)
    try:
        connection.request("GET", question.path, headers=question.headers)
        response = connection.getresponse()
        return response.status, response.read(_MOST)
    finally:
        connection.close()


def _judge(status: int, body: bytes) -> tuple[Exit, str]:
    try:
        said = json.loads(body)
    except ValueError:
        said = None
    word = said.get("status") if isinstance(said, dict) else None
    if word in _WORDS.get(status, ()):
        reason = f" ({said['reason']})" if said.get("reason") else ""
        return (Exit.PASS if word in _PASSING else Exit.FAIL), f"{word}{reason}"
    if status >= 500:  # noqa: PLR2004 - it is there, and cannot tell
        hint = said.get("hint") if isinstance(said, dict) else None
        return Exit.FAIL, f"HTTP status {status}" + (f": {hint}" if hint else "")
    return Exit.USAGE, f"HTTP status {status}: {_REFUSALS.get(status, 'this is not a bot of ours')}"


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return str(error) if str(error).startswith("no answer") else "no answer in time"
    said = getattr(error, "verify_message", None) or getattr(error, "strerror", None) or str(error)
    return str(said or type(error).__name__)


def _printable(text: str) -> str:
    # What a server sends shall not steer the terminal that it is shown on, nor be more than a line.
    shown = "".join(character if character.isprintable() else " " for character in text)
    return shown if len(shown) <= _WIDEST else shown[: _WIDEST - 1] + "…"
