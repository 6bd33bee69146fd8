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
        raise UsageError(f"{root / 'runtime_data'}: {error.strerror}; --runtime-root says where it is") from None
    if len(names) != 1:
        known = f"it has {', '.join(names)}" if names else "it has none"
        raise UsageError(f"--profile says which profile of {root / 'runtime_data'}: {known}")
    return ProfilePaths.of(root, names[0])
