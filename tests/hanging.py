"""A folder that hangs: every look at it blocks, as at an NFS server that is gone."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import need_root

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
