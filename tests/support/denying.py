"""What the system refuses: files that may not be read, disks that take no more."""

import contextlib
import os
import shutil
import subprocess

__all__ = ["small_disk", "without_rights"]


def without_rights() -> list[str] | None:
    """Return what a command begins with so that file modes hold for it, for root too; None where nothing does that."""
    if os.name != "posix":
        return None
    if os.geteuid() != 0:
        return []
    rights = "-dac_override,-dac_read_search"
    begins = ["setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}"]
    if shutil.which("setpriv") is None:
        return None
    return begins if subprocess.run([*begins, "true"], capture_output=True, check=False).returncode == 0 else None


@contextlib.contextmanager
def small_disk(folder, size):
    """Have a disk of so many bytes at a folder, as root can have where it may mount; False where it may not."""
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(words, capture_output=True, check=False).returncode:
        yield False
        return
    try:
        yield True
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], capture_output=True, check=True)
