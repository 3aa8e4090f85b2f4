"""Add ``GET /v1/x/hello/greeting`` to the server (``hello`` is the plugin's name)."""

from fastapi import APIRouter, Request

from styx.hookspecs import hookimpl

router = APIRouter()


@router.get("/greeting")
def greeting(request: Request) -> dict[str, str]:
    """Greet whoever asks."""
    return {"greeting": f"Hello {request.state.caller.user}"}


@hookimpl
def styx_routes() -> APIRouter:
    return router
