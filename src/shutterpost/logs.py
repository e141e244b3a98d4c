"""Logs: one line per step, the shipment first; as text, or as JSON for machines."""

import json
import logging
import sys
import time
from collections.abc import Callable
from typing import Any

LINES_A_SECOND = 500
"""The most lines of the log in a second: a flood of requests does not fill the disk."""

FORMATS = ("text", "json")


def start(style: str) -> None:
    """Log to stderr in one of `FORMATS`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if style == "json" else _Text())
    handler.addFilter(RateLimit())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # What no line of ours shows need not be looked up for every request (Logging HOWTO).
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
    for chatty in ("httpx2", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


class RateLimit(logging.Filter):
    """Lets through `LINES_A_SECOND`, and then says how many lines were left out."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._second = 0
        self._lines = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this line is written."""
        second = int(self._clock())
        if second != self._second:
            left_out, self._second, self._lines = self._lines - LINES_A_SECOND, second, 0
            if left_out > 0:
                record.msg = f"({left_out} lines were left out) {record.getMessage()}"
                record.args = ()
        self._lines += 1
        return self._lines <= LINES_A_SECOND


class Steps(logging.LoggerAdapter[logging.Logger]):
    """A log whose lines are about one shipment, and perhaps one thing done with it."""

    def __init__(self, log: logging.Logger, shipment: int, what: str = "") -> None:
        super().__init__(log, {"shipment": shipment})
        self._what = what.replace("%", "%%")

    def process(self, msg: object, kwargs: Any) -> tuple[object, Any]:
        """Put the shipment into the record, and what is done before the message."""
        message = f"{self._what}: {msg}" if self._what else msg
        return message, {**kwargs, "extra": self.extra}


class _Text(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(shipment)s%(message)s")
        self._second = 0
        self._shown = ""

    def formatTime(  # noqa: N802 (logging calls it so)
        self, record: logging.LogRecord, datefmt: str | None = None
    ) -> str:
        """The local time; its second is written once for all lines of that second."""
        second = int(record.created)
        if second != self._second:
            local = time.localtime(second)
            self._second, self._shown = second, time.strftime("%Y-%m-%d %H:%M:%S", local)
        return f"{self._shown},{int(record.msecs):03}"

    def format(self, record: logging.LogRecord) -> str:
        number = getattr(record, "shipment", None)
        record.shipment = "" if number is None else f"shipment {number}: "
        try:
            return super().format(record)
        finally:
            record.shipment = number


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {}
        if (number := getattr(record, "shipment", None)) is not None:
            line["shipment"] = number
        line["time"] = round(record.created, 3)
        line["level"] = record.levelname.lower()
        line["message"] = record.getMessage()
        line["logger"] = record.name
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
