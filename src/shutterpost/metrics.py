"""What happened since the start, in numbers. Kept plain; the page's port shows them."""

from collections import Counter

from shutterpost.quirks import Sightings

BUCKETS = (0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0)
"""Upper bounds of upload durations, in seconds."""


class Metrics:
    """Counts of uploads, deliveries and quirks."""

    def __init__(self) -> None:
        self.quirks = Sightings()
        self.uploads: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()
        self.deliveries: Counter[tuple[str, str]] = Counter()
        self.durations: Counter[float] = Counter()
        self.seconds = 0.0

    def uploaded(self, kind: str, size: int, seconds: float) -> None:
        """An upload (`email` or `social`) arrived whole."""
        self.uploads[kind] += 1
        self.bytes[kind] += size
        self.seconds += seconds
        for bound in BUCKETS:
            if seconds <= bound:
                self.durations[bound] += 1

    def delivered(self, action: str, result: str) -> None:
        """An attempt ended: `done`, `retried`, `failed` or `paused`."""
        self.deliveries[action, result] += 1
