"""The examples are scripts, so their folder is put on the path as Python does when it runs one of them."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2] / "examples")]

collect_ignore = ["conftest.py"]
