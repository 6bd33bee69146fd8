"""What the bot leaves on disk: whether it is there, readable and fresh. Nothing is ever written."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from gpt_trader_telemetry.doctor.finding import Finding, ok, printable, problem, skipped, warning
from gpt_trader_telemetry.doctor.plan import LIVELY_SECONDS, Plan, spoken

__all__ = ["examine_files"]

_RUNNING: Final = "does the bot run, and write here? compare its runtime root and profile"
_FUTURE: Final = 60.0
"""Seconds by which two clocks may differ."""
_NEWEST_OF: Final = 100
"""Rows that are looked at for one with a time of its own."""
_TAIL: Final = 1 << 16
_PERMISSION: Final = "give the doctor's user, and the exporter's, the right to read it (and to enter its folder)"


def examine_files(plan: Plan) -> Iterator[Finding]:
    """Walk through the profile's folder, or through all of them."""
    root = plan.runtime_root / "runtime_data"
    if plan.profile is not None:
        folders = [root / plan.profile]
    else:
        try:
            folders = sorted(path for path in root.iterdir() if path.is_dir())
        except OSError:
            yield skipped("folder", f"no {root}; --runtime-root says where the bot's runtime_data is")
            return
    for folder in folders:
        label = "" if len(folders) == 1 else f"{folder.name}: "
        for finding in _folder(folder, plan):
            yield Finding(finding.status, label + finding.name, finding.said, finding.do)
    if not folders:
        yield problem("folder", f"{root} is empty", _RUNNING)


def _folder(folder: Path, plan: Plan) -> Iterator[Finding]:
    if not folder.is_dir():
        yield problem("folder", f"{folder} is not there", _RUNNING)
        return
    database, log = folder / "events.db", folder / "events.jsonl"
    if database.exists():
        yield _database(database, plan)
    elif not log.exists():
        yield problem("events.db", f"{folder} has neither events.db nor events.jsonl", _RUNNING)
    if log.exists():
        yield _log(log, plan, needed=not database.exists())
    yield _metrics(folder / "metrics.json", plan)
    yield _orders(folder / "orders.db", plan)


def _rows(path: Path, plan: Plan, query: str) -> list[Any]:
    # Reading makes SQLite write files beside a database in WAL mode, unless it is told that nobody changes it.
    uri = f"file:{quote(str(path.resolve()))}?mode=ro" + ("&immutable=1" if _stands_still(path) else "")
    with closing(sqlite3.connect(uri, uri=True, timeout=plan.timeout)) as connection:
        return connection.execute(query).fetchall()


def _stands_still(path: Path) -> bool:
    """Whether a database is in WAL mode, as its header says, and no process has it open: it would have a -wal."""
    with path.open("rb") as file:
        header = file.read(20)
    return header[18:20] == b"\x02\x02" and not path.with_name(path.name + "-wal").exists()


def _database(path: Path, plan: Plan) -> Finding:
    try:
        rows = _rows(path, plan, f"SELECT payload, timestamp FROM events ORDER BY id DESC LIMIT {_NEWEST_OF}")  # noqa: S608
    except (sqlite3.Error, OSError) as error:
        return _unreadable(path, error)
    if not rows:
        return problem("events.db", "it holds no event", _RUNNING)
    times = [time for payload, _ in rows if (time := _time_of(_object(payload))) is not None]
    written = max(times, default=None)
    return _freshness("events.db", written if written is not None else _utc(rows[0][1]), plan)


def _unreadable(path: Path, error: Exception) -> Finding:
    said = printable(getattr(error, "strerror", None) or error)
    if "locked" in said or "busy" in said:
        return problem(
            path.name, "it is locked: a process keeps it for itself, and the exporter sees nothing",
            f"find who holds it (fuser {path.name}), such as a backup, a migration or a database browser",
        )  # fmt: skip
    if isinstance(error, PermissionError) or "unable to open" in said or "readonly" in said:
        return problem(path.name, f"it cannot be opened: {said}", _PERMISSION)
    if "no such table" in said:
        return problem(path.name, f"it is not the bot's: {said}", _RUNNING)
    return problem(path.name, f"it cannot be read: {said}", "restore it, or move it away: the bot makes a new one")


def _freshness(name: str, written: float | None, plan: Plan) -> Finding:
    if written is None:
        return warning(
            name, "its newest entry has no time that can be read", "compare the bot's version with this one's"
        )
    age = plan.now() - written
    if age < -_FUTURE:
        return warning(
            name, f"its newest entry is {spoken(-age)} in the future", "set the clocks of the bot and of this machine"
        )
    if age > LIVELY_SECONDS:
        return problem(name, f"it is not updating: its newest entry is {spoken(age)} old", _RUNNING)
    return ok(name, f"readable, newest entry {spoken(age)} old")


def _log(path: Path, plan: Plan, *, needed: bool) -> Finding:
    if not needed:
        return skipped(path.name, "there beside events.db, so it is not used")
    try:
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - _TAIL, 0))
            lines = file.read().splitlines()
    except OSError as error:
        return _unreadable(path, error)
    times = [time for line in lines if (time := _time_of(_object(line))) is not None]
    return _freshness(path.name, max(times, default=None), plan)


def _metrics(path: Path, plan: Plan) -> Finding:
    if not path.exists():
        return skipped(path.name, "not there: the newest cycle metrics of events.db are used")
    try:
        said = _object(path.read_bytes())
        if said is None:
            # It is rewritten in place: one look may meet half a file, two hardly.
            plan.sleep(0.2)
            said = _object(path.read_bytes())
    except OSError as error:
        return _unreadable(path, error)
    if said is None:
        return problem(path.name, "it holds no JSON object", "the bot writes it with each cycle: is the disk full?")
    written = _time_of(said)
    return _freshness(path.name, path.stat().st_mtime if written is None else written, plan)


def _orders(path: Path, plan: Plan) -> Finding:
    if not path.exists():
        return skipped(path.name, "not there: the report cannot tell unfilled orders")
    try:
        ((count, newest),) = _rows(path, plan, "SELECT count(*), max(updated_at) FROM orders")
    except (sqlite3.Error, OSError) as error:
        return _unreadable(path, error)
    when = _utc(newest)
    last = "" if when is None else f", the newest changed {spoken(plan.now() - when)} ago"
    return ok(path.name, f"readable, {count} orders{last}")


def _object(text: bytes | str) -> dict[str, Any] | None:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError, TypeError):
        return None
    return said if isinstance(said, dict) else None


def _time_of(said: dict[str, Any] | None) -> float | None:
    if said is None:
        return None
    inner = next((part for key in ("metrics", "data") if isinstance(part := said.get(key), dict)), {})
    times = (_utc(part.get(key)) for part in (said, inner) for key in ("timestamp", "time"))
    return next((time for time in times if time is not None), None)


def _utc(value: object) -> float | None:
    """Return seconds since the epoch: a number, one as text, or ISO, which without a zone is UTC."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        pass
    try:
        when = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
