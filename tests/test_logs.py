"""The log of a process."""

import json
import subprocess
import sys

WARN = """
import logging, warnings
from shutterpost import logs
logs.start("json")
warnings.warn("Possibly corrupt\\n2026-01-01 INFO forged " + "x" * 9000)
"""


def test_warnings_of_libraries_are_lines_of_the_log() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WARN], capture_output=True, text=True, check=True
    ).stderr.splitlines()
    assert len(done) == 1
    line = json.loads(done[0])
    assert line["level"] == "warning"
    assert line["message"].startswith("UserWarning: Possibly corrupt 2026-01-01 INFO forged xxx")
    assert len(line["message"]) < 600
