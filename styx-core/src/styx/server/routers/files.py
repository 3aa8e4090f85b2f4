"""The files that tasks bring along, sent ahead."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Request, Response

from styx.client.refusals import NoSuchThing
from styx.server.auth.access import CallerOf
from styx.server.files.disk import writing
from styx.server.http.routing import routes
from styx.server.parts import PartsOf

router = routes("files", "/v1/files")

Digest = Annotated[
    str, Path(pattern=r"^[0-9a-f]{64}$", description="of the archive, in hexadecimal", examples=["00" * 32])
]


@router.head("/{sha256}", status_code=200, response_class=Response)
async def present(sha256: Digest, caller: CallerOf, parts: PartsOf) -> Response:
    """Whether the caller has sent it already. Then it is kept for another 30 days."""
    if not parts.uploads.has(sha256, caller.user):
        raise NoSuchThing(f"{caller.user} has not sent that, or it has gone by now")
    return Response()


@router.put(
    "/{sha256}",
    status_code=204,
    response_class=Response,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def send(sha256: Digest, request: Request, caller: CallerOf, parts: PartsOf) -> None:
    """Send an archive: a tar file, gzipped or not, in which everything lies below `content`. Idempotent."""
    with writing(parts.engine.context.home):
        await parts.uploads.take(sha256, request.stream(), caller.user)
