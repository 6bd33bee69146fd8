"""Building the wheel and the source distribution as an index gets them, without a network."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Built(NamedTuple):
    """What one build came to."""

    wheel: Path
    sdist: Path

    def in_wheel(self) -> set[str]:
        """Return the paths of the wheel's files."""
        with zipfile.ZipFile(self.wheel) as archive:
            return set(archive.namelist())

    def in_sdist(self) -> set[str]:
        """Return the paths of the source distribution's files, below its one folder."""
        with tarfile.open(self.sdist) as archive:
            return {name.partition("/")[2] for name in archive.getnames()}

    def unpacked(self, folder: Path) -> Path:
        """Unpack the source distribution and return its tree."""
        with tarfile.open(self.sdist) as archive:
            archive.extractall(folder, filter="data")
        [tree] = folder.iterdir()
        return tree


def build(tree: Path, folder: Path, **environment: str) -> Built:
    """Build a tree by the backend that pyproject.toml names."""
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
    subprocess.run(command, cwd=tree, env=os.environ | environment, check=True, capture_output=True)
    [wheel], [sdist] = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return Built(wheel, sdist)
