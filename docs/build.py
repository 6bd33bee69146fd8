"""Builds the site of README.md and docs/; a warning is an error, and so is a link or an anchor that leads nowhere.

uv run --group docs docs/build.py               # into site/
uv run --group docs docs/build.py --output DIR
"""

import argparse
import sys
import tempfile
from pathlib import Path

from sphinx.cmd.build import build_main

HERE = Path(__file__).parent


def main() -> int:
    """Build the site."""
    parser = argparse.ArgumentParser(description="Build the documentation's site.")
    parser.add_argument("--output", type=Path, default=HERE.parent / "site", metavar="DIR", help="where to (site)")
    output = parser.parse_args().output
    # Everything anew each time: what was read before would not be warned about again.
    with tempfile.TemporaryDirectory() as trees:
        options = ["-q", "--fail-on-warning", "--keep-going", "--write-all", "-c", str(HERE), "-d", trees]
        ended = build_main([*options, str(HERE.parent), str(output)])
    if ended == 0:
        print(f"built {output / 'README.html'}")
    return ended


if __name__ == "__main__":
    sys.exit(main())
