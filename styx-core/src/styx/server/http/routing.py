"""Routers as all of ours are, each a file of routes about one thing."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI

from styx.server.http.bodies import Route
from styx.server.http.description import operation_id
from styx.server.http.responses import PROBLEMS


def routes(tag: str, prefix: str = "") -> APIRouter:
    """A router for routes that are about ``tag``."""
    return APIRouter(
        prefix=prefix,
        tags=[tag],
        route_class=Route,
        responses=PROBLEMS,
        generate_unique_id_function=operation_id,
    )


def add(app: FastAPI, router: APIRouter) -> None:
    """Add its routes as they are. To include the router would make all of them again, at the first request to each."""
    app.router.routes.extend(router.routes)
