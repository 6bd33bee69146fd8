"""Which bot's files a command reads: ``--runtime-root`` and ``--profile``."""

import argparse
from pathlib import Path

from gpt_trader_telemetry.errors import UsageError
from gpt_trader_telemetry.runtime_data.paths import ProfilePaths


def add_profile_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare them."""
    parser.add_argument("--profile", metavar="NAME", help="whose data to read (default: the only one there is)")
    parser.add_argument(
        "--runtime-root", type=Path, default=Path(), metavar="FOLDER",
        help="the folder that holds runtime_data (default: where you are)",
    )  # fmt: skip


def chosen_profile(arguments: argparse.Namespace) -> ProfilePaths:
    """Return the files of the profile that was asked for, or of the only one that there is.

    Raises:
        UsageError: none was named, and there is none or more than one.
        ConfigurationError: the name is no folder's.
    """
    root: Path = arguments.runtime_root
    if arguments.profile is not None:
        return ProfilePaths.of(root, arguments.profile)
    try:
        names = sorted(folder.name for folder in (root / "runtime_data").iterdir() if folder.is_dir())
    except OSError as error:
        there = (root / "runtime_data").absolute()
        raise UsageError(f"{there}: {error.strerror}; give the folder that holds it with --runtime-root") from None
    there = (root / "runtime_data").absolute()
    if not names:
        raise UsageError(f"{there} has no profile: no bot has written there yet, or --runtime-root is another folder")
    if len(names) > 1:
        raise UsageError(f"{there} has several profiles; give one with --profile: {', '.join(names)}")
    return ProfilePaths.of(root, names[0])
