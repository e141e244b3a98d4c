"""Running two things in turns, and what came of it."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass

RUNS = 5
"""How often each of two things runs; the medians are compared."""


@dataclass(frozen=True)
class Result:
    """One line of the table."""

    work: str
    against: str
    ours: str
    theirs: str
    figure: str
    goal: str
    reached: bool


def in_turns(
    ours: Callable[[], float], theirs: Callable[[], float], runs: int = RUNS
) -> tuple[float, float]:
    """The medians of alternating runs."""
    pairs = [(ours(), theirs()) for _ in range(runs)]
    first, second = zip(*pairs, strict=True)
    return statistics.median(first), statistics.median(second)


def faster(work: str, against: str, rates: tuple[float, float], unit: str, goal: float) -> Result:
    """Our rate, in shares of another's."""
    ours, theirs = rates
    return Result(
        work,
        against,
        f"{ours:,.0f} {unit}",
        f"{theirs:,.0f} {unit}",
        f"{ours / theirs:.2f}",
        f"at least {goal}",
        ours / theirs >= goal,
    )


def slower(work: str, against: str, times: tuple[float, float], goal: float) -> Result:
    """Our time, in multiples of another's."""
    ours, theirs = times
    return Result(
        work,
        against,
        f"{1000 * ours:.2f} ms",
        f"{1000 * theirs:.2f} ms",
        f"{ours / theirs:.2f}",
        f"at most {goal}",
        ours / theirs <= goal,
    )


def limit(work: str, ours: float, unit: str, goal: float) -> Result:
    """A figure of ours with a limit of its own."""
    said = f"{ours:.3g} {unit}"
    return Result(work, "", said, "", said, f"at most {goal:g} {unit}", ours <= goal)
