"""A folder that hangs: every look at it blocks, as at an NFS server that is gone."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import need, need_root

_PROGRAM = """
import ctypes, os, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
folder = os.fsencode(sys.argv[1])
device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
options = f"fd={device},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
if libc.mount(b"none", folder, b"fuse", 0, options.encode()):
    sys.exit(os.strerror(ctypes.get_errno()))
print("mounted", flush=True)
signal.pause()
"""
"""A FUSE file system that never answers the kernel. It is a process of its own: as long as any
process has its device open (a child that hangs there, say), calls hang on."""


@contextmanager
def hanging(folder: Path) -> Iterator[None]:
    """Have a folder hang; in the end, every call that hangs fails."""
    need_root()
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(folder)],
        stdout=subprocess.PIPE,
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"mounted\n"
        try:
            yield
        finally:
            program.kill()
            subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def disk(image: Path, folder: Path) -> Iterator[None]:
    """Mount a small ext4 disk there, which can be frozen."""
    need_root()
    with image.open("wb") as file:
        file.truncate(20_000_000)
    subprocess.run([need("mkfs.ext4"), "-q", str(image)], check=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def frozen(folder: Path) -> Iterator[None]:
    """Have every write to a disk hang, in a way that no signal ends; looks go on."""
    fsfreeze = need("fsfreeze")
    subprocess.run([fsfreeze, "-f", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run([fsfreeze, "-u", str(folder)], check=True)
