"""Run one target, or every target for a minute each.

    python -m fuzz              # all, 60 s each
    python -m fuzz multipart 600

A finding is an exception that is not one of ours, a promise that does not hold, or an input
that takes too long, or four times as long when it is twice as long (`growth`); atheris then
writes the input to a file and stops with its own exit status.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["shutterpost"]):
    from fuzz import targets

SECONDS = 60
SLOW = 5
"""Seconds after which an input is a finding: most take less than a thousandth of that."""
FINDINGS = Path("build/fuzz")
SEEDS = Path(__file__).parent.parent / "tests" / "recordings"


def main() -> int:
    """Fuzz in a process of its own for each target; returns the exit status."""
    FINDINGS.mkdir(parents=True, exist_ok=True)
    names = [name for name in sys.argv[1:] if not name.isdigit()]
    seconds = next((name for name in sys.argv[1:] if name.isdigit()), str(SECONDS))
    for name in names or targets.TARGETS:
        print(f"fuzzing {name} for {seconds} s", flush=True)
        with tempfile.TemporaryDirectory(prefix=f"shutterpost-fuzz-{name}-") as corpus:
            for number, seed in enumerate(targets.seeds(name, SEEDS)):
                (Path(corpus) / str(number)).write_bytes(seed)
            command = [sys.executable, "-m", "fuzz", "--run", name, corpus]
            options = [f"-max_total_time={seconds}", "-max_len=20000", "-verbosity=0"]
            options.append(f"-timeout={SLOW}")
            options.append(f"-artifact_prefix={FINDINGS}/{name}-")
            status = subprocess.run([*command, *options], check=False).returncode  # noqa: S603
        if status:
            return status
    print("no finding")
    return 0


def run(name: str, arguments: list[str]) -> None:
    """Fuzz one target in this process; does not return."""
    atheris.Setup([sys.argv[0], *arguments], targets.TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        run(sys.argv[2], sys.argv[3:])
    else:
        raise SystemExit(main())
