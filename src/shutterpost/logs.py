"""Logs: one line per step, the shipment first; as text, or as JSON for machines."""

import json
import logging
import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any, TextIO

from shutterpost.recent import Bucket, Rate, Recent

log = logging.getLogger(__name__)

LINES_ALIKE = Rate(burst=500, a_second=1.0)
"""Lines that say the same of the same client."""
ALL_LINES = Rate(burst=5000, a_second=10.0)
"""All lines: some 200 MB a day at the worst, so that a flood does not fill the disk."""
KINDS = 1000
"""The most kinds of lines and clients that are told apart; the oldest are forgotten."""
LINE_LIMIT = 8192
"""The most characters of a line, and of a traceback; what is in their middle is left out."""

_KIND_LIMIT = 80  # characters that tell kinds apart

FORMATS = ("text", "json")
_WARNING_LIMIT = 500  # characters


def start(style: str) -> None:
    """Log to stderr in one of `FORMATS`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if style == "json" else _Text())
    handler.addFilter(RateLimit())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # What no line of ours shows need not be looked up for every request (Logging HOWTO).
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
    warnings.showwarning = _on_warning
    for chatty in ("httpx2", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _on_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Log what a library warns of in one line, as everything else is logged."""
    text = " ".join(str(message).split())[:_WARNING_LIMIT]
    log.warning("%s: %s (%s:%d)", category.__name__, text, filename, lineno)


class RateLimit(logging.Filter):
    """Leaves lines out when there are too many, and then says how many.

    Lines that say the same of the same client (their first value) have a limit of their own:
    a flood from one address hides nobody else's lines.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._lock = threading.Lock()  # every thread asks by itself
        self._all = Bucket(ALL_LINES, clock())
        self._alike: Recent[tuple[str, str], Bucket] = Recent(KINDS)
        self._left_out = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this line is written."""
        with self._lock:
            return self._filter(record, self._clock())

    def _filter(self, record: logging.LogRecord, now: float) -> bool:
        values = record.args if isinstance(record.args, tuple) else ()
        kind = (str(record.msg)[:_KIND_LIMIT], str(values[:1])[:_KIND_LIMIT])
        alike = self._alike.use(kind, lambda: Bucket(LINES_ALIKE, now))
        if not (alike.take(now) and self._all.take(now)):
            self._left_out += 1
            return False
        if self._left_out:
            record.msg = f"({self._left_out} lines were left out) {record.getMessage()}"
            record.args = ()
            self._left_out = 0
        return True


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
            return _cut(super().format(record))
        finally:
            record.shipment = number


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {}
        if (number := getattr(record, "shipment", None)) is not None:
            line["shipment"] = number
        line["time"] = round(record.created, 3)
        line["level"] = record.levelname.lower()
        line["message"] = _cut(record.getMessage())
        line["logger"] = record.name
        if record.exc_info:
            line["traceback"] = _cut(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def _cut(text: str) -> str:
    if len(text) <= LINE_LIMIT:
        return text
    half = LINE_LIMIT // 2
    return f"{text[:half]} ... ({len(text) - 2 * half} characters left out) ... {text[-half:]}"
