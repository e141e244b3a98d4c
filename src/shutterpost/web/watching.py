"""For those who watch: `/healthz` is open, `/metrics` is for this machine or a token."""

import asyncio
import hmac
import ipaddress
import logging
import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from sqlalchemy import Connection, func, select
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from shutterpost.config import Config
from shutterpost.config.values import plain_address
from shutterpost.metrics import BUCKETS, Metrics
from shutterpost.spool import Spool
from shutterpost.spool.deliveries import FAILED, WAITING
from shutterpost.spool.schema import deliveries

log = logging.getLogger(__name__)

_HEALTH_AGE = 1.0  # seconds; anybody may ask, and each look costs the disk an fsync
_HEALTH_TIMEOUT = 10.0  # seconds; as long as another process may hold the database

_FORWARDED = {"forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "via"}


class Watching:
    """Answers health checks and metrics."""

    def __init__(self, config: Config, spool: Spool, metrics: Metrics) -> None:
        self._token = config.web.metrics_token
        self._spool = spool
        self._metrics = metrics
        self._turn = asyncio.Lock()
        self._trouble = ""
        self._next_look = 0.0

    async def health(self, request: Request) -> Response:
        """200 while photos can be taken, else 503 with the reason; tried once a second at most."""
        async with self._turn:
            if time.monotonic() >= self._next_look:
                self._trouble = await self._look()
                self._next_look = time.monotonic() + _HEALTH_AGE
        if self._trouble:
            return PlainTextResponse(f"{self._trouble}\n", 503)
        return PlainTextResponse("ok\n")

    async def _look(self) -> str:
        """Why nothing can be taken, if so."""
        try:
            async with asyncio.timeout(_HEALTH_TIMEOUT):
                await asyncio.to_thread(self._spool.files.prove)
                await self._spool.database.prove()
        except Exception as error:
            why = error.strerror if isinstance(error, OSError) else ""
            log.error("no photo can be taken: %s", str(error) or "the disk takes too long")
            return f"no photo can be taken: {why or 'the database does not answer'}"
        return ""

    async def metrics(self, request: Request) -> Response:
        """The counts, in Prometheus' text format."""
        if not self._may_read(request):
            return PlainTextResponse("a token is needed: [web] metrics_token\n", 401)
        queue = await self._spool.database.read(_queue)
        registry = CollectorRegistry()
        registry.register(_Collected(self._metrics, queue))
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    def _may_read(self, request: Request) -> bool:
        if request.client and not _FORWARDED & set(request.headers.keys()):
            client = ipaddress.ip_address(plain_address(request.client.host))
            if client.is_loopback:
                return True
        sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
        wanted = self._token.reveal()
        return bool(wanted) and hmac.compare_digest(sent.encode(), wanted.encode())


def _queue(connection: Connection) -> dict[str, tuple[int, float | None]]:
    """How many deliveries wait or failed, and since when the oldest."""
    rows = connection.execute(
        select(deliveries.c.state, func.count(), func.min(deliveries.c.created))
        .where(deliveries.c.state.in_((WAITING, FAILED)))
        .group_by(deliveries.c.state)
    )
    return {state: (number, oldest) for state, number, oldest in rows}


class _Collected(Collector):
    def __init__(self, metrics: Metrics, queue: dict[str, tuple[int, float | None]]) -> None:
        self._metrics = metrics
        self._queue = queue

    def collect(self) -> Iterator[Metric]:
        """Every family with its samples."""
        metrics = self._metrics
        uploads = CounterMetricFamily("shutterpost_uploads", "Whole uploads", labels=["kind"])
        size = CounterMetricFamily("shutterpost_upload_bytes", "Bytes of photos", labels=["kind"])
        for kind in metrics.uploads:
            uploads.add_metric([kind], metrics.uploads[kind])
            size.add_metric([kind], metrics.bytes[kind])
        yield uploads
        yield size
        total = sum(metrics.uploads.values())
        buckets = [(str(bound), metrics.durations[bound]) for bound in BUCKETS]
        durations = HistogramMetricFamily("shutterpost_upload_seconds", "Duration of uploads")
        durations.add_metric([], [*buckets, ("+Inf", total)], metrics.seconds)
        yield durations
        results = CounterMetricFamily(
            "shutterpost_deliveries", "Attempts to deliver", labels=["action", "result"]
        )
        for (action, result), number in metrics.deliveries.items():
            results.add_metric([action, result], number)
        yield results
        quirks = CounterMetricFamily("shutterpost_quirks", "Leniencies seen", labels=["quirk"])
        for name, number in metrics.quirks.counts().items():
            quirks.add_metric([name], number)
        yield quirks
        yield from self._queued()

    def _queued(self) -> Iterator[Metric]:
        length = GaugeMetricFamily("shutterpost_queue", "Deliveries by state", labels=["state"])
        age = GaugeMetricFamily(
            "shutterpost_queue_age_seconds", "Age of the oldest delivery", labels=["state"]
        )
        for state in (WAITING, FAILED):
            number, oldest = self._queue.get(state, (0, None))
            length.add_metric([state], number)
            age.add_metric([state], 0.0 if oldest is None else max(0.0, time.time() - oldest))
        yield length
        yield age
