"""How long until a camera can connect, against a bare `python -c pass`."""

import statistics
import subprocess
import sys
import time

from bench.serving import serving

RUNS = 5


def run() -> None:
    """Print the medians of alternating runs, and their ratio."""
    ours, bare = [], []
    for _ in range(RUNS):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        bare.append(time.perf_counter() - begun)
        with serving() as server:
            ours.append(server.started)
    first, second = statistics.median(ours), statistics.median(bare)
    print(f"start to listening      {first:.2f} s   {first / second:.1f} x a bare interpreter")
