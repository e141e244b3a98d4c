"""What a photo takes in memory, measured in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.images import shapes

# The peak of this process alone: ru_maxrss would begin with that of pytest, from before exec.
READ = """
import json, pathlib, sys
from shutterpost.images.decode import small
from shutterpost.images.details import read_details
path = pathlib.Path(sys.argv[1])
details = read_details(path)
try:
    made = max(small(path, int(sys.argv[2])).size)
except (ValueError, OSError) as error:
    made = str(error)
peak = pathlib.Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
print(json.dumps([details.size, made, int(peak) // 1024]))
"""


def read(path: Path, side: int) -> tuple[list[int] | None, object, int]:
    """The size that a photo says, its picture's side or why there is none, and the peak in MiB."""
    done = subprocess.run(
        [sys.executable, "-c", READ, path, str(side)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    size, made, peak = json.loads(done.stdout)
    return size, made, peak


@pytest.mark.parametrize("shape", shapes.HARMFUL)
def test_a_photo_made_to_harm_takes_little(tmp_path: Path, shape: str) -> None:
    path = tmp_path / "photo"
    path.write_bytes(shapes.HARMFUL[shape]())
    for side in (480, 1600):
        _, made, peak = read(path, side)
        assert peak < 160, made


@pytest.mark.parametrize(
    ("make", "limit"),
    [
        (lambda: shapes.jpeg(shapes.LARGE), 120),
        (shapes.mpo, 120),
        (lambda: shapes.jpeg(shapes.LARGE, progressive=True), 260),
        (lambda: shapes.jpeg(shapes.LARGE, progressive=True, subsampling=0), 260),
    ],
    ids=["baseline", "MPO", "progressive", "progressive in full colour"],
)
@pytest.mark.parametrize("side", [480, 1600])
def test_28_megapixels_get_a_picture(
    tmp_path: Path, make: Callable[[], bytes], limit: int, side: int
) -> None:
    path = tmp_path / "photo"
    path.write_bytes(make())
    size, made, peak = read(path, side)
    assert (size, made) == ([*shapes.LARGE], side)
    assert peak < limit
