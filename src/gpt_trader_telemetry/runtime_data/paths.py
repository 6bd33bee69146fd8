"""Where a bot keeps its data."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from gpt_trader_telemetry.errors import ConfigurationError

__all__ = ["ProfilePaths"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilePaths:
    """The files of one profile; none of them needs to exist.

    >>> ProfilePaths.of("/srv/bot", "paper").events_db.as_posix()
    '/srv/bot/runtime_data/paper/events.db'
    """

    profile: str
    folder: Path
    events_db: Path
    events_jsonl: Path
    metrics_json: Path
    orders_db: Path
    reports: Path

    @classmethod
    def of(cls, root: Path | str, profile: str) -> Self:
        """Return the paths of a profile under ``root``, the folder that holds ``runtime_data``.

        Raises:
            ConfigurationError: a profile that is no folder's name.
        """
        if not profile or profile in {".", ".."} or not profile.isprintable() or set(profile) & set("/\\"):
            raise ConfigurationError(
                f"{profile!r} is no profile: give the name of a folder in runtime_data, such as prod"
            )
        folder = Path(root) / "runtime_data" / profile
        return cls(
            profile=profile,
            folder=folder,
            events_db=folder / "events.db",
            events_jsonl=folder / "events.jsonl",
            metrics_json=folder / "metrics.json",
            orders_db=folder / "orders.db",
            reports=folder / "reports",
        )

    def with_files(self, **files: Path | str | None) -> Self:
        """Return the same with some files elsewhere; None leaves one where it is."""
        given: dict[str, Any] = {name: Path(path) for name, path in files.items() if path is not None}
        return replace(self, **given)
