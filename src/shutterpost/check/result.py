"""One line of the report."""

from dataclasses import dataclass

OK, WARN, FAIL = "ok", "warn", "FAIL"


@dataclass(frozen=True, slots=True)
class Result:
    """What was checked, and what came of it."""

    verdict: str
    what: str
    said: str

    def __str__(self) -> str:
        return f"{self.verdict:4}  {self.what}: {self.said}"
