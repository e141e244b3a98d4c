"""What is where on the page's port."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from shutterpost.config import Config
from shutterpost.metrics import Metrics
from shutterpost.spool import Spool
from shutterpost.web.watching import Watching


def application(config: Config, spool: Spool, metrics: Metrics) -> Starlette:
    """The page, and what machines ask."""
    watching = Watching(config, spool, metrics)
    return Starlette(
        routes=[
            Route("/healthz", watching.health),
            Route("/metrics", watching.metrics),
            Route("/", _home),
        ]
    )


async def _home(request: Request) -> Response:
    return PlainTextResponse("Shutterpost is running.\n")
