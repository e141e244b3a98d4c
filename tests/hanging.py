"""A folder that hangs: every look at it blocks, as at an NFS server that is gone."""

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import need, need_root

_LAZY = 2  # MNT_DETACH


@contextmanager
def hanging(folder: Path) -> Iterator[None]:
    """Mount a FUSE file system over `folder` whose program never answers the kernel."""
    need_root()
    libc = ctypes.CDLL(None, use_errno=True)
    program = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    try:
        options = f"fd={program},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
        if libc.mount(b"none", bytes(folder), b"fuse", 0, options.encode()):
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error), str(folder))
        try:
            yield
        finally:
            libc.umount2(bytes(folder), _LAZY)
    finally:
        os.close(program)  # every call that hangs fails now


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
