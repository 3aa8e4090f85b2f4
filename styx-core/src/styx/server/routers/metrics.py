"""What Prometheus reads."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request, Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from styx.server.http.routing import routes
from styx.server.observe.metrics import Metrics
from styx.server.parts import PartsOf

router = routes("health")


def metrics_of(request: Request) -> Metrics:
    """Those of the server that the request came to."""
    metrics: Metrics = request.app.state.metrics
    return metrics


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(parts: PartsOf, kept: Annotated[Metrics, Depends(metrics_of)]) -> Response:
    """Metrics of this server and of the installation, in the text format of Prometheus. Needs a token, as most do."""
    return Response(await parts.off_loop(kept.scrape), media_type=CONTENT_TYPE_LATEST)
