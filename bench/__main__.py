"""`make bench`: measure everything, print the table, and write it into the docs."""

import os
import platform
import sys
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from bench import memory, page, queue, requests, slow, uploads
from bench.measure import Result
from bench.serving import ROOT
from shutterpost import __version__

WRITTEN = ROOT / "docs" / "performance.md"
"""What stands there before `MARK` is written by people, and stays."""
MARK = "<!-- what follows is written by make bench -->"

BENCHES = {
    "start": memory.start,
    "memory": memory.run,
    "uploads": uploads.run,
    "requests": requests.run,
    "queue": queue.run,
    "page": page.run,
    "slow": slow.run,
}


def main(wanted: list[str]) -> None:
    """Run some, or all; only all are written down."""
    results = []
    for name, bench in BENCHES.items():
        if wanted and name not in wanted:
            continue
        for result in bench():
            print(*_cells(result), sep=" | ", flush=True)
            results.append(result)
    if not wanted:
        before = WRITTEN.read_text().partition(MARK)[0]
        WRITTEN.write_text(f"{before}{MARK}\n\n{_machine()}\n\n{_table(results)}")


def _table(results: Iterable[Result]) -> str:
    head = ("work", "against", "ours", "theirs", "figure", "goal", "")
    lines = [head, ("---",) * len(head), *map(_cells, results)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cells(result: Result) -> tuple[str, ...]:
    return (
        result.work,
        result.against,
        result.ours,
        result.theirs,
        result.figure,
        result.goal,
        "reached" if result.reached else "missed",
    )


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    processor = next((line.partition(": ")[2] for line in lines if "model name" in line), "unknown")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"Shutterpost {__version__}, {date.today():%d %B %Y}: "
        f"{os.cpu_count()} cores ({processor}), "
        f"{memory:.0f} GiB of memory, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, files on {_filesystem()}."
    )


def _filesystem() -> str:
    """The type of the file system below the temporary folder."""
    import tempfile

    where, best = tempfile.gettempdir(), ("", "unknown")
    for line in Path("/proc/mounts").read_text().splitlines():
        _, point, kind, *_ = line.split()
        if where.startswith(point) and len(point) > len(best[0]):
            best = (point, kind)
    return best[1]


if __name__ == "__main__":
    main(sys.argv[1:])
